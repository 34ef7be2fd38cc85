"""What a check expected and observed, in words.

The suite's own checks bring their sentences (see `checks.words`). Of a plain `assert` in somebody else's
check, the source is the best there is.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from pytest_caio.outcomes import Mismatch
from pytest_caio.text import beginning

__all__ = ["expected_of", "failure_of", "read_assertions"]

_LONGEST = 300


@functools.lru_cache(maxsize=64)
def read_assertions(path: str) -> tuple[ast.Assert, ...]:
    """Return the assertions of a source file; cached, since all checks of a gate are in one file."""
    try:
        tree = ast.parse(Path(path).read_text("utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ()
    return tuple(node for node in _statements(tree.body) if isinstance(node, ast.Assert))


def _statements(nodes: Iterable[Any]) -> Iterator[ast.AST]:
    for node in nodes:
        yield node
        for part in ("body", "orelse", "handlers", "finalbody"):
            yield from _statements(getattr(node, part, ()))


def _plain(node: ast.expr) -> str:
    return ast.unparse(node).replace("response.", "")[:_LONGEST]


@functools.lru_cache(maxsize=256)
def expected_of(function: Callable[..., Any]) -> str:
    """Return what a check requires: the first sentence of its docstring, which is its title."""
    return (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ").strip().removesuffix(".")


def failure_of(error: BaseException, comparison: tuple[str, Any, Any] | None) -> tuple[str, str]:
    """Return (expected, observed) of a failed check.

    `comparison` is the operator, the left and the right side of the last comparison that pytest saw fail, if
    any. A Mismatch brings its own texts, and an assertion's message is what was observed.
    """
    if isinstance(error, Mismatch):
        return error.expected, error.observed
    node, frame = _failed_assertion(error.__traceback__)
    if node is None or frame is None:
        return "", beginning(f"{type(error).__name__}: {error}", _LONGEST)
    if node.msg is not None:
        return _plain(node.test), beginning(str(error).split("\nassert ")[0], _LONGEST)
    if comparison and isinstance(node.test, ast.Compare):
        subject, seen = _subject(node.test, comparison)
        return _plain(node.test), beginning(f"{subject} is {seen!r}", _LONGEST)
    if isinstance(node.test, ast.Compare):  # pytest sees no comparison with --assert=plain
        named = _first(node.test)
        with suppress(LookupError, AttributeError):
            return _plain(node.test), beginning(f"{_plain(named)} is {_value(named, frame)!r}", _LONGEST)
    return _plain(node.test), "it does not hold"


def _subject(test: ast.Compare, comparison: tuple[str, Any, Any]) -> tuple[str, Any]:
    """Return the source and the value of a comparison's subject: `status`, in `400 <= status < 500`."""
    operands = [test.left, *test.comparators]
    constants = [node.value for node in operands if isinstance(node, ast.Constant)]
    subject = _first(test)
    _, left, right = comparison
    return _plain(subject), right if left in constants and isinstance(test.left, ast.Constant) else left


def _first(test: ast.Compare) -> ast.expr:
    """Return the first operand of a comparison that is not a constant."""
    operands = (test.left, *test.comparators)
    return next((node for node in operands if not isinstance(node, ast.Constant)), test.left)


def _value(node: ast.expr, frame: FrameType) -> Any:
    """Return the value of a name, or of an attribute of one. Raises LookupError for any other expression."""
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, frame), node.attr)
    if isinstance(node, ast.Name):
        return {**frame.f_globals, **frame.f_locals}[node.id]
    raise LookupError


def _failed_assertion(traceback: TracebackType | None) -> tuple[ast.Assert | None, FrameType | None]:
    found: tuple[ast.Assert | None, FrameType | None] = None, None
    while traceback is not None:
        line, path = traceback.tb_lineno, traceback.tb_frame.f_code.co_filename
        if not path.startswith("<") and "site-packages" not in path:
            for node in read_assertions(path):
                if node.lineno <= line <= (node.end_lineno or node.lineno):
                    found = node, traceback.tb_frame
        traceback = traceback.tb_next
    return found
