"""What a deployment says of its supervised operation: dry runs, the ramp, emails sent and their proof."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct

from pytest_caio.cards import moment_of
from pytest_caio.credentials import TOKEN
from pytest_caio.environments import Environment
from pytest_caio.errors import InputError
from pytest_caio.probes import Effect, MissingInput, Probe, get, post
from pytest_caio.replay.records import read_records
from pytest_caio.sections import OperatorSection

__all__ = [
    "EMAIL_HISTORY",
    "CleanDays",
    "Counters",
    "DryRun",
    "EmailHistory",
    "Gatekeeper",
    "Ramp",
    "Send",
    "daily_limit",
    "dry_run",
    "read_sends",
    "recorded_sends",
]

_PROVED = frozenset({"proved", "proven", "verified", "confirmed"})
_DENIED = frozenset({"not", "no", "never", "pending", "failed", "missing", "partially"})

EMAIL_HISTORY = get("/api/emails/history", TOKEN, name="email history")


def dry_run(motion: str, sample: int = 0) -> Probe:
    """Return the probe that triggers a dry run of `outbound` or `all`; `sample` tells two of them apart."""
    body = msgspec.json.encode({"dry_run": True, "motion": motion})
    kind = {"Content-Type": "application/json"}
    details = {"effect": Effect.WRITE, "name": f"dry run of {motion}", "sample": sample}
    return post("/api/operator/trigger", TOKEN, headers=kind, body=body, **details)


class _Channel(Struct):
    dry_run: bool
    total_dispatched: int
    errors: list[Any]


class DryRun(Struct):
    """The report of a triggered run."""

    dry_run: bool
    motion: str
    errors: list[Any]
    instantly_report: _Channel
    heyreach_report: _Channel
    revival_dispatched: int
    cadence_dispatched: int

    @property
    def dispatched(self) -> Mapping[str, int]:
        """How much each part dispatched."""
        return {
            "instantly": self.instantly_report.total_dispatched,
            "heyreach": self.heyreach_report.total_dispatched,
            "revival": self.revival_dispatched,
            "cadence": self.cadence_dispatched,
        }


class Counters(Struct):
    """The operator status with the day's counters."""

    today: dict[str, Any]


class Gatekeeper(Struct):
    """What a deployment says of its gatekeeper."""

    required: bool


class Ramp(Struct):
    """What a deployment says of its ramp."""

    active: bool
    tier_filter: str | None
    email_limit_override: int


class CleanDays(Struct):
    """How many supervised days were clean, and how many must be."""

    clean_days_required: int
    clean_days_completed: int


def daily_limit(environment: Environment) -> int:
    """Return how many emails a supervised day may send at most."""
    return (environment.profile.operator or OperatorSection()).daily_limit


class _Email(Struct):
    email_id: Any = None
    to: Any = None
    status: Any = None
    sent_via_ghl: Any = UNSET
    proof_status: Any = UNSET
    proof_source: Any = UNSET
    proof_timestamp: Any = UNSET
    proof_evidence_id: Any = UNSET

    @property
    def sent(self) -> bool:
        return str(self.status).strip().lower().startswith("sent")

    @property
    def silent(self) -> bool:
        """Whether it leaves every field of proof out, as older deployments do, and denies nothing."""
        fields = (self.proof_status, self.proof_source, self.proof_timestamp, self.proof_evidence_id)
        return all(one is UNSET for one in fields) and self.sent_via_ghl in (UNSET, True)

    @property
    def doubts(self) -> str:
        """Why it is not proved that it was sent, empty where it is."""
        found = [] if self.sent_via_ghl is True else ["sent_via_ghl is not true"]
        words = set(re.split(r"[\W_]+", str(self.proof_status).lower()))
        if not words & _PROVED or words & _DENIED:
            found.append("proof_status does not say proved")
        if moment_of(self.proof_timestamp) is None:
            found.append("no proof_timestamp")
        if self.proof_evidence_id is UNSET or not self.proof_evidence_id:
            found.append("no proof_evidence_id")
        return ", ".join(found)


class EmailHistory(Struct):
    """The history of reviewed emails."""

    emails: list[_Email]

    @property
    def sent(self) -> list[_Email]:
        """The emails that are marked sent."""
        return [email for email in self.emails if email.sent]

    @property
    def unproved(self) -> list[str]:
        """The emails that are marked sent without proof, each with why."""
        return [f"{email.email_id}: {email.doubts}" for email in self.sent if email.doubts]

    @property
    def proved_sends(self) -> list[Send]:
        """The sends that are proved: to whom, when, and in which conversation."""
        return [
            Send(when, str(email.proof_evidence_id), str(email.to))
            for email in self.sent
            if email.to and not email.doubts and (when := moment_of(email.proof_timestamp))
        ]


class Send(Struct):
    """A supervised send; its lead is `to` or `lead`."""

    sent_at: datetime
    conversation_id: Annotated[str, Meta(min_length=1)]
    to: str = ""
    lead: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError where it does not say to whom."""
        if not (self.to or self.lead):
            raise ValueError("`to` is missing or empty")


def read_sends(path: Path) -> list[Send]:
    """Read a record of supervised sends: a JSON array, or an object a line.

    Raises InputError naming the file, the entry and the field that is wrong.
    """
    records, problems = read_records(path)
    if problems:
        raise InputError(problems[0])
    sends = []
    for where, raw in records:
        try:
            sends.append(msgspec.json.decode(raw, type=Send))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(f"{path.name}, {where}: {error}") from None
    return sends


def recorded_sends(environment: Environment) -> list[Send]:
    """Return the sends of the profile's record, if it names one. Raises MissingInput naming the key."""
    path = (environment.profile.operator or OperatorSection()).sends
    try:
        return read_sends(Path(path)) if path else []
    except InputError as error:
        raise MissingInput(f"sends of [{environment.name}.operator] ({error})") from None
