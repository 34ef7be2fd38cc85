"""Fixtures of the integration tests: deployments, and runs that several tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.places import CHECKOUT
from tests.support.suite_runs import SHORT_AND_MORE, Ask, Deployment, Outcome, run_suite


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Run the suite; each run writes its evidence to a new folder unless one is given."""

    def run(*arguments: str, **how: object) -> Outcome:
        folder = how.pop("folder", None) or tmp_path_factory.mktemp("evidence")
        return run_suite(*arguments, folder=folder, **how)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Deployment]]:
    """Start deployments that run until the end of the tests."""
    with ExitStack() as stack:

        def start(*options: str, **how: object) -> Deployment:
            deployment = Deployment(*options, **how)  # type: ignore[arg-type]
            stack.enter_context(deployment.reference)
            return deployment

        yield start


@pytest.fixture(scope="session")
def deployment(serve: Callable[..., Deployment]) -> Deployment:
    """The healthy deployment that most runs are made against."""
    return serve()


@pytest.fixture(scope="session")
def calm(serve: Callable[..., Deployment]) -> Deployment:
    """A healthy deployment for few runs: after five wrong tokens its login would lock out the address."""
    return serve()


@pytest.fixture(scope="session")
def go(ask: Ask, calm: Deployment) -> Outcome:
    """A run of the whole suite against the calm deployment."""
    return ask("acceptance", to=calm)


@pytest.fixture(scope="session")
def plan(ask: Ask, calm: Deployment) -> Outcome:
    """The output of the same run with --plan."""
    return ask("acceptance", "--plan", to=calm)


@pytest.fixture(scope="session")
def writes(ask: Ask, calm: Deployment) -> Outcome:
    """A run of the whole suite against the calm deployment with --allow-writes."""
    return ask("acceptance", "--allow-writes", to=calm)


@pytest.fixture(
    scope="session", params=[pytest.param("short"), pytest.param("whole", marks=pytest.mark.nightly)]
)
def workers(request: pytest.FixtureRequest, ask: Ask, calm: Deployment) -> Outcome:
    """A run with --allow-writes on two workers, with all checks that send what must be sent once."""
    suite = ("acceptance",) if request.param == "whole" else SHORT_AND_MORE
    return ask(*suite, "--allow-writes", "-n", "2", to=calm)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """A path on which the checkout's package is an installed plugin, like an editable installation."""
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "pytest_caio-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest-caio\nVersion: 0.1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[pytest11]\npytest_caio.plugin = pytest_caio.plugin\n", "utf-8")
    return folder, CHECKOUT


@pytest.fixture
def suite_copy(tmp_path: Path) -> Path:
    """A folder with a copy of the suite and its settings, without the checkout's package."""
    home = tmp_path / "elsewhere"
    (home / "acceptance").mkdir(parents=True)
    for path in (CHECKOUT / "acceptance").iterdir():
        if path.is_file():
            (home / "acceptance" / path.name).write_bytes(path.read_bytes())
    (home / "pytest.ini").write_bytes((CHECKOUT / "pytest.ini").read_bytes())
    return home
