"""Handling of signals that end a run: in order at the first signal, at once if it is repeated."""

from __future__ import annotations

import contextlib
import signal
import threading
import warnings
from types import CodeType, FrameType
from typing import Any

__all__ = ["SignalHandler"]

# SIGHUP: the terminal was closed, or its connection lost. SIGBREAK: Ctrl-Break, which ends a process tree on
# Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_INSIST = 2  # signals that cut the ending of a run short
_LOOK = 0.1  # seconds between two checks whether the run is waiting
_LOOKS = 50  # checks after which a busy run is interrupted anyway


class SignalHandler:
    """Turns a signal into KeyboardInterrupt, the only exception on which pytest ends a run in order.

    The exception is not raised wherever a signal arrives: an import or a log call that is interrupted keeps
    its lock, and the next caller that needs the lock waits for ever. `raise_if_interrupted`, called between
    two steps of the run, raises it. Otherwise it is raised once the run is waiting, which is when two checks
    in succession find it at the same place, or has been busy for five seconds; never during an import.

    A second signal interrupts the run at once. Once `ending` is set, one signal is ignored, because stopping
    the jobs and writing the evidence take a limited time; the next interrupts at once.

    `arrived` is the name of the first signal, empty before. A handler that other code has installed is kept,
    and none is installed from a thread other than the main one.
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
        """Install the handler for every signal that still has its default handler."""
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                with contextlib.suppress(ValueError):
                    self._before[number] = signal.signal(number, self._arrive)

    def end(self) -> None:
        """Restore the previous handlers, but where other code has replaced ours; may be called twice."""
        while self._before:
            number, before = self._before.popitem()
            if signal.getsignal(number) == self._arrive:
                signal.signal(number, before)

    def raise_if_interrupted(self) -> None:
        """Raise KeyboardInterrupt if a signal has arrived, unless the run is ending already."""
        __tracebackhide__ = True  # the interrupted code is of more use
        if self.arrived and not self.ending:
            # In a hook that pytest-html wraps, pluggy warns of the exception; as an error, the warning would
            # hide it.
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
        """Return whether the run, if not importing, is where the last check found it, or is long busy."""
        self._looks += 1
        before, self._place, importing = self._place, [], False
        while frame is not None:
            self._place.append((frame.f_code, frame.f_lasti))
            importing = importing or frame.f_code.co_filename.startswith("<frozen importlib")
            frame = frame.f_back
        return not importing and (self._place == before or self._looks > _LOOKS)
