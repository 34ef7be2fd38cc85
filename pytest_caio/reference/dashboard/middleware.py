"""The middleware around the app: access log, latency, rewrites of responses, security headers, the guard."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply, Rewrite

__all__ = ["AccessLog", "Guard", "Pace", "Rewriting", "SecurityHeaders"]


def _asked(scope: Scope) -> Incoming:
    raw = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"").decode("latin-1")
    return Incoming(scope["method"], scope["path"], raw.decode("latin-1"), query, Headers(scope=scope))


class Guard:
    """Refuses requests without a valid credential, before routing; answers a plain OPTIONS with 405."""

    def __init__(self, app: ASGIApp, deployment: Deployment) -> None:
        self._app = app
        self._deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its path as the deployment routes it, or refuse it."""
        if scope["type"] == "http":
            refusal = self._refusal(_asked(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            routed = self._deployment.routed(scope["path"])
            if routed != scope["path"]:
                scope = {**scope, "path": routed, "raw_path": routed.encode()}
        await self._app(scope, receive, send)

    def _refusal(self, asked: Incoming) -> Response | None:
        deployment = self._deployment
        door = deployment.door(asked)
        if asked.method == "OPTIONS" and not deployment.cors.behind_guard:
            return JSONResponse({"detail": "Method Not Allowed"}, 405)
        if door == "open" or deployment.authorised(asked):
            return None
        if door == "api":
            return JSONResponse({"detail": "Unauthorized: a dashboard token or session is required"}, 401)
        # Begin with one slash: browsers read `//name` as another host.
        target = deployment.local_next("/" + asked.path.lstrip("/"))
        return RedirectResponse(f"/login?next={quote(target)}", 302)


class SecurityHeaders:
    """Adds the deployment's security headers to every response."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to its response."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, add)


class Rewriting:
    """Buffers each response until it is complete, and applies rewrites to it."""

    def __init__(self, app: ASGIApp, rewrites: list[Rewrite]) -> None:
        self._app = app
        self._rewrites = rewrites

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and send the rewritten response."""
        if scope["type"] != "http" or not self._rewrites:
            await self._app(scope, receive, send)
            return
        started: Message = {}
        body = bytearray()

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, hold)
        headers = MutableHeaders(raw=list(started["headers"]))
        reply = Reply(started["status"], headers, bytes(body))
        for rewrite in self._rewrites:
            rewrite(_asked(scope), reply)
        reply.headers["content-length"] = str(len(reply.body))
        await send({**started, "status": reply.status, "headers": reply.headers.raw})
        await send({"type": "http.response.body", "body": reply.body})


class Pace:
    """Delays each request by the deployment's latency, plus the delay of its path."""

    def __init__(self, app: ASGIApp, deployment: Deployment) -> None:
        self._app = app
        self._deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then pass a request on."""
        if scope["type"] == "http":
            seconds = self._deployment.latency + self._deployment.delays.get(scope["path"], 0.0)
            if seconds:
                await asyncio.sleep(seconds)
        await self._app(scope, receive, send)


class AccessLog:
    """Writes one JSON line per request: time, method, target as sent, header pairs, body and status."""

    def __init__(self, app: ASGIApp, write: Callable[[str], Any]) -> None:
        self._app = app
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its line is written before the response is sent, so a client can rely on it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        at = time.time()
        query = scope.get("query_string", b"")
        target = (scope.get("raw_path") or b"") + (b"?" + query if query else b"")
        line = {
            "at": at,
            "method": scope.get("method", "WEBSOCKET"),
            "target": target.decode("latin-1"),
            "headers": [
                [name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]
            ],
        }
        if scope["type"] == "http":
            # Read the whole body here: the guard refuses a request without reading it.
            body, receive = await _read(receive)
            line["body"] = body.decode("latin-1")
        written = False

        async def note(message: Message) -> None:
            nonlocal written
            if not written:
                status = {"websocket.accept": 101, "websocket.close": 403}.get(message["type"])
                self._write(json.dumps(line | {"status": message.get("status", status)}) + "\n")
                written = True
            await send(message)

        await self._app(scope, receive, note)


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Return a request's whole body, and a receive channel that replays it before any further messages."""
    messages: list[Message] = []
    more = True
    while more:
        messages.append(await receive())
        more = messages[-1].get("more_body", False)
    body = b"".join(message.get("body", b"") for message in messages)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again
