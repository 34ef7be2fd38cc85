"""Errors that carry one clear line for the person who gave the input, and the line for a fault of our own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["InputError", "own_fault", "refuse_empty", "with_demo_extra"]

_PACKAGE = Path(__file__).parent
_MOST_PLACES = 4


class InputError(Exception):
    """Input that cannot be used: the text is one line that names the option, file or key, never a value."""


def refuse_empty(given: Mapping[str, object]) -> None:
    """Raise InputError for an option, by its flag, whose value is empty, as a variable of CI that is not set.

    It would be taken for one that was not given, and what it was to decide would be left out.
    """
    for flag, value in given.items():
        if value == "":
            raise InputError(f"{flag}: is empty")


@contextmanager
def with_demo_extra() -> Iterator[None]:
    """Raise InputError, with what to install, where an import finds no module of the extra `demo`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"serve needs {error.name}: pip install 'pytest-caio[demo]'") from None


def own_fault(error: BaseException) -> str:
    """Return one line that says that an error is a fault of this package, and what to report.

    It names the kind of error and its places, innermost first, but not its text, which may quote a secret.
    Empty if the error comes from another plugin, or from pytest.
    """
    stack = traceback.extract_tb(error.__traceback__)
    frames = [(Path(frame.filename), frame.lineno) for frame in stack]
    calls = [number for number, (path, _) in enumerate(frames) if "pluggy" in path.parts]
    # What pluggy called last is the hook that raised the error, or that called what did.
    hook = frames[calls[-1] + 1 if calls else 0 :]
    ours = [f"{path.name}:{line}" for path, line in reversed(hook) if path.is_relative_to(_PACKAGE)]
    if not ours:
        return ""
    where = f"{type(error).__name__} at {', '.join(ours[:_MOST_PLACES])}"
    return (
        f"pytest-caio itself failed ({where}): this is a fault of the tool, not of the deployment. "
        "Report this line, the command and the output of `pip list` to whoever maintains it."
    )
