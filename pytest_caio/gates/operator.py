"""Supervised operation: the probes of the operator gate and the profile's record of supervised sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from pytest_caio.checks.credentials import TOKEN
from pytest_caio.checks.probe import Effect, Probe, get, post
from pytest_caio.checks.shared import PENDING_EMAILS
from pytest_caio.contract.operation import Send
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import OperatorSection
from pytest_caio.errors import InputError
from pytest_caio.outcomes import MissingInput
from pytest_caio.system.jsonlines import read_records
from pytest_caio.system.strictjson import NotJson, decode_json, in_words

__all__ = [
    "EMAIL_HISTORY",
    "POLL_AGAIN",
    "daily_limit",
    "dry_run",
    "read_sends",
    "recorded_sends",
]

# More than a second, since a deployment may report times in whole seconds.
POLL_AGAIN = replace(PENDING_EMAILS, name="second poll", again_after=1.02)


EMAIL_HISTORY = get("/api/emails/history", TOKEN, name="email history")


def dry_run(motion: str, name: str = "", sample: int = 0) -> Probe:
    """Return the probe that triggers a dry run of `outbound` or `all`; `sample` distinguishes two of them."""
    body = msgspec.json.encode({"dry_run": True, "motion": motion})
    kind = {"Content-Type": "application/json"}
    details = {"effect": Effect.WRITE, "name": name or f"dry run of {motion}", "sample": sample}
    return post("/api/operator/trigger", TOKEN, headers=kind, body=body, **details)


def daily_limit(environment: Environment) -> int:
    """Return the maximum number of emails that may be sent on a supervised day."""
    return (environment.profile.operator or OperatorSection()).daily_limit


def read_sends(path: Path) -> list[Send]:
    """Read a record of supervised sends: a JSON array, or JSON lines.

    Raises InputError naming the file, the entry and the field that is wrong.
    """
    records, problems = read_records(path, "sent_at")
    if problems:
        raise InputError(problems[0])
    sends = []
    for where, raw in records:
        try:
            sends.append(decode_json(raw, Send))
        except (NotJson, msgspec.ValidationError) as error:
            raise InputError(f"{path.name}, {where}: {in_words(error)}") from None
    return sends


def recorded_sends(environment: Environment) -> list[Send]:
    """Return the profile's recorded sends, empty without a record. Raises MissingInput naming the key."""
    path = (environment.profile.operator or OperatorSection()).sends
    try:
        return read_sends(Path(path)) if path else []
    except InputError as error:
        raise MissingInput(f"sends of [{environment.name}.operator] ({error})") from None
