"""Leaks: public responses that show secrets or internals of the server."""

from __future__ import annotations

import base64
import json
import secrets
import time
import traceback
from contextvars import ContextVar
from urllib.parse import quote

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.contract.signing import inngest_signature
from pytest_caio.reference.dashboard.decisions import webhook_signature
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply, WebhookPost
from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import answer, rewrite, say, using

__all__ = ["LEAKS"]


_PERSON = "jane.doe@northwind-freight.com"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# fmt: off
LEAKS = Faults([
    fault("secret-leaked", "A public answer shows a secret.", "RDY-10",
          using(lambda d: say("/api/health", debug={"clay": d.settings["CLAY_WEBHOOK_SECRET"]})),
          place="change what leaked"),
    fault("token-leaked", "A public answer shows the dashboard's token in a header.", "RDY-10",
          using(lambda d: answer("/login", headers={"x-debug-expected": d.settings["DASHBOARD_AUTH_TOKEN"]})),
          place="change what leaked"),
    fault("connection-leaked", "A public answer shows where and how Redis is reached.", "RDY-10",
          say("/api/health/ready", "checks", url="redis://default:internal@redis.railway.internal:6379/0"),
          place="DEBUG"),
    fault("secret-encoded", "A public answer shows a secret in another writing (base64).", "RDY-10",
          using(lambda d: say("/webhooks/clay/health", session=_base64(d.settings["SESSION_SECRET_KEY"]))),
          place="change what leaked"),
    fault("token-in-redirect", "A page's redirect carries the token in its address.", "RDY-10 AUTH-13",
          using(lambda d: answer("/leads", headers={
              "location": f"/login?next=/leads?token={quote(d.settings['DASHBOARD_AUTH_TOKEN'])}"})),
          place="change what leaked"),
    fault("signing-key-leaked", "The refusal of an unsigned introspection shows the signing key.", "RDY-10",
          using(lambda d: answer(
              "/inngest", was=401, body=json.dumps({"expected": d.inngest_signing_key}).encode())),
          place="change what leaked"),
    fault("token-of-others", "A public answer shows the key of another service.", "RDY-10",
          say("/api/health", models={"key": f"sk-{secrets.token_hex(24)}"}), place="change what leaked"),
    fault("person-named", "A public answer names the e-mail address of a person.", "RDY-10",
          say("/api/health", last_lead=_PERSON), place="Leave it out of the answer"),
    # These leak in answers that only other checks ask for.
    fault("person-in-refusal", "The refusal of an approval names whom the email is for.", "RDY-10",
          answer("/api/emails/caio-probe/approve", was=401, body=json.dumps({"detail": _PERSON}).encode()),
          place="Leave it out of the answer"),
    fault("connection-in-webhook", "A webhook's refusal shows how a database is reached.", "RDY-10",
          answer("/webhooks/clay", method="POST", was=401, body=b"no secret at postgres://db.internal/caio"),
          place="change what leaked"),
    fault("token-in-login", "The page after a wrong login shows the right token.", "RDY-10",
          using(lambda d: answer("/login", method="POST", was=200, headers={
              "x-debug-expected": d.settings["DASHBOARD_AUTH_TOKEN"]})), place="change what leaked"),
    fault("token-in-preflight", "A refused preflight shows the token.", "RDY-10",
          using(lambda d: answer(None, method="OPTIONS", was=400, last=True,
                                 body=d.settings["DASHBOARD_AUTH_TOKEN"].encode())),
          place="change what leaked"),
])
# fmt: on


@LEAKS.add("A refused call shows the insides of the program.", "RDY-10", place="DEBUG")
def traceback_leaked(deployment: Deployment) -> None:
    """Show a traceback in a refusal."""

    def change(_: Incoming, reply: Reply) -> None:
        try:
            json.loads("")  # raises, for a real traceback
        except ValueError:
            reply.body = json.dumps({"detail": traceback.format_exc()}).encode()

    rewrite("/api/operator/status", change, was=401)(deployment)


@LEAKS.add("The login page shows the password of a database.", "RDY-10", place="change what leaked")
def password_leaked(deployment: Deployment) -> None:
    """Show a URL with a password that is not the value of any known variable."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.body += b"<!-- tcp://caio:hunter2@db.internal:5432 -->"

    rewrite("/login", change, method="GET")(deployment)


@LEAKS.add("A malformed token is refused with the insides of the program.", "RDY-10", place="DEBUG")
def trace_of_malformed(deployment: Deployment) -> None:
    """Show a stack trace to those whose token cannot be decoded."""

    def change(asked: Incoming, reply: Reply) -> None:
        if not asked.headers.get("x-dashboard-token", "").isascii() and reply.status == 401:
            reply.body = b"    at decode (/app/server.js:17:3)"

    rewrite(None, change)(deployment)


@LEAKS.add("A webhook's refusal shows the signature that it expected.", "RDY-10", place="change what leaked")
def signature_expected(deployment: Deployment) -> None:
    """Show the right signature of what was sent in the refusal of a wrong one."""
    expected: ContextVar[str] = ContextVar("expected", default="")
    was = deployment.webhook_refusal

    def refusal(post: WebhookPost) -> int | None:
        secret = deployment.settings.get(PROVIDERS[post.provider].secret_key)
        expected.set(webhook_signature(secret, post.body) if secret else "")
        return was(post)

    def change(_: Incoming, reply: Reply) -> None:
        reply.body = json.dumps({"detail": f"Invalid signature, expected {expected.get()}"}).encode()

    deployment.webhook_refusal = refusal
    for provider in PROVIDERS.values():
        for path in provider.routes:
            rewrite(path, change, method="POST", was=401)(deployment)


@LEAKS.add(
    "The refusal of an introspection shows the signature expected.", "RDY-10", place="change what leaked"
)
def inngest_signature_expected(deployment: Deployment) -> None:
    """Show a signature with which the introspection could have been asked for."""

    def change(_: Incoming, reply: Reply) -> None:
        signature = inngest_signature(deployment.inngest_signing_key, b"", int(time.time()))
        reply.body = json.dumps({"code": "unauthorized", "expected": signature}).encode()

    rewrite("/inngest", change, method="GET", was=401)(deployment)
