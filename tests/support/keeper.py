"""A pytest plugin for runs that a test starts: writes the run's secrets to the file in KEEP_SECRETS."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_caio.contract.signing import signed_part
from pytest_caio.redaction.secret import names_secret
from pytest_caio.session.hooks import RUN

__all__ = ["pytest_collection_finish"]


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
