"""The option --expect-commit names the commit that must be deployed; another one is advice, not NO-GO."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_caio.reference.dashboard.deployment import COMMIT
from tests.support.suite_runs import SHORT, Ask, Deployment, Outcome

NODE = "acceptance/test_readiness.py::test_deployed_commit"


@pytest.mark.parametrize("given", [COMMIT, COMMIT[:7], COMMIT.upper()], ids=["whole", "short", "upper case"])
def test_the_right_commit(ask: Ask, deployment: Deployment, given: str) -> None:
    """The expected commit passes, whole or shortened, and the evidence names the deployed one."""
    outcome = ask(NODE, f"--expect-commit={given}", to=deployment)
    assert outcome.checks == {"RDY-13": "passed"}, outcome.stdout
    assert outcome.evidence["environments"][0]["commit"] == COMMIT


def test_another_commit_advises(ask: Ask, serve: Callable[..., Deployment]) -> None:
    """Another commit is shown as advice with its fix, and a complete run stays GO."""
    outcome = ask(*SHORT, f"--expect-commit={COMMIT}", to=serve(faults=["wrong-commit"]))
    assert outcome.checks["RDY-13"] == "advised"
    assert (outcome.status, outcome.lines[-1]) == (0, "GO"), outcome.stdout
    assert any(line.strip().startswith("Does not block: RDY-13") for line in outcome.lines)
    assert outcome.evidence["environments"][0]["commit"] not in ("", COMMIT)


def test_without_the_option(go: Outcome) -> None:
    """Without the option the check does not run, and the evidence still names the deployed commit."""
    assert go.checks["RDY-13"] == "not-run"
    assert go.evidence["environments"][0]["commit"] == COMMIT
