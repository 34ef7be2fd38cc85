"""One deployment: its settings, and every decision the app takes, each of which a fault may replace."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import parse_qs

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.reference.dashboard import decisions
from pytest_caio.reference.dashboard.decisions import SESSION_COOKIE
from pytest_caio.reference.dashboard.messages import Access, Incoming, Reply, Rewrite, WebhookPost
from pytest_caio.reference.dashboard.settings import flag, items

if TYPE_CHECKING:  # `serve` writes its files before it imports it
    import redis

__all__ = ["COMMIT", "Cors", "Deployment", "StoredEdit", "authorised", "old_introspection", "refusal"]

StoredEdit: TypeAlias = "Callable[[redis.Redis, Path | None], object]"
"""A change of the stored state: given a client of Redis, and the folder of the file state if there is one."""

COMMIT = "c0ffee5ca1ab1e0ddba11ca5cade5eedfacade42"
"""The commit that a healthy reference deployment says it runs."""


@dataclass(slots=True)
class Cors:
    """Settings of the CORS middleware, whether the guard runs before it, and rewrites of its responses."""

    origins: list[str]
    methods: list[str]
    headers: list[str]
    credentials: bool = True
    origin_regex: str | None = None
    behind_guard: bool = False
    rewrites: list[Rewrite] = field(default_factory=list)


@dataclass(eq=False)
class Deployment:
    """The settings and decisions that the app uses; healthy when created.

    A fault assigns to its fields, usually wrapping the old value. `settings` are the runtime variables of
    the deployment, `published` those in the operator's env file: the same keys, kept apart because with most
    faults the deployment differs from its file. `revoked` are tokens that were valid once, and
    `revoked_session` is a session that an earlier SESSION_SECRET_KEY signed. Times are in seconds.
    """

    settings: dict[str, str]
    revoked: tuple[str, ...] = ()
    inngest_sdk: Literal["new", "old"] = "new"
    latency: float = 0.0
    commit: str = COMMIT

    def __post_init__(self) -> None:
        """Set every decision to the healthy one."""
        settings = self.settings
        self.published: dict[str, str] = dict(settings)
        self.revoked_session = decisions.new_session({"SESSION_SECRET_KEY": secrets.token_urlsafe(32)})
        # Done once Redis holds its state.
        self.once_seeded: list[Callable[[], object]] = []
        # Access.
        self.door: Callable[[Incoming], Access] = lambda asked: decisions.door(settings, asked)
        self.routed: Callable[[str], str] = lambda path: path
        self.authorised: Callable[[Incoming], bool] = lambda asked: authorised(self, asked)
        self.token_accepted: Callable[[bytes], bool] = lambda given: decisions.same_token(settings, given)
        self.login_accepted: Callable[[bytes], bool] = lambda given: decisions.same_token(settings, given)
        self.session_accepted: Callable[[str], bool] = lambda given: decisions.own_session(settings, given)
        self.webhook_refusal: Callable[[WebhookPost], int | None] = lambda post: refusal(self, post)
        self.signature_accepted: Callable[[WebhookPost], bool] = lambda post: decisions.own_signature(
            settings, post
        )
        self.bearer_accepted: Callable[[WebhookPost], bool] = lambda post: decisions.own_bearer(
            settings, post
        )
        self.websocket_guarded = True
        # Whether it is accepted before a caller is refused, who is then told a code.
        self.websocket_refuses_later = False
        # Login and redirects.
        self.local_next: Callable[[str], str] = decisions.local_next
        self.escape: Callable[[str], str] = html.escape
        self.cookie: dict[str, Any] = {"httponly": True, "secure": True, "samesite": "lax"}
        # CORS and security headers.
        self.cors = Cors(
            list(items(settings, "CORS_ALLOWED_ORIGINS")),
            list(items(settings, "CORS_ALLOWED_METHODS")),
            list(items(settings, "CORS_ALLOWED_HEADERS")),
        )
        self.security_headers: dict[str, str] = {
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }
        # Inngest, and whether the API's documentation is served.
        self.inngest_mounted = True
        self.inngest_dev = False
        self.inngest_functions = 5
        self.inngest_signing_key: str = settings["INNGEST_SIGNING_KEY"]
        self.docs = False
        # From how many connections on uvicorn refuses requests; None for no limit.
        self.most_connections: int | None = None
        # Edits of the dependency report (readiness is derived from it), and rewrites of whole responses.
        self.report_edits: list[Callable[[dict[str, Any]], None]] = []
        self.rewrites: list[Rewrite] = []
        self.delays: dict[str, float] = {}
        # Changes of what Redis and the file state hold, made once they are seeded and migrated.
        self.stored_edits: list[StoredEdit] = []
        if self.inngest_sdk == "old":
            self.rewrites.append(lambda asked, reply: old_introspection(self, asked, reply))


def authorised(deployment: Deployment, asked: Incoming) -> bool:
    """Say whether a request has a credential that is valid for its path.

    The token, in its header or (where enabled) in the query, gives access to the API; a session to the API
    and the pages.
    """
    if deployment.session_accepted(asked.cookies.get(SESSION_COOKIE, "")):
        return True
    if deployment.door(asked) == "page":
        return False
    given = asked.headers.get("x-dashboard-token")
    if given is not None:
        return deployment.token_accepted(given.encode("latin-1"))
    if flag(deployment.settings, "DASHBOARD_QUERY_TOKEN_ENABLED"):
        in_query = parse_qs(asked.query).get("token", [""])[0]
        return deployment.token_accepted(in_query.encode())
    return False


def refusal(deployment: Deployment, post: WebhookPost) -> int | None:
    """Return the status code that refuses a webhook post, or None to accept it, in the contract's order.

    With a secret configured, only a signature is accepted; else with a bearer configured, only that; else
    HeyReach's allowlist decides, and at last strict mode.
    """
    settings, provider = deployment.settings, PROVIDERS[post.provider]
    if settings.get(provider.secret_key):
        return None if deployment.signature_accepted(post) else 401
    if settings.get(provider.bearer_key or ""):
        return None if deployment.bearer_accepted(post) else 401
    if flag(settings, provider.unsigned_key):
        return None
    return 503 if flag(settings, "WEBHOOK_SIGNATURE_REQUIRED") else None


def old_introspection(deployment: Deployment, asked: Incoming, reply: Reply) -> None:
    """Answer a wrongly signed or unsigned introspection as SDKs did up to 0.5.18: 200, fewer fields."""
    if asked.path == "/inngest" and asked.method == "GET" and reply.status == 401:
        reply.status = 200
        reply.body = json.dumps(
            {
                "function_count": deployment.inngest_functions,
                "has_event_key": bool(deployment.settings.get("INNGEST_EVENT_KEY")),
                "has_signing_key": bool(deployment.inngest_signing_key),
                "mode": "cloud",
            }
        ).encode()
