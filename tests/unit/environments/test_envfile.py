"""Env files are read as the product reads them, and bad ones get one clear line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import dotenv
import pytest
from dotenv.parser import Binding, parse_stream
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_caio.environments.envfile import EnvFile
from pytest_caio.errors import InputError

SECRET = "hunter2-hunter2"
Write = Callable[[str, str | bytes], Path]


def read(path: Path) -> dict[str, str]:
    """Return the values of an env file, revealed."""
    return {key: value.reveal() for key, value in EnvFile.read(path).values.items()}


KEYS = st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True)
# NUL stands in no env file. A carriage return is a line's end to the parser of both, in quotes too.
TEXTS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=30)
QUOTES = {"'": ("\\", "'"), '"': ("\\", '"')}


def quoted(value: str, quote: str) -> str:
    """Return a value in quotes, with what would end it escaped (python-dotenv's own escapes)."""
    for character in QUOTES[quote]:
        value = value.replace(character, f"\\{character}")
    return f"{quote}{value}{quote}"


@st.composite
def env_files(draw: st.DrawFn) -> str:
    """Draw the text of an env file: comments, blank lines, bare, quoted and referring values."""
    known = draw(st.lists(KEYS, min_size=1, max_size=5))
    reference = st.sampled_from([f"${{{key}}}" for key in known] + [f"${{{known[0]}:-x}}", "$A", "${", "}"])
    bare = st.text("abcAB01 #=:/?@.,-_$'\"\\", max_size=12)
    value = st.one_of(
        bare, TEXTS.map(lambda text: quoted(text, "'")), TEXTS.map(lambda text: quoted(text, '"'))
    )
    line = st.one_of(
        st.just(""),
        bare.map(lambda text: f"# {text}"),
        st.builds(
            lambda lead, key, equals, *parts: f"{lead}{key}{equals}{''.join(parts)}",
            st.sampled_from(["", "export ", "  "]),
            st.sampled_from(known),
            st.sampled_from(["=", " = ", "= "]),
            st.one_of(value, reference),
            st.one_of(st.just(""), reference),
        ),
    )
    return draw(st.sampled_from(["\n", "\r\n"])).join(draw(st.lists(line, max_size=6)))


def defines(binding: Binding) -> bool:
    """Return whether what python-dotenv parsed is a comment, or a definition with a variable's name."""
    if binding.error or binding.key is None:
        return not binding.error
    named = re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", binding.key)
    return bool(named) and binding.value is not None


@given(text=env_files())
@example(text='A="\r\n# "')
def test_any_file_reads_as_dotenv_reads_it(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever python-dotenv takes is read with its values; what is not KEY=value is refused."""
    path = tmp_path_factory.getbasetemp() / "drawn.env"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        for key in list(os.environ):
            patch.delenv(key)
        bindings = list(parse_stream(StringIO(path.read_text("utf-8"))))
        errors = any(not defines(binding) for binding in bindings)
        expected = dotenv.dotenv_values(path, interpolate=True)
    if errors:
        with pytest.raises(InputError, match=r"drawn\.env, line \d+: is not KEY=value$"):
            EnvFile.read(path)
    else:
        assert read(path) == expected


@given(values=st.dictionaries(KEYS, TEXTS, max_size=5), quote=st.sampled_from(sorted(QUOTES)))
@example(values={"A": "a\n#'\" b\\n\\", "B": ""}, quote="'")
def test_quoted_values_come_back(
    values: dict[str, str], quote: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any value that refers to no other, written in quotes, is read as it was."""
    kept = {key: value for key, value in values.items() if "${" not in value}
    path = tmp_path_factory.getbasetemp() / "quoted.env"
    path.write_bytes("".join(f"{key}={quoted(value, quote)}\n" for key, value in kept.items()).encode())
    assert read(path) == kept


GRAMMAR = """\
# a comment
PLAIN=value
export EXPORTED=yes
SPACED = around
SINGLE='a "b" #c'
DOUBLE="a 'b'\\n#c"
COMMENTED=value # comment
HASH=value#not
EMPTY=
EQUALS="="
equals = "="
STILL==
THEN==x
QUOTED=""
MULTI="one
two"
URL=redis://:p%40ss@host:6379/0?a=b
REFERS=${PLAIN}-${MISSING:-fallback}-$PLAIN
LATER=${AFTER}
AFTER=after
TWICE=1
TWICE=2
"""


def test_the_grammar_is_dotenv_s(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """python-dotenv, which the product uses, reads the same values."""
    path = write(".env", GRAMMAR)
    monkeypatch.delenv("AFTER", raising=False)
    monkeypatch.delenv("MISSING", raising=False)
    assert read(path) == dotenv.dotenv_values(path)


def test_variables_come_from_the_file_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process environment is not looked at, for the file is read in its place."""
    monkeypatch.setenv("OUTER", "leaked")
    assert read(write(".env", "A=${OUTER}\nB=${OUTER:-own}\n")) == {"A": "", "B": "own"}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_every_definition_knows_its_line(write: Write, line_end: str, mark: bytes) -> None:
    """Lines count from 1, past comments, blanks and values of several lines; repeated keys are kept."""
    text = line_end.join(["A=1", "", "# c", 'B="x', 'y"', "", "A=2", ""])
    entries = EnvFile.read(write(".env", mark + text.encode())).entries
    assert [(entry.key, entry.line) for entry in entries] == [("A", 1), ("B", 4), ("A", 7)]


def test_the_last_definition_holds(write: Write) -> None:
    """Of a key defined twice the last value is the one."""
    assert read(write(".env", "A=1\nB=2\nA=3\n")) == {"A": "3", "B": "2"}


def test_an_empty_file_has_no_values(write: Write) -> None:
    """An empty env file, or one of comments, is no mistake of the file's."""
    assert EnvFile.read(write(".env", "")).entries == ()
    assert EnvFile.read(write(".env", "# nothing\n\n")).entries == ()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"A=1\n\n# c\nB {SECRET}\nC=2\n", 4),
        (f"\n\nA='{SECRET}\nB=2\n", 3),
        (f'A=1\r\nB="{SECRET}\r\n', 2),
        (f"={SECRET}\n", 1),
        (f"A=1\n{SECRET} and more\n", 2),
        (f"A=1\n{SECRET}", 2),
        ("A=1\nhunter2\nB=2\n", 2),
        ("A=1\nhunter2 # the old one\n", 2),
        ("A=1\nexport hunter2\n", 2),
        (f"A=1\n{SECRET}=x\n", 2),
        (f"A=1\n'{SECRET}'=x\n", 2),
        ("A=1\nhunter2.hunter2=\n", 2),
        ("A=1\naHVu/dGVyMi+aHVudGVyMg==\n", 2),
        ("A=1\naHVudGVyMg==\n", 2),
        ("A=1\naHVudGVyMmh1bnRlcjI=\n", 2),
        ("A=1\n7unter=x\n", 2),
    ],
)
def test_a_malformed_line_is_named(write: Write, content: str, line: int) -> None:
    """The file and the line are named, what stands there is not."""
    path = write(".env", content)
    with pytest.raises(InputError) as caught:
        EnvFile.read(path)
    assert str(caught.value) == f"env file {path}, line {line}: is not KEY=value"


def test_values_that_grow_without_end_are_refused() -> None:
    """Forty lines of which each has the one before twice would fill the memory: the line is named."""
    lines = ["A0=x", *(f"A{n + 1}=${{A{n}}}${{A{n}}}" for n in range(40))]
    with pytest.raises(InputError, match=r"line 16: has more than 32,767 characters, with"):
        EnvFile.parse("\n".join(lines).encode(), Path("x.env"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"A=1\nB={'x' * 32_768}\n", "line 2: has more than 32,767 characters, with what it refers to"),
        (
            "".join(f"K{n}=x\n" for n in range(1001)),
            "line 1001: defines more than 1,000 keys; is this an env file?",
        ),
        (f'A=1\n$env:B = "{SECRET}"\n', "line 2: is a command of PowerShell; write KEY=value, without $env:"),
        (f"$ENV:B='{SECRET}'\n", "line 1: is a command of PowerShell; write KEY=value, without $env:"),
    ],
    ids=["a long value", "many keys", "PowerShell", "PowerShell in capitals"],
)
def test_what_no_env_file_has_is_refused(content: str, said: str) -> None:
    """Values that no variable can have, more keys than any file has, and commands are refused by line."""
    with pytest.raises(InputError) as caught:
        EnvFile.parse(content.encode(), Path("x.env"))
    assert str(caught.value) == f"env file x.env, {said}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(write: Write, encoding: str) -> None:
    """A file that PowerShell saved as UTF-16, with a byte order mark or without, is told as such."""
    path = write(".env", f"A={SECRET}\nB=2\n".encode(encoding))
    with pytest.raises(InputError, match=r"^env file .*: is UTF-16; save it as UTF-8") as caught:
        EnvFile.read(path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_other_encodings_are_named_with_their_line(write: Write, mark: bytes) -> None:
    """A byte that is not UTF-8 is told with its line."""
    path = write(".env", mark + b"A=1\nB=2\nC=caf\xe9\n")
    with pytest.raises(InputError) as caught:
        EnvFile.read(path)
    assert str(caught.value) == f"env file {path}, line 3: is not UTF-8 text; save it as UTF-8"


def test_a_nul_is_named_with_its_line(write: Write) -> None:
    """A NUL in a file that is not UTF-16 is told with its line."""
    path = write(".env", f"A=1\nB={SECRET}\0\n")
    with pytest.raises(InputError) as caught:
        EnvFile.read(path)
    assert str(caught.value) == f"env file {path}, line 2: has a NUL character in it; remove it"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file and a directory are told in one line each."""
    for path in (tmp_path / "missing.env", tmp_path):
        with pytest.raises(InputError) as caught:
            EnvFile.read(path)
        assert str(caught.value).startswith(f"env file {path}: ")
        assert "\n" not in str(caught.value)


def test_values_are_not_shown(write: Write) -> None:
    """Neither the file nor an entry shows a value."""
    file = EnvFile.read(write(".env", f"DASHBOARD_AUTH_TOKEN={SECRET}\n"))
    assert SECRET not in repr(file)
    assert SECRET not in repr(file.values)
