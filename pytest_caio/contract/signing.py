"""Signatures as made by the webhook providers and the Inngest SDK."""

from __future__ import annotations

import hashlib
import hmac
import re

__all__ = ["inngest_signature", "webhook_signature"]

_SIGNING_KEY_PREFIX = re.compile(r"^signkey-\w+-")


def webhook_signature(secret: str, body: bytes) -> str:
    """Return the provider's signature: HMAC-SHA256 over the raw body, as lower-case hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def inngest_signature(signing_key: str, body: bytes, unix_seconds: int) -> str:
    """Return the value of `X-Inngest-Signature`: `t=<unix s>&s=<hex>`.

    The key, without its `signkey-<word>-` prefix, is used as text (Inngest SDK, `net.sign_request`).
    """
    key = _SIGNING_KEY_PREFIX.sub("", signing_key)
    digest = hmac.new(key.encode(), body + str(unix_seconds).encode(), hashlib.sha256).hexdigest()
    return f"t={unix_seconds}&s={digest}"
