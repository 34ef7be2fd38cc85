"""Fixtures of the hostile tests: runs of the real suite, and a healthy deployment to stand behind others."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.support.judging")

from tests.support.bad_servers import relaying  # noqa: E402
from tests.support.deadlines import Pace  # noqa: E402
from tests.support.suite_runs import ASKING, Ask, Deployment, run_suite, serving  # noqa: E402


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Run the suite; each run has an evidence folder of its own."""
    return lambda *arguments, **how: run_suite(*arguments, folder=tmp_path_factory.mktemp("evidence"), **how)


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """A healthy deployment; its options are what every run is given."""
    deployment = Deployment()
    with deployment.reference:
        yield deployment


@pytest.fixture
def ask_at(ask: Ask, deployment: Deployment) -> Ask:
    """Run the suite with all that the healthy deployment needs, but against another address."""

    def run(url: str, *arguments: str, **how: object) -> object:
        return ask(*arguments, *deployment.arguments, f"--base-url={url}", **how)

    return functools.wraps(run)(run)


@pytest.fixture(scope="session")
def pace(ask: Ask, deployment: Deployment) -> Pace:
    """The time of a run of all gates that ask, against the healthy deployment behind a relay."""

    def ordinary() -> float:
        # The relay does not know websockets.
        with serving(relaying(deployment.address)) as url:
            outcome = ask(*ASKING, "-k", "not websocket", *deployment.arguments, f"--base-url={url}")
        assert outcome.lines[-1] == "INCOMPLETE", outcome.stdout
        return outcome.seconds

    return Pace(ordinary)
