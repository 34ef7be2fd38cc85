"""What a run of the demo begins before its options are known, while pytest loads other plugins."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from pytest_caio.system.signals import SignalHandler

if TYPE_CHECKING:
    from pytest_caio.reference.hosting.process import ReferenceProcess

__all__ = ["HEAD_START", "HeadStart"]


class HeadStart:
    """The handling of signals, and a reference deployment that is starting, until the run's end at most.

    Nothing is searched for garbage while plugins are loaded: what is imported is none.
    """

    def __init__(self, config: pytest.Config) -> None:
        from pytest_caio.reference.hosting.process import ReferenceProcess  # noqa: PLC0415 - only demo needs it

        self.signals = SignalHandler()
        self.reference: ReferenceProcess = ReferenceProcess(environment="demo", access_log=False)
        self._threshold = gc.get_threshold()
        gc.set_threshold(0)
        config.pluginmanager.register(self, "caio-head-start")
        config.add_cleanup(self._end)
        self.signals.begin()  # first, so that no signal leaves a process or its files behind
        try:
            self.reference.begin()
        except OSError:  # there may be no more processes: the run tries again, and says what is wrong
            self._end()
        else:
            config.stash[HEAD_START] = self

    @pytest.hookimpl(trylast=True)
    def pytest_load_initial_conftests(self) -> None:
        """Search for garbage as before, now that all plugins are loaded, but not in what they imported."""
        gc.freeze()
        gc.set_threshold(*self._threshold)

    def _end(self) -> None:
        gc.set_threshold(*self._threshold)
        try:
            self.reference.stop()
        finally:
            self.signals.end()


HEAD_START: pytest.StashKey[HeadStart] = pytest.StashKey()
