"""The prober as a process: the same answers, and nobody waits in vain, however either process ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from pytest_caio.probing.desk import may_fork
from tests.support.asking import SCENES
from tests.support.pace import wait_for

CHECKOUT = Path(__file__).parents[3]
forks = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the prober is a thread")


def play(name: str) -> subprocess.CompletedProcess[str]:
    """Play a scene in a process with a single thread."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.support.asking", name],
        cwd=CHECKOUT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@forks
@pytest.mark.parametrize("name", [name for name in SCENES if name != "ended_with_us"])
def test_a_scene(name: str) -> None:
    """What the docstring of the scene says is true."""
    done = play(name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@forks
def test_it_ends_with_its_maker() -> None:
    """It ignores the signals that end a run, and ends when the process that made it is killed."""
    done = play("ended_with_us")
    assert done.returncode == -9, done.stderr
    wait_for(lambda: not psutil.pid_exists(int(done.stdout)))


def test_a_process_with_threads_does_not_fork() -> None:
    """With a second thread, which may hold a lock, the prober is a thread too."""
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        assert not may_fork()
    finally:
        release.set()
        thread.join()
