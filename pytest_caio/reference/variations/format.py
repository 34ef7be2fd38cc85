"""Variations of format: order, case and spacing of headers and JSON, headers of proxies, compression."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, variation
from pytest_caio.reference.faults.verbs import add_header, answer, rewrite

__all__ = ["FORMAT"]


def _json(write: Callable[[Any], str]) -> Apply:
    """Serialise every JSON body with `write`."""

    def change(_: Incoming, reply: Reply) -> None:
        if "json" in reply.headers.get("content-type", "") and reply.body:
            reply.body = write(json.loads(reply.body)).encode()

    return rewrite(None, change, last=True)


def _kind(kind: str) -> Apply:
    """Give JSON another media type."""

    def change(_: Incoming, reply: Reply) -> None:
        if reply.headers.get("content-type") == "application/json":
            reply.headers["content-type"] = kind

    return rewrite(None, change, last=True)


def _date_again(_: Incoming, reply: Reply) -> None:
    reply.headers.append("date", format_datetime(datetime.now(UTC), usegmt=True))
    reply.headers.append("date", "yesterday")


# fmt: off
FORMAT = Faults([
    variation("json-indented", "JSON is written in another order, indented, with a line end.",
              _json(lambda body: json.dumps(body, sort_keys=True, indent=4) + "\r\n")),
    variation("json-charset", "JSON says its character set.", _kind("application/json; charset=utf-8")),
    variation("json-typed", "JSON has a media type of its own.", _kind("application/vnd.caio+json")),
    variation("caches-passed", "Caches pass everything on, and say so.",
              answer(None, last=True, headers={
                  "age": "0", "x-cache": "MISS, Miss from cloudfront", "x-cache-hits": "0, 0",
                  "cf-cache-status": "DYNAMIC", "cache-status": 'edge; fwd=stale; detail="hit-for-miss"',
                  "x-served-by": "cache-fra-hit1", "x-cache-key": "hit", "x-varnish": "32770",
                  "cache-control": "no-cache, stale-if-error=60", "server-timing": "cdn-cache; desc=MISS"})),
    variation("date-twice", "A proxy adds a second Date, and a third that nobody can read.",
              rewrite(None, _date_again, last=True)),
    variation("protected-twice", "A proxy sends the headers that protect pages too, and a policy.",
              *(add_header(None, name, value, last=True) for name, value in (
                  ("x-content-type-options", "NoSniff"), ("x-frame-options", "deny"),
                  ("content-security-policy", "frame-ancestors 'self' https://*.caio.example")))),
    variation("connections-closed", "Every connection is closed after one answer.",
              answer(None, last=True, headers={"connection": "close"})),
])
# fmt: on


@FORMAT.add("Headers come in another order and in capitals.")
def headers_otherwise(deployment: Deployment) -> None:
    """Reverse the headers and write their names in capitals."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.headers.raw[:] = [(name.upper(), value) for name, value in reversed(reply.headers.raw)]

    rewrite(None, change, last=True)(deployment)


@FORMAT.add("Proxies add headers of their own.")
def headers_added(deployment: Deployment) -> None:
    """Add the headers that edge proxies add: Via, Server, Vary, a cookie, a request id."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.headers.update(
            {"server": "railway-edge", "via": "1.1 edge", "x-railway-request-id": "kJ2nS8", "age": "0"}
        )
        reply.headers.append("vary", "Accept-Encoding, Origin")
        reply.headers.append("set-cookie", "__edge=1; Path=/; HttpOnly")
        reply.headers.append("cache-control", "no-store")

    rewrite(None, change, last=True)(deployment)


@FORMAT.add("Every report has more fields than were agreed.")
def fields_added(deployment: Deployment) -> None:
    """Add fields to every object at any depth, except those that list providers or counters."""
    closed = {"provider_auth", "today"}

    def grown(value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return [grown(item) for item in value]
        if not isinstance(value, dict):
            return value
        more = {} if name in closed else {"x_note": "new", "x_more": {"list": [1, None, {"a": 1.5}]}}
        return {**more, **{key: grown(item, key) for key, item in value.items()}}

    _json(lambda body: json.dumps(grown(body)))(deployment)


@FORMAT.add("Every letter of JSON's texts and keys is escaped.")
def json_escaped(deployment: Deployment) -> None:
    """Write every character of every string as its \\u escape."""

    def escaped(value: Any) -> str:
        if isinstance(value, str):
            units = value.encode("utf-16-be")
            return '"' + "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2)) + '"'
        if isinstance(value, dict):
            return "{" + ",".join(f"{escaped(key)}:{escaped(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + " , ".join(map(escaped, value)) + "]"
        return json.dumps(value)

    _json(escaped)(deployment)


@FORMAT.add("Answers are packed, though nobody asked for it.")
def answers_packed(deployment: Deployment) -> None:
    """Compress every body with gzip."""

    def change(asked: Incoming, reply: Reply) -> None:
        if reply.body and asked.method != "HEAD":
            reply.body = gzip.compress(reply.body)
            reply.headers["content-encoding"] = "gzip"

    rewrite(None, change, last=True)(deployment)


@FORMAT.add("The policy for other sites is written in another order and in small letters.")
def policy_otherwise(deployment: Deployment) -> None:
    """Write `options,post,get` and the headers in lower case, without spaces."""

    def change(_: Incoming, reply: Reply) -> None:
        for name in ("access-control-allow-methods", "access-control-allow-headers"):
            if name in reply.headers:
                values = [value.strip().lower() for value in reply.headers[name].split(",")]
                reply.headers[name] = ",".join(reversed(values))

    rewrite(None, change, last=True)(deployment)


@FORMAT.add("A refused preflight says nothing of the policy.")
def policy_silent(deployment: Deployment) -> None:
    """Refuse preflights with 403 and without CORS headers."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.status, reply.body = 403, b""
        for name in [name for name in reply.headers if name.startswith("access-control-")]:
            del reply.headers[name]

    rewrite(None, change, method="OPTIONS", was=400, last=True)(deployment)


@FORMAT.add("The session cookie's flags come in another order and writing.")
def cookie_otherwise(deployment: Deployment) -> None:
    """Write `samesite=STRICT;SECURE;httpOnly`."""

    def change(_: Incoming, reply: Reply) -> None:
        value = reply.headers["set-cookie"].split(";")[0]
        reply.headers["set-cookie"] = f"{value}; path=/;samesite=STRICT;SECURE; Max-Age=60 ;httpOnly"

    rewrite("/login", change, was=303)(deployment)
