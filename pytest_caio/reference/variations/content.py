"""Variations of what is said: other refusals and redirects, other times, fewer fields, nothing that waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, edit_json, rewrite

__all__ = ["SAYING"]

variation = Faults()


def _refused(deployment: Deployment, kind: str, body: bytes, **headers: str) -> None:
    """Refuse with another body."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 401:
            reply.body = body
            reply.headers["content-type"] = kind
            reply.headers.update({name.replace("_", "-"): value for name, value in headers.items()})

    deployment.rewrites.append(change)


def _located(deployment: Deployment, change: Callable[[Asked, str], str]) -> None:
    """Write the target of redirects otherwise."""

    def changed(asked: Asked, reply: Reply) -> None:
        if "location" in reply.headers:
            reply.headers["location"] = change(asked, reply.headers["location"])

    deployment.rewrites.append(changed)


def _dated(deployment: Deployment, write: Callable[[datetime], object]) -> None:
    deployment.report_edits.append(lambda report: report.update(checked_at=write(datetime.now(UTC))))
    edit_json(
        deployment, "/api/health/ready", lambda body: body.update(timestamp=datetime.now(UTC).timestamp())
    )


@variation("Refusals have no body.")
def refusals_empty(deployment: Deployment) -> None:
    """Refuse with nothing but the status."""
    _refused(deployment, "application/json", b"")


@variation("Refusals are pages.")
def refusals_html(deployment: Deployment) -> None:
    """Refuse with a page."""
    _refused(deployment, "text/html; charset=utf-8", b"<!doctype html><h1>Please sign in</h1>")


@variation("Refusals are plain texts, with the challenge that HTTP asks for.")
def refusals_challenge(deployment: Deployment) -> None:
    """Refuse with WWW-Authenticate (RFC 9110, 11.6.1)."""
    _refused(
        deployment, "text/plain", "Zutritt verweigert: 拒否".encode(), www_authenticate='Bearer realm="caio"'
    )


@variation("Redirects to the login are absolute.")
def redirects_absolute(deployment: Deployment) -> None:
    """Name this host in every redirect."""
    _located(
        deployment, lambda asked, to: f"http://{asked.headers['host']}{to}" if to.startswith("/") else to
    )


@variation("Redirects to the login name this host with https, as an edge has it.")
def redirects_https(deployment: Deployment) -> None:
    """Name this host with the edge's scheme."""
    _located(
        deployment, lambda asked, to: f"https://{asked.headers['host']}{to}" if to.startswith("/") else to
    )


@variation("Redirects to the login are 307, and encode all of `next`.")
def redirects_temporary(deployment: Deployment) -> None:
    """Answer 307 for 302, and write slashes in the query as %2F."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 302:
            path, mark, query = reply.headers["location"].partition("?")
            reply.status, reply.headers["location"] = 307, path + mark + query.replace("/", "%2F")

    deployment.rewrites.append(change)


@variation("Odd spellings of a path are bad requests to begin with.")
def spellings_refused(deployment: Deployment) -> None:
    """Answer 400 to what an edge would not pass on."""

    def change(asked: Asked, reply: Reply) -> None:
        odd = {"//", ";", "%", "/./", "/../"}
        if "operator" in asked.raw_path.lower() and any(mark in asked.raw_path for mark in odd):
            reply.status, reply.body = 400, b"Bad Request"
            del reply.headers["location"]

    deployment.rewrites.append(change)


@variation("Nothing waits and nothing was sent.")
def queues_empty(deployment: Deployment) -> None:
    """Empty the queue and the history."""
    edit_json(deployment, "/api/pending-emails", lambda body: body.update(count=0, pending_emails=[]))
    edit_json(deployment, "/api/emails/history", lambda body: body.update(emails=[]))


@variation("An older deployment leaves out what it may.")
def fields_left_out(deployment: Deployment) -> None:
    """Leave out every field that the contract does not count on, proof fields among them."""
    proof = ("proof_status", "proof_source", "proof_timestamp", "proof_evidence_id")
    spare = {"latency_ms", "message", "status", "app_id", "token_header", "session_secret_source"}

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

    edit_json(deployment, "/api/emails/history", history)
    edit_json(deployment, "/api/pending-emails", lambda body: body.pop("_shadow_queue_debug"))
    edit_json(deployment, "/api/runtime/dependencies", dependencies)
    edit_json(deployment, "/api/health/ready", readiness)


@variation("Public health says degraded, which a healthy deployment may.")
def health_degraded(deployment: Deployment) -> None:
    """Say so in the health that nothing rests on."""
    edit_json(deployment, "/api/health", lambda body: body.update(status="degraded"))


@variation("Production calls itself prod.")
def environment_short(deployment: Deployment) -> None:
    """Say `prod` for production."""
    deployment.report_edits.append(lambda report: report["auth"].update(environment="Prod"))


@variation("Times are written with Z, and readiness counts seconds.")
def times_in_z(deployment: Deployment) -> None:
    """Write `…Z`, to the millisecond."""
    _dated(deployment, lambda now: now.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


@variation("Times are written in another zone.")
def times_elsewhere(deployment: Deployment) -> None:
    """Write the time of a zone five and a half hours ahead."""
    zone = timezone(timedelta(hours=5, minutes=30))
    _dated(deployment, lambda now: now.astimezone(zone).isoformat())


@variation("Times are written without a zone, and mean UTC.")
def times_without_zone(deployment: Deployment) -> None:
    """Write no offset."""
    _dated(deployment, lambda now: now.replace(tzinfo=None).isoformat(timespec="seconds"))


@variation("A wrong token at the login is 401 and clears the cookie.")
def login_clears(deployment: Deployment) -> None:
    """Answer 401 with an empty session cookie."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.method == "POST" and reply.status == 200:
            reply.status = 401
            reply.headers.append("set-cookie", 'caio_session=""; Max-Age=0; Path=/')

    rewrite(deployment, "/login", change)


@variation("A webhook accepts with 202 and no body.")
def webhooks_accept_later(deployment: Deployment) -> None:
    """Answer 202 for 200."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.method == "POST" and asked.path.startswith("/webhooks/") and reply.status == 200:
            reply.status, reply.body = 202, b""

    deployment.rewrites.append(change)


@variation("Every answer takes its time, within the budget.")
def answers_slow(deployment: Deployment) -> None:
    """Answer after a fifth of a second."""
    deployment.latency = 0.2


SAYING = variation.all
