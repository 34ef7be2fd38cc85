"""A time limit for runs that are kept waiting, relative to an ordinary run on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Pace"]

_Result = TypeVar("_Result")
_TRIES = 3
_RUNS = 2
_LEAST = 2.0


class Pace:
    """The duration of an ordinary run, which `ask` measures in seconds.

    A run may take its number of deadlines plus two ordinary runs. A deadline is never shorter than two
    ordinary runs, so that waiting for one too many is noticed, however busy the machine is.
    """

    def __init__(self, ask: Callable[[], float]) -> None:
        self._ask = ask
        self._ordinary = ask()

    @property
    def deadline(self) -> float:
        """The value for `--http-timeout`, in seconds."""
        return max(_LEAST, round(_RUNS * self._ordinary, 1))

    def keeps(self, take: Callable[[float], _Result], deadlines: int = 1, runs: int = _RUNS) -> _Result:
        """Return the result of `take`, which gets the deadline in seconds.

        `take` may last `deadlines` times the deadline plus `runs` ordinary runs. If it took longer it is
        repeated, since the machine may have been busy. Each attempt is compared with the longest ordinary run
        so far, after measuring another one.
        """
        told = []
        for _ in range(_TRIES):
            deadline, began = self.deadline, time.monotonic()
            result = take(deadline)
            seconds, bound = time.monotonic() - began, deadlines * deadline + runs * self._ordinary
            if seconds < bound:
                return result
            told.append(f"{seconds:.1f} s where {bound:.1f} s are allowed, {deadline:g} s a deadline")
            self._ordinary = max(self._ordinary, self._ask())
        raise AssertionError("\n".join(told))
