"""Decisions of a healthy deployment: how paths are protected, valid credentials, redirects after a login."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from itsdangerous import BadData, TimestampSigner

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.contract.signing import KNOWN_SESSION_SECRETS
from pytest_caio.reference.dashboard.settings import items

if TYPE_CHECKING:
    from pytest_caio.reference.dashboard.messages import Incoming, WebhookPost

__all__ = [
    "SESSION_COOKIE",
    "SESSION_SECONDS",
    "door",
    "local_next",
    "new_session",
    "own_bearer",
    "own_session",
    "own_signature",
    "same_token",
    "signed_session",
    "webhook_signature",
]

SESSION_COOKIE = "caio_session"
SESSION_SECONDS = 14 * 24 * 3600
_PUBLIC = frozenset(
    {"/login", "/inngest", "/ChiefAIOfficer", "/docs", "/redoc", "/openapi.json", "/favicon.ico"}
)


def door(settings: Mapping[str, str], asked: Incoming) -> Literal["open", "api", "page"]:
    """Return how a path is protected: `open`, `api` (401 without credentials) or `page` (to the login).

    Only exact names are open, so that an unusual spelling of a public path is protected.
    """
    path = asked.path
    if path in _PUBLIC or path in items(settings, "DASHBOARD_AUTH_ALLOWLIST"):
        return "open"
    if path.startswith("/webhooks/") and not {"", ".", ".."} & set(path[1:].split("/")):
        return "open"
    return "api" if path == "/api" or path.startswith("/api/") else "page"


def same_token(settings: Mapping[str, str], given: bytes) -> bool:
    """Say whether bytes are the dashboard token, in constant time; an unset token matches nothing."""
    token = settings.get("DASHBOARD_AUTH_TOKEN", "").encode()
    return bool(token) and hmac.compare_digest(given, token)


def new_session(settings: Mapping[str, str]) -> str:
    """Return the value of a fresh, signed session cookie, as Starlette's session middleware writes it."""
    session = json.dumps({"authenticated": True})
    return TimestampSigner(_session_secret(settings)).sign(base64.b64encode(session.encode())).decode()


def own_session(settings: Mapping[str, str], given: str) -> bool:
    """Say whether a cookie is a session that this deployment signed within the last 14 days."""
    return signed_session(_session_secret(settings), given)


def signed_session(secret: str, given: str) -> bool:
    """Say whether a cookie is a session that `secret` signed within the last 14 days."""
    try:
        text = TimestampSigner(secret).unsign(given, max_age=SESSION_SECONDS)
        session = json.loads(base64.b64decode(text))
    except (BadData, ValueError):
        return False
    return isinstance(session, dict) and session.get("authenticated") is True


def _session_secret(settings: Mapping[str, str]) -> str:
    keys = ("SESSION_SECRET_KEY", "DASHBOARD_AUTH_TOKEN")
    given = (secret for key in keys if (secret := settings.get(key, "").strip()))
    return next(given, KNOWN_SESSION_SECRETS[0])


def local_next(target: str) -> str:
    """Return the target of a redirect if it is a path on this host, else `/`.

    Browsers read a backslash as a slash and drop tabs and line breaks, so targets with any of these are
    rejected, like those that begin with `//`.
    """
    local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if local and target.isprintable() else "/"


def webhook_signature(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of a raw body under a provider's secret, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def own_signature(settings: Mapping[str, str], post: WebhookPost) -> bool:
    """Say whether a webhook post has its provider's signature of the body as received."""
    right = webhook_signature(settings[PROVIDERS[post.provider].secret_key], post.body).encode()
    for name in PROVIDERS[post.provider].signature_headers:
        given = post.headers.get(name, "").encode("latin-1")
        for prefix in (b"hmac-sha256=", b"sha256="):
            given = given.removeprefix(prefix)
        if hmac.compare_digest(given, right):
            return True
    return False


def own_bearer(settings: Mapping[str, str], post: WebhookPost) -> bool:
    """Say whether a webhook post has its provider's bearer token."""
    scheme, _, given = post.headers.get("authorization", "").partition(" ")
    right = settings[PROVIDERS[post.provider].bearer_key or ""].encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(given.encode("latin-1"), right)
