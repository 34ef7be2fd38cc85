"""An exception is redacted with all that it holds and leads to."""

from __future__ import annotations

import traceback

import pytest

from pytest_caio.redaction.exceptions import redact_exception
from pytest_caio.redaction.redactor import Redactor

SECRET = "qVzLmWcRtXbNkJhGfDsPyQaZ"
REDACTOR = Redactor({"SOME_KEY": SECRET})


class Own(Exception):
    """An exception with attributes, a field and objects."""

    __slots__ = ("field",)

    def __init__(self, text: str) -> None:
        super().__init__({"a": [text, 3]}, type("Thing", (), {"__repr__": lambda _: text})())
        self.text = text
        self.field = text


def chained(order: str) -> BaseException:
    """Return an exception whose cause, context or member has the secret."""
    try:
        try:
            {}[SECRET]
        except KeyError as error:
            if order == "cause":
                raise RuntimeError("outer") from error
            raise RuntimeError("outer")  # noqa: B904 - the context is tested
    except RuntimeError as error:
        return error


def noted() -> BaseException:
    """Return an exception with a note."""
    error = ValueError("noted")
    error.add_note(SECRET)
    return error


ERRORS = {
    "argument": lambda: RuntimeError(SECRET),
    "error of the system": lambda: OSError(SECRET, 3),
    "file name": lambda: FileNotFoundError(2, "No such file", f"/srv/{SECRET}"),
    "own": lambda: Own(SECRET),
    "note": noted,
    "cause": lambda: chained("cause"),
    "context": lambda: chained("context"),
    "member": lambda: ExceptionGroup("several", [ValueError(SECRET), ExceptionGroup("x", [OSError(SECRET)])]),
    "message of a group": lambda: ExceptionGroup(SECRET, [ValueError("a")]),
    "member's cause": lambda: BaseExceptionGroup("several", [KeyboardInterrupt(), chained("cause")]),
    "nested message": lambda: ExceptionGroup("outer", [ExceptionGroup(SECRET, [ValueError("a")])]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_no_part_shows_the_secret(name: str) -> None:
    """Arguments, attributes, notes, causes, contexts and groups are redacted, and the kind stays the same."""
    error = ERRORS[name]()
    shown = redact_exception(error, REDACTOR)
    assert type(shown) is type(error)
    held = "".join(traceback.format_exception(shown)) + repr(vars(shown)) + repr(shown.args)
    assert SECRET not in held
    assert "[redacted: SOME_KEY]" in held


def test_a_circle_ends() -> None:
    """Exceptions that lead to each other are redacted once."""
    first, second = RuntimeError(SECRET), LookupError(SECRET)
    first.__context__, second.__context__ = second, first
    assert redact_exception(first, REDACTOR) is first
    assert str(first) == "[redacted: SOME_KEY]"
    assert second.args == ("[redacted: SOME_KEY]",)
    assert first.__context__ is second


def test_other_objects_stay() -> None:
    """What has no secret stays the same object, and suppressed contexts stay suppressed."""
    held = object()
    error = RuntimeError(held, 3, b"x")
    error.__cause__ = None
    assert redact_exception(error, REDACTOR).args[0] is held
    assert error.__suppress_context__
