"""Variations of content: other refusals, redirects and times, fewer fields, empty queues."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import redis

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, variation
from pytest_caio.reference.faults.verbs import (
    add_header,
    answer,
    assign,
    edit_json,
    edit_report,
    edit_store,
    publish,
    report,
    rewrite,
    say,
    set_variable,
)

__all__ = ["CONTENT"]

_READY = "/api/health/ready"
_ELSEWHERE = timezone(timedelta(hours=5, minutes=30))


def _refuse(kind: str, body: bytes) -> Apply:
    """Refuse (401) with another body."""
    return answer(None, was=401, body=body, headers={"content-type": kind})


def _redirect(scheme: str) -> Apply:
    """Make redirects to a path absolute, with this host."""

    def change(asked: Incoming, reply: Reply) -> None:
        to = reply.headers.get("location", "")
        if to.startswith("/"):
            reply.headers["location"] = f"{scheme}://{asked.headers['host']}{to}"

    return rewrite(None, change)


def _place(write: Callable[[str, str], str]) -> Apply:
    """Make redirects to a path absolute, with this host and port as `write` writes them."""

    def change(asked: Incoming, reply: Reply) -> None:
        to = reply.headers.get("location", "")
        if to.startswith("/"):
            host, _, port = asked.headers["host"].partition(":")
            reply.headers["location"] = f"{write(host, port)}{to}"

    return rewrite(None, change)


def _date(write: Callable[[datetime], object]) -> tuple[Apply, Apply]:
    """Format the time in the dependency report with `write`; give the time in readiness in seconds."""
    return (
        edit_report(lambda body: body.update(checked_at=write(datetime.now(UTC)))),
        edit_json(_READY, lambda body: body.update(timestamp=datetime.now(UTC).timestamp())),
    )


def _forget_cards(client: redis.Redis, _: str) -> None:
    """Remove every card."""
    for key in client.scan_iter("*:shadow:*"):
        client.delete(key)


# fmt: off
CONTENT = Faults([
    variation("refusals-empty", "Refusals have no body.", _refuse("application/json", b"")),
    variation("refusals-html", "Refusals are pages.",
              _refuse("text/html; charset=utf-8", b"<!doctype html><h1>Please sign in</h1>")),
    variation("refusals-challenge", "Refusals are plain texts, with the challenge that HTTP asks for.",
              _refuse("text/plain", "Zutritt verweigert: 拒否".encode()),
              answer(None, was=401, headers={"www-authenticate": 'Bearer realm="caio"'})),
    variation("redirects-absolute", "Redirects to the login are absolute.", _redirect("http")),
    variation("redirects-https", "Redirects to the login name this host with https, as an edge has it.",
              _redirect("https")),
    variation("redirects-capitals", "Redirects to the login name scheme and host in another writing.",
              _place(lambda host, port: f"HTTP://{host.upper().replace('127.0.0.1', '0x7F.1')}.:0{port}")),
    variation("queues-empty", "Nothing waits and nothing was sent.", edit_store(_forget_cards)),
    variation("health-degraded", "Public health says degraded, which a healthy deployment may.",
              say("/api/health", status="degraded")),
    variation("icon-named", "Public health names a picture for dense displays, which is no address.",
              say("/api/health", icon="/static/logo@2x.png")),
    variation("providers-by-bearer", "Instantly and HeyReach send a bearer, the other providers sign.",
              *(verb(f"{name}_WEBHOOK_SECRET", None)
                for name in ("INSTANTLY", "HEYREACH") for verb in (set_variable, publish))),
    variation("environment-short", "Production calls itself prod.", report("auth", environment="Prod")),
    variation("times-in-z", "Times are written with Z, and readiness counts seconds.",
              *_date(lambda now: now.isoformat(timespec="milliseconds").replace("+00:00", "Z"))),
    variation("times-elsewhere", "Times are written in another zone, in the basic form of ISO 8601.",
              *_date(lambda now: now.astimezone(_ELSEWHERE).strftime("%Y%m%dT%H%M%S%z"))),
    variation("times-without-zone", "Times are written without a zone, and mean UTC.",
              *_date(lambda now: now.replace(tzinfo=None).isoformat(timespec="seconds"))),
    variation("login-clears", "A wrong token at the login is 401 and clears the cookie.",
              add_header("/login", "set-cookie", 'caio_session=""; Max-Age=0; Path=/',
                         method="POST", was=200),
              answer("/login", method="POST", was=200, status=401)),
    variation("commit-unsaid", "No answer names the commit that runs, as none of a deployment seen does.",
              *(edit_json(path, lambda body: body.pop("commit", None)) for path in ("/api/health", _READY))),
    variation("models-unreported", "Nothing is said of language models, as older deployments do not.",
              edit_report(lambda body: body.pop("llm_routing"))),
    variation("answers-slow", "Every answer takes its time, within the budget.", assign(latency=0.2)),
])
# fmt: on


@CONTENT.add("Redirects to the login are 307, and encode all of `next`.")
def redirects_temporary(deployment: Deployment) -> None:
    """Answer 307 instead of 302, and write slashes in the query as %2F."""

    def change(_: Incoming, reply: Reply) -> None:
        path, mark, query = reply.headers["location"].partition("?")
        reply.status, reply.headers["location"] = 307, path + mark + query.replace("/", "%2F")

    rewrite(None, change, was=302)(deployment)


@CONTENT.add("Odd spellings of a path are bad requests to begin with.")
def spellings_refused(deployment: Deployment) -> None:
    """Answer 400 to paths that an edge proxy would refuse."""

    def change(asked: Incoming, reply: Reply) -> None:
        odd = {"//", ";", "%", "/./", "/../"}
        if "operator" in asked.raw_path.lower() and any(mark in asked.raw_path for mark in odd):
            reply.status, reply.body = 400, b"Bad Request"
            del reply.headers["location"]

    rewrite(None, change)(deployment)


@CONTENT.add("An older deployment leaves out what it may.")
def fields_left_out(deployment: Deployment) -> None:
    """Leave out every field that the contract does not require, proof fields included."""
    proof = ("proof_status", "proof_source", "proof_timestamp", "proof_evidence_id")
    spare = {"latency_ms", "message", "status", "app_id", "token_header", "llm_routing"}

    def thinned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: thinned(item) for key, item in value.items() if key not in spare}
        return value

    def history(body: dict[str, Any]) -> None:
        for email in body["emails"]:
            for name in proof:
                email.pop(name, None)

    def dependencies(body: dict[str, Any]) -> None:
        body.update(thinned(body))

    def readiness(body: dict[str, Any]) -> None:
        body.clear()
        body["status"] = "ready"

    edit_json("/api/emails/history", history)(deployment)
    edit_json("/api/pending-emails", lambda body: body.pop("_shadow_queue_debug"))(deployment)
    edit_json("/api/runtime/dependencies", dependencies)(deployment)
    edit_json("/api/health/ready", readiness)(deployment)


@CONTENT.add("A webhook accepts with 202 and no body.")
def webhooks_accept_later(deployment: Deployment) -> None:
    """Answer 202 without a body instead of 200."""

    def change(asked: Incoming, reply: Reply) -> None:
        if asked.path.startswith("/webhooks/"):
            reply.status, reply.body = 202, b""

    rewrite(None, change, method="POST", was=200)(deployment)
