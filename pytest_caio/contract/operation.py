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
    "Counters",
    "DryRun",
    "EmailHistory",
    "Gatekeeper",
    "Ramp",
    "Send",
]

_PROVED = frozenset({"proved", "proven", "verified", "confirmed"})
_DENIED = frozenset({"not", "no", "never", "pending", "failed", "missing", "partially"})


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
        """The number of dispatches of each part."""
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

    emails: list[_Email]

    @property
    def sent(self) -> list[_Email]:
        """The emails that are marked sent."""
        return [email for email in self.emails if email.sent]

    @property
    def unproved(self) -> list[str]:
        """The emails that are marked sent without proof, each with the reason."""
        return [f"{email.email_id}: {email.doubts}" for email in self.sent if email.doubts]

    @property
    def proved_sends(self) -> list[Send]:
        """The proved sends: recipient, time and conversation."""
        return [
            Send(when, str(email.proof_evidence_id), str(email.to))
            for email in self.sent
            if email.to and not email.doubts and (when := moment_of(email.proof_timestamp))
        ]


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
