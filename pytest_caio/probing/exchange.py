"""Exchanges: one request with its response, or with the reason why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar, get_origin

import msgspec

from pytest_caio.checks.probe import Request
from pytest_caio.checks.words import word
from pytest_caio.environments.urls import Url, local_redirect
from pytest_caio.outcomes import JUDGING, Mismatch, NoAnswer, Way
from pytest_caio.probing.causes import Cause, cause_of
from pytest_caio.probing.unpacking import UNREADABLE
from pytest_caio.redaction.personal import EXCERPT_LENGTH, mask_personal_json
from pytest_caio.system.strictjson import REPEATED, NotJson, decode_json, in_words
from pytest_caio.text import beginning, printable

__all__ = ["Attempt", "Exchange", "Tls"]

_Report = TypeVar("_Report")
_SUMMARY = 120  # characters
_UNPACKED = (
    'Hand to the developer: "Have the dashboard, or the proxy in front of it, send its answers without '
    'Content-Encoding to requests that say Accept-Encoding: identity."'
)
# What a route says that has tried to read the body, for which it let the caller in.
_OF_BODY = re.compile("(?i)json|body|payload")
_SESSION = "caio_session="
_ONCE = 'Hand to the developer: "Have the report name each field once: programs differ in which they take."'


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
    attempt. No other exchange of the run has the same `number`, on whichever worker.
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
    number: int = 0

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
        return self._by_name.get(name.lower(), [])

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        return found

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
        # The response to HEAD has no body to tell; 502 and 504 are a proxy's by what they mean.
        headless = self.request.method == "HEAD" and self.status_code not in (502, 504)
        if "json" in kind and (headless or self._has_detail):
            return True
        allows = self.status_code == 405 and self.header("allow") is not None
        plain = kind.startswith("text/plain") or self.body in (b"Not Found", b"Method Not Allowed")
        return allows or (plain and self.status_code in (404, 405))

    @property
    def is_put_off(self) -> bool:
        """Whether the caller is asked for patience: it is not refused, and may get in later."""
        return self.status_code in (408, 425, 429)

    @property
    def _detail(self) -> str:
        """What an error of the dashboard says, without the JSON around it; empty if there is more in that."""
        told = re.fullmatch(r'\s*\{\s*"detail"\s*:\s*"([^"\\]+)"\s*\}\s*', self.shown)
        return told[1] if told and self.status_code >= 400 else ""

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

    def must_be_refused(self, **named: object) -> None:
        """Raise Mismatch unless the caller was refused: 401, as the contract has it. `named` fill its fix.

        Behind the guard a path may answer anything, so that no other status code has the general fix.
        """
        __tracebackhide__ = JUDGING
        if self.status_code != 401:
            raise self.mismatch("must be refused (401)", "", *self._ways, "", **named)

    def must_answer(self, *statuses: int | range, to: str = "", **named: object) -> None:
        """Raise Mismatch unless the status code is one of these; `to` says what they mean: "be refused"."""
        __tracebackhide__ = JUDGING
        if not any(self.status_code in (one if isinstance(one, range) else (one,)) for one in statuses):
            codes = " or ".join(f"{s.start} to {s[-1]}" if isinstance(s, range) else str(s) for s in statuses)
            raise self.mismatch(f"must {to} ({codes})" if to else f"must answer {codes}", "", **named)

    def must_be_decided(self) -> None:
        """Raise Mismatch unless the deployment decided: who is put off, or meets a 5xx, may get in later."""
        __tracebackhide__ = JUDGING
        if self.is_put_off or self.status_code >= 500:
            raise self.mismatch("must be decided, neither put off nor met by a failure of the server")

    def mismatch(self, expected: str, observed: str = "", *ways: Way, **named: object) -> Mismatch:
        """Return what a check raises for this response; by default, what was observed is the whole answer."""
        path = self.request.target.partition("?")[0]
        request = f"{self.request.method} {path}"
        known = {"request": request, "path": path, "status": self.status_code or "nothing", **named}
        seen = observed or self.answered
        return Mismatch(expected, seen, "", *ways, *self._ways, **known)

    def unanswered(self, label: str) -> NoAnswer:
        """Return what is raised where this response is not whole; `label` is what its request is called."""
        return NoAnswer(f"{label}: {self.error}", _UNPACKED if self.error == UNREADABLE else "")

    @property
    def answered(self) -> str:
        """What became of the caller, as a part of a sentence, with the answer."""
        how = "answered " if self.status_code else ""
        if 200 <= self.status_code < 300:
            how = "was let in: "
        elif self.request.method == "POST" and self.status_code in (400, 422) and _OF_BODY.search(self.shown):
            how = "was let in, and only its body refused: "
        return f"{how}{self.summary}"

    @property
    def _ways(self) -> tuple[Way, ...]:
        """The ways to fail that a status code is, the most specific first."""
        return (self.status_code, f"{self.status_code // 100}xx") if self.status_code else ("silence",)

    def json(self, model: type[_Report]) -> _Report:
        """Return the body as `model`. Raises Mismatch if it is not JSON of that shape."""
        __tracebackhide__ = JUDGING
        try:
            return decode_json(self.body, model)
        except (NotJson, msgspec.ValidationError) as error:
            repeated = REPEATED in str(error)
            page = "html" in (self.header("content-type") or "")
            wrong = in_words(error)
            found = self.mismatch(
                f"must be {_words(model)}, as JSON",
                f"{self.summary} ({wrong})",
                "page" if page else "shape",
                wrong=wrong,
            )
            found.fix, found.by = (_ONCE, "developer") if repeated else ("", "")
            raise found from None

    def report(self, model: type[_Report], at: str = "") -> _Report:
        """Return the body of a 200 response, or the part of it under the dotted path `at`, as `model`.

        A check should read only the part that it judges, so that it does not fail for another part. Raises
        Mismatch for any other status code or shape; it describes `model` by the first line of its docstring.
        """
        __tracebackhide__ = JUDGING
        if self.status_code != 200:
            how = "answered " if self.status_code else ""
            raise self.mismatch(f"must answer 200 with {_words(model)}", f"{how}{self.summary}")
        part: Any = self.json(dict[str, Any]) if at else None
        if not at:
            return self.json(model)
        for name in at.split("."):
            part = part.get(name) if isinstance(part, dict) else None
        try:
            return msgspec.convert(part, model)
        except msgspec.ValidationError as error:
            wrong = f"under {at}, {in_words(error)}" if part is not None else f"it lacks {at}"
            raise self.mismatch(
                f"must say {_words(model)} under {at}", f"{at}: {word(part)} ({wrong})", "shape", wrong=wrong
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
            return printable(", ".join([*parts, self.cause.sentence]))
        if self.status_code == 429:
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
            body = " ".join(beginning(self._detail or self.shown, 2 * _SUMMARY).split())
            parts.append(beginning(body, _SUMMARY))
        return printable(", ".join(parts))

    def __repr__(self) -> str:
        path = self.request.target.partition("?")[0]
        return f"<{self.request.method} {path}: {self.status_code or self.error}>"


def _words(model: Any) -> str:
    """Return a model in words: the first line of a report's docstring, else "a list" or "an object"."""
    kind = get_origin(model) or model
    doc = (kind.__doc__ or "").split("\n")[0].split(";")[0].rstrip(".")
    if issubclass(kind, msgspec.Struct) and doc:
        return doc[:1].lower() + doc[1:]
    return "a list" if issubclass(kind, list) else "an object"
