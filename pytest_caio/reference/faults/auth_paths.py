"""Faults of the guard: paths, spellings and methods that it does not stand in front of."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from urllib.parse import unquote

from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, open_door, rewrite

__all__ = ["PATHS"]

fault = Faults()
# The operator status is the path on which credentials, spellings and methods are tried.
STATUS_OPEN = ("AUTH-04", "AUTH-07", "AUTH-08", "AUTH-10", "AUTH-11", "AUTH-12", "AUTH-15", "AUTH-17")


def _route(deployment: Deployment, change: Callable[[str], str]) -> None:
    """Change the path on its way from the guard to the routes."""
    was = deployment.routed
    deployment.routed = lambda path: change(was(path))


@fault(
    "The operator status is open to everybody.",
    "AUTH-01",
    "AUTH-09",
    then=STATUS_OPEN,
    place="DASHBOARD_AUTH_ALLOWLIST",
)
def status_open(deployment: Deployment) -> None:
    """Put the operator status on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/operator/status"


@fault(
    "One report, the recent traces, is open to everybody.",
    "AUTH-09",
    then=("AUTH-11",),
    place="DASHBOARD_AUTH_ALLOWLIST",
)
def reading_open(deployment: Deployment) -> None:
    """Put one reading path on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/traces/recent"


@fault("Anybody can clear the queue.", "AUTH-09", place="DASHBOARD_AUTH_ALLOWLIST")
def acting_open(deployment: Deployment) -> None:
    """Put one acting path on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/admin/clear-queue"


@fault(
    "Anybody can approve an email, since the guard misses paths with an id in them.",
    "AUTH-09",
    place="auth guard",
)
def approve_open(deployment: Deployment) -> None:
    """Leave the approval of emails unguarded."""
    open_door(deployment, lambda asked: re.fullmatch(r"/api/emails/[^/]+/approve", asked.path) is not None)


@fault("Anybody can trigger a dispatch.", "AUTH-02", "AUTH-09", place="DASHBOARD_AUTH_ALLOWLIST")
def trigger_open(deployment: Deployment) -> None:
    """Put the trigger on the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] += ",/api/operator/trigger"


@fault("Posting is not guarded, only reading is.", "AUTH-02", place="auth guard")
def post_unguarded(deployment: Deployment) -> None:
    """Let every POST by."""
    open_door(deployment, lambda asked: asked.method == "POST")


@fault("HEAD, which shows whether and how long, is not guarded.", "AUTH-11", place="auth guard")
def head_unguarded(deployment: Deployment) -> None:
    """Let every HEAD by."""
    open_door(deployment, lambda asked: asked.method == "HEAD")


@fault("PUT is not guarded.", "AUTH-11", place="auth guard")
def put_unguarded(deployment: Deployment) -> None:
    """Let every PUT by."""
    open_door(deployment, lambda asked: asked.method == "PUT")


@fault("PATCH is not guarded.", "AUTH-11", place="auth guard")
def patch_unguarded(deployment: Deployment) -> None:
    """Let every PATCH by."""
    open_door(deployment, lambda asked: asked.method == "PATCH")


@fault("DELETE is not guarded.", "AUTH-11", place="auth guard")
def delete_unguarded(deployment: Deployment) -> None:
    """Let every DELETE by."""
    open_door(deployment, lambda asked: asked.method == "DELETE")


@fault("A doubled slash in the address walks past the guard.", "AUTH-10", place="auth guard")
def double_slash(deployment: Deployment) -> None:
    """Guard the path as written, and route it with slashes joined."""
    open_door(deployment, lambda asked: "//" in asked.path)
    _route(deployment, lambda path: re.sub("/{2,}", "/", path))


@fault(
    "Upper-case letters in the address walk past the guard.", "AUTH-10", then=("OPS-10",), place="auth guard"
)
def upper_case(deployment: Deployment) -> None:
    """Guard the path as written, and route it in lower case."""
    open_door(deployment, lambda asked: asked.path != asked.path.lower())
    _route(deployment, str.lower)


@fault("A slash at the end of the address walks past the guard.", "AUTH-10", place="auth guard")
def trailing_slash(deployment: Deployment) -> None:
    """Guard the path as written, and route it without its last slash."""
    open_door(deployment, lambda asked: asked.path.startswith("/api/") and asked.path.endswith("/"))
    _route(deployment, lambda path: path.rstrip("/") or "/")


@fault("A `;x` in the address walks past the guard.", "AUTH-10", place="auth guard")
def path_parameter(deployment: Deployment) -> None:
    """Guard the path as written, and route it without its parameters."""
    open_door(deployment, lambda asked: ";" in asked.path)
    _route(deployment, lambda path: re.sub(";[^/]*", "", path))


@fault("Letters written as %61 in the address walk past the guard.", "AUTH-10", place="auth guard")
def percent_encoded(deployment: Deployment) -> None:
    """Guard the path before it is decoded, and route it after."""
    open_door(deployment, lambda asked: "%" in asked.raw_path)


@fault("A slash written as %2f in the address walks past the guard.", "AUTH-10", place="auth guard")
def slash_encoded(deployment: Deployment) -> None:
    """Guard the path before its slashes are decoded, and route it after."""
    open_door(deployment, lambda asked: "%2f" in asked.raw_path.lower())


@fault("An address that is decoded twice walks past the guard.", "AUTH-10", place="auth guard")
def decoded_twice(deployment: Deployment) -> None:
    """Guard the path decoded once, and route it decoded again."""
    open_door(deployment, lambda asked: "%" in asked.path)
    _route(deployment, unquote)


@fault("A null character at the end of the address walks past the guard.", "AUTH-10", place="auth guard")
def null_character(deployment: Deployment) -> None:
    """Guard the whole path, and route it up to its first NUL."""
    open_door(deployment, lambda asked: "\0" in asked.path)
    _route(deployment, lambda path: path.partition("\0")[0])


@fault("A blank at the end of the address walks past the guard.", "AUTH-10", place="auth guard")
def blank_at_the_end(deployment: Deployment) -> None:
    """Guard the path as written, and route it trimmed."""
    open_door(deployment, lambda asked: asked.path != asked.path.rstrip())
    _route(deployment, str.rstrip)


@fault("An address with two slashes first is sent on to another host.", "AUTH-10", place="auth guard")
def slashes_off_host(deployment: Deployment) -> None:
    """Redirect to the path as written, which browsers read as a host."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.path.startswith("//") and reply.status == 302:
            reply.headers["location"] = f"//{asked.path.strip('/')}/"

    deployment.rewrites.append(change)


@fault("Dots in the address, as in /login/../api, walk past the guard.", "AUTH-10", place="auth guard")
def dot_segments(deployment: Deployment) -> None:
    """Guard the path as written, and route what its dots resolve to."""
    open_door(deployment, lambda asked: bool({".", ".."} & set(asked.path.split("/"))))
    _route(deployment, lambda path: posixpath.normpath(path).replace("//", "/"))


@fault(
    "Readiness asks for a token, so that nothing outside can watch it.",
    "AUTH-03",
    "RDY-01",
    then=("RDY-07",),
    place="DASHBOARD_AUTH_ALLOWLIST",
)
def readiness_guarded(deployment: Deployment) -> None:
    """Take readiness off the allowlist."""
    deployment.settings["DASHBOARD_AUTH_ALLOWLIST"] = "/api/health,/api/health/live"


@fault("The pages are shown without a login.", "AUTH-13", place="/login")
def pages_open(deployment: Deployment) -> None:
    """Guard the API alone."""
    open_door(deployment, lambda asked: asked.path in {"/", "/sales", "/leads", "/scorecard"})


@fault(
    "A refused call is sent to the login with a 302, which tools take for success.",
    "AUTH-01",
    "AUTH-09",
    then=STATUS_OPEN,
    place="auth guard",
)
def refusal_redirects(deployment: Deployment) -> None:
    """Answer refused API calls as a page would be."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 401:
            reply.status, reply.body = 302, b""
            reply.headers["location"] = "/login?next=/"

    for path in ("/api/operator/status", "/api/pending-emails"):
        rewrite(deployment, path, change)


@fault(
    "Pages send visitors without a session to a login on another host.",
    "AUTH-13",
    then=("OPS-10",),
    place="/login",
)
def login_elsewhere(deployment: Deployment) -> None:
    """Name another host's login."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.path in {"/", "/sales", "/leads", "/scorecard"} and reply.status == 302:
            reply.headers["location"] = f"https://login.example/login?next={asked.path}"

    deployment.rewrites.append(change)


@fault("Pages send visitors to the login for good (301), which browsers remember.", "AUTH-13", place="/login")
def login_for_good(deployment: Deployment) -> None:
    """Redirect permanently, so that the page stays out of reach after the login too."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.path in {"/", "/sales", "/leads", "/scorecard"} and reply.status == 302:
            reply.status = 301

    deployment.rewrites.append(change)


PATHS = fault.all
