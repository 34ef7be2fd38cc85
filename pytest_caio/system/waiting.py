"""Waiting without a deadline, while reporting that the wait goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

__all__ = ["REMINDER", "wait_for"]

_Value = TypeVar("_Value")
_PATIENCE = 2.0  # seconds until the first report
REMINDER = 10.0  # seconds until each further report
_STEP = 0.5  # seconds of one wait: on Windows a signal is handled only when it ends


def wait_for(future: Future[_Value], say: Callable[[float], None]) -> _Value:
    """Return the result of `future`, or raise its error.

    `say` is called with the seconds waited: after two seconds, and every ten seconds from then on.
    """
    waited, due = 0.0, _PATIENCE
    # Not `future.result(_STEP)`: its TimeoutError could also be the error that the future ended with.
    # Most are done already, and to wait for one takes longer than to judge its result.
    while not (future.done() or wait([future], _STEP).done):
        waited += _STEP
        if waited >= due:
            due += REMINDER
            say(waited)
    return future.result()
