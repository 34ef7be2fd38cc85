"""The deployment's reports: health, the dependency report, and readiness, which is derived from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, WebSocket
from starlette.responses import JSONResponse, Response

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.reference.dashboard.decisions import SESSION_COOKIE
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.settings import flag
from pytest_caio.reference.dashboard.state import State

__all__ = ["add_reports", "dependency_report"]


async def dependency_report(deployment: Deployment, state: State) -> dict[str, Any]:
    """Return the body of /api/runtime/dependencies, from a real PING and the current settings."""
    settings = deployment.settings
    dependencies = {
        "redis": _redis(settings, await state.ping()),
        "inngest": _inngest(deployment),
        "webhooks": _webhooks(settings),
    }
    failures = [name for name, part in dependencies.items() if part["required"] and not part["ready"]]
    report: dict[str, Any] = {
        "status": "degraded" if failures else "ready",
        "ready": not failures,
        "checked_at": datetime.now(UTC).isoformat(),
        "required_failures": failures,
        "dependencies": dependencies,
        "llm_routing": {"ready": True},
        "auth": {
            "strict_mode": flag(settings, "DASHBOARD_AUTH_STRICT"),
            "query_token_enabled": flag(settings, "DASHBOARD_QUERY_TOKEN_ENABLED"),
            "token_header": "X-Dashboard-Token",
            "token_configured": bool(settings.get("DASHBOARD_AUTH_TOKEN")),
            "session_secret_explicit": bool(settings.get("SESSION_SECRET_KEY")),
            "session_secret_source": "SESSION_SECRET_KEY",
            "webhook_signature_required": flag(settings, "WEBHOOK_SIGNATURE_REQUIRED"),
            "environment": settings["ENVIRONMENT"],
        },
    }
    for edit in deployment.report_edits:
        edit(report)
    return report


def _redis(settings: dict[str, str], latency_ms: float | None) -> dict[str, Any]:
    connected = latency_ms is not None
    return {
        "required": flag(settings, "REDIS_REQUIRED"),
        "configured": bool(settings.get("REDIS_URL")),
        "connected": connected,
        "latency_ms": latency_ms,
        "status": "healthy" if connected else "unhealthy",
        "ready": connected,
        "message": "PING answered" if connected else "PING was not answered",
    }


def _inngest(deployment: Deployment) -> dict[str, Any]:
    settings = deployment.settings
    keys = bool(settings.get("INNGEST_SIGNING_KEY") and settings.get("INNGEST_EVENT_KEY"))
    ready = keys and deployment.inngest_mounted
    return {
        "required": flag(settings, "INNGEST_REQUIRED"),
        "configured": keys,
        "keys_present": keys,
        "route_mounted": deployment.inngest_mounted,
        "app_id": settings.get("INNGEST_APP_ID", ""),
        "status": "healthy" if ready else "unhealthy",
        "ready": ready,
        "message": "served at /inngest" if ready else "keys or route missing",
    }


def _webhooks(settings: dict[str, str]) -> dict[str, Any]:
    auth: dict[str, dict[str, bool]] = {}
    for provider in PROVIDERS.values():
        hmac = bool(settings.get(provider.secret_key))
        bearer = bool(settings.get(provider.bearer_key or ""))
        unsigned = flag(settings, provider.unsigned_key)
        auth[provider.name] = {
            "hmac": hmac,
            "bearer": bearer,
            "unsigned_allowlisted": unsigned,
            "authed": hmac or bearer,
        }
    # An allowlisted provider is unsigned by decision, so it is not counted as unauthenticated.
    unauthed = [name for name, has in auth.items() if not (has["authed"] or has["unsigned_allowlisted"])]
    return {
        "required": flag(settings, "WEBHOOK_SIGNATURE_REQUIRED"),
        "ready": not unauthed,
        "status": "unhealthy" if unauthed else "healthy",
        "unauthed_providers": unauthed,
        "provider_auth": auth,
    }


def add_reports(app: FastAPI, deployment: Deployment, state: State) -> None:
    """Add health, readiness, the dependency report and the health websocket to the app."""

    def health() -> dict[str, Any]:
        return {
            "status": "healthy",
            "service": "caio-alpha-swarm",
            "environment": deployment.settings["ENVIRONMENT"],
            "commit": deployment.commit,
            "timestamp": datetime.now(UTC).isoformat(),
        }

    @app.get("/api/health")
    async def show_health() -> Response:
        return JSONResponse(health())

    @app.get("/api/health/ready")
    async def show_readiness() -> Response:
        report = await dependency_report(deployment, state)
        if not report["ready"]:
            failures = ", ".join(report["required_failures"])
            return JSONResponse({"detail": f"Runtime dependencies not ready: {failures}"}, 503)
        checks = {name: part["ready"] for name, part in report["dependencies"].items()}
        return JSONResponse({"status": "ready", "timestamp": report["checked_at"], "checks": checks})

    @app.get("/api/runtime/dependencies")
    async def show_dependencies() -> Response:
        return JSONResponse(await dependency_report(deployment, state))

    @app.websocket("/ws")
    async def health_socket(socket: WebSocket) -> None:
        token = socket.headers.get("x-dashboard-token")
        if deployment.websocket_guarded and not (
            deployment.session_accepted(socket.cookies.get(SESSION_COOKIE, ""))
            or (token is not None and deployment.token_accepted(token.encode("latin-1")))
        ):
            if deployment.websocket_refuses_later:
                await socket.accept()
            await socket.close(4401)  # before it is accepted, the handshake is answered 403
            return
        await socket.accept()
        report = await dependency_report(deployment, state)
        await socket.send_json({"type": "health", "health": health(), "dependencies": report["dependencies"]})
        await socket.close()
