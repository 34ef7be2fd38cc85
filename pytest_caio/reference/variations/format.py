"""Variations of writing: order, case and spacing of headers and JSON, what proxies add, how bodies travel."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from pytest_caio.reference.deployment import Asked, Deployment, Reply, Rewrite
from pytest_caio.reference.faults.fault import Faults, rewrite

__all__ = ["WRITING"]

variation = Faults()


def _last(deployment: Deployment, change: Rewrite) -> None:
    """Change every answer, preflights among them, on its way out."""
    deployment.cors.rewrites.append(change)


def _json(deployment: Deployment, change: Callable[[Any], str]) -> None:
    """Write every JSON body anew."""

    def changed(_: Asked, reply: Reply) -> None:
        if "json" in reply.headers.get("content-type", "") and reply.body:
            reply.body = change(json.loads(reply.body)).encode()

    _last(deployment, changed)


def _kind(deployment: Deployment, kind: str) -> None:
    def change(_: Asked, reply: Reply) -> None:
        if reply.headers.get("content-type") == "application/json":
            reply.headers["content-type"] = kind

    _last(deployment, change)


@variation("Headers come in another order and in capitals.")
def headers_otherwise(deployment: Deployment) -> None:
    """Reverse the headers and write their names in capitals."""

    def change(_: Asked, reply: Reply) -> None:
        reply.headers.raw[:] = [(name.upper(), value) for name, value in reversed(reply.headers.raw)]

    _last(deployment, change)


@variation("Proxies add headers of their own.")
def headers_added(deployment: Deployment) -> None:
    """Add what edges add: Via, Server, Vary, a cookie, a request's id."""

    def change(_: Asked, reply: Reply) -> None:
        reply.headers.update(
            {"server": "railway-edge", "via": "1.1 edge", "x-railway-request-id": "kJ2nS8", "age": "0"}
        )
        reply.headers.append("vary", "Accept-Encoding, Origin")
        reply.headers.append("set-cookie", "__edge=1; Path=/; HttpOnly")
        reply.headers.append("cache-control", "no-store")

    _last(deployment, change)


@variation("Every report has more fields than were agreed.")
def fields_added(deployment: Deployment) -> None:
    """Add fields to every object, however deep; what lists providers or counts stays as it is."""
    closed = {"provider_auth", "today"}

    def grown(value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return [grown(item) for item in value]
        if not isinstance(value, dict):
            return value
        more = {} if name in closed else {"x_note": "new", "x_more": {"list": [1, None, {"a": 1.5}]}}
        return {**more, **{key: grown(item, key) for key, item in value.items()}}

    _json(deployment, lambda body: json.dumps(grown(body)))


@variation("JSON is written in another order, indented, with a line end.")
def json_indented(deployment: Deployment) -> None:
    """Sort the keys, indent, end with a line end."""
    _json(deployment, lambda body: json.dumps(body, sort_keys=True, indent=4) + "\r\n")


@variation("Every letter of JSON's texts and keys is escaped.")
def json_escaped(deployment: Deployment) -> None:
    """Write every character of every text as its \\u escape."""

    def escaped(value: Any) -> str:
        if isinstance(value, str):
            units = value.encode("utf-16-be")
            return '"' + "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2)) + '"'
        if isinstance(value, dict):
            return "{" + ",".join(f"{escaped(key)}:{escaped(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + " , ".join(map(escaped, value)) + "]"
        return json.dumps(value)

    _json(deployment, escaped)


@variation("JSON says its character set.")
def json_charset(deployment: Deployment) -> None:
    """Say `application/json; charset=utf-8`."""
    _kind(deployment, "application/json; charset=utf-8")


@variation("JSON has a media type of its own.")
def json_typed(deployment: Deployment) -> None:
    """Say `application/vnd.caio+json`."""
    _kind(deployment, "application/vnd.caio+json")


@variation("Answers are packed, though nobody asked for it.")
def answers_packed(deployment: Deployment) -> None:
    """Compress every body with gzip."""

    def change(asked: Asked, reply: Reply) -> None:
        if reply.body and asked.method != "HEAD":
            reply.body = gzip.compress(reply.body)
            reply.headers["content-encoding"] = "gzip"

    _last(deployment, change)


@variation("Every connection is closed after one answer.")
def connections_closed(deployment: Deployment) -> None:
    """Answer `Connection: close`."""
    _last(deployment, lambda _, reply: reply.headers.update({"connection": "close"}))


@variation("The policy for other sites is written in another order and in small letters.")
def policy_otherwise(deployment: Deployment) -> None:
    """Write `options,post,get` and the headers in small letters, without blanks."""

    def change(_: Asked, reply: Reply) -> None:
        for name in ("access-control-allow-methods", "access-control-allow-headers"):
            if name in reply.headers:
                values = [value.strip().lower() for value in reply.headers[name].split(",")]
                reply.headers[name] = ",".join(reversed(values))

    _last(deployment, change)


@variation("A refused preflight says nothing of the policy.")
def policy_silent(deployment: Deployment) -> None:
    """Refuse with 403 and no header of the policy."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.method == "OPTIONS" and reply.status == 400:
            reply.status, reply.body = 403, b""
            for name in [name for name in reply.headers if name.startswith("access-control-")]:
                del reply.headers[name]

    _last(deployment, change)


@variation("The session cookie's flags come in another order and writing.")
def cookie_otherwise(deployment: Deployment) -> None:
    """Write `samesite=STRICT;SECURE;httpOnly`."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 303:
            value = reply.headers["set-cookie"].split(";")[0]
            reply.headers["set-cookie"] = f"{value}; path=/;samesite=STRICT;SECURE; Max-Age=60 ;httpOnly"

    rewrite(deployment, "/login", change)


WRITING = variation.all
