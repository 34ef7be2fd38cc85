"""Ctrl-C and SIGTERM, once and twice: the run ends cleanly, is never GO, and leaves no process running."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.broken_runs import Broken, hanging_profile
from tests.support.nightly import some_nightly
from tests.support.pace import stretched, wait_for, within
from tests.support.suite_runs import SHORT, Deployment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to signal")
GATES = ("acceptance/test_cors.py", "acceptance/test_state.py", "acceptance/test_replay.py")
SIGNALS = {
    "Ctrl-C twice": (signal.SIGINT, True, 2, ()),
    "SIGINT": (signal.SIGINT, False, 1, ()),
    "SIGTERM": (signal.SIGTERM, False, 1, ()),
    "SIGHUP": (getattr(signal, "SIGHUP", signal.SIGTERM), False, 1, ()),  # the terminal was closed
    "SIGTERM twice": (signal.SIGTERM, False, 2, ()),
    "Ctrl-C with workers": (signal.SIGINT, True, 1, ("-n", "1")),
    "SIGTERM to all with workers": (signal.SIGTERM, True, 1, ("-n", "2")),
}


def under_way(broken: Broken, *options: str) -> Broken:
    """Start a run, and return it once its replay hangs."""
    profiles, started = hanging_profile(broken.folder)
    broken.start(*GATES, f"--profiles={profiles}", *options)
    wait_for(started.exists)
    wait_for(lambda: broken.named("redis-server") and broken.named("hang.py"))
    return broken


@pytest.mark.parametrize(
    "name", some_nightly(SIGNALS, "SIGINT", "SIGTERM twice", "SIGTERM to all with workers")
)
def test_a_signal_ends_the_run_cleanly(broken: Broken, name: str) -> None:
    """After a signal the run exits soon with 2, names the signal, and leaves no process or temporary file."""
    number, to_all, times, options = SIGNALS[name]
    run = under_way(broken, *options)
    assert run.process is not None
    time.sleep(stretched(0.3))
    for _ in range(times):
        (os.killpg if to_all else os.kill)(run.process.pid, number)
        time.sleep(0.1)
    began = time.monotonic()
    assert run.end() == 2, run.stdout + run.stderr
    assert within(time.monotonic() - began, 12)
    assert run.leaves_nothing(1)
    run.says(f"the run was interrupted: {signal.Signals(number).name}")
    assert "Traceback" not in run.stdout + run.stderr
    assert run.left == []


@pytest.mark.parametrize("moment", [0.2, 0.5, 0.8])
def test_a_signal_while_it_starts(broken: Broken, moment: float) -> None:
    """SIGTERM at any moment of the start leaves no process and no evidence, and the run is not GO."""
    run = broken.start("acceptance", fresh=True)
    assert run.process is not None
    time.sleep(moment)
    run.process.terminate()
    assert run.end() not in (0, 1)
    assert run.leaves_nothing()
    assert "CAIO acceptance: GO" not in run.stdout
    if moment > 0.6:
        assert run.left == []


def test_a_signal_inside_a_hook(broken: Broken, deployment: Deployment) -> None:
    """Ctrl-C during pytest_runtest_makereport, which other plugins wrap, ends the run cleanly too."""
    source = (
        "import os, pytest, signal\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_makereport():\n"
    )
    (broken.folder / "breaks.py").write_text(f"{source}    os.kill(os.getpid(), signal.SIGINT)\n", "utf-8")
    assert broken.run(*SHORT, *deployment.arguments, "-p", "breaks") == 2, broken.stdout
    assert "INTERNALERROR" not in broken.stdout
    broken.says("SIGINT")


def test_a_foreign_signal_handler_stays(broken: Broken, deployment: Deployment) -> None:
    """A SIGTERM handler set by a plugin or the parent stays, and the run restores the one of SIGINT."""
    seen = broken.folder / "seen"
    (broken.folder / "taker.py").write_text(
        "import atexit, os, pathlib, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def tell():\n"
        "    now = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)\n"
        "    same = now == (signal.SIG_IGN, signal.default_int_handler)\n"
        f"    pathlib.Path({str(seen)!r}).write_text(str(same))\n"
        "atexit.register(tell)\n"
        "def pytest_runtest_setup():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n",
        "utf-8",
    )
    assert broken.run("acceptance/test_cors.py", *deployment.arguments, "-p", "taker") == 0, broken.stdout
    assert Path(seen).read_text("utf-8") == "True"
