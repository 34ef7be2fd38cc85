"""One deployment: its settings, and every decision the app takes, each of which a fault may replace."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser

from pytest_caio.reference import decisions
from pytest_caio.reference.settings import items

__all__ = ["COMMIT", "Asked", "Cors", "Deployment", "Door", "Knock", "Reply", "Rewrite"]

COMMIT = "c0ffee5ca1ab1e0ddba11ca5cade5eedfacade42"
"""The commit that a healthy reference deployment says it runs."""

Door: TypeAlias = Literal["open", "api", "page"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the guard sees it: `path` is decoded, `raw_path` as sent, `query` without its `?`."""

    method: str
    path: str
    raw_path: str
    query: str
    headers: Headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies sent, by name."""
        return cookie_parser(self.headers.get("cookie", ""))


@dataclass(frozen=True, slots=True)
class Knock:
    """A webhook post that asks to be let in: whose it is, where it came, its headers and raw body."""

    provider: str
    path: str
    headers: Headers
    body: bytes


@dataclass(slots=True)
class Reply:
    """A whole answer on its way out; a rewrite may change each part, the length is set afterwards."""

    status: int
    headers: MutableHeaders
    body: bytes


Rewrite: TypeAlias = Callable[[Asked, Reply], None]


@dataclass(slots=True)
class Cors:
    """What the CORS middleware is given, whether the guard stands before it, changes of its answers."""

    origins: list[str]
    methods: list[str]
    headers: list[str]
    credentials: bool = True
    origin_regex: str | None = None
    behind_guard: bool = False
    rewrites: list[Rewrite] = field(default_factory=list)


@dataclass(eq=False)
class Deployment:
    """What the app consults. Healthy as made; a fault assigns to its fields, wrapping what was there.

    `settings` is what the deployment runs with, `published` what the operator's environment file says of
    it: the same keys, kept apart because most faults are a deployment that differs from its file.
    `revoked` are tokens that worked once. Times are in seconds.
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
        # Who may come in.
        self.door: Callable[[Asked], Door] = lambda asked: decisions.door(settings, asked)
        self.routed: Callable[[str], str] = lambda path: path
        self.authorised: Callable[[Asked], bool] = lambda asked: decisions.authorised(self, asked)
        self.token_accepted: Callable[[bytes], bool] = lambda given: decisions.same_token(settings, given)
        self.login_accepted: Callable[[bytes], bool] = lambda given: decisions.same_token(settings, given)
        self.session_accepted: Callable[[str], bool] = lambda given: decisions.own_session(settings, given)
        self.webhook_refusal: Callable[[Knock], int | None] = lambda knock: decisions.refusal(self, knock)
        self.signature_accepted: Callable[[Knock], bool] = lambda knock: decisions.own_signature(
            settings, knock
        )
        self.bearer_accepted: Callable[[Knock], bool] = lambda knock: decisions.own_bearer(settings, knock)
        self.websocket_guarded = True
        # How it logs in and sends on.
        self.local_next: Callable[[str], str] = decisions.local_next
        self.escape: Callable[[str], str] = html.escape
        self.cookie: dict[str, Any] = {"httponly": True, "secure": True, "samesite": "lax"}
        # What browsers are told.
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
        # What it runs on.
        self.inngest_mounted = True
        self.inngest_dev = False
        self.inngest_functions = 4
        self.inngest_signing_key: str = settings["INNGEST_SIGNING_KEY"]
        self.docs = False
        # What it says: edits of the dependency report, from which readiness follows, and of whole answers.
        self.report_edits: list[Callable[[dict[str, Any]], None]] = []
        self.rewrites: list[Rewrite] = []
        self.delays: dict[str, float] = {}
        if self.inngest_sdk == "old":
            self.rewrites.append(lambda asked, reply: decisions.old_introspection(self, asked, reply))
