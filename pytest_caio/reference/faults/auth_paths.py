"""Faults of the guard: paths, spellings and methods that it does not protect."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from pytest_caio.reference.dashboard.decisions import SESSION_COOKIE
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, open_door, rewrite, route, set_variable

__all__ = ["PATHS"]

# These checks try credentials, spellings and methods on the operator status: red if it is open.
STATUS_OPEN = "AUTH-04 AUTH-07 AUTH-08 AUTH-10 AUTH-11 AUTH-12 AUTH-15 AUTH-17 AUTH-19"
PAGES = ("/", "/sales", "/leads", "/scorecard")


def _allow(path: str) -> Apply:
    """Put a path on the allowlist."""
    return set_variable("DASHBOARD_AUTH_ALLOWLIST", lambda was: f"{was},{path}")


# fmt: off
PATHS = Faults([
    fault("status-open", "The operator status is open to everybody.", "AUTH-01 AUTH-09",
          _allow("/api/operator/status"), then=STATUS_OPEN, place="DASHBOARD_AUTH_ALLOWLIST"),
    fault("reading-open", "One report, the recent traces, is open to everybody.", "AUTH-09",
          _allow("/api/traces/recent"), then="AUTH-11", place="DASHBOARD_AUTH_ALLOWLIST"),
    fault("acting-open", "Anybody can clear the queue.", "AUTH-09",
          _allow("/api/admin/clear-queue"), place="DASHBOARD_AUTH_ALLOWLIST"),
    fault("approve-open", "Anybody can approve an email, since the guard misses paths with an id in them.",
          "AUTH-09", open_door(lambda asked: bool(re.fullmatch(r"/api/emails/[^/]+/approve", asked.path))),
          place="auth guard"),
    fault("trigger-open", "Anybody can trigger a dispatch.", "AUTH-02 AUTH-09",
          _allow("/api/operator/trigger"), place="DASHBOARD_AUTH_ALLOWLIST"),
    fault("post-unguarded", "Posting is not guarded, only reading is.", "AUTH-02",
          open_door(lambda asked: asked.method == "POST"), place="auth guard"),
    fault("head-unguarded", "HEAD, which shows whether and how long, is not guarded.", "AUTH-11",
          open_door(lambda asked: asked.method == "HEAD"), place="auth guard"),
    fault("put-unguarded", "PUT is not guarded.", "AUTH-11",
          open_door(lambda asked: asked.method == "PUT"), place="auth guard"),
    fault("patch-unguarded", "PATCH is not guarded.", "AUTH-11",
          open_door(lambda asked: asked.method == "PATCH"), place="auth guard"),
    fault("delete-unguarded", "DELETE is not guarded.", "AUTH-11",
          open_door(lambda asked: asked.method == "DELETE"), place="auth guard"),
    # In each of these the guard sees the path as written, and the router a decoded or normalised one.
    fault("double-slash", "A doubled slash in the address walks past the guard.", "AUTH-10",
          open_door(lambda asked: "//" in asked.path), route(lambda path: re.sub("/{2,}", "/", path)),
          place="auth guard"),
    fault("upper-case", "Upper-case letters in the address walk past the guard.", "AUTH-10",
          open_door(lambda asked: asked.path != asked.path.lower()), route(str.lower),
          then="OPS-10", place="auth guard"),
    fault("trailing-slash", "A slash at the end of the address walks past the guard.", "AUTH-10",
          open_door(lambda asked: asked.path.startswith("/api/") and asked.path.endswith("/")),
          route(lambda path: path.rstrip("/") or "/"), place="auth guard"),
    fault("path-parameter", "A `;x` in the address walks past the guard.", "AUTH-10",
          open_door(lambda asked: ";" in asked.path), route(lambda path: re.sub(";[^/]*", "", path)),
          place="auth guard"),
    fault("percent-encoded", "Letters written as %61 in the address walk past the guard.", "AUTH-10",
          open_door(lambda asked: "%" in asked.raw_path), place="auth guard"),
    fault("slash-encoded", "A slash written as %2f in the address walks past the guard.", "AUTH-10",
          open_door(lambda asked: "%2f" in asked.raw_path.lower()), place="auth guard"),
    fault("decoded-twice", "An address that is decoded twice walks past the guard.", "AUTH-10",
          open_door(lambda asked: "%" in asked.path), route(unquote), place="auth guard"),
    fault("null-character", "A null character at the end of the address walks past the guard.", "AUTH-10",
          open_door(lambda asked: "\0" in asked.path), route(lambda path: path.partition("\0")[0]),
          place="auth guard"),
    fault("blank-at-the-end", "A blank at the end of the address walks past the guard.", "AUTH-10",
          open_door(lambda asked: asked.path != asked.path.rstrip()), route(str.rstrip), place="auth guard"),
    fault("dot-segments", "Dots in the address, as in /login/../api, walk past the guard.", "AUTH-10",
          open_door(lambda asked: bool({".", ".."} & set(asked.path.split("/")))),
          route(lambda path: posixpath.normpath(path).replace("//", "/")), place="auth guard"),
    fault("spelling-sent-away", "An odd spelling is sent on to the same path of another host.", "AUTH-10",
          answer("/api//operator/status", was=401, status=301,
                 headers={"location": "https://other.example/api/operator/status"}), place="auth guard"),
    fault("spelling-sent-to-health", "An odd spelling is sent on to a public report.", "AUTH-10",
          answer("/api/./operator/status", was=401, status=301, headers={"location": "/api/health"}),
          place="auth guard"),
    fault("readiness-guarded", "Readiness asks for a token, so that nothing outside can watch it.",
          "AUTH-03 RDY-01", set_variable("DASHBOARD_AUTH_ALLOWLIST", "/api/health,/api/health/live"),
          then="RDY-07", place="DASHBOARD_AUTH_ALLOWLIST"),
    fault("pages-open", "The pages are shown without a login.", "AUTH-13",
          open_door(lambda asked: asked.path in PAGES), place="/login"),
    fault("refusal-redirects",
          "A refused call is sent to the login with a 302, which tools take for success.", "AUTH-01 AUTH-09",
          *(answer(path, was=401, status=302, body=b"", headers={"location": "/login?next=/"})
            for path in ("/api/operator/status", "/api/pending-emails")),
          then=STATUS_OPEN, place="auth guard"),
    fault("pages-by-cookie", "The pages are shown to everybody who sends some session cookie.", "AUTH-13",
          open_door(lambda asked: asked.path in PAGES and SESSION_COOKIE in asked.cookies), place="/login"),
    fault("login-elsewhere", "Pages send visitors without a session to a login on another host.", "AUTH-13",
          *(answer(page, was=302, headers={"location": f"https://login.example/login?next={page}"})
            for page in PAGES),
          then="OPS-10", place="/login"),
    fault("login-replaced", "Pages send visitors to another page of this host, not to the login.", "AUTH-13",
          *(answer(page, was=302, headers={"location": f"/welcome?next={page}"}) for page in PAGES),
          then="OPS-10", place="/login"),
    fault("login-slashes", "Pages send visitors to https:///login, whose host is `login`.", "AUTH-13",
          *(answer(page, was=302, headers={"location": f"https:///login?next={page}"}) for page in PAGES),
          then="OPS-10", place="/login"),
    fault("login-for-good", "Pages send visitors to the login for good (301), which browsers remember.",
          "AUTH-13", *(answer(page, was=302, status=301) for page in PAGES), place="/login"),
])
# fmt: on


@PATHS.add("An address with two slashes first is sent on to another host.", "AUTH-10", place="auth guard")
def slashes_off_host(deployment: Deployment) -> None:
    """Redirect to the path with its two slashes, which browsers read as a host."""

    def change(asked: Incoming, reply: Reply) -> None:
        if asked.path.startswith("//"):
            reply.headers["location"] = f"//{asked.path.strip('/')}/"

    rewrite(None, change, was=302)(deployment)
