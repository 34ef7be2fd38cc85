"""Processes that the tests start can be interrupted, even if the tests themselves run with SIGINT ignored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked import LEFT_OUT, SHARED, skip_workers
from tests.support.places import CHECKOUT

# A shell starts a background job in this way.
IGNORING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, sys.argv[1:])
"""


def test_a_child_can_be_interrupted() -> None:
    """A process that a test starts has Python's default handler of SIGINT."""
    code = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="there, nothing is inherited of signals")
@pytest.mark.parametrize(
    "workers", [pytest.param((), marks=pytest.mark.nightly), ("-n", "1")], ids=["alone", "worker"]
)
def test_tests_that_are_started_with_sigint_ignored(workers: tuple[str, ...]) -> None:
    """A child can be interrupted, too, if pytest or its worker was started with SIGINT ignored."""
    test = f"{Path(__file__).relative_to(CHECKOUT)}::{test_a_child_can_be_interrupted.__name__}"
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *LEFT_OUT, *workers, test]
    skip_workers([*asked, str(CHECKOUT)])
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-c", IGNORING, *asked],
        cwd=CHECKOUT,
        env={**own, SHARED: os.environ.get(SHARED, "")},
        capture_output=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
