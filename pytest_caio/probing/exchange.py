"""Exchanges: one request with its response, or with the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar, get_origin

import msgspec

from pytest_caio.checks.probe import Request
from pytest_caio.environments.urls import Url, local_redirect
from pytest_caio.outcomes import Mismatch
from pytest_caio.probing.causes import Cause, cause_of
from pytest_caio.redaction.personal import EXCERPT_LENGTH, mask_personal_json
from pytest_caio.system.strictjson import REPEATED, NotJson, decode_json
from pytest_caio.text import beginning, printable

__all__ = ["Attempt", "Exchange", "Tls"]

_Report = TypeVar("_Report")
_SUMMARY = 120  # characters
_SESSION = "caio_session="
_ONCE = (
    "Hand to the developer: have the report name each field once. Programs differ in which one they take, "
    "so that nobody can tell what it says."
)


@dataclass(frozen=True)
class Attempt:
    """One attempt: the status code of its response, or why there was no response."""

    status: int | None
    error: str = ""


@dataclass(frozen=True)
class Tls:
    """The TLS version of a connection, and when its certificate expires."""

    version: str
    not_after: datetime | None


@dataclass(frozen=True, eq=False)
class Exchange:
    """One request and its response.

    Without a complete response, `status_code` is 0, `error` says why in plain words, and `begun` is the
    status code of an incomplete one. `body` is at most 1 MiB; if there was more, `truncated` is true and only
    the beginning is kept. `attempts` are all attempts in order, the last one included, and `earlier`
    the exchanges of those before it that got a response. `started` and `elapsed_ms` are those of the last
    attempt.
    """

    request: Request
    started: datetime
    elapsed_ms: float
    status_code: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    truncated: bool = False
    error: str = ""
    attempts: tuple[Attempt, ...] = ()
    tls: Tls | None = None
    begun: int = 0
    reason: str = ""  # the words after the status code
    earlier: tuple[Exchange, ...] = ()

    @property
    def text(self) -> str:
        """The body as UTF-8 text, with U+FFFD for invalid bytes, and without NULs.

        In UTF-16 these stand between the letters of every secret, which nothing would recognise.
        """
        return self.body.replace(b"\0", b"").decode("utf-8", "replace")

    @cached_property
    def shown(self) -> str:
        """The beginning of the body, with personal data masked."""
        kind = self.header("content-type") or ""
        return beginning(mask_personal_json(self.request.target, self.text, kind), EXCERPT_LENGTH)

    def header_values(self, name: str) -> list[str]:
        """Return every value of a header, in order; header names have no case (RFC 9110, 5.1)."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """Return a header's value, repeated ones joined with a comma (RFC 9110, 5.3), or None."""
        values = self.header_values(name)
        return ", ".join(values) if values else None

    @cached_property
    def is_own_error(self) -> bool:
        """Whether an error is the dashboard's own, and not that of a proxy.

        Its own is JSON with a `detail`; a path or method that it does not have may be plain text, where a
        proxy has a page, and a method comes with those that it allows.
        """
        kind = (self.header("content-type") or "").lower()
        if "json" in kind and (self.request.method == "HEAD" or self._has_detail):
            return True
        allows = self.status_code == 405 and self.header("allow") is not None
        plain = kind.startswith("text/plain") or self.body in (b"Not Found", b"Method Not Allowed")
        return allows or (plain and self.status_code in (404, 405))

    @property
    def _has_detail(self) -> bool:
        try:
            told = msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return False
        return isinstance(told, dict) and "detail" in told

    @cached_property
    def cause(self) -> Cause | None:
        """What this response shows of a cause outside the check that asked, or None."""
        target, own = self.local_redirect, self.is_own_error
        return cause_of(self.request, self.status_code, self.header, self.body, target, own=own)

    @property
    def local_redirect(self) -> Url | None:
        """Where a browser goes that follows the redirect, if it stays on this host; else None."""
        location = self.header("location")
        if location is None:
            return None
        # The header's bytes are UTF-8 to browsers.
        text = location.encode("latin-1", "replace").decode("utf-8", "replace")
        return local_redirect(self.request.origin + self.request.target, text)

    def json(self, model: type[_Report]) -> _Report:
        """Return the body as `model`. Raises Mismatch if it is not JSON of that shape."""
        try:
            return decode_json(self.body, model)
        except (NotJson, msgspec.ValidationError) as error:
            fix = _ONCE if REPEATED in str(error) else ""
            raise Mismatch(f"{_words(model)} as JSON", f"{self.summary} ({error})", fix) from None

    def report(self, model: type[_Report], at: str = "") -> _Report:
        """Return the body of a 200 response, or the part of it under the dotted path `at`, as `model`.

        A check should read only the part that it judges, so that it does not fail for another part. Raises
        Mismatch for any other status code or shape; it describes `model` by the first line of its docstring.
        """
        if self.status_code != 200:
            raise Mismatch(f"200 with {_words(model)}", self.summary)
        part: Any = self.json(dict[str, Any]) if at else None
        if not at:
            return self.json(model)
        for name in at.split("."):
            part = part.get(name) if isinstance(part, dict) else None
        try:
            return msgspec.convert(part, model)
        except msgspec.ValidationError as error:
            raise Mismatch(
                f"{_words(model)} under {at}", f"{at}: {beginning(repr(part), _SUMMARY)} ({error})"
            ) from None

    @property
    def opened_session(self) -> str:
        """The session cookie that the response sets, as `name=value`; empty if it sets none, or several."""
        cookies = [cookie.partition(";")[0].strip() for cookie in self.header_values("set-cookie")]
        opened = [cookie for cookie in cookies if cookie.startswith(_SESSION) and cookie != _SESSION]
        return opened[0] if len(opened) == 1 else ""

    @property
    def retries(self) -> str:
        """The outcome of each attempt in order, in words; empty if there was only one."""
        return ", then ".join(a.error or str(a.status) for a in self.attempts) if self.attempts[1:] else ""

    @property
    def summary(self) -> str:
        """The response in one printable line: status code, attempts if several, beginning of the body."""
        tries = [f"after {len(self.attempts)} tries ({self.retries})"] if self.retries else []
        if self.error:
            return ", ".join([self.error, *tries])
        parts = [str(self.status_code), *tries]
        if self.cause:
            parts.append(self.cause.sentence)
        elif self.status_code == 429:
            parts.append("this address is locked out for now: wait five minutes, then run again")
        location = self.header("location")
        if location is not None:
            parts.append(f"redirect to {beginning(location, _SUMMARY)}")
        kind = (self.header("content-type") or "").split(";")[0]
        if not self.body:
            parts.append("empty body")
        elif "html" in kind:
            parts.append(f"an HTML page of {len(self.body)} bytes")
        else:
            body = " ".join(beginning(self.shown, 2 * _SUMMARY).split())
            parts.append(beginning(body, _SUMMARY))
        return printable(", ".join(parts))

    def __repr__(self) -> str:
        path = self.request.target.partition("?")[0]
        return f"<{self.request.method} {path}: {self.status_code or self.error}>"


def _words(model: Any) -> str:
    """Return a model in words: the first line of a report's docstring, else "a list" or "an object"."""
    kind = get_origin(model) or model
    doc = (kind.__doc__ or "").split("\n")[0].rstrip(".")
    if issubclass(kind, msgspec.Struct) and doc:
        return doc[:1].lower() + doc[1:]
    return "a list" if issubclass(kind, list) else "an object"
