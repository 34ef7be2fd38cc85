"""Leaks: public responses that show secrets or internals of the server."""

from __future__ import annotations

import base64
import json
import traceback
from urllib.parse import quote

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import answer, rewrite, say, using

__all__ = ["LEAKS"]


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
