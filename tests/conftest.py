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

# Hundreds of processes would each compile the package anew, and write every line by itself.
for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
    os.environ.pop(name, None)
# How long an example takes on a machine that others use too says nothing of the code.
settings.register_profile("caio", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("caio")


# Their tests start all that they need, or mostly wait.
_APART = tuple(f"tests/{name}.py" for name in ("test_faults", "test_harmless", "hostile/test_silence"))


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
    """Keep each file on one worker, but for those whose tests start all that they need, or mostly wait."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where the tests run in parallel

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return nodeid if path in _APART else path

    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run two workers for each processor: a test waits for its processes half of its time."""
    return 2 * (os.cpu_count() or 1)
