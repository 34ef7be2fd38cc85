"""Fixtures of the tests of interrupted runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.broken_runs import Broken
from tests.support.suite_runs import Deployment


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Broken]:
    """A run to interrupt; its processes are killed after the test."""
    run = Broken(tmp_path)
    yield run
    # pytest shows what is printed here if the test failed.
    for process in run.family():
        with suppress(psutil.NoSuchProcess):
            print("still there:", process.cmdline())  # noqa: T201
        process.kill()
    if run.process is not None and run.process.returncode is None:
        run.process.kill()
        print(*run.process.communicate(), sep="\n")  # noqa: T201


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """A healthy deployment."""
    made = Deployment()
    with made.reference:
        yield made
