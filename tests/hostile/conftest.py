"""Fixtures of the hostile tests: runs of the real suite, and a healthy deployment that relays can front."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.support.judging")

from tests.support.bad_servers import relaying  # noqa: E402
from tests.support.deadlines import Pace  # noqa: E402
from tests.support.judging import MANY  # noqa: E402
from tests.support.suite_runs import Ask, Deployment, run_suite, serving  # noqa: E402


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Run the suite; each run writes its evidence to a new folder."""
    return lambda *arguments, **how: run_suite(*arguments, folder=tmp_path_factory.mktemp("evidence"), **how)


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """A healthy deployment; every run of these tests is given its options."""
    deployment = Deployment()
    with deployment.reference:
        yield deployment


@pytest.fixture
def ask_at(ask: Ask, deployment: Deployment) -> Ask:
    """Run the suite with the healthy deployment's options, but against another base URL."""

    def run(url: str, *arguments: str, **how: object) -> object:
        return ask(*deployment.arguments, f"--base-url={url}", *arguments, **how)

    return functools.wraps(run)(run)


@pytest.fixture(scope="session")
def pace(ask: Ask, deployment: Deployment) -> Pace:
    """The duration of the largest run that a test bounds, against the healthy deployment via a relay."""

    def ordinary() -> float:
        with serving(relaying(deployment.address)) as url:
            outcome = ask(*MANY, *deployment.arguments, f"--base-url={url}")
        assert outcome.lines[-1] == "INCOMPLETE", outcome.stdout
        return outcome.seconds

    return Pace(ordinary)
