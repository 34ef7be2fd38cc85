"""What the tests of the replay share: the demo's golden set, and runners that misbehave."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.replay import CommandRunner, GoldenSet, load_golden
from tests.support.places import CHECKOUT, SUPPORT


@pytest.fixture(scope="session")
def demo_set(demo_path: Path) -> GoldenSet:
    """The demo's golden set, read."""
    return load_golden(demo_path, min_cases=50)


@pytest.fixture
def misfit() -> Callable[..., CommandRunner]:
    """Make a runner that misbehaves in a given way, in either protocol."""

    def make(way: str, protocol: Any = "process", **options: Any) -> CommandRunner:
        words = ["python", str(SUPPORT / "misfits.py"), way, *(["--lines"] if protocol == "lines" else [])]
        return CommandRunner(words, protocol=protocol, **{"case_seconds": 20, "workers": 2, **options})

    return make


@pytest.fixture
def copier(demo_path: Path) -> Callable[..., CommandRunner]:
    """Make a runner that cheats in a given way."""

    def make(way: str) -> CommandRunner:
        env = os.environ | {"COPIER_FILE": str(demo_path)}
        return CommandRunner(
            ["python", str(SUPPORT / "copier.py"), way], protocol="lines", env=env, workers=2
        )

    return make


@pytest.fixture
def agent() -> Callable[..., CommandRunner]:
    """Make a runner of the demo's own agent."""

    def make(protocol: Any = "lines", **options: Any) -> CommandRunner:
        command = "python -m pytest_caio.reference.golden.agent" + (" --lines" if protocol == "lines" else "")
        return CommandRunner(command, protocol=protocol, cwd=CHECKOUT, **{"workers": 2, **options})

    return make
