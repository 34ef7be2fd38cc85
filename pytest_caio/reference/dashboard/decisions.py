"""The healthy decisions: which door a path has, whether a credential is right, where a login may lead."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from itsdangerous import BadData, URLSafeTimedSerializer

from pytest_caio.contract.providers import PROVIDERS
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
    "webhook_signature",
]

SESSION_COOKIE = "caio_session"
SESSION_SECONDS = 12 * 3600
_PUBLIC = frozenset(
    {"/login", "/inngest", "/ChiefAIOfficer", "/docs", "/redoc", "/openapi.json", "/favicon.ico"}
)


def door(settings: Mapping[str, str], asked: Incoming) -> Literal["open", "api", "page"]:
    """Say which door a path has: `open`, `api` (401 without credentials) or `page` (to the login).

    Exact names alone are open, so that an unusual spelling of a path meets the stricter door.
    """
    path = asked.path
    if path in _PUBLIC or path in items(settings, "DASHBOARD_AUTH_ALLOWLIST"):
        return "open"
    if path.startswith("/webhooks/") and not {"", ".", ".."} & set(path[1:].split("/")):
        return "open"
    return "api" if path == "/api" or path.startswith("/api/") else "page"


def same_token(settings: Mapping[str, str], given: bytes) -> bool:
    """Compare bytes with the dashboard token in constant time; an unset token opens nothing."""
    token = settings.get("DASHBOARD_AUTH_TOKEN", "").encode()
    return bool(token) and hmac.compare_digest(given, token)


def new_session(settings: Mapping[str, str]) -> str:
    """Return the value of a fresh, signed session cookie."""
    return _serializer(settings).dumps(secrets.token_hex(8))


def own_session(settings: Mapping[str, str], given: str) -> bool:
    """Say whether a cookie is a session that this deployment signed, not longer than 12 hours ago."""
    try:
        _serializer(settings).loads(given, max_age=SESSION_SECONDS)
    except BadData:
        return False
    return True


def _serializer(settings: Mapping[str, str]) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings["SESSION_SECRET_KEY"], salt=SESSION_COOKIE)


def local_next(target: str) -> str:
    """Return a target only if it is a path on this host, else `/`.

    Browsers read a backslash as a slash and drop tabs and line ends, so those are refused with `//`.
    """
    local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if local and target.isprintable() else "/"


def webhook_signature(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of a raw body under a provider's secret, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def own_signature(settings: Mapping[str, str], knock: WebhookPost) -> bool:
    """Say whether a post carries its provider's signature over the body as received."""
    right = webhook_signature(settings[PROVIDERS[knock.provider].secret_key], knock.body).encode()
    for name in PROVIDERS[knock.provider].signature_headers:
        given = knock.headers.get(name, "").encode("latin-1")
        for prefix in (b"hmac-sha256=", b"sha256="):
            given = given.removeprefix(prefix)
        if hmac.compare_digest(given, right):
            return True
    return False


def own_bearer(settings: Mapping[str, str], knock: WebhookPost) -> bool:
    """Say whether a post carries its provider's bearer token."""
    scheme, _, given = knock.headers.get("authorization", "").partition(" ")
    right = settings[PROVIDERS[knock.provider].bearer_key or ""].encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(given.encode("latin-1"), right)
