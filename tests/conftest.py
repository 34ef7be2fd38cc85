"""How the tests are distributed: tests that share started processes run on one worker, the longest first."""

from __future__ import annotations

import gc
import importlib
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.forked import share
from tests.support.proof_groups import SEED_VARIABLE, seed

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

collect_ignore = ["support"]  # among it the short suite, which is no test of the project
# With these variables, hundreds of processes would compile the package again and flush every line.
for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
    os.environ.pop(name, None)
# On Windows, or without a locale, child processes would print another encoding than the tests read.
os.environ["PYTHONIOENCODING"] = "utf-8"
# Thousands of tests and examples are kept, of which no collection of garbage could free anything.
gc.set_threshold(20_000, 20, 20)
# On a busy machine the duration of an example says nothing about the code.
# Without the right to write to the checkout, hypothesis would warn that it cannot keep examples there.
kept = {} if os.access(Path(__file__).parents[1], os.W_OK) else {"database": None}
settings.register_profile(
    "caio", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow], **kept
)
settings.load_profile("caio")


# Each of these tests starts all that it needs, so they run last, on whichever worker is free.
_APART = tuple(f"tests/{name}.py" for name in ("test_faults", "test_harmless"))
# These files share a few runs of the whole suite.
_TOGETHER = tuple(
    f"tests/integration/test_{name}.py"
    for name in (
        *("access_log", "allow_writes_option", "beside_plugins", "env_option"),
        *("expect_commit_option", "pace_options", "plan_option", "pytest_options", "terminal_output"),
    )
)
# The longest tests: if a worker began one of them last, the others would have to wait for it.
_FIRST = (
    "tests/hostile/test_silence.py",
    _TOGETHER,
    *(
        f"tests/{folder}/"
        for folder in ("hostile", "report", "secrets", "integration", "interruption", "gates")
    ),
)


def pytest_configure(config: pytest.Config) -> None:
    """Make warnings errors, and let SIGINT interrupt child processes.

    Only the project's tests are that strict: a run of the suite must not end over a warning of another
    plugin. A background job, nohup and some CI runners start the tests with SIGINT ignored, which child
    processes inherit, also those that a test starts in order to interrupt them.
    """
    config.addinivalue_line("filterwarnings", "error")
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "short"
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if getattr(config.option, "numprocesses", None):
        share()


def pytest_report_header() -> str:
    """Show the seed of the fault groups, so that the same groups can be run again."""
    return f"groups of faults: {SEED_VARIABLE}={seed()}"


def _rank(item: pytest.Item) -> int:
    path = item.nodeid.partition("::")[0]
    if path in _APART:
        return len(_FIRST) + 1
    return next((n for n, places in enumerate(_FIRST) if path.startswith(places)), len(_FIRST))


@pytest.hookimpl
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker begin its imports at another module of the tests.

    On a fresh clone each of them compiles a part, and finds the rest compiled, in place of all compiling all.
    """
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != ["tests"]:
        return
    here = Path(__file__).parent
    modules = sorted(here.rglob("test_*.py"))
    first = len(modules) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    # The conftest.py of a folder says which modules beside the tests have their assertions rewritten.
    for path in [*here.glob("*/**/conftest.py"), *modules[first:], *modules[:first]]:
        if "support" not in path.parts:
            name = ".".join(path.relative_to(session.config.rootpath).with_suffix("").parts)
            with suppress(Exception, pytest.skip.Exception):  # collection reports it
                importlib.import_module(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the longest tests first, whatever the order of collection."""
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Exclude the thousands of collected tests from later garbage collections."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Run tests that share started processes on one worker, and start them in the collected order."""
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
    """Run two workers per processor: while one waits, the other runs, and more would delay each other."""
    return 2 * (os.cpu_count() or 1)
