"""A wait that has no end of its own, and tells the person watching that it goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

__all__ = ["REMINDER", "wait_for"]

_Value = TypeVar("_Value")
_PATIENCE = 2.0  # seconds until a wait is worth a line
REMINDER = 10.0  # seconds until the next
_STEP = 0.5  # Windows interrupts no wait before its end


def wait_for(future: Future[_Value], say: Callable[[float], None]) -> _Value:
    """Return the result of `future`; `say` is given the seconds waited, after two and every ten from then on.

    Raises what the future raises.
    """
    waited, due = 0.0, _PATIENCE
    # Not `future.result(_STEP)`: whose TimeoutError would that be, of a future that is done a moment later?
    while not wait([future], _STEP).done:
        waited += _STEP
        if waited >= due:
            due += REMINDER
            say(waited)
    return future.result()
