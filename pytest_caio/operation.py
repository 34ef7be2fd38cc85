"""What a deployment says of its supervised operation: dry runs, the ramp, pending cards, emails sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct

from pytest_caio.credentials import TOKEN
from pytest_caio.environments import Environment
from pytest_caio.errors import InputError
from pytest_caio.exchanges import Exchange
from pytest_caio.probes import Effect, MissingInput, Probe, get, post
from pytest_caio.replay.records import read_records
from pytest_caio.sections import OperatorSection

__all__ = [
    "CARD_COLUMNS",
    "EMAIL_HISTORY",
    "OLDEST",
    "POLL_AGAIN",
    "Card",
    "CleanDays",
    "Counters",
    "DryRun",
    "EmailHistory",
    "Gatekeeper",
    "Poll",
    "Queue",
    "Ramp",
    "Send",
    "answered_at",
    "daily_limit",
    "dry_run",
    "read_sends",
    "recorded_sends",
]

OLDEST = timedelta(hours=2)
_AHEAD = timedelta(minutes=5)  # a card may be dated so far ahead of the deployment's own clock, no further
CARD_COLUMNS = ("email_id", "lead", "tier", "platform", "age in minutes", "state", "why")
_CLASSIFIED = ("target_platform", "queue_origin", "sync_state")
_PROVED = frozenset({"proved", "proven", "verified", "confirmed"})
_DENIED = frozenset({"not", "no", "never", "pending", "failed", "missing", "partially"})

EMAIL_HISTORY = get("/api/emails/history", TOKEN, name="email history")
# A deployment may tell the time in whole seconds.
POLL_AGAIN = get("/api/pending-emails", TOKEN, name="second poll", again_after=1.1)


def dry_run(motion: str) -> Probe:
    """Return the probe that triggers a dry run of a motion: `outbound` or `all`."""
    body = msgspec.json.encode({"dry_run": True, "motion": motion})
    kind = {"Content-Type": "application/json"}
    name = f"dry run of {motion}"
    return post("/api/operator/trigger", TOKEN, headers=kind, body=body, effect=Effect.WRITE, name=name)


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


class Poll(Struct):
    """A poll of the pending queue, with its time."""

    refreshed_at: datetime

    @property
    def moment(self) -> datetime:
        """When the queue was read, UTC unless it has a zone."""
        return _zoned(self.refreshed_at)


class Card(Struct):
    """A pending card; of its fields nothing is taken for granted."""

    email_id: Any = None
    to: Any = None
    tier: Any = None
    timestamp: Any = None
    contact_id: Any = None
    synthetic: Any = False
    classifier: Any = None
    campaign_ref: Any = None

    @property
    def lacks(self) -> list[str]:
        """The parts of classifier and campaign reference that it does not carry."""
        wanted = [("classifier", self.classifier, key) for key in _CLASSIFIED]
        wanted.append(("campaign_ref", self.campaign_ref, "internal_id"))
        return [f"{name}.{key}" for name, part, key in wanted if not _given(part, key)]

    @property
    def platform(self) -> str:
        """The platform that it would be sent by, in small letters."""
        return str(_given(self.classifier, "target_platform") or "").strip().lower()

    @property
    def state(self) -> tuple[str, str]:
        """What becomes of it on approval, and why: `sendable`, `resolvable` or `blocked`."""
        if self.synthetic:
            return "blocked", "synthetic"
        if self.platform == "ghl" and self.contact_id:
            return "sendable", "has a contact in ghl"
        if self.to:
            return "resolvable", "has only an address, which is resolved on approval"
        return "blocked", "has neither a contact in ghl nor an address"

    def age(self, now: datetime) -> timedelta | None:
        """Return its age, None where it does not say when it was made; a time without a zone is UTC."""
        made = _moment(self.timestamp)
        return None if made is None else now - made

    def overdue(self, now: datetime) -> str:
        """Say why it is not from the last two hours, empty where it is."""
        age = self.age(now)
        if age is None:
            return f"{self.email_id} does not say when it was made"
        if age < -_AHEAD:
            return f"{self.email_id} is dated {_minutes(-age)} minutes ahead of the deployment's clock"
        return f"{self.email_id} is {_minutes(age)} minutes old" if age > OLDEST else ""

    def row(self, now: datetime) -> tuple[object, ...]:
        """Return it as a row under CARD_COLUMNS."""
        age = self.age(now)
        minutes = "unknown" if age is None else _minutes(age)
        return (self.email_id, self.to, self.tier, self.platform, minutes, *self.state)


class Queue(Struct):
    """The queue of pending emails."""

    count: int
    pending_emails: list[Card]

    @property
    def counts(self) -> str:
        """How many cards become what, in words."""
        found = Counter(card.state[0] for card in self.pending_emails)
        return ", ".join(f"{found[state]} {state}" for state in ("sendable", "resolvable", "blocked"))


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
        """Whether it leaves every field of proof out, as deployments did that had none."""
        fields = (self.sent_via_ghl, self.proof_status, self.proof_source)
        return all(one is UNSET for one in (*fields, self.proof_timestamp, self.proof_evidence_id))

    @property
    def doubts(self) -> str:
        """Why it is not proved that it was sent, empty where it is."""
        found = [] if self.sent_via_ghl is True else ["sent_via_ghl is not true"]
        words = set(re.split(r"[\W_]+", str(self.proof_status).lower()))
        if not words & _PROVED or words & _DENIED:
            found.append("proof_status does not say proved")
        if _moment(self.proof_timestamp) is None:
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
            if email.to and not email.doubts and (when := _moment(email.proof_timestamp))
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


def answered_at(answer: Exchange) -> datetime:
    """Return when an answer was given, by the deployment's own clock where it tells: ours may be off."""
    try:
        return _zoned(parsedate_to_datetime(answer.header("date") or ""))
    except ValueError:
        return answer.started


def _moment(value: object) -> datetime | None:
    try:
        return _zoned(msgspec.convert(value, datetime, strict=False))
    except msgspec.ValidationError:
        return None


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _given(part: object, key: str) -> object:
    value = part.get(key) if isinstance(part, dict) else None
    return value.strip() if isinstance(value, str) else value


def _minutes(age: timedelta) -> int:
    return round(age / timedelta(minutes=1))
