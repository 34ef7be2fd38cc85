"""A pytest plugin for runs that a test starts: writes the run's secrets to the file in KEEP_SECRETS.

With TURN in the environment, a number, each check asks only one of every PART cases, except for those that
ASK_WHOLE names. The next turn has other cases, and PART turns have all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from pytest_caio.checks.check import check_of
from pytest_caio.contract.signing import signed_part
from pytest_caio.redaction.secret import names_secret
from pytest_caio.session.hooks import RUN

__all__ = [
    "PART",
    "in_turn",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_report_teststatus",
]

PART = 8
_T = TypeVar("_T")


def in_turn(cases: Sequence[_T], turn: int) -> list[_T]:
    """Return one of every PART cases of a check, and at least one: others in each turn."""
    return list(cases[turn % min(PART, len(cases)) :: PART])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cases that are not for this turn."""
    if "TURN" not in os.environ:
        return
    turn, whole = int(os.environ["TURN"]), os.environ["ASK_WHOLE"].split()
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if (check := check_of(item)) and check.id not in whole:
            cases.setdefault(check.id, []).append(item)
    left_out = {item for own in cases.values() for item in own}
    left_out -= {item for own in cases.values() for item in in_turn(own, turn)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Print no dot for a case that passed: nobody reads it, and each is written by itself."""
    seen = report.when == "call" and report.outcome == "passed" and not hasattr(report, "wasxfail")
    return ("passed", "", "") if seen else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the revoked tokens and the secret values of every environment of the run."""
    run = session.config.stash[RUN]
    known = [token.reveal() for environment in run.environments for token in environment.revoked.tokens]
    for environment in run.environments:
        known += [signed_part(session.reveal()) for session in environment.revoked.sessions]
    for environment in run.environments:
        pairs = ((key, value.reveal()) for key, value in environment.values.items())
        known += [value for key, value in pairs if names_secret(key, value) and "://" not in value]
    Path(os.environ["KEEP_SECRETS"]).write_text(json.dumps(known), "utf-8")
