"""What passes between the dashboard's parts: a request, a webhook post, an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser

__all__ = ["Access", "Incoming", "Reply", "Rewrite", "WebhookPost"]

Access: TypeAlias = Literal["open", "api", "page"]


@dataclass(frozen=True, slots=True)
class Incoming:
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
class WebhookPost:
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


Rewrite: TypeAlias = Callable[[Incoming, Reply], None]
