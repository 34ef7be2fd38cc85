"""A pytest plugin for runs that a test starts: writes the run's secrets to the file in KEEP_SECRETS.

Of the checks that ASK_A_FEW_OF names, it lets every fourth case be asked.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_caio.checks.check import check_of
from pytest_caio.contract.signing import signed_part
from pytest_caio.redaction.secret import names_secret
from pytest_caio.session.hooks import RUN

__all__ = ["pytest_collection_finish", "pytest_collection_modifyitems"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect three of four cases of these checks."""
    few = os.environ.get("ASK_A_FEW_OF", "").split()
    concerned = [item for item in items if (check := check_of(item)) and check.id in few]
    left_out = {item for number, item in enumerate(concerned) if number % 4}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


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
