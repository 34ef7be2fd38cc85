"""The queue of pending cards: how fresh it is, how old each card is, and what becomes of it on approval."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

__all__ = ["CARD_COLUMNS", "OLDEST", "Card", "Poll", "Queue", "moment_of", "zoned"]

OLDEST = timedelta(hours=2)
_AHEAD = timedelta(minutes=5)  # a card may be dated so far ahead of the deployment's own clock, no further
CARD_COLUMNS = ("email_id", "lead", "tier", "platform", "age in minutes", "state", "why")
_CLASSIFIED = ("target_platform", "queue_origin", "sync_state")


class Poll(Struct):
    """A poll of the pending queue, with its time."""

    refreshed_at: datetime

    @property
    def moment(self) -> datetime:
        """When the queue was read, UTC unless it has a zone."""
        return zoned(self.refreshed_at)


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
        made = moment_of(self.timestamp)
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


def moment_of(value: object) -> datetime | None:
    """Return a time that a deployment told, UTC unless it has a zone; None where it is no time."""
    try:
        return zoned(msgspec.convert(value, datetime, strict=False))
    except msgspec.ValidationError:
        return None


def zoned(moment: datetime) -> datetime:
    """Return a time that names no zone as UTC, any other as it is."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _given(part: object, key: str) -> object:
    value = part.get(key) if isinstance(part, dict) else None
    return value.strip() if isinstance(value, str) else value


def _minutes(age: timedelta) -> int:
    return round(age / timedelta(minutes=1))
