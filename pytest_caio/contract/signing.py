"""Signatures as made by the webhook providers, the Inngest SDK and the dashboard's session library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

__all__ = ["KNOWN_SESSION_SECRETS", "inngest_signature", "session_cookie", "signed_part", "webhook_signature"]

# What public source and its examples sign sessions with; the first is the dashboard's own default.
KNOWN_SESSION_SECRETS = tuple(
    """
    caio-local-dev-secret secret secret-key supersecret changeme change-me your-secret-key dev-secret
    dev-secret-key session-secret
    """.split()
)
_SIGNING_KEY_PREFIX = re.compile(r"^signkey-\w+-")


def webhook_signature(secret: str, body: bytes) -> str:
    """Return the provider's signature: HMAC-SHA256 over the raw body, as lower-case hex."""
    return hmac.new(_octets(secret), body, hashlib.sha256).hexdigest()


def inngest_signature(signing_key: str, body: bytes, unix_seconds: int) -> str:
    """Return the value of `X-Inngest-Signature`: `t=<unix s>&s=<hex>`.

    The key, without its `signkey-<word>-` prefix, is used as text (Inngest SDK, `net.sign_request`).
    """
    key = _SIGNING_KEY_PREFIX.sub("", signing_key)
    digest = hmac.new(_octets(key), body + str(unix_seconds).encode(), hashlib.sha256).hexdigest()
    return f"t={unix_seconds}&s={digest}"


def session_cookie(secret: str, unix_seconds: int) -> str:
    """Return a session that is logged in, signed at `unix_seconds`, as Starlette's session middleware does.

    That is itsdangerous' `TimestampSigner`, with its usual salt, SHA-1 and the key derivation of Django.
    """
    session = base64.b64encode(b'{"authenticated": true}')
    at = unix_seconds.to_bytes((unix_seconds.bit_length() + 7) // 8, "big")
    text = session + b"." + _unpadded(at)
    key = hashlib.sha1(b"itsdangerous.Signer" + b"signer" + _octets(secret)).digest()  # noqa: S324
    return (text + b"." + _unpadded(hmac.new(key, text, hashlib.sha1).digest())).decode()


def signed_part(session: str) -> str:
    """Return what of a session must not be shown: its time and signature; anybody can write the rest."""
    return session.partition(".")[2] or session


def _octets(secret: str) -> bytes:
    """Return the bytes of a secret; one of the process environment may be no UTF-8 (PEP 383)."""
    return secret.encode("utf-8", "surrogateescape")


def _unpadded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
