"""What a deployment answers, as far as the checks rely on it: paths, reports and the probes they share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from pytest_caio.credentials import TOKEN
from pytest_caio.environments import Environment
from pytest_caio.probes import get
from pytest_caio.runtime import flag

__all__ = [
    "ACTING_PATHS",
    "CADENCE_LEADS",
    "DEPENDENCIES",
    "HEALTH",
    "HEYREACH_ROUTE",
    "LOGIN",
    "OPERATOR_STATUS",
    "PAGES",
    "PENDING_EMAILS",
    "PROVIDERS",
    "READINESS",
    "READING_PATHS",
    "SAFE_HEADERS",
    "WEBHOOK_EVENT",
    "WEBHOOK_ROUTES",
    "Auth",
    "CadenceLead",
    "CadenceLeads",
    "CheckedAt",
    "Dependencies",
    "Inngest",
    "Introspection",
    "NotReady",
    "OperatorStatus",
    "PendingEmails",
    "Provider",
    "Readiness",
    "Redis",
    "WebhookHealth",
    "Webhooks",
    "heyreach_unsigned",
    "reported_commit",
]

READING_PATHS = tuple(
    """
    /api/runtime/dependencies /api/operator/status /api/operator/history /api/operator/pending-batch
    /api/operator/revival-candidates /api/pending-emails /api/emails/history /api/queue-status
    /api/queue-watcher/status /api/rejection-tags /api/traces/recent /api/metrics /api/agents
    /api/integrations /api/mcp-servers /api/guardrails /api/actions /api/alerts /api/scorecard
    /api/scorecard/constraint /api/scorecard/markdown /api/compound-metrics /api/cadence/summary
    /api/cadence/due /api/cadence/leads /api/leads /api/leads/funnel /api/leads/status-summary
    /api/instantly/campaigns /api/instantly/dispatch-status /api/debug/filesystem
    /api/debug/correlation-id
    """.split()
)

# Asked with GET only: 401 is right, anything else got past the guard, and GET can harm nothing.
ACTING_PATHS = tuple(
    """
    /api/operator/trigger /api/operator/approve-batch/caio-probe /api/operator/reject-batch/caio-probe
    /api/emails/caio-probe/approve /api/emails/caio-probe/reject /api/admin/seed_queue
    /api/admin/regenerate_queue /api/actions/record /api/email/record /api/errors/frontend
    /api/scorecard/refresh /api/queue-watcher/trigger /api/call-prep/caio-probe /api/clay-callback
    /api/leads/bootstrap /api/leads/detect-decay /api/cadence/sync
    /api/instantly/campaigns/caio-probe/activate /api/instantly/emergency-stop /api/admin/clear-queue
    """.split()
)

PAGES = ("/", "/sales", "/leads", "/scorecard")
LOGIN = "/login"
PROVIDERS = ("instantly", "heyreach", "clay", "rb2b")
HEYREACH_ROUTE = "/webhooks/heyreach"
# Route to provider; HeyReach's is judged apart, because one waiver covers it whole.
WEBHOOK_ROUTES = {
    "/webhooks/instantly/reply": "instantly",
    "/webhooks/instantly/bounce": "instantly",
    "/webhooks/instantly/open": "instantly",
    "/webhooks/instantly/unsubscribe": "instantly",
    "/webhooks/clay": "clay",
    "/webhooks/rb2b": "rb2b",
}
# An event that no handler knows, about an address that cannot exist: even an open door does nothing.
WEBHOOK_EVENT = (
    b'{"event_type":"caio_acceptance_probe","event":"caio_acceptance_probe","email":"probe@example.com"}'
)

# Headers that a page may send without asking (Fetch standard, CORS-safelisted request headers).
SAFE_HEADERS = frozenset({"accept", "accept-language", "content-language", "content-type"})


class Readiness(Struct):
    """The readiness report."""

    status: str
    timestamp: Any = None
    checks: dict[str, Any] = field(default_factory=dict)


class NotReady(Struct):
    """The answer of a deployment that is not ready."""

    detail: str


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


class Provider(Struct):
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
    provider_auth: dict[str, Provider]
    status: str = ""


class Auth(Struct):
    """What a deployment says of its authentication."""

    strict_mode: bool
    query_token_enabled: bool
    token_configured: bool
    session_secret_explicit: bool
    webhook_signature_required: bool
    environment: str


class Dependencies(Struct):
    """The runtime dependencies report."""

    ready: bool
    required_failures: list[str]
    dependencies: dict[str, Any]
    auth: dict[str, Any]


class CheckedAt(Struct):
    """The moment at which a deployment looked at its dependencies."""

    checked_at: datetime


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


class _QueueDebug(Struct):
    redis_connected: bool | UnsetType | None = UNSET


class PendingEmails(Struct):
    """The queue of pending emails."""

    count: int
    pending_emails: list[dict[str, Any]]
    shadow_queue_debug: _QueueDebug | None = field(default=None, name="_shadow_queue_debug")


class CadenceLead(Struct):
    """One lead that a deployment sees."""

    email: str


class CadenceLeads(Struct):
    """The leads that a deployment sees."""

    leads: list[CadenceLead]


class WebhookHealth(Struct):
    """A webhook provider's health report."""

    signature_strict_mode: bool


class Introspection(Struct):
    """Inngest's introspection."""

    mode: str
    function_count: int


def heyreach_unsigned(environment: Environment) -> bool:
    """Say whether the env file lets HeyReach in unsigned: on the allowlist, without a secret or a bearer.

    That is the fallback for which WH-08 and ENV-11 may be waived: there is no credential of HeyReach then.
    """
    given = [environment.value(key) for key in ("HEYREACH_WEBHOOK_SECRET", "HEYREACH_BEARER_TOKEN")]
    return not any(given) and flag(environment.value("HEYREACH_UNSIGNED_ALLOWLIST")) is True


_COMMIT_KEYS = ("commit", "commit_sha", "git_commit", "git_sha", "revision", "sha")


def reported_commit(report: object) -> str:
    """Return the commit that a decoded report names, at any depth, or an empty text.

    No report is bound to name it; those that do use one of a few keys.
    """
    if not isinstance(report, dict):
        return ""
    for key in _COMMIT_KEYS:
        if isinstance(report.get(key), str) and report[key]:
            return str(report[key])
    return next(filter(None, map(reported_commit, report.values())), "")


HEALTH = get("/api/health", name="health")
READINESS = get(
    "/api/health/ready",
    name="readiness",
    retry_statuses=frozenset({502, 504}),  # its 503 is an answer: not ready
)
DEPENDENCIES = get("/api/runtime/dependencies", TOKEN, name="dependencies")
OPERATOR_STATUS = get("/api/operator/status", TOKEN, name="operator status")
CADENCE_LEADS = get("/api/cadence/leads", TOKEN, name="cadence leads")
PENDING_EMAILS = get("/api/pending-emails", TOKEN, name="pending emails")
