"""Sessions as Starlette's own session middleware makes and reads them."""

from __future__ import annotations

import asyncio

import httpx
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

__all__ = ["read_session", "starlette_session"]


def starlette_session(secret: str, *, authenticated: bool = True) -> str:
    """Return the session cookie that the middleware sets under `secret`."""
    answer = _ask(secret, "POST", json=authenticated)
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


def read_session(secret: str, cookie: str) -> dict[str, object]:
    """Return the session that the middleware reads from a cookie, empty where it does not believe it."""
    answer = _ask(secret, "GET", headers={"Cookie": f"caio_session={cookie}"})
    session: dict[str, object] = answer.json()
    return session


def _ask(secret: str, method: str, **more: object) -> httpx.Response:
    async def write(request: Request) -> JSONResponse:
        request.session["authenticated"] = await request.json()
        return JSONResponse({})

    async def read(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.session))

    app = Starlette(routes=[Route("/", write, methods=["POST"]), Route("/", read)])
    guarded = SessionMiddleware(app, secret, session_cookie="caio_session")

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://a") as client:
            return await client.request(method, "/", **more)  # type: ignore[arg-type]

    return asyncio.run(ask())
