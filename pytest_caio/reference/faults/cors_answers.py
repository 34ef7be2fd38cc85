"""Faults of the CORS policy in the answer to a request itself, and of what it says of credentials."""

from __future__ import annotations

from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, rewrite

__all__ = ["CORS_ANSWERS"]

_ALLOW_ORIGIN = "access-control-allow-origin"
_CREDENTIALS = "access-control-allow-credentials"


def _once_more(name: str) -> Apply:
    """Send a header of the policy a second time in the answer to a request itself, as two layers do."""

    def change(_: Incoming, reply: Reply) -> None:
        if name in reply.headers:
            reply.headers.append(name, reply.headers[name])

    return rewrite(None, change, method="GET", last=True)


# fmt: off
CORS_ANSWERS = Faults([
    fault("answers-silent", "The allowed sites may ask, and may not read the answer.", "CORS-01",
          answer(None, method="GET", last=True, headers={_ALLOW_ORIGIN: None}),
          place="CORS_ALLOWED_ORIGINS"),
    fault("answers-named-twice", "An answer names the allowed site twice, which browsers refuse.", "CORS-01",
          _once_more(_ALLOW_ORIGIN), place="CORS_ALLOWED_ORIGINS"),
    fault("credentials-refused", "The allowed sites may not send a session.", "CORS-01",
          lambda d: setattr(d.cors, "credentials", False), place="allow_credentials"),
    fault("credentials-unsaid", "The allowed sites may send a session, and not read the answer.", "CORS-01",
          answer(None, method="GET", last=True, headers={_CREDENTIALS: None}), place="allow_credentials"),
    fault("credentials-twice", "An answer says twice that sessions may be sent, which browsers refuse.",
          "CORS-01", _once_more(_CREDENTIALS), place="allow_credentials"),
])
# fmt: on
