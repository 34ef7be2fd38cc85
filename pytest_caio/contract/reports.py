"""Reports in a deployment's responses, with the fields that the checks rely on.

An error about a report quotes the first line of its class's docstring (see `Exchange.report`).
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct, field

from pytest_caio.contract.cards import moment_of

__all__ = [
    "Auth",
    "CadenceLead",
    "CadenceLeads",
    "CheckedAt",
    "Dependencies",
    "Inngest",
    "Introspection",
    "OperatorStatus",
    "PendingEmails",
    "ProviderAuth",
    "QueueDebug",
    "Readiness",
    "Redis",
    "WebhookHealth",
    "Webhooks",
    "denies",
    "is_commit",
    "reported_commit",
]


class Readiness(Struct):
    """The readiness report."""

    status: str
    timestamp: Any = None
    checks: dict[str, Any] = field(default_factory=dict)


class Redis(Struct):
    """What a deployment says of its Redis."""

    required: bool
    configured: bool
    connected: bool
    ready: bool
    status: str = ""
    message: str | None = None
    latency_ms: float | None = None


class Inngest(Struct):
    """What a deployment says of its Inngest."""

    required: bool
    configured: bool
    keys_present: bool
    route_mounted: bool
    ready: bool
    status: str = ""


class ProviderAuth(Struct):
    """How a webhook provider authenticates."""

    hmac: bool
    bearer: bool
    unsigned_allowlisted: bool
    authed: bool


class Webhooks(Struct):
    """What a deployment says of its webhooks."""

    required: bool
    ready: bool
    unauthed_providers: list[str]
    provider_auth: dict[str, ProviderAuth]
    status: str = ""


class Auth(Struct):
    """What a deployment says of its authentication."""

    strict_mode: bool
    query_token_enabled: bool
    token_configured: bool
    session_secret_explicit: bool
    session_secret_source: str
    webhook_signature_required: bool
    environment: str


class Dependencies(Struct):
    """The runtime dependencies report."""

    ready: bool
    required_failures: list[str]
    dependencies: dict[str, Any]
    auth: dict[str, Any]
    status: Any = None

    @property
    def required(self) -> dict[str, Any]:
        """The dependencies that are said to be required, by name."""
        told = self.dependencies.items()
        return {name: part for name, part in told if isinstance(part, dict) and part.get("required") is True}


class CheckedAt(Struct):
    """The moment at which a deployment looked at its dependencies."""

    checked_at: Any

    def __post_init__(self) -> None:
        """Read the time, which is a text. Raises ValueError if it is none."""
        self.checked_at = moment_of(self.checked_at) if isinstance(self.checked_at, str) else None
        if self.checked_at is None:
            raise ValueError("`checked_at` is no time")


class _Ramp(Struct):
    active: bool


class _Gatekeeper(Struct):
    required: bool


class OperatorStatus(Struct):
    """The operator status report."""

    enabled: bool
    emergency_stop: bool
    ramp: _Ramp
    today: dict[str, Any]
    gatekeeper: _Gatekeeper


class QueueDebug(Struct):
    """What the queue says of where its cards are."""

    redis_connected: bool | None = None
    prefix: str | None = None
    filesystem_merge_enabled: bool | None = None


class PendingEmails(Struct):
    """The queue of pending emails."""

    count: int
    pending_emails: list[dict[str, Any]]
    shadow_queue_debug: QueueDebug | None = field(default=None, name="_shadow_queue_debug")


class CadenceLead(Struct):
    """One lead that a deployment sees."""

    email: str


class CadenceLeads(Struct):
    """The leads that a deployment sees, in an object; other deployments answer the list alone."""

    leads: list[CadenceLead]


class WebhookHealth(Struct):
    """A webhook provider's health report."""

    signature_strict_mode: bool


class Introspection(Struct):
    """Inngest's introspection."""

    mode: str
    function_count: int
    authentication_succeeded: bool | None = None


# What a report calls a part that is well; one of these that is false denies it.
_WELL = ("ready", "ok", "healthy", "connected", "available", "up", "alive", "passed", "success")
_UNWELL = re.compile(
    r"(?:^|[\W_])(?:not|never|false|un(?:ready|healthy|available|reachable|configured|connected)"
    r"|not(?:ready|ok|healthy|connected|available)|dis(?:connected|abled)|down|dead|offline|outage|critical"
    r"|fail(?:s|ed|ing|ure)?|error|broken|crash(?:ed|ing)|refused|lost|missing|stopp(?:ed|ing)|timeout"
    r"|starting|initiali[sz]ing)(?:$|[\W_])",
    re.IGNORECASE,
)


def denies(part: object) -> bool:
    """Return whether a part of a report, a status or an object with one, says that it is not well.

    Any other word is a deployment's own affair: `healthy`, `up`, `degraded`.
    """
    if isinstance(part, dict):
        return any(part.get(key) is False for key in _WELL) or denies(part.get("status"))
    return part is False or (isinstance(part, str) and bool(_UNWELL.search(part)))


_COMMIT = re.compile("[0-9A-Fa-f]{7,64}")
_DIGITS = re.compile("[0-9A-Fa-f]+")
_COMMIT_KEYS = ("commit", "commit_sha", "git_commit", "git_sha", "revision", "sha")


def is_commit(text: str) -> bool:
    """Return whether a text is the SHA of a commit, or so many of its first digits as identify one."""
    return bool(_COMMIT.fullmatch(text))


def reported_commit(report: object) -> str:
    """Return the commit that a decoded report names, at any depth, or an empty string.

    No report has to name its commit; those that do use one of a few keys. `unknown` there names none, and
    too few digits to identify a commit are returned as they are.
    """
    if not isinstance(report, dict):
        return ""
    for key in _COMMIT_KEYS:
        if isinstance(report.get(key), str) and _DIGITS.fullmatch(report[key]):
            return str(report[key])
    return next(filter(None, map(reported_commit, report.values())), "")
