"""Signals that end a run: the first ends it in order, and its end is not cut short by a second."""

from __future__ import annotations

import contextlib
import signal
import threading
import warnings
from types import CodeType, FrameType
from typing import Any

__all__ = ["SignalHandler"]

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Windows' Ctrl-Break, which ends a process tree there
_INSIST = 2
_LOOK = 0.1  # seconds between two looks at whether the run waits
_LOOKS = 50  # that long it may be busy


class SignalHandler:
    """Turns a signal into KeyboardInterrupt, the one exception that pytest ends in order for.

    Not wherever it arrives: an import or a log call that is broken off in its middle keeps its lock, and the
    next that needs it waits for ever. `raise_if_interrupted`, called between two steps of the run, raises;
    else it is raised where the run waits, as one that is twice in the same place does, or has been busy for
    long.

    `arrived` is the name of the first signal, empty before. Once `ending` is set, a signal is passed over:
    stopping what was started and writing the evidence are bounded. Who sends it again is always obeyed at
    once.
    A handler that somebody else has set stays, and threads other than the main one may not set any.
    """

    def __init__(self) -> None:
        self.arrived = ""
        self.ending = False
        self._passed_over = 0
        self._reminding = False
        self._place: list[tuple[CodeType, int]] = []
        self._looks = 0
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

    def raise_if_interrupted(self) -> None:
        """Raise KeyboardInterrupt where a signal has arrived."""
        __tracebackhide__ = True  # what was interrupted says more
        if self.arrived and not self.ending:
            # Inside a hook that pytest-html wraps pluggy warns of it; as an error, the warning would hide it.
            warnings.filterwarnings("ignore", "A plugin raised an exception during an old-style hookwrapper")
            raise KeyboardInterrupt(self.arrived)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        reminded, self._reminding = self._reminding, False
        first, self.arrived = not self.arrived, self.arrived or signal.Signals(number).name
        waits = self._waits(frame)
        if self.ending:
            self._passed_over += not reminded
            if self._passed_over >= _INSIST:
                raise KeyboardInterrupt(self.arrived)
        elif first or (reminded and not waits):
            reminder = threading.Timer(_LOOK, self._remind, [number])
            reminder.daemon = True
            reminder.start()
        else:
            self.raise_if_interrupted()

    def _remind(self, number: int) -> None:
        if not self.ending:
            self._reminding = True
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, number)
            else:
                signal.raise_signal(number)

    def _waits(self, frame: FrameType | None) -> bool:
        """Say whether the run, outside an import, is where it was at the last look, or is long busy."""
        self._looks += 1
        before, self._place, importing = self._place, [], False
        while frame is not None:
            self._place.append((frame.f_code, frame.f_lasti))
            importing = importing or frame.f_code.co_filename.startswith("<frozen importlib")
            frame = frame.f_back
        return not importing and (self._place == before or self._looks > _LOOKS)
