"""Faults of the guard: paths, spellings and methods that it does not stand in front of."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, open_door, rewrite

__all__ = ["PATHS"]

fault = Faults()


def _route(deployment: Deployment, change: Callable[[str], str]) -> None:
    """Change the path on its way from the guard to the routes."""
    was = deployment.routed
    deployment.routed = lambda path: change(was(path))


@fault("The operator status is open to everybody.", "AUTH-01", "AUTH-09")
def status_open(deployment: Deployment) -> None:
    """Put the operator status on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/operator/status"


@fault("One report, the recent traces, is open to everybody.", "AUTH-09")
def reading_open(deployment: Deployment) -> None:
    """Put one reading path on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/traces/recent"


@fault("Anybody can clear the queue.", "AUTH-09")
def acting_open(deployment: Deployment) -> None:
    """Put one acting path on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/admin/clear-queue"


@fault("Anybody can approve an email, since the guard misses paths with an id in them.", "AUTH-09")
def approve_open(deployment: Deployment) -> None:
    """Leave the approval of emails unguarded."""
    open_door(deployment, lambda asked: re.fullmatch(r"/api/emails/[^/]+/approve", asked.path) is not None)


@fault("Anybody can trigger a dispatch.", "AUTH-02", "AUTH-09")
def trigger_open(deployment: Deployment) -> None:
    """Put the trigger on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/operator/trigger"


@fault("Posting is not guarded, only reading is.", "AUTH-02")
def post_unguarded(deployment: Deployment) -> None:
    """Let every POST by."""
    open_door(deployment, lambda asked: asked.method == "POST")


@fault("HEAD, which shows whether and how long, is not guarded.", "AUTH-11")
def head_unguarded(deployment: Deployment) -> None:
    """Let every HEAD by."""
    open_door(deployment, lambda asked: asked.method == "HEAD")


@fault("PUT, PATCH and DELETE are not guarded.", "AUTH-11")
def put_unguarded(deployment: Deployment) -> None:
    """Let the writing methods by, POST aside."""
    open_door(deployment, lambda asked: asked.method in {"PUT", "PATCH", "DELETE"})


@fault("A doubled slash in the address walks past the guard.", "AUTH-10")
def double_slash(deployment: Deployment) -> None:
    """Guard the path as written, and route it with slashes joined."""
    open_door(deployment, lambda asked: "//" in asked.path)
    _route(deployment, lambda path: re.sub("/{2,}", "/", path))


@fault("Upper-case letters in the address walk past the guard.", "AUTH-10")
def upper_case(deployment: Deployment) -> None:
    """Guard the path as written, and route it in lower case."""
    open_door(deployment, lambda asked: asked.path != asked.path.lower())
    _route(deployment, str.lower)


@fault("A slash at the end of the address walks past the guard.", "AUTH-10")
def trailing_slash(deployment: Deployment) -> None:
    """Guard the path as written, and route it without its last slash."""
    open_door(deployment, lambda asked: asked.path.startswith("/api/") and asked.path.endswith("/"))
    _route(deployment, lambda path: path.rstrip("/") or "/")


@fault("A `;x` in the address walks past the guard.", "AUTH-10")
def path_parameter(deployment: Deployment) -> None:
    """Guard the path as written, and route it without its parameters."""
    open_door(deployment, lambda asked: ";" in asked.path)
    _route(deployment, lambda path: re.sub(";[^/]*", "", path))


@fault("Letters written as %61 in the address walk past the guard.", "AUTH-10")
def percent_encoded(deployment: Deployment) -> None:
    """Guard the path before it is decoded, and route it after."""
    open_door(deployment, lambda asked: "%" in asked.raw_path)


@fault("Dots in the address, as in /login/../api, walk past the guard.", "AUTH-10")
def dot_segments(deployment: Deployment) -> None:
    """Guard the path as written, and route what its dots resolve to."""
    open_door(deployment, lambda asked: bool({".", ".."} & set(asked.path.split("/"))))
    _route(deployment, lambda path: posixpath.normpath(path).replace("//", "/"))


@fault("Readiness asks for a token, so that nothing outside can watch it.", "AUTH-03", "RDY-01")
def readiness_guarded(deployment: Deployment) -> None:
    """Take readiness off the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] = "/api/health,/api/health/live"


@fault("The pages are shown without a login.", "AUTH-13")
def pages_open(deployment: Deployment) -> None:
    """Guard the API alone."""
    open_door(deployment, lambda asked: asked.path in {"/", "/sales", "/leads", "/scorecard"})


@fault("A refused call is sent to the login with a 302, which tools take for success.", "AUTH-01", "AUTH-09")
def refusal_redirects(deployment: Deployment) -> None:
    """Answer refused API calls as a page would be."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 401:
            reply.status, reply.body = 302, b""
            reply.headers["location"] = "/login?next=/"

    for path in ("/api/operator/status", "/api/pending-emails"):
        rewrite(deployment, path, change)


PATHS = fault.all
