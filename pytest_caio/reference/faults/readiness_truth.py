"""Faults of what is reported: from a cache, in contradiction to itself, or so that nobody can read it."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from pytest_caio.contract.providers import UNREADABLE_BODY
from pytest_caio.contract.signing import inngest_signature
from pytest_caio.reference.dashboard.decisions import webhook_signature
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import (
    add_header,
    admit,
    answer,
    edit_report,
    report,
    rewrite,
    say,
    using,
)

__all__ = ["TRUTH"]

_READY = "/api/health/ready"
_DEPENDENCIES = "/api/runtime/dependencies"
_LONG_AGO = datetime.now(UTC) - timedelta(hours=5)
_DOWN = {"required": True, "ready": False, "status": "unhealthy"}


def _cached(path: str, **headers: str) -> Apply:
    """Let a cache answer for a path, which says so in these headers."""
    return answer(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _refuse_and_tell(deployment: Deployment) -> Apply:
    """Refuse the operator status to those who may see it, with a connection string."""

    def change(asked: Incoming, reply: Reply) -> None:
        if deployment.authorised(asked):
            reply.status, reply.body = 403, b'{"detail": "no user in mysql:\\/\\/db.internal\\/caio"}'

    return rewrite("/api/operator/status", change, method="GET")


def _signed_by(deployment: Deployment, key: str) -> bytes:
    """Return the signature of what is posted, by another provider's secret, in base64."""
    digest = webhook_signature(deployment.settings[key], UNREADABLE_BODY)
    return base64.b64encode(bytes.fromhex(digest))


# fmt: off
TRUTH = Faults([
    fault("readiness-aged", "Readiness is an hour old, from a cache.", "RDY-07",
          _cached(_READY, age="3600"), place="cached"),
    fault("dependencies-cached", "The dependencies are from a cache.", "RDY-07",
          _cached(_DEPENDENCIES, x_cache="Hit from cloudfront", age="0"), place="cached"),
    fault("readiness-stale", "Readiness is from a cache that knows it is stale.", "RDY-07",
          _cached(_READY, cf_cache_status="STALE"), place="cached"),
    fault("report-dated-back", "The dependency report is hours old, and so is the time of its answer.",
          "RDY-07", report(checked_at=_LONG_AGO.isoformat()),
          add_header(_DEPENDENCIES, "date", format_datetime(_LONG_AGO, usegmt=True)), place="cached"),
    fault("ready-and-not", "The dependencies are ready, and their status is not_ready.", "RDY-07",
          say(_DEPENDENCIES, status="not_ready"), place="readiness code"),
    fault("dependency-down", "A required dependency that is not known here is down, and all is ready.",
          "RDY-07", edit_report(lambda body: body["dependencies"].update(postgres=dict(_DOWN))),
          place="readiness code"),
    fault("readiness-denied", "Readiness says ready, and that each of its own checks failed.", "RDY-07",
          say(_READY, checks={name: {"ok": False} for name in ("disk", "queue", "clock")}),
          place="readiness code"),
    fault("readiness-without-redis", "Readiness says ready, and that its check of Redis failed.", "RDY-07",
          say(_READY, "checks", redis="unhealthy"), place="readiness code"),
    fault("redis-unhealthy", "Redis is connected, ready, and unhealthy.", "RDY-03",
          report("dependencies", "redis", status="unhealthy"), place="Redis runs"),
    fault("inngest-failing", "Inngest is ready, and its status is an error.", "RDY-04",
          report("dependencies", "inngest", status="error"), place="INNGEST_"),
    fault("webhooks-unhealthy", "Webhooks are ready, and unhealthy.", "WH-02",
          report("dependencies", "webhooks", status="unhealthy"), place="deploy logs"),
    fault("bearer-empty", "An Authorization header with nothing in it opens the API.", "AUTH-08",
          admit(lambda asked: asked.headers.get("authorization", "").strip() == "Bearer"),
          place="auth guard"),
    fault("answer-unreadable", "A webhook's health is packed in a way that nobody asked for (br).",
          "RDY-10 WH-11", answer("/webhooks/rb2b/health", last=True, body=b"\x0b\x02\x80hello\x03",
                                 headers={"content-encoding": "br"}), place="Content-Encoding"),
    fault("secret-after-login", "After a login the browser is told what signs sessions.", "RDY-10",
          using(lambda d: add_header("/login", "set-cookie", f"debug={d.settings['SESSION_SECRET_KEY']}",
                                     method="POST", was=303)), place="change what leaked"),
    fault("refusal-explained", "Who has the right token is refused, and told how a database is reached.",
          "AUTH-05 RDY-10", using(_refuse_and_tell), then="OPS-02 OPS-03 OPS-09", place="deploy logs",
          separate="RDY-10"),
    fault("signature-of-another", "A webhook's refusal shows another provider's signature, in base64.",
          "RDY-10", using(lambda d: answer("/webhooks/rb2b", method="POST", was=401,
                                           body=_signed_by(d, "HEYREACH_WEBHOOK_SECRET"))),
          place="change what leaked"),
])
# fmt: on


@TRUTH.add(
    "A refusal shows the token in an answer that is packed in two parts.",
    "RDY-10",
    place="change what leaked",
)
def token_packed(deployment: Deployment) -> None:
    """Answer with two gzip members, the second of which holds the token."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]

    def change(_: Incoming, reply: Reply) -> None:
        reply.body = gzip.compress(reply.body) + gzip.compress(token.encode())
        reply.headers["content-encoding"] = "gzip"

    rewrite("/api/scorecard", change, was=401, last=True)(deployment)


@TRUTH.add("An answer that is retried shows the insides of the program.", "RDY-10", place="DEBUG")
def trace_before_retry(deployment: Deployment) -> None:
    """Answer the first request for a webhook's health as a proxy would, with a trace."""
    requests = itertools.count()

    def change(_: Incoming, reply: Reply) -> None:
        if not next(requests):
            reply.status, reply.body = 502, b"Traceback (most recent call last):"
            reply.headers["content-type"] = "text/plain"

    rewrite("/webhooks/heyreach/health", change)(deployment)


@TRUTH.add(
    "Inngest believes a signature that was made with an empty key.", "RDY-05", place="INNGEST_SIGNING_KEY"
)
def inngest_empty_key(deployment: Deployment) -> None:
    """Answer such an introspection as a rightly signed one."""

    def change(asked: Incoming, reply: Reply) -> None:
        now = int(time.time())
        forged = {inngest_signature("", b"", moment) for moment in range(now - 60, now + 1)}
        if asked.headers.get("x-inngest-signature") in forged:
            told = {"mode": "cloud", "function_count": 5, "authentication_succeeded": True}
            reply.status, reply.body = 200, json.dumps(told).encode()

    rewrite("/inngest", change, method="GET")(deployment)
