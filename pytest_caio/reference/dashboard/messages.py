"""The data that the dashboard's parts exchange: requests, webhook posts and responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:  # `serve` writes its files before it imports these
    from starlette.datastructures import MutableHeaders

__all__ = ["Access", "Incoming", "Reply", "Rewrite", "WebhookPost"]

Access: TypeAlias = Literal["open", "api", "page"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as the guard sees it: `path` is decoded, `raw_path` as sent, `query` without its `?`.

    The names of `headers` are looked up in small letters, where the mapping does not find them in any case.
    """

    method: str
    path: str
    raw_path: str
    query: str
    headers: Mapping[str, str]

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies sent, by name."""
        sent = self.headers.get("cookie", "")
        if not sent:
            return {}
        from starlette.requests import cookie_parser  # noqa: PLC0415 - see above

        return cookie_parser(sent)


@dataclass(frozen=True, slots=True)
class WebhookPost:
    """A webhook post to accept or refuse; `query` is without its `?`, and `body` as received."""

    provider: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(slots=True)
class Reply:
    """A complete response before it is sent; rewrites may change it, Content-Length is set afterwards."""

    status: int
    headers: MutableHeaders
    body: bytes


Rewrite: TypeAlias = Callable[[Incoming, Reply], None]
