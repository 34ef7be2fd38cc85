"""The data that the dashboard's parts exchange: requests, webhook posts and responses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:  # `serve` writes its files before it imports these
    from starlette.datastructures import Headers, MutableHeaders

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
        from starlette.requests import cookie_parser  # noqa: PLC0415 - see above

        return cookie_parser(self.headers.get("cookie", ""))


@dataclass(frozen=True, slots=True)
class WebhookPost:
    """A webhook post to accept or refuse; `query` is without its `?`, and `body` as received."""

    provider: str
    path: str
    headers: Headers
    body: bytes
    query: str = ""


@dataclass(slots=True)
class Reply:
    """A complete response before it is sent; rewrites may change it, Content-Length is set afterwards."""

    status: int
    headers: MutableHeaders
    body: bytes


Rewrite: TypeAlias = Callable[[Incoming, Reply], None]
