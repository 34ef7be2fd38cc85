"""Leaks that are known by their form alone: keys of other services, databases, people in JSON that is lax."""

from __future__ import annotations

import base64
import json
import secrets

from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer

__all__ = ["TOKENS"]

_KEY = base64.b64encode(secrets.token_bytes(48)).decode()
_PRIVATE_KEY = f"-----BEGIN PRIVATE KEY-----\n{_KEY}\n-----END PRIVATE KEY-----"
_PLACE = "change what leaked"
_LEFT_OUT = "Leave it out of the answer"


def _refuse(body: str) -> Apply:
    """Refuse the metrics with this body."""
    return answer("/api/metrics", was=401, body=body.encode())


# fmt: off
TOKENS = Faults([
    fault("model-key-leaked", "A refusal shows the key of a language model, with signs in it.", "RDY-10",
          _refuse(f'{{"detail": "not set: sk-proj-aB3_{secrets.token_urlsafe(48)}"}}'), place=_PLACE),
    fault("key-of-github", "A refusal shows a token of GitHub.", "RDY-10",
          _refuse(f'{{"detail": "no: github_pat_11A_{secrets.token_hex(30)}"}}'), place=_PLACE),
    fault("key-of-cloud", "A refusal shows the name of a cloud's access key.", "RDY-10",
          _refuse('{"detail": "no: AKIAQ7R2ZK5XW3PLM4NV"}'), place=_PLACE),
    fault("private-key-leaked", "A refusal shows a private key.", "RDY-10",
          _refuse(json.dumps({"detail": f"no: {_PRIVATE_KEY}"})), place=_PLACE),
    fault("driver-leaked", "A refusal shows how a database is reached, with the name of a driver.", "RDY-10",
          _refuse('{"detail": "down: postgresql+asyncpg://10.0.3.7:5432/caio"}'), place=_PLACE),
    fault("person-in-nan", "A refusal in JSON that has a NaN names a person.", "RDY-10",
          _refuse('{"latency_ms": NaN, "owner": "jane.doe@northwind-freight.com"}'), place=_LEFT_OUT),
    fault("person-in-lines", "A refusal in lines of JSON, after a byte order mark, names a person.", "RDY-10",
          _refuse('\ufeff{"owner": "jane.doe@northwind-freight.com"}\n{"owner": null}\n'), place=_LEFT_OUT),
])
# fmt: on
