"""How the tests share a machine: what shares what it starts stays on one worker, the longest first."""

from __future__ import annotations

import gc
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


# Each of their tests starts all that it needs; they come last, and even out what is left to the workers.
_APART = tuple(f"tests/{name}.py" for name in ("test_faults", "test_harmless"))
# They look at the same few runs of the whole suite.
_TOGETHER = tuple(
    f"tests/integration/test_{name}.py"
    for name in (
        *("access_log", "allow_writes_option", "beside_plugins", "env_option"),
        *("expect_commit_option", "pace_options", "plan_option", "terminal_output"),
    )
)
# Those that take or wait longest: a worker that began one of them last would keep the others waiting.
_FIRST = (
    "tests/hostile/test_silence.py",
    _TOGETHER,
    *(
        f"tests/{folder}/"
        for folder in ("hostile", "report", "secrets", "integration", "interruption", "gates")
    ),
)


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


def _rank(item: pytest.Item) -> int:
    path = item.nodeid.partition("::")[0]
    if path in _APART:
        return len(_FIRST) + 1
    return next((n for n, places in enumerate(_FIRST) if path.startswith(places)), len(_FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, in whatever order it is."""
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Leave the thousands of collected tests out of every later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Keep on one worker what shares what it starts, and begin it in the order that the tests are in."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where the tests run in parallel

    class BySharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            if path in _TOGETHER:
                return "whole runs"
            return nodeid if path in _APART else path

    config.option.loadscopereorder = False
    return BySharing(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run two workers for each processor: while one waits, the other runs; more would delay each other."""
    return 2 * (os.cpu_count() or 1)
