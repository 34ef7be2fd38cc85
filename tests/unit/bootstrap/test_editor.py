"""An env file's text is changed in one place, and nowhere else."""

from __future__ import annotations

import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from dotenv.parser import parse_stream
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.bootstrap.editor import EnvFileEditor
from pytest_caio.commands.cli import main
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.errors import InputError
from tests.support.bootstrap_outside import BASE_URL, OUTSIDE

KEYS = st.sampled_from(["REDIS_URL", "A", "B", "lower.case-9", "ENVIRONMENT"])
BLANKS = st.sampled_from(["", " ", "\t", "  "])
BARE = st.text("abc:/@%+=$\\'\"#é -", max_size=8).map(str.strip).filter(lambda text: text[:1] not in "'\"")
QUOTED = st.text("ab #'=\n\\é", max_size=8).map(
    lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
) | st.text("ab #'=\n", max_size=8).map(lambda text: f'"{text}"')
COMMENT = st.sampled_from(["", " # said", "  #said", ' # it\'s "so"'])


def lines(keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Make one line of an env file: a definition of one of `keys`, a comment, or nothing."""
    definition = st.builds(
        lambda export, key, before, after, value, comment: f"{export}{key}{before}={after}{value}{comment}",
        st.sampled_from(["", "export ", "  "]),
        keys,
        BLANKS,
        BLANKS,
        BARE | QUOTED,
        COMMENT,
    )
    others = ["", "   ", "# a comment", "#A=1", "NO_VALUE", "NO_VALUE # why", "'Q'=1"]
    return definition | st.sampled_from(others)


LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
VALUES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: text.isprintable() and "${" not in text
)


@st.composite
def env_texts(draw: st.DrawFn, keys: st.SearchStrategy[str] = KEYS) -> bytes:
    """Make an env file: any definitions, comments and blank lines, line ends alike or not, perhaps a BOM."""
    ends = LINE_ENDS if draw(st.booleans()) else st.just(draw(LINE_ENDS))
    text = "".join(line + draw(ends) for line in draw(st.lists(lines(keys), max_size=8)))
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    return (draw(st.sampled_from(["", "\ufeff"])) + text).encode("utf-8")


def bindings(raw: bytes) -> list[tuple[str, str | None]]:
    """Return an env file's definitions, uninterpolated, as python-dotenv reads them."""
    parts = list(parse_stream(StringIO(raw.decode("utf-8"))))
    assert not any(part.error for part in parts)
    return [(part.key, part.value) for part in parts if part.key is not None]


def comments(raw: bytes) -> list[str]:
    """Return an env file's comment lines in order, as python-dotenv sets them apart from values."""
    parts = parse_stream(StringIO(raw.decode("utf-8")))
    return [
        part.original.string.strip() for part in parts if part.key is None and part.original.string.strip()
    ]


@given(raw=env_texts(), key=KEYS, value=VALUES)
def test_one_value_changes_and_nothing_else(raw: bytes, key: str, value: str) -> None:
    """Whatever the file: the key has the value, all other definitions and comments are what they were."""
    text = EnvFileEditor(raw)
    assert text.encode() == raw
    text.put(key, value)
    old, new = bindings(raw), bindings(text.encode())
    places = [index for index, (known, _) in enumerate(old) if known == key]
    if places:
        old[places[-1]] = (key, value)
    else:
        old.append((key, value))
        assert text.encode().startswith(raw)
    assert new == old
    assert comments(text.encode())[: len(comments(raw))] == comments(raw)
    assert text.encode().startswith(b"\xef\xbb\xbf") == raw.startswith(b"\xef\xbb\xbf")
    again = EnvFileEditor(text.encode())
    again.put(key, value)
    assert again.encode() == text.encode()


def is_env_file(raw: bytes) -> bool:
    """Return whether the gate and the commands read such an env file: each line has a name and an =."""
    try:
        EnvFile.parse(raw, Path("drawn.env"))
    except InputError:
        return False
    return True


@settings(deadline=None)
@given(raw=env_texts(st.sampled_from(["A", "B", "lower_case_9"])).filter(is_env_file))
def test_a_filled_in_file_begins_with_what_was_there(raw: bytes) -> None:
    """The command adds to whatever file it finds, and every byte that was there is there still."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()) as out:
        path = Path(folder) / ".env.production"
        path.write_bytes(raw)
        given_values = [f"--set={key}={value}" for key, value in OUTSIDE.items()]
        options = ["--mode=production", f"--base-url={BASE_URL}", "--generate-secrets", *given_values]
        assert main(["bootstrap", f"--env-file={path}", *options]) == 0
        after = path.read_bytes()
        assert after.startswith(raw)
        assert bindings(after)[: len(bindings(raw))] == bindings(raw)
        assert bindings(after)[-1] == ("CAIO_BASE_URL", BASE_URL)
        assert main(["bootstrap", f"--env-file={path}", *options]) == 0
        assert path.read_bytes() == after
    assert OUTSIDE["INNGEST_EVENT_KEY"] not in out.getvalue()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "K=new\n"),
        ("A=1", "A=1\nK=new\n"),
        ("A=1\r\n", "A=1\r\nK=new\r\n"),
        ("# only a comment", "# only a comment\nK=new\n"),
        ("K=\n", "K=new\n"),
        ("K=   # why\nA=1\n", "K=new   # why\nA=1\n"),
        ("export K = 'old' # why\n", "export K = new # why\n"),
        ('K="old\nlines"\nA=1\n', "K=new\nA=1\n"),
        ("K=a\n\n  K=b #c\n", "K=a\n\n  K=new #c\n"),
        ("K\n", "K=new\n"),
        ("K # why\n", "K=new # why\n"),
        ("K='old'#why\n", "K=new #why\n"),
        ("K=old#not a comment\n", "K=new\n"),
    ],
)
def test_the_line_keeps_its_form(before: str, after: str) -> None:
    """What stands before and after a value stays; a new key has the file's line end."""
    text = EnvFileEditor(before.encode())
    text.put("K", "new")
    assert text.encode().decode() == after


@pytest.mark.parametrize("value", ["a b", "a#b", "it's", 'a"b', "back\\slash", "$HOME", "`x`", "ключ"])
def test_unusual_values_read_back(value: str) -> None:
    """What a file would take for something else is written in quotes."""
    text = EnvFileEditor(b"")
    text.put("K", value)
    values = EnvFile.parse(text.encode(), Path("x.env")).values
    assert values["K"].reveal() == value


@pytest.mark.parametrize(
    "value", ["two\nlines", "nul\0", "car\rriage", "bell\a", "zero\u200bwidth", "${OTHER}"]
)
def test_values_that_no_file_can_hold(value: str) -> None:
    """They are refused, by key and without the value."""
    with pytest.raises(InputError, match=r"^K: has") as caught:
        EnvFileEditor(b"").put("K", value)
    assert value not in str(caught.value)
