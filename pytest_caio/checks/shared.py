"""The probes that several checks share, so that each is sent once."""

from __future__ import annotations

from pytest_caio.checks.credentials import TOKEN, login_token
from pytest_caio.checks.probe import EDGE_STATUSES, Effect, get, post
from pytest_caio.contract.paths import LOGIN

__all__ = [
    "CADENCE_LEADS",
    "DEPENDENCIES",
    "HEALTH",
    "LOG_IN",
    "OPERATOR_STATUS",
    "PENDING_EMAILS",
    "READINESS",
    "REFUSED_TRIGGER",
]

HEALTH = get("/api/health", name="health")
READINESS = get(
    "/api/health/ready",
    name="readiness",
    retry_statuses=EDGE_STATUSES - {503},  # 503 is the application's own response: not ready
)
DEPENDENCIES = get("/api/runtime/dependencies", TOKEN, name="dependencies")
OPERATOR_STATUS = get("/api/operator/status", TOKEN, name="operator status")
# The one list that may outgrow what is read of an answer on a healthy deployment: its check says so itself.
CADENCE_LEADS = get("/api/cadence/leads", TOKEN, name="cadence leads", tolerates_silence=True)
# Not quite read-only, by the product's design.
PENDING_EMAILS = get("/api/pending-emails", TOKEN, name="pending emails", effect=Effect.QUEUE)
# Cut short: an open trigger could not act on it, and a dry run is counted in the operator's state.
REFUSED_TRIGGER = post(
    "/api/operator/trigger",
    headers={"Content-Type": "application/json"},
    body=b'{"dry_run": true, "motion": "outbound"',
    name="trigger without a token",
)
LOG_IN = post(
    LOGIN,
    login_token(),
    headers={"Content-Type": "application/x-www-form-urlencoded"},
    effect=Effect.WRITE,
    name="login",
    sample=1,  # another login than that of AUTH-14
)
