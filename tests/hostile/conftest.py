"""Fixtures of the hostile tests: runs of the real suite, and a healthy deployment to stand behind others."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.support.judging")

from tests.support.suite_runs import Ask, Deployment, run_suite  # noqa: E402


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Run the suite; each run has an evidence folder of its own."""
    return lambda *arguments, **how: run_suite(*arguments, folder=tmp_path_factory.mktemp("evidence"), **how)


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """A healthy deployment; its options are what every run is given."""
    deployment = Deployment()
    with deployment.process:
        yield deployment


@pytest.fixture
def ask_at(ask: Ask, deployment: Deployment) -> Ask:
    """Run the suite with all that the healthy deployment needs, but against another address."""

    def run(url: str, *arguments: str, **how: object) -> object:
        return ask(*arguments, *deployment.arguments, f"--base-url={url}", **how)

    return functools.wraps(run)(run)


@pytest.fixture(scope="session")
def patience(ask: Ask, deployment: Deployment) -> float:
    """Seconds that a run may take beside what it waits for: 5, or two ordinary runs on a busy machine."""
    ordinary = ask("acceptance", to=deployment)
    assert ordinary.lines[-1] == "GO", ordinary.stdout
    return max(5.0, 2 * ordinary.seconds)
