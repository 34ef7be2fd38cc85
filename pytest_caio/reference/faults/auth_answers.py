"""Faults of the responses to the right token: refused, broken or empty."""

from __future__ import annotations

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, assign, rewrite

__all__ = ["ANSWERS"]

# The checks that judge what the dependency report says: red if it cannot be read.
UNREAD = "RDY-03 RDY-04 RDY-07 RDY-08 WH-01 WH-02 WH-08 WH-12"
# The checks that judge counters, ramp and clean days in the operator status: red if it cannot be read.
UNSEEN = "OPS-02 OPS-03 OPS-09"


def _authorised_status(status: int, body: bytes, **headers: str) -> Apply:
    """Answer authorised requests for the operator status with this response."""

    def change(deployment: Deployment) -> None:
        def changed(asked: Incoming, reply: Reply) -> None:
            if deployment.authorised(asked):
                reply.status, reply.body = status, body
                reply.headers.update(headers)

        rewrite("/api/operator/status", changed, method="GET")(deployment)

    return change


# fmt: off
ANSWERS = Faults([
    fault("token-refused", "The right token is refused: every call is unauthorised.", "AUTH-05 AUTH-06",
          assign(token_accepted=lambda _: False), place="DASHBOARD_AUTH_TOKEN",
          then=f"{UNREAD} RDY-02 RDY-15 RDY-16 STATE-06 "
               "OPS-01 OPS-02 OPS-03 OPS-04 OPS-05 OPS-06 OPS-07 OPS-08 OPS-09 OPS-11"),
    fault("status-500", "The operator status breaks for those who may see it (500).", "AUTH-05",
          _authorised_status(500, b"Internal Server Error"), then=UNSEEN, place="deploy logs"),
    fault("status-403", "The operator status is forbidden even with the right token (403).", "AUTH-05",
          _authorised_status(403, b'{"detail": "Forbidden"}'), then=UNSEEN, place="deploy logs"),
    fault("status-404", "The operator status is not found with the right token (404).", "AUTH-05",
          _authorised_status(404, b'{"detail": "Not Found"}'), then=UNSEEN, place="deploy logs"),
    fault("status-redirect", "The operator status sends those with the right token to the login.", "AUTH-05",
          _authorised_status(302, b"", location="/login?next=/"), then=UNSEEN, place="deploy logs"),
    fault("status-empty", "The operator status answers 200 with nothing in it.", "AUTH-05",
          _authorised_status(200, b""), then=UNSEEN, place="deploy logs"),
    fault("status-hollow", "The operator status answers 200 with an empty report.", "AUTH-05",
          _authorised_status(200, b"{}"), then=UNSEEN, place="deploy logs"),
    fault("dependencies-hollow", "The dependency report answers 200 with an empty report.", "AUTH-06 RDY-02",
          answer("/api/runtime/dependencies", was=200, body=b"{}"), then=UNREAD, place="deploy logs"),
])
# fmt: on
