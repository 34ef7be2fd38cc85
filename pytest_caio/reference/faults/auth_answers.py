"""Faults of the answers to the right token: refused, broken, or with nothing in them."""

from __future__ import annotations

import json
from collections.abc import Callable

from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, rewrite

__all__ = ["ANSWERS"]

fault = Faults()
# Who cannot read the dependency report can say nothing of what stands in it.
UNREAD = ("RDY-03", "RDY-04", "RDY-07", "RDY-08", "WH-01", "WH-02", "WH-08", "WH-12")
# Who cannot read the operator status can say nothing of its counters, its ramp and its clean days.
UNSEEN = ("OPS-02", "OPS-03", "OPS-09")


def _authorised_status(deployment: Deployment, change: Callable[[Reply], None]) -> None:
    """Change what the operator status answers to a right credential."""

    def changed(asked: Asked, reply: Reply) -> None:
        if asked.method == "GET" and deployment.authorised(asked):
            change(reply)

    rewrite(deployment, "/api/operator/status", changed)


@fault(
    "The right token is refused: every call is unauthorised.",
    "AUTH-05",
    "AUTH-06",
    then=(*UNREAD, "RDY-02", "RDY-15", "STATE-06", *(f"OPS-0{n}" for n in range(1, 10))),
    place="DASHBOARD_AUTH_TOKEN",
)
def token_refused(deployment: Deployment) -> None:
    """Accept no token, as a deployment does that was given another one."""
    deployment.token_accepted = lambda _: False


@fault(
    "The operator status breaks for those who may see it (500).",
    "AUTH-05",
    then=UNSEEN,
    place="deploy logs",
)
def status_500(deployment: Deployment) -> None:
    """Answer 500 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 500, b"Internal Server Error"

    _authorised_status(deployment, change)


@fault(
    "The operator status is forbidden even with the right token (403).",
    "AUTH-05",
    then=UNSEEN,
    place="deploy logs",
)
def status_403(deployment: Deployment) -> None:
    """Answer 403 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 403, json.dumps({"detail": "Forbidden"}).encode()

    _authorised_status(deployment, change)


@fault(
    "The operator status is not found with the right token (404).",
    "AUTH-05",
    then=UNSEEN,
    place="deploy logs",
)
def status_404(deployment: Deployment) -> None:
    """Answer 404 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 404, json.dumps({"detail": "Not Found"}).encode()

    _authorised_status(deployment, change)


@fault(
    "The operator status sends those with the right token to the login.",
    "AUTH-05",
    then=UNSEEN,
    place="deploy logs",
)
def status_redirect(deployment: Deployment) -> None:
    """Answer 302 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 302, b""
        reply.headers["location"] = "/login?next=/"

    _authorised_status(deployment, change)


@fault(
    "The operator status answers 200 with nothing in it.",
    "AUTH-05",
    then=UNSEEN,
    place="deploy logs",
)
def status_empty(deployment: Deployment) -> None:
    """Answer an empty body to an authorised call."""

    def change(reply: Reply) -> None:
        reply.body = b""

    _authorised_status(deployment, change)


@fault(
    "The operator status answers 200 with an empty report.",
    "AUTH-05",
    then=UNSEEN,
    place="deploy logs",
)
def status_hollow(deployment: Deployment) -> None:
    """Answer `{}` to an authorised call."""

    def change(reply: Reply) -> None:
        reply.body = b"{}"

    _authorised_status(deployment, change)


@fault(
    "The dependency report answers 200 with an empty report.",
    "AUTH-06",
    "RDY-02",
    then=UNREAD,
    place="deploy logs",
)
def dependencies_hollow(deployment: Deployment) -> None:
    """Answer `{}` where the dependencies are asked for."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 200:
            reply.body = b"{}"

    rewrite(deployment, "/api/runtime/dependencies", change)


ANSWERS = fault.all
