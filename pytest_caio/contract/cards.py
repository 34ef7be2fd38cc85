"""The queue of pending cards: how fresh it is, how old each card is, and what becomes of it on approval."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

__all__ = [
    "CARD_COLUMNS",
    "OLDEST",
    "RAMP_TIER",
    "Card",
    "Poll",
    "Queue",
    "card_key",
    "index_key",
    "moment_of",
    "read_card",
    "unrendered_texts",
    "zoned",
]

OLDEST = timedelta(hours=2)
_AHEAD = timedelta(minutes=5)  # how far ahead of the deployment's own clock a card may be dated
CARD_COLUMNS = ("email_id", "lead", "tier", "platform", "age in minutes", "state", "why")
RAMP_TIER = "tier_1"
"""The tier that emails go out to while the ramp is active."""
_CLASSIFIED = ("target_platform", "queue_origin", "sync_state")
_VISITOR = re.compile(r"visitor|website|rb2b", re.IGNORECASE)
# The basic form of ISO 8601, which has no signs between the parts of a date.
_BASIC = re.compile(r"\d{8}T\d{4}", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d*)?", re.ASCII)
_LATEST = 1e11  # seconds since 1970
_COMPLIANT = ("unsubscribe_present", "signature_present", "cta_present", "footer_present")
_TEXT = re.compile(r"(?:\w+_)?(?:subject|body|html|text|content|message)")
_UNRENDERED = re.compile(r"\{\{[^{}]*\}\}")
# What the queue says of itself: the cards that it found, merged or left out.
_HELD = ("redis_returned", "merged_count", "excluded_non_actionable_count")


def card_key(prefix: str, email_id: str) -> str:
    """Return the Redis key of a card."""
    return f"{prefix}:shadow:email:{email_id}"


def index_key(prefix: str) -> str:
    """Return the Redis key of the sorted set of pending cards."""
    return f"{prefix}:shadow:pending_ids"


class Poll(Struct):
    """A poll of the pending queue, with its time."""

    refreshed_at: Any

    def __post_init__(self) -> None:
        """Read the time. Raises ValueError if it is none."""
        self.refreshed_at = moment_of(self.refreshed_at)
        if self.refreshed_at is None:
            raise ValueError("`refreshed_at` is no time")

    @property
    def moment(self) -> datetime:
        """The time when the queue was read; UTC if it has no zone."""
        moment: datetime = self.refreshed_at
        return moment


class Card(Struct):
    """A pending card; any field may be missing or of an unexpected type.

    `fields` are the names of all fields that the deployment shows of it, `unrendered` those of its texts that
    have a placeholder in them.
    """

    email_id: Any = None
    to: Any = None
    tier: Any = None
    timestamp: Any = None
    contact_id: Any = None
    synthetic: Any = False
    classifier: Any = None
    campaign_ref: Any = None
    compliance_checks: Any = None
    unrendered: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def lacks(self) -> list[str]:
        """The required fields of `classifier` and `campaign_ref` that are missing or empty, dotted.

        Visitors of the website belong to no campaign: their cards have a reference, and it is empty.
        """
        lacking = [f"classifier.{key}" for key in _CLASSIFIED if not _given(self.classifier, key)]
        visitor = _VISITOR.search(str(_given(self.classifier, "queue_origin")))
        if not (
            _given(self.campaign_ref, "internal_id") or (visitor and isinstance(self.campaign_ref, dict))
        ):
            lacking.append("campaign_ref.internal_id")
        return lacking

    @property
    def unlawful(self) -> list[str]:
        """Why the card may not go out: what its text lacks or has unrendered, and a tier outside the ramp."""
        checks = self.compliance_checks if isinstance(self.compliance_checks, dict) else {}
        found = [f"{key} is not true" for key in _COMPLIANT if checks.get(key) is not True]
        found += [f"{name} is not rendered" for name in self.unrendered]
        if str(self.tier).strip().lower() != RAMP_TIER:
            found.append(f"it is of {self.tier or 'no tier'}, and the ramp lets out {RAMP_TIER} alone")
        return found

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
    pending_emails: list[dict[str, Any]]
    debug: Any = msgspec.field(default=None, name="_shadow_queue_debug")

    def __repr__(self) -> str:
        """Name no lead and no message: a traceback may show it."""
        return f"<queue of {len(self.pending_emails)} cards>"

    @property
    def cards(self) -> list[Card]:
        """The cards, in the deployment's order."""
        return list(map(read_card, self.pending_emails))

    @property
    def real(self) -> list[Card]:
        """The cards that are about people; the others are for training, and never go out."""
        return [card for card in self.cards if not card.synthetic]

    @property
    def held(self) -> int:
        """How many cards the queue says that it has somewhere, shown or not."""
        told = self.debug if isinstance(self.debug, dict) else {}
        return max((told[key] for key in _HELD if type(told.get(key)) is int), default=0)

    @property
    def excluded(self) -> int:
        """How many cards the queue says that it leaves out because nobody could act on them."""
        told = self.debug.get("excluded_non_actionable_count") if isinstance(self.debug, dict) else 0
        return told if type(told) is int else 0

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers that the queue says it shows; none where it shows all."""
        told = self.debug.get("queue_tier_filter") if isinstance(self.debug, dict) else None
        return tuple(re.findall(r"tier_\d+", str(told).lower()))

    @property
    def counts(self) -> str:
        """The number of cards in each state, in words."""
        found = Counter(card.state[0] for card in self.cards)
        return ", ".join(f"{found[state]} {state}" for state in ("sendable", "resolvable", "blocked"))


def unrendered_texts(raw: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of a card's texts, such as its subject, that have a placeholder `{{...}}` in them."""
    texts = [name for name, text in raw.items() if isinstance(text, str) and _UNRENDERED.search(text)]
    return tuple(filter(_TEXT.fullmatch, texts))


def read_card(raw: dict[str, Any]) -> Card:
    """Return the card that a deployment shows, or Redis holds, as this object."""
    known = {key: raw[key] for key in Card.__struct_fields__ if key in raw}
    return Card(**known | {"unrendered": unrendered_texts(raw), "fields": tuple(raw)})


def moment_of(value: object) -> datetime | None:
    """Return a time that a deployment reported, or None if `value` is not a time; UTC if it has no zone.

    A time is a text in a form of ISO 8601, or the seconds or milliseconds since 1970, as a number or a text.
    """
    try:
        if isinstance(value, str) and _BASIC.match(value):
            return zoned(datetime.fromisoformat(value))
        if isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
            # Later than this, in seconds, is thousands of years ahead.
            value = float(value) / 1000 if float(value) > _LATEST else value
        return zoned(msgspec.convert(value, datetime, strict=False))
    except (ValueError, OverflowError):  # also a msgspec.ValidationError, and half a surrogate pair
        return None


def zoned(moment: datetime) -> datetime:
    """Return `moment` as UTC if it has no zone, else unchanged."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _given(part: object, key: str) -> object:
    value = part.get(key) if isinstance(part, dict) else None
    return value.strip() if isinstance(value, str) else value


def _minutes(age: timedelta) -> int:
    return round(age / timedelta(minutes=1))
