"""Sources of flaky runs are absent; `benchmarks/steadiness.py` measures the same on busy machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suite_runs import run_suite

# Notes each logger that a thread other than the main one creates, as modules do when they are imported, and
# whether a worker that has collected its tests would still have to import redis.
NOTING = """
import logging, os, pytest, sys, threading

def note(what):
    with open(os.environ["NOTED"], "a", encoding="utf-8") as file:
        file.write(what + chr(10))

class Noting(dict):
    def __setitem__(self, name, logger):
        if threading.current_thread() is not threading.main_thread():
            note(name)
        super().__setitem__(name, logger)

@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_node_collection_finished():
    if "redis" not in sys.modules:
        note("redis is yet to be imported")

logging.root.manager.loggerDict = Noting(logging.root.manager.loggerDict)
"""


@pytest.mark.nightly
@pytest.mark.parametrize(
    "workers",
    [pytest.param((), id="one process"), pytest.param(("-n", "2"), id="workers")],
)
def test_no_thread_makes_loggers(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """No thread but the main one creates a logger: pytest iterates over all loggers without a lock."""
    (tmp_path / "noting.py").write_text(NOTING, "utf-8")
    noted = tmp_path / "noted"
    environment = {"PYTHONPATH": str(tmp_path), "NOTED": str(noted)}
    done = run_suite("acceptance", "-p", "noting", *workers, folder=tmp_path / "e", environment=environment)
    assert (done.status, done.lines[-1]) == (0, "GO"), done.stdout
    assert not noted.exists(), noted.read_text("utf-8")
