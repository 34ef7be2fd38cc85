"""The queue of pending cards: how fresh it is, how old each card is, and what becomes of it on approval."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

__all__ = ["CARD_COLUMNS", "OLDEST", "Card", "Poll", "Queue", "moment_of", "zoned"]

OLDEST = timedelta(hours=2)
_AHEAD = timedelta(minutes=5)  # how far ahead of the deployment's own clock a card may be dated
CARD_COLUMNS = ("email_id", "lead", "tier", "platform", "age in minutes", "state", "why")
_CLASSIFIED = ("target_platform", "queue_origin", "sync_state")


class Poll(Struct):
    """A poll of the pending queue, with its time."""

    refreshed_at: datetime

    @property
    def moment(self) -> datetime:
        """The time when the queue was read; UTC if it has no zone."""
        return zoned(self.refreshed_at)


class Card(Struct):
    """A pending card; any field may be missing or of an unexpected type."""

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
        """The required fields of `classifier` and `campaign_ref` that are missing or empty, dotted."""
        wanted = [("classifier", self.classifier, key) for key in _CLASSIFIED]
        wanted.append(("campaign_ref", self.campaign_ref, "internal_id"))
        return [f"{name}.{key}" for name, part, key in wanted if not _given(part, key)]

    @property
    def platform(self) -> str:
        """The platform that would send the card, in lower case; empty if it is not given."""
        return str(_given(self.classifier, "target_platform") or "").strip().lower()

    @property
    def state(self) -> tuple[str, str]:
        """The card's state on approval (`sendable`, `resolvable` or `blocked`), and the reason."""
        if self.synthetic:
            return "blocked", "synthetic"
        if self.platform == "ghl" and self.contact_id:
            return "sendable", "has a contact in ghl"
        if self.to:
            return "resolvable", "has only an address, which is resolved on approval"
        return "blocked", "has neither a contact in ghl nor an address"

    def age(self, now: datetime) -> timedelta | None:
        """Return the card's age, or None if it has no valid timestamp; a time without a zone is UTC."""
        made = moment_of(self.timestamp)
        return None if made is None else now - made

    def overdue(self, now: datetime) -> str:
        """Return why the card is not from the last two hours, or an empty string if it is."""
        age = self.age(now)
        if age is None:
            return f"{self.email_id} does not say when it was made"
        if age < -_AHEAD:
            return f"{self.email_id} is dated {_minutes(-age)} minutes ahead of the deployment's clock"
        return f"{self.email_id} is {_minutes(age)} minutes old" if age > OLDEST else ""

    def row(self, now: datetime) -> tuple[object, ...]:
        """Return the card as a table row with the columns CARD_COLUMNS."""
        age = self.age(now)
        minutes = "unknown" if age is None else _minutes(age)
        return (self.email_id, self.to, self.tier, self.platform, minutes, *self.state)


class Queue(Struct):
    """The queue of pending emails."""

    count: int
    pending_emails: list[Card]

    @property
    def counts(self) -> str:
        """The number of cards in each state, in words."""
        found = Counter(card.state[0] for card in self.pending_emails)
        return ", ".join(f"{found[state]} {state}" for state in ("sendable", "resolvable", "blocked"))


def moment_of(value: object) -> datetime | None:
    """Return a time that a deployment reported, or None if `value` is not a time; UTC if it has no zone."""
    try:
        return zoned(msgspec.convert(value, datetime, strict=False))
    except msgspec.ValidationError:
        return None


def zoned(moment: datetime) -> datetime:
    """Return `moment` as UTC if it has no zone, else unchanged."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _given(part: object, key: str) -> object:
    value = part.get(key) if isinstance(part, dict) else None
    return value.strip() if isinstance(value, str) else value


def _minutes(age: timedelta) -> int:
    return round(age / timedelta(minutes=1))
