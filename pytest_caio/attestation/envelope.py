"""DSSE envelopes (https://github.com/secure-systems-lab/dsse): a statement with its Ed25519 signature."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.system.strictjson import NotJson, parse_json

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    from pytest_caio.attestation.keys import SigningKey

__all__ = ["PAYLOAD_TYPE", "Refused", "opened", "sealed"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Refused(Exception):
    """Evidence that cannot be trusted, or is not what was asked for: the text is the reason, one line."""


def sealed(statement: bytes, key: SigningKey) -> bytes:
    """Return the envelope of a statement, signed."""
    from securesystemslib.dsse import Envelope  # noqa: PLC0415 - of an extra

    envelope = Envelope(statement, PAYLOAD_TYPE, {})
    envelope.sign(key.signer)
    return _encoded(envelope)


def opened(raw: bytes, key: SSlibKey) -> bytes:
    """Return the payload of an envelope that `key` signed.

    Only what `sealed` writes is accepted, with one signature and in that encoding: base64 and JSON have
    several for the same values, so that a changed byte need not change the signed ones. Raises Refused.
    """
    from securesystemslib.dsse import Envelope  # noqa: PLC0415 - of an extra
    from securesystemslib.exceptions import VerificationError  # noqa: PLC0415

    try:
        fields: Any = parse_json(raw)
        envelope = Envelope.from_dict(fields)
    except NotJson as error:
        raise Refused(f"the statement is {error}") from None
    except KeyError as error:
        if error.args == (
            "keyid",
        ):  # DSSE lets a signature be without one; the library needs it to find the key
            raise Refused("not signed by this key (the signature does not name its key)") from None
        raise Refused("the statement is no DSSE envelope") from None
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise Refused("the statement is no DSSE envelope") from None
    try:
        envelope.verify([key], threshold=1)
    except (VerificationError, TypeError, AttributeError, ValueError):
        raise Refused("not signed by this key") from None
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Refused("the envelope holds no in-toto statement")
    if len(envelope.signatures) != 1 or _encoded(envelope) != raw:
        raise Refused("the envelope was changed: it is not as it was written")
    payload: bytes = envelope.payload
    return payload


def _encoded(envelope: Envelope) -> bytes:
    try:
        return msgspec.json.encode(envelope.to_dict()) + b"\n"
    except (TypeError, ValueError) as error:  # half of a surrogate pair
        raise InputError(f"the envelope cannot be written as JSON: {error}") from None
