"""Faults of what is let slip: public answers that show what only the server may know."""

from __future__ import annotations

import base64
import json
import traceback
from urllib.parse import quote

from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, edit_json, rewrite

__all__ = ["LEAKS"]

fault = Faults()


@fault("A public answer shows a secret.", "RDY-10", place="change what leaked")
def secret_leaked(deployment: Deployment) -> None:
    """Show a webhook's secret in the public health."""
    secret = deployment.settings["CLAY_WEBHOOK_SECRET"]
    edit_json(deployment, "/api/health", lambda body: body.update(debug={"clay": secret}))


@fault("A public answer shows the dashboard's token in a header.", "RDY-10", place="change what leaked")
def token_leaked(deployment: Deployment) -> None:
    """Show the token on the login page's headers."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]

    def change(_: Asked, reply: Reply) -> None:
        reply.headers["x-debug-expected"] = token

    rewrite(deployment, "/login", change)


@fault("A public answer shows where and how Redis is reached.", "RDY-10", place="DEBUG")
def connection_leaked(deployment: Deployment) -> None:
    """Show a connection string in readiness."""
    edit_json(
        deployment,
        "/api/health/ready",
        lambda body: body["checks"].update(url="redis://default:internal@redis.railway.internal:6379/0"),
    )


@fault("A refused call shows the insides of the program.", "RDY-10", place="DEBUG")
def traceback_leaked(deployment: Deployment) -> None:
    """Show a stack trace in a refusal."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 401:
            try:
                json.loads("")  # fails, and so gives a real trace
            except ValueError:
                reply.body = json.dumps({"detail": traceback.format_exc()}).encode()

    rewrite(deployment, "/api/operator/status", change)


@fault("A public answer shows a secret in another writing (base64).", "RDY-10", place="change what leaked")
def secret_encoded(deployment: Deployment) -> None:
    """Show the session secret, encoded, in a webhook's health."""
    secret = base64.b64encode(deployment.settings["SESSION_SECRET_KEY"].encode()).decode()
    edit_json(deployment, "/webhooks/clay/health", lambda body: body.update(session=secret))


@fault("A page's redirect carries the token in its address.", "RDY-10", "AUTH-13", place="change what leaked")
def token_in_redirect(deployment: Deployment) -> None:
    """Add the token to the way to the login."""
    token = quote(deployment.settings["DASHBOARD_AUTH_TOKEN"])

    def change(_: Asked, reply: Reply) -> None:
        reply.headers["location"] = f"/login?next=/leads?token={token}"

    rewrite(deployment, "/leads", change)


@fault(
    "The refusal of an unsigned introspection shows the signing key.", "RDY-10", place="change what leaked"
)
def signing_key_leaked(deployment: Deployment) -> None:
    """Show the key that was expected."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 401:
            reply.body = json.dumps({"expected": deployment.inngest_signing_key}).encode()

    rewrite(deployment, "/inngest", change)


@fault("The login page shows the password of a database.", "RDY-10", place="change what leaked")
def password_leaked(deployment: Deployment) -> None:
    """Show an address with a password in it, of a kind that no variable is known of."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.method == "GET":
            reply.body += b"<!-- tcp://caio:hunter2@db.internal:5432 -->"

    rewrite(deployment, "/login", change)


LEAKS = fault.all
