"""Time limits that hold as written on a quiet machine, and grow on a busy one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["slowness", "stretched", "wait_for", "within"]

_Found = TypeVar("_Found")
_WORK = 0.1  # seconds of CPU time: about twenty time slices
_LOOKS = 3
_PAUSE = 0.3


def slowness() -> float:
    """Return the ratio of elapsed time to CPU time for some work now: 1 on a quiet machine."""
    began, needed = time.perf_counter(), time.thread_time()
    while time.thread_time() - needed < _WORK:
        pass
    return (time.perf_counter() - began) / (time.thread_time() - needed)


def within(seconds: float, bound: float) -> bool:
    """Say whether `seconds` is below `bound`, which grows with the square of the slowness now.

    The square, since a machine that is busy now may have been busier during the measured time.
    """
    looks = 0
    while seconds >= bound * (slowness() ** 2 if looks else 1):
        if looks == _LOOKS:
            return False
        time.sleep(_PAUSE)
        looks += 1
    return True


def stretched(seconds: float) -> float:
    """Return a time limit in which about as much is done as in `seconds` on a quiet machine."""
    return round(seconds * max(1.0, slowness()), 1)


def wait_for(what: Callable[[], _Found], seconds: float = 120, pause: float = 0.02) -> _Found:
    """Wait until `what` returns a true value, and return it; only a hang takes as long as `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(pause)
    return found
