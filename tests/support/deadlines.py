"""How long a run may take that is kept waiting: held against an ordinary run, here and now."""

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
    """The time of an ordinary run, which `ask` carries out and tells.

    A run may take as many deadlines as it says and two ordinary runs. A deadline is never shorter than two
    ordinary runs, so that one more that is waited for is seen, however busy the machine is.
    """

    def __init__(self, ask: Callable[[], float]) -> None:
        self._ask = ask
        self._ordinary = ask()

    @property
    def deadline(self) -> float:
        """What `--http-timeout` is to be."""
        return max(_LEAST, round(_RUNS * self._ordinary, 1))

    def keeps(self, take: Callable[[float], _Result], deadlines: int = 1, runs: int = _RUNS) -> _Result:
        """Return what `take` does with a deadline, in so many deadlines and `runs` ordinary runs.

        It is done again where that was too long: the machine may have been held up. Each time is held against
        the ordinary run that took longest by then, after a new one.
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
