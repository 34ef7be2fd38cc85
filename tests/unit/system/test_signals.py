"""Signals: where they end a run at once, and where they wait until the run can be interrupted."""

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
    """A signal handler that is installed during the test."""
    interruption = SignalHandler()
    interruption.begin()
    yield interruption
    interruption.ending = True
    interruption.end()


def _send(seconds: float = 0.0) -> None:
    threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGTERM]).start()


def test_a_waiting_run_is_interrupted(interruption: SignalHandler) -> None:
    """A run that is waiting is interrupted soon."""
    began = time.monotonic()
    _send()
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        threading.Event().wait(30)
    assert within(time.monotonic() - began, 10)
    assert interruption.arrived == "SIGTERM"


def test_an_import_is_not_interrupted(
    interruption: SignalHandler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import is completed first, since an interrupted one would keep its lock for ever."""
    (tmp_path / "caio_busy_module.py").write_text(BUSY, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("caio_busy_module")
    assert interruption.arrived == "SIGTERM"
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        threading.Event().wait(30)


def _busy(seconds: float) -> None:
    """Work for some seconds, in another stack frame every 10 ms."""
    began = time.monotonic()
    while time.monotonic() - began < 0.01:
        pass
    if seconds > 0:
        _busy(seconds - 0.01)


def test_a_busy_run_is_left_alone_for_a_while(
    interruption: SignalHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy run is interrupted only after a number of checks, so that its current step can end."""
    monkeypatch.setattr("pytest_caio.system.signals._LOOKS", stretched(50))
    os.kill(os.getpid(), signal.SIGTERM)
    _busy(1)
    monkeypatch.setattr("pytest_caio.system.signals._LOOKS", 0)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        _busy(5)


def test_a_pending_signal_interrupts_between_steps(interruption: SignalHandler) -> None:
    """A pending signal raises between two steps, but no longer once the run is ending."""
    interruption.raise_if_interrupted()
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        interruption.raise_if_interrupted()
    interruption.ending = True
    interruption.raise_if_interrupted()


def test_a_second_signal_ends_the_run_at_once(interruption: SignalHandler) -> None:
    """A second signal ends the run at once, wherever it arrives; once the run is ending, it takes two."""
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        os.kill(os.getpid(), signal.SIGTERM)
    interruption.ending = True
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        os.kill(os.getpid(), signal.SIGTERM)
