"""Faults of the guard: headers of proxies that it believes."""

from __future__ import annotations

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import admit, open_door, rewrite, using

__all__ = ["HEADERS"]


def _believe(name: str, *values: str) -> Apply:
    """Let everybody in who sends one of these values in a header."""
    return admit(lambda asked: asked.headers.get(name) in values)


def _guard_by(name: str) -> Apply:
    """Have the guard look at the path in a header."""
    return open_door(lambda asked: asked.headers.get(name) in ("/api/health", "/login"))


def _origin(deployment: Deployment) -> str:
    return deployment.settings["CAIO_BASE_URL"]


# fmt: off
HEADERS = Faults([
    fault("forwarded-for-believed", "Who claims in X-Forwarded-For to be local comes in.", "AUTH-19",
          _believe("x-forwarded-for", "127.0.0.1"), place="auth guard"),
    fault("real-ip-believed", "Who claims in X-Real-IP to be local comes in.", "AUTH-19",
          _believe("x-real-ip", "127.0.0.1"), place="auth guard"),
    fault("client-ip-believed", "Who claims in a proxy's own header to be local comes in.", "AUTH-19",
          _believe("true-client-ip", "127.0.0.1"), place="auth guard"),
    fault("forwarded-believed", "Who claims in Forwarded to be local comes in.", "AUTH-19",
          admit(lambda asked: "for=127.0.0.1" in asked.headers.get("forwarded", "")), place="auth guard"),
    fault("forwarded-host-believed", "Who claims in X-Forwarded-Host to ask localhost comes in.", "AUTH-19",
          _believe("x-forwarded-host", "localhost"), place="auth guard"),
    fault("original-url-believed", "The guard looks at X-Original-URL in place of the address.", "AUTH-19",
          _guard_by("x-original-url"), place="auth guard"),
    fault("rewrite-url-believed", "The guard looks at X-Rewrite-URL in place of the address.", "AUTH-19",
          _guard_by("x-rewrite-url"), place="auth guard"),
    fault("method-override-believed", "A method named in a header is not guarded.", "AUTH-19",
          _believe("x-http-method-override", "OPTIONS"), place="auth guard"),
    fault("internal-request-believed", "Who says X-Internal-Request comes in.", "AUTH-19",
          _believe("x-internal-request", "1", "true"), place="auth guard"),
    fault("user-believed", "Who names a user in a proxy's header comes in.", "AUTH-19",
          _believe("x-forwarded-user", "admin"), place="auth guard"),
    fault("referer-believed", "Who claims to come from the dashboard's own pages comes in.", "AUTH-19",
          using(lambda d: admit(lambda asked: asked.headers.get("referer", "").startswith(_origin(d)))),
          place="auth guard"),
    fault("origin-believed", "A script that claims the dashboard's own origin comes in.", "AUTH-19",
          using(lambda d: _believe("origin", _origin(d))), place="auth guard"),
    fault("same-origin-believed", "Who claims to be a script of the dashboard comes in.", "AUTH-19",
          _believe("x-requested-with", "XMLHttpRequest"), place="auth guard"),
    fault("preflight-believed", "Whatever has the headers of a preflight is not guarded, also what reads.",
          "AUTH-19", admit(lambda asked: "access-control-request-method" in asked.headers),
          place="auth guard"),
])
# fmt: on


@HEADERS.add(
    "A public address answers for the one in X-Original-URL.", "AUTH-19", place="path that is served"
)
def original_url_served(deployment: Deployment) -> None:
    """Answer the readiness path with the operator status that the header names."""

    def change(asked: Incoming, reply: Reply) -> None:
        if asked.headers.get("x-original-url") == "/api/operator/status":
            reply.body = b'{"enabled": true, "emergency_stop": false}'

    rewrite("/api/health/ready", change)(deployment)
