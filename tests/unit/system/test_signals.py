"""Signals: where they end a run, and where they wait for it to come to such a place."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_caio.system.signals import SignalHandler
from tests.support.pace import stretched, within

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there SIGTERM ends a process at once")
BUSY = """
import os, signal, time
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.5)
"""


@pytest.fixture
def interruption() -> Iterator[SignalHandler]:
    """Signals, taken over while a test runs."""
    interruption = SignalHandler()
    interruption.begin()
    yield interruption
    interruption.ending = True
    interruption.end()


def _send(seconds: float = 0.0) -> None:
    threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGTERM]).start()


def test_a_wait_is_interrupted(interruption: SignalHandler) -> None:
    """A run that waits is interrupted where it waits, soon."""
    began = time.monotonic()
    _send()
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        threading.Event().wait(30)
    assert within(time.monotonic() - began, 10)
    assert interruption.arrived == "SIGTERM"


def test_an_import_is_not_interrupted(
    interruption: SignalHandler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import goes on to its end, however long it takes: broken off, it would keep its lock for ever."""
    (tmp_path / "caio_busy_module.py").write_text(BUSY, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("caio_busy_module")
    assert interruption.arrived == "SIGTERM"
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        threading.Event().wait(30)


def _busy(seconds: float) -> None:
    """Work so long, in a new place at every look."""
    began = time.monotonic()
    while time.monotonic() - began < 0.01:
        pass
    if seconds > 0:
        _busy(seconds - 0.01)


def test_a_busy_run_is_left_alone_for_a_while(
    interruption: SignalHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that works is not interrupted in its middle, but one that never comes to an end of it is."""
    monkeypatch.setattr("pytest_caio.system.signals._LOOKS", stretched(50))
    os.kill(os.getpid(), signal.SIGTERM)
    _busy(1)
    monkeypatch.setattr("pytest_caio.system.signals._LOOKS", 0)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        _busy(5)


def test_a_signal_is_obeyed_between_two_steps(interruption: SignalHandler) -> None:
    """What has arrived is obeyed where the run says that nothing is under way, and not once it ends."""
    interruption.raise_if_interrupted()
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        interruption.raise_if_interrupted()
    interruption.ending = True
    interruption.raise_if_interrupted()


def test_who_insists_is_obeyed_at_once(interruption: SignalHandler) -> None:
    """A second signal is obeyed wherever it comes; at the end of a run, the second of its own."""
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        os.kill(os.getpid(), signal.SIGTERM)
    interruption.ending = True
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        os.kill(os.getpid(), signal.SIGTERM)
