"""Reports about a deployment's supervised operation: dry runs, the ramp, sent emails and their proof."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct

from pytest_caio.contract.cards import moment_of

__all__ = [
    "CleanDays",
    "DryRun",
    "Email",
    "EmailHistory",
    "Gatekeeper",
    "Ramp",
    "Send",
    "Sent",
]

_PROVED = frozenset({"proved", "proven", "verified", "confirmed"})
_DENIED = frozenset({"not", "no", "never", "pending", "failed", "missing", "partially"})


class _Channel(Struct):
    dry_run: bool
    total_dispatched: int | None = None
    errors: list[Any] = []


class DryRun(Struct):
    """The report of a triggered run; a motion without a part has none of its report."""

    dry_run: bool
    motion: str
    errors: list[Any]
    instantly_report: _Channel | None = None
    heyreach_report: _Channel | None = None
    revival_dispatched: int | None = None
    cadence_dispatched: int | None = None

    @property
    def channels(self) -> Mapping[str, _Channel]:
        """The reports of the channels that the motion has."""
        told = {"instantly": self.instantly_report, "heyreach": self.heyreach_report}
        return {name: report for name, report in told.items() if report is not None}

    @property
    def forecast(self) -> Mapping[str, int | None]:
        """How much each part would send, if the run were not dry; None where it does not say."""
        totals = {name: report.total_dispatched for name, report in self.channels.items()}
        return {**totals, "revival": self.revival_dispatched, "cadence": self.cadence_dispatched}


class Sent(Struct):
    """The day's counters of what went out; a dry run may count itself in others (`runs`, `last_run`)."""

    outbound_email: int
    outbound_linkedin: int
    revival: int
    cadence: int

    def until(self, later: Sent) -> str:
        """Which counters differ later, in words; empty if none does."""
        pairs = ((name, getattr(self, name), getattr(later, name)) for name in self.__struct_fields__)
        return ", ".join(f"{name} from {was} to {now}" for name, was, now in pairs if was != now)


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


class Email(Struct):
    """A card as the history or Redis has it; any field may be missing or of an unexpected type.

    `blocked` is whether nobody could act on it, as `Card.state` says.
    """

    email_id: Any = None
    to: Any = None
    status: Any = None
    tier: Any = None
    synthetic: Any = False
    timestamp: Any = None
    sent_via_ghl: Any = UNSET
    proof_status: Any = UNSET
    proof_source: Any = UNSET
    proof_timestamp: Any = UNSET
    proof_evidence_id: Any = UNSET
    unrendered: Any = ()
    blocked: Any = False

    @property
    def decided(self) -> bool:
        """Whether it no longer waits: it was approved, rejected or sent."""
        return self.sent or str(self.status).strip().lower() in ("approved", "rejected")

    @property
    def sent(self) -> bool:
        """Whether it counts as sent."""
        return self.sent_via_ghl is True or str(self.status).strip().lower().startswith("sent")

    @property
    def proved(self) -> bool:
        """Whether it is proved that it was sent, and to whom."""
        return bool(self.sent and self.to and not self.doubts)

    @property
    def silent(self) -> bool:
        """Whether all proof fields are missing, as in older deployments, and `sent_via_ghl` is not denied."""
        fields = (self.proof_status, self.proof_source, self.proof_timestamp, self.proof_evidence_id)
        return all(one is UNSET for one in fields) and self.sent_via_ghl in (UNSET, True)

    @property
    def doubts(self) -> str:
        """Why the send is not proved, or an empty string if it is."""
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

    emails: list[Email]

    @property
    def sent(self) -> list[Email]:
        """The emails that are marked sent; none of a deployment that never tells of proof."""
        sent = [email for email in self.emails if email.sent]
        return [] if all(email.silent for email in sent) else sent


class Send(Struct):
    """A supervised send; `to` or `lead` names the lead."""

    sent_at: datetime
    conversation_id: Annotated[str, Meta(min_length=1)]
    to: str = ""
    lead: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError if neither `to` nor `lead` is given."""
        if not (self.to or self.lead):
            raise ValueError("`to` is missing or empty")
