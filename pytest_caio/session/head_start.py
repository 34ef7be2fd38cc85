"""What a run of the demo begins before its options are known, while pytest loads other plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_caio.system.signals import SignalHandler

if TYPE_CHECKING:
    from pytest_caio.reference.hosting.process import ReferenceProcess

__all__ = ["HEAD_START", "HeadStart"]


class HeadStart:
    """The handling of signals, and a reference deployment that is starting, until the run's end at most."""

    def __init__(self, config: pytest.Config) -> None:
        from pytest_caio.reference.hosting.process import ReferenceProcess  # noqa: PLC0415 - only demo needs it

        self.signals = SignalHandler()
        self.reference: ReferenceProcess = ReferenceProcess(environment="demo", access_log=False)
        config.add_cleanup(self._end)
        self.signals.begin()  # first, so that no signal leaves a process or its files behind
        try:
            self.reference.begin()
        except OSError:  # there may be no more processes: the run tries again, and says what is wrong
            self._end()
        else:
            config.stash[HEAD_START] = self

    def _end(self) -> None:
        try:
            self.reference.stop()
        finally:
            self.signals.end()


HEAD_START: pytest.StashKey[HeadStart] = pytest.StashKey()
