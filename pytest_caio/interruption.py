"""Signals that end a run: the first ends it in order, and its end is not cut short by a second."""

from __future__ import annotations

import contextlib
import signal
import warnings
from types import FrameType
from typing import Any

__all__ = ["Interruption"]

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Windows' Ctrl-Break, which ends a process tree there
_INSIST = 2


class Interruption:
    """Turns a signal into KeyboardInterrupt, the one exception that pytest ends in order for.

    `arrived` is the name of the first signal, empty before. Once `ending` is set, a signal is passed over:
    stopping what was started and writing the evidence are bounded; who sends it again is obeyed at once.
    A handler that somebody else has set stays, and threads other than the main one may not set any.
    """

    def __init__(self) -> None:
        self.arrived = ""
        self.ending = False
        self._passed_over = 0
        self._before: dict[int, Any] = {}

    def begin(self) -> None:
        """Take the signals over."""
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                with contextlib.suppress(ValueError):
                    self._before[number] = signal.signal(number, self._arrive)

    def end(self) -> None:
        """Give the signals back; may be called twice."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _arrive(self, number: int, _: FrameType | None) -> None:
        __tracebackhide__ = True  # what was interrupted says more
        self.arrived = self.arrived or signal.Signals(number).name
        if self.ending:
            self._passed_over += 1
            if self._passed_over < _INSIST:
                return
        # Inside a hook that pytest-html wraps pluggy warns of it; as an error, the warning would hide it.
        warnings.filterwarnings("ignore", "A plugin raised an exception during an old-style hookwrapper")
        raise KeyboardInterrupt(self.arrived)
