"""The webhook routes of the providers: which posts are accepted, and what an accepted one does."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from pytest_caio.contract.providers import PROVIDERS, SUPPRESSING_ROUTES
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import WebhookPost
from pytest_caio.reference.dashboard.settings import flag
from pytest_caio.reference.dashboard.state import State

__all__ = ["MAX_WEBHOOK_BYTES", "add_webhooks"]

_Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
MAX_WEBHOOK_BYTES = 256 * 1024
_MOST_READ = 8 * 1024 * 1024  # a larger body is refused before its signature is checked


def add_webhooks(app: FastAPI, deployment: Deployment, state: State) -> None:
    """Add every provider's POST routes and health route to the app."""
    for provider in PROVIDERS.values():
        for path in provider.routes:
            app.add_route(path, _receiver(provider.name, path, deployment, state), methods=["POST"])
        app.add_route(provider.health, _health(provider.name, deployment), methods=["GET"])


def _receiver(provider: str, path: str, deployment: Deployment, state: State) -> _Handler:
    async def receive(request: Request) -> Response:
        body = await _read(request)
        if body is None:
            return JSONResponse({"detail": "Body too large"}, 413)
        post = WebhookPost(provider, path, request.headers, body, request.url.query)
        refused = deployment.webhook_refusal(post)
        if refused is not None:
            detail = "Webhook secret not configured" if refused == 503 else "Invalid webhook credentials"
            return JSONResponse({"detail": detail}, refused)
        return await _accept(provider, path, body, state)

    return receive


def _health(provider: str, deployment: Deployment) -> _Handler:
    async def health(_: Request) -> Response:
        strict = flag(deployment.settings, "WEBHOOK_SIGNATURE_REQUIRED")
        return JSONResponse({"status": "healthy", "provider": provider, "signature_strict_mode": strict})

    return health


async def _read(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > _MOST_READ:
            return None
    return bytes(body)


async def _accept(provider: str, path: str, body: bytes, state: State) -> Response:
    """Act on an accepted post. The route is the event: what the body calls it is not looked at."""
    if len(body) > MAX_WEBHOOK_BYTES:
        return JSONResponse({"detail": "Body too large"}, 413)
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return JSONResponse({"detail": "Body is not JSON"}, 400)
    if not isinstance(payload, dict):
        return JSONResponse({"detail": "Body is not a JSON object"}, 422)
    await state.note(f"webhook:{provider}", payload)
    if path in SUPPRESSING_ROUTES:
        await state.suppress(_address(payload))
    await state.call("CRM: tag a contact")
    await state.call("alert")
    return JSONResponse({"status": "accepted"})


def _address(payload: dict[str, Any]) -> str:
    """Return the address that a post is about, or an empty string, which is acted on like any other."""
    data = payload.get("data")
    return str(data.get("lead_email", "")) if isinstance(data, dict) else ""
