"""Faults of readiness and hardening: what the deployment says of itself, and what it lets slip."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Faults, crash, edit_json, rewrite

__all__ = ["READINESS"]

fault = Faults()
SLOW_SECONDS = 2.0


def _edit(deployment: Deployment, edit: Callable[[dict[str, Any]], None]) -> None:
    deployment.report_edits.append(edit)


def _fail(report: dict[str, Any], name: str) -> None:
    """Fail a required dependency in a report."""
    report["dependencies"][name].update(ready=False, status="unhealthy")
    report["required_failures"].append(name)
    report.update(ready=False, status="degraded")


@fault("The deployment is not ready (503).", "RDY-01", "RDY-07", then=("AUTH-03",), place="deploy logs")
def readiness_503(deployment: Deployment) -> None:
    """Answer 503 though the dependencies are ready."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.status = 503
        reply.body = json.dumps({"detail": "Runtime dependencies not ready: redis"}).encode()

    rewrite(deployment, "/api/health/ready", change)


@fault("Readiness says something else than `ready`.", "RDY-01", "RDY-07", place="deploy logs")
def readiness_starting(deployment: Deployment) -> None:
    """Answer 200 with another status."""
    edit_json(deployment, "/api/health/ready", lambda body: body.update(status="starting"))


@fault(
    "Readiness answers with a page instead of JSON.",
    "RDY-01",
    then=("AUTH-03", "RDY-07"),
    place="deploy logs",
)
def readiness_html(deployment: Deployment) -> None:
    """Answer as a proxy's own page would."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.body = b"<!doctype html><title>ok</title>"
        reply.headers["content-type"] = "text/html; charset=utf-8"

    rewrite(deployment, "/api/health/ready", change)


@fault(
    "Readiness says ready while the dependencies say a required one failed.",
    "RDY-02",
    "RDY-07",
    then=("RDY-04",),
    place="INNGEST_",
)
def readiness_contradicts(deployment: Deployment) -> None:
    """Fail Inngest in the dependency report alone."""
    edit_json(deployment, "/api/runtime/dependencies", lambda report: _fail(report, "inngest"))


@fault("The dependencies say ready and list a failure all the same.", "RDY-02", "RDY-07", place="deploy logs")
def failures_listed(deployment: Deployment) -> None:
    """List a required failure without its consequences."""
    _edit(deployment, lambda report: report["required_failures"].append("redis"))


@fault("The dependency report is an old one, kept for hours.", "RDY-07", place="redeploy")
def stale_report(deployment: Deployment) -> None:
    """Date the report far back."""
    _edit(deployment, lambda report: report.update(checked_at="2026-01-05T08:00:00+00:00"))


@fault(
    "Redis is down.",
    "RDY-01",
    "RDY-02",
    "RDY-03",
    then=(
        *("AUTH-03", "AUTH-05", "AUTH-14", "AUTH-16", "RDY-15", "STATE-06"),
        *(f"OPS-0{n}" for n in range(1, 10)),
    ),
    place="REDIS_URL",
)
def redis_down(deployment: Deployment) -> None:
    """Point it at a port where nothing listens."""
    deployment.settings["REDIS_URL"] = "redis://127.0.0.1:1/0"


@fault("Redis is not connected, and readiness does not mind.", "RDY-03", place="REDIS_URL")
def redis_unminded(deployment: Deployment) -> None:
    """Report Redis as not connected, and everything as ready."""
    _edit(deployment, lambda report: report["dependencies"]["redis"].update(connected=False, latency_ms=None))


@fault("Redis is not required: the deployment would run without its state.", "RDY-03", place="REDIS_REQUIRED")
def redis_optional(deployment: Deployment) -> None:
    """Turn the requirement off."""
    deployment.settings["REDIS_REQUIRED"] = "false"


@fault(
    "Inngest is not required: background work could be missing unseen.", "RDY-04", place="INNGEST_REQUIRED"
)
def inngest_optional(deployment: Deployment) -> None:
    """Turn the requirement off."""
    deployment.settings["INNGEST_REQUIRED"] = "false"


@fault("Inngest's event key is missing.", "RDY-01", "RDY-02", "RDY-04", then=("AUTH-03",), place="INNGEST_")
def inngest_unkeyed(deployment: Deployment) -> None:
    """Empty the event key."""
    deployment.settings["INNGEST_EVENT_KEY"] = ""


@fault("Inngest runs in its development mode and trusts everybody.", "RDY-05", place="INNGEST_DEV")
def inngest_dev(deployment: Deployment) -> None:
    """Run the SDK in dev mode."""
    deployment.inngest_dev = True


@fault(
    "Inngest's route is missing.",
    "RDY-01",
    "RDY-02",
    "RDY-04",
    "RDY-05",
    "RDY-06",
    then=("AUTH-03",),
    place="INNGEST_",
)
def inngest_missing(deployment: Deployment) -> None:
    """Do not mount /inngest."""
    deployment.inngest_mounted = False


@fault("One of the background functions is missing.", "RDY-06", place="deploy logs")
def inngest_few(deployment: Deployment) -> None:
    """Serve three functions."""
    deployment.inngest_functions = 3


@fault(
    "Inngest has another signing key than the environment file.",
    "RDY-05",
    "RDY-06",
    place="INNGEST_SIGNING_KEY",
)
def inngest_wrong_key(deployment: Deployment) -> None:
    """Give the SDK a key of its own."""
    deployment.inngest_signing_key = f"signkey-prod-{secrets.token_hex(32)}"


@fault("Authentication is not strict.", "RDY-08", place="DASHBOARD_AUTH_STRICT")
def not_strict(deployment: Deployment) -> None:
    """Turn strict authentication off."""
    deployment.settings["DASHBOARD_AUTH_STRICT"] = "false"


@fault("The deployment says it is another environment.", "RDY-08", place="ENVIRONMENT")
def wrong_environment(deployment: Deployment) -> None:
    """Call itself development."""
    deployment.settings["ENVIRONMENT"] = "development"


@fault("Sessions are signed with a secret made up at each start.", "RDY-08", place="SESSION_SECRET_KEY")
def session_secret_implicit(deployment: Deployment) -> None:
    """Sign with a secret that nobody set, and say so."""
    deployment.settings["SESSION_SECRET_KEY"] = secrets.token_urlsafe(48)
    told = {"session_secret_explicit": False, "session_secret_source": "generated"}
    _edit(deployment, lambda report: report["auth"].update(told))


@fault("The deployment says that no dashboard token is set.", "RDY-08", place="DASHBOARD_AUTH_TOKEN")
def token_unconfigured(deployment: Deployment) -> None:
    """Report the token as not configured."""
    _edit(deployment, lambda report: report["auth"].update(token_configured=False))


@fault("The API's documentation is public.", "RDY-09", place="ENVIRONMENT")
def docs_served(deployment: Deployment) -> None:
    """Serve the documents and the description they are made from."""
    deployment.docs = True


@fault("Readiness takes seconds.", "RDY-12", place="Redis latency")
def slow_readiness(deployment: Deployment) -> None:
    """Answer readiness late."""
    deployment.delays["/api/health/ready"] = SLOW_SECONDS


@fault("Another commit is deployed than the one that was asked for.", "RDY-13", place="Redeploy")
def wrong_commit(deployment: Deployment) -> None:
    """Report another commit."""
    deployment.commit = "0ddba11" + "0" * 33


@fault("The pages come without the headers that protect them.", "RDY-14", place="X-Frame-Options")
def headers_missing(deployment: Deployment) -> None:
    """Send no security headers."""
    deployment.security_headers.clear()


@fault("The queue says that Redis is down while readiness says all is well.", "RDY-15", place="REDIS_URL")
def queue_without_redis(deployment: Deployment) -> None:
    """Contradict readiness in the queue's own words."""

    def edit(body: dict[str, Any]) -> None:
        body["_shadow_queue_debug"].update(redis_connected=False, source="memory")

    edit_json(deployment, "/api/pending-emails", edit)
    edit_json(deployment, "/api/queue-status", lambda body: body.update(redis_connected=False))


@fault(
    "Readiness crashes (500) where it should say what is missing.",
    "RDY-07",
    "RDY-01",
    then=("AUTH-03", "RDY-02", "RDY-04"),
    place="readiness code",
)
def readiness_500(deployment: Deployment) -> None:
    """Answer 500 in place of 503, while Inngest's event key is missing."""
    inngest_unkeyed(deployment)
    crash(deployment, lambda asked, _: asked.path == "/api/health/ready")


@fault("The deployment does not say which commit it runs.", "RDY-13", place="Redeploy")
def commit_unsaid(deployment: Deployment) -> None:
    """Report an empty commit."""
    deployment.commit = ""


@fault("The deployment says too little of its commit to tell it from another.", "RDY-13", place="Redeploy")
def commit_short(deployment: Deployment) -> None:
    """Report the first four characters."""
    deployment.commit = deployment.commit[:4]


@fault("Pages let browsers guess what they are.", "RDY-14", place="X-Content-Type-Options")
def guessing_allowed(deployment: Deployment) -> None:
    """Leave nosniff out."""
    del deployment.security_headers["X-Content-Type-Options"]


@fault("Pages can be shown inside other sites' pages.", "RDY-14", place="X-Frame-Options")
def framing_allowed(deployment: Deployment) -> None:
    """Leave the frame option out."""
    del deployment.security_headers["X-Frame-Options"]


READINESS = fault.all
