"""Fixtures of the tests of interrupted runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broken_runs import Broken
from tests.support.suite_runs import Deployment


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Broken]:
    """A run to interrupt; its processes are killed after the test."""
    run = Broken(tmp_path)
    yield run
    run.kill()


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """A healthy deployment."""
    made = Deployment()
    with made.reference:
        yield made
