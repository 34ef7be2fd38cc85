"""Whatever is read or written as text names its encoding: on Windows the default is a code page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.places import CHECKOUT

FOLDERS = ("pytest_caio", "acceptance", "tests", "docs", "benchmarks")
METHODS = {"read_text": 0, "write_text": 1}  # with the position of the encoding
OPENERS = ("open", "fdopen", "TemporaryFile", "NamedTemporaryFile")
RUNNERS = ("run", "Popen", "check_output")
SUSPECT = re.compile(rf"\b(?:{'|'.join((*METHODS, *OPENERS))})\(|\b(?:text|universal_newlines)=")
# Functions of the project and of `os` that share a name with these.
OTHERS = re.compile(r"(?:self\._run|Desk|os)\.open\(|read_text\(.+, .+\)")


def unnamed(source: str) -> Iterator[int]:
    """Return the lines of the calls in a module that would use the default encoding."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or OTHERS.match(ast.unparse(call)):
            continue
        keywords = {keyword.arg for keyword in call.keywords}
        if "encoding" in keywords:
            continue
        name = ast.unparse(call.func).rpartition(".")[2]
        texts = [part.value for part in (*call.args, *(k.value for k in call.keywords)) if _is_mode(part)]
        if name in METHODS:
            wrong = len(call.args) <= METHODS[name]
        elif name in OPENERS:
            wrong = not any("b" in text for text in texts) and not (name.endswith("File") and not texts)
        else:
            wrong = name in RUNNERS and bool({"text", "universal_newlines"} & keywords)
        if wrong:
            yield call.lineno


def _is_mode(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and re.fullmatch(r"[rwaxbt+]+", str(part.value)) is not None


def test_the_encoding_is_named_everywhere() -> None:
    """No module of the project, its tests or its benchmarks reads or writes text in the default encoding.

    A harness that decodes cp1252 where PYTHONUTF8 is unset reads other text than was written.
    """
    found = []
    for folder in FOLDERS:
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            source = path.read_text("utf-8")
            if SUSPECT.search(source):
                found += [f"{path.relative_to(CHECKOUT).as_posix()}:{line}" for line in unnamed(source)]
    assert found == []


def test_a_default_encoding_is_found() -> None:
    """Reading, writing, opening and running without an encoding is found; bytes and named ones are not."""
    wrong = ["p.read_text()", "p.write_text(x)", "open(p)", "p.open('w')", "run(c, text=True)"]
    right = ["p.read_text('utf-8')", "p.write_text(x, 'utf-8')", "open(p, 'rb')", "p.open('wb')"]
    right += ["open(p, encoding='utf-8')", "run(c, text=True, encoding='utf-8')", "TemporaryFile(dir=d)"]
    assert list(unnamed("\n".join([*wrong, *right]))) == [1, 2, 3, 4, 5]
