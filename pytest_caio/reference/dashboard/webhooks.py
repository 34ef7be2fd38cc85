"""The webhook routes of the providers: which posts are accepted, and how a body is handled."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import WebhookPost
from pytest_caio.reference.dashboard.settings import flag
from pytest_caio.reference.dashboard.state import State

__all__ = ["MAX_WEBHOOK_BYTES", "add_webhooks"]

_Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
MAX_WEBHOOK_BYTES = 256 * 1024
_MOST_READ = 8 * 1024 * 1024  # a larger body is refused before its signature is checked
_EVENTS = {
    "instantly": frozenset({"reply_received", "email_bounced", "email_opened", "lead_unsubscribed"}),
    "heyreach": frozenset({"connection_request_accepted", "message_reply_received"}),
    "clay": frozenset({"lead_enriched"}),
    "rb2b": frozenset({"visitor_identified"}),
}


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
        refused = deployment.webhook_refusal(WebhookPost(provider, path, request.headers, body))
        if refused is not None:
            detail = "Webhook secret not configured" if refused == 503 else "Invalid webhook credentials"
            return JSONResponse({"detail": detail}, refused)
        return await _accept(provider, body, state)

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


async def _accept(provider: str, body: bytes, state: State) -> Response:
    if len(body) > MAX_WEBHOOK_BYTES:
        return JSONResponse({"detail": "Body too large"}, 413)
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return JSONResponse({"detail": "Body is not JSON"}, 400)
    if not isinstance(payload, dict):
        return JSONResponse({"detail": "Body is not a JSON object"}, 422)
    event = payload.get("event_type") or payload.get("event")
    if not isinstance(event, str) or event not in _EVENTS.get(provider, frozenset()):
        return JSONResponse({"status": "ignored", "reason": "unknown event"})
    await state.note(f"webhook:{provider}", payload)
    return JSONResponse({"status": "accepted"})
