"""How the tests share a machine: a file's tests share what they start, so they stay on one worker."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.proof_groups import SEED_VARIABLE, seed

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# How long an example takes on a machine that others use too says nothing of the code.
settings.register_profile("caio", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("caio")


def pytest_configure() -> None:
    """Draw the seed of the fault groups before workers start, and have SIGINT interrupt the tests' children.

    Workers must agree on the tests there are. A background job, nohup and some CI runners start the tests
    with SIGINT ignored, which every process inherits that a test starts in order to interrupt it.
    """
    seed()
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Say which faults are proved together, so that they can be again."""
    return f"groups of faults: {SEED_VARIABLE}={seed()}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Keep each file on one worker, but for the proofs: each starts a deployment of its own."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where the tests run in parallel

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return nodeid if path in ("tests/test_faults.py", "tests/test_harmless.py") else path

    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are processors: a test waits for its processes a third of its time."""
    return (os.cpu_count() or 1) + 1
