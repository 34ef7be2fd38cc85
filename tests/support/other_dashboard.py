"""A dashboard written from the contract alone: other words, other order, nothing of the reference deployment.

`OtherDashboard(redis_url, broken, shapes=...)` serves on loopback while it is entered; `broken` names what is
wrong with it, and `shapes` (SHAPES) in which of the product's shapes it answers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import ssl
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote

from itsdangerous import BadSignature, TimestampSigner

from tests.support.other_shapes import SHAPES
from tests.support.other_state import OtherState
from tests.support.other_wire import Answer, Wire

__all__ = ["OtherDashboard"]

ORIGIN = "https://swarm.example"
OPEN = {"/api/health", "/api/health/ready", "/login", "/inngest", "/ChiefAIOfficer"}
HIDDEN = {"/docs", "/redoc", "/openapi.json"}
SIGNATURES = {
    "instantly": ["x-instantly-signature"],
    "heyreach": ["x-heyreach-signature"],
    "clay": ["x-clay-signature"],
    "rb2b": ["x-rb2b-signature", "x-signature"],
}
SALES = "<SCRIPT>setInterval(()=>fetch(`/api/pending-emails`).then(draw),9e3)</SCRIPT>"
FORM = "<HTML><BODY><FORM METHOD=post ACTION=login>Key: <INPUT NAME=token TYPE=password></FORM></BODY></HTML>"


class OtherDashboard:
    """The whole dashboard: `settings` is its environment file, `base_url` where it is while entered."""

    def __init__(
        self,
        redis_url: str,
        broken: Collection[str] = (),
        *,
        shapes: Collection[str] = (),
        wire: str = "HTTP/1.0",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        assert set(shapes) <= set(SHAPES)
        self.broken, self.shapes = broken, shapes
        self.acted: list[str] = []  # the webhooks whose posts were acted on
        self.commit = secrets.token_hex(20)
        self.functions = 5 if "five functions" in shapes else 4
        self._wire = Wire(self.answer, wire, tls)
        self.base_url = self._wire.base_url
        self.settings = {
            **dict.fromkeys(
                "REDIS_REQUIRED INNGEST_REQUIRED DASHBOARD_AUTH_STRICT WEBHOOK_SIGNATURE_REQUIRED".split(),
                "yes",
            ),
            **{
                f"{name}_WEBHOOK_SECRET": secrets.token_hex(24)
                for name in ("INSTANTLY", "HEYREACH", "CLAY", "RB2B")
            },
            "ENVIRONMENT": "staging",
            "REDIS_URL": redis_url,
            "STATE_REDIS_PREFIX": "caio-staging",
            "STATE_BACKEND": "redis",
            "STATE_DUAL_READ_ENABLED": "no",
            "STATE_FILE_FALLBACK_WRITE": "no",
            "DASHBOARD_AUTH_TOKEN": secrets.token_hex(24),
            "DASHBOARD_QUERY_TOKEN_ENABLED": "no",
            "SESSION_SECRET_KEY": secrets.token_hex(24),
            "INNGEST_SIGNING_KEY": f"signkey-test-{secrets.token_hex(24)}",
            "INNGEST_EVENT_KEY": secrets.token_hex(24),
            "INNGEST_WEBHOOK_URL": "https://localhost/inngest",
            "RATE_LIMIT_REDIS_NAMESPACE": "limits-of-STAGING",
            "CONTEXT_REDIS_PREFIX": "staging/context",
            "HEYREACH_UNSIGNED_ALLOWLIST": "0",
            "CORS_ALLOWED_ORIGINS": ORIGIN,
            "WEBHOOK_BEARER_TOKEN": secrets.token_hex(24),
            "HEYREACH_BEARER_TOKEN": secrets.token_hex(24),
            "GHL_API_KEY": f"pit-{secrets.token_hex(16)}",
            "GHL_LOCATION_ID": secrets.token_hex(10),
            "CANARY_MODE": "Off",
            "SMTP_GREETING": "'Your swarm says hello'",
        }
        if "secrets for some providers, bearers for others" in shapes:
            del self.settings["CLAY_WEBHOOK_SECRET"], self.settings["HEYREACH_WEBHOOK_SECRET"]
        self.state = OtherState(self.settings, broken, shapes)

    def __enter__(self) -> Self:
        """Fill its Redis database, and serve."""
        self.state.fill()
        self._wire.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._wire.stop()
        self.state.close()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request; names of headers are in small letters."""
        path = unquote(target.partition("?")[0])
        origin = headers.get("origin", "")
        shared = {}
        if origin == ORIGIN or ("any origin" in self.broken and origin):
            shared = {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"}
        if method == "OPTIONS":
            return self._preflight(headers, shared)
        status, more, said = self._guarded(method, path, headers, body)
        return status, {**more, **shared}, said

    def _preflight(self, headers: dict[str, str], shared: dict[str, str]) -> Answer:
        asked = {
            name.strip().lower() for name in headers.get("access-control-request-headers", "").split(",")
        }
        method = headers.get("access-control-request-method", "")
        if not method:
            return 405, {}, "no"
        if not shared or method not in ("GET", "POST") or not asked <= {"x-dashboard-token", "content-type"}:
            return 400, {}, "not from there"
        return (
            200,
            {
                **shared,
                "access-control-allow-methods": "OPTIONS,GET,POST",
                "access-control-allow-headers": "x-dashboard-token,content-type",
            },
            "",
        )

    def _guarded(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path in HIDDEN:
            return 404, {}, "<P>There is nothing here.</P>"
        if path.startswith("/webhooks/"):
            return self._webhook(method, path, headers, body)
        if path in OPEN:
            return self._public(method, path, headers, body)
        if not (path + "/").startswith("/api/"):
            if "a served file" in self.broken and path == "/static/requirements.txt":
                return 200, {}, "fastapi==0.115\n"
            if self._logged_in(headers):
                return 200, {}, SALES if path == "/sales" else "<H1>Swarm</H1>"
            if path.startswith(("/static/", "/.env")) and "/api/" not in path:
                return 200, {}, "<HTML><BODY>The swarm is elsewhere.</BODY></HTML>"
            return (
                303,
                {"location": f"{self.base_url}/login?" + f"from=guard&next={quote(path, safe='')}"},
                "",
            )
        given = headers.get("x-dashboard-token", "").encode("latin-1")
        token = self.settings["DASHBOARD_AUTH_TOKEN"].encode()
        right = given == token or self._logged_in(headers) or self._waved_through(path, headers)
        right = right or ("a prefix" in self.broken and len(given) > 5 and token.startswith(given))
        if not right and not ("open history" in self.broken and path == "/api/operator/history"):
            leak = {"owner": "joan@of-arc.fr"} if "a leak in a refusal" in self.broken else None
            return 401, {"www-authenticate": "Token"}, leak or "Halt! Who goes there?"
        return self._reading(method, path, body)

    def _logged_in(self, headers: dict[str, str]) -> bool:
        session = dict(re.findall(r"(\w+)=([^;]*)", headers.get("cookie", ""))).get("caio_session", "")
        keys = ["SESSION_SECRET_KEY", *(["RB2B_WEBHOOK_SECRET"] if "any session" in self.broken else [])]
        for key in keys:
            try:
                told = TimestampSigner(self.settings[key]).unsign(session, max_age=14 * 86400)
            except BadSignature:
                continue
            return bool(json.loads(base64.b64decode(told)).get("authenticated"))
        return False

    def _waved_through(self, path: str, headers: dict[str, str]) -> bool:
        trusted = "a trusted proxy" in self.broken and headers.get("x-real-ip") == "127.0.0.1"
        return trusted or ("a public word" in self.broken and path.endswith("/login"))

    def _public(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path == "/api/health":
            leak = {"boot": self.settings["SESSION_SECRET_KEY"]} if "a leak" in self.broken else {}
            commit = {} if "no commit named" in self.shapes else {"commit": self.commit}
            return 200, {}, {"status": "degraded", **commit, **leak}
        if path == "/api/health/ready":
            return 200, {}, {"uptime": 17, "status": "ready"}
        if path == "/ChiefAIOfficer":
            return 308, {"location": "/sales"}, ""
        if path == "/inngest":
            return self._introspection(method, headers)
        if method == "POST":
            if (
                parse_qs(body.decode("latin-1")).get("token", [""])[0]
                != self.settings["DASHBOARD_AUTH_TOKEN"]
            ):
                return 403, {}, FORM
            text = json.dumps({"since": 1, "authenticated": True}).encode()
            session = (
                TimestampSigner(self.settings["SESSION_SECRET_KEY"]).sign(base64.b64encode(text)).decode()
            )
            flags = "samesite=strict; httponly; max-age=600; secure; path=/"
            return 303, {"set-cookie": f"caio_session={session}; {flags}", "location": "/"}, ""
        wise = {"x-content-type-options": "NOSNIFF", "content-security-policy": "frame-ancestors 'none'"}
        return 200, wise, FORM

    def _introspection(self, method: str, headers: dict[str, str]) -> Answer:
        told = re.fullmatch(r"t=(\d+)&s=(\w+)", headers.get("x-inngest-signature", ""))
        key = self.settings["INNGEST_SIGNING_KEY"].split("-", 2)[2]
        public = {"function_count": self.functions, "schema_version": "2024-05-24", "mode": "cloud"}
        if (
            method == "GET"
            and told
            and _hmac(key, told[1].encode()) == told[2]
            and "another key" not in self.broken
        ):
            return 200, {}, {**public, "authentication_succeeded": True}
        if method == "GET" and "older Inngest SDK" in self.shapes:
            return 200, {}, public
        return 401, {"x-inngest-sdk-handled": "true"}, {"code": "sig_verification_failed"}

    def _webhook(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        provider = path.split("/")[2]
        if method == "GET":
            health = path == f"/webhooks/{provider}/health"
            return (200, {}, {"signature_strict_mode": True}) if health else (404, {}, "no such hook")
        secret = self.settings.get(f"{provider.upper()}_WEBHOOK_SECRET")
        if secret:
            right = _hmac(secret, body)
            given = [re.sub("^(hmac-)?sha256=", "", headers.get(name, "")) for name in SIGNATURES[provider]]
        else:
            key = "HEYREACH_BEARER_TOKEN" if provider == "heyreach" else "WEBHOOK_BEARER_TOKEN"
            right, given = f"Bearer {self.settings[key]}", [headers.get("authorization", "")]
        if right not in given and not ("unsigned clay" in self.broken and provider == "clay"):
            return 401, {}, ""
        try:
            event = json.loads(body)
        except ValueError:
            return 400, {}, "what?"
        if not isinstance(event, dict) or len(body) > 4096:
            return 422, {}, "what?"
        self.acted.append(path.removeprefix("/webhooks/"))
        return 202, {}, ""

    def _reading(self, method: str, path: str, body: bytes) -> Answer:
        if path == "/api/operator/trigger" and method == "POST":
            return 200, {}, self.state.dry_run(json.loads(body)["motion"])
        reports = {
            "/api/runtime/dependencies": self._dependencies,
            "/api/operator/status": self._status,
            "/api/pending-emails": self.state.waiting,
            "/api/emails/history": self.state.history,
            "/api/cadence/leads": self.state.leads,
            "/api/operator/history": lambda: {"days": []},
        }
        return (200, {}, reports[path]()) if path in reports else (404, {}, {"detail": "no such thing"})

    def _status(self) -> dict[str, Any]:
        return {
            "gatekeeper": {"required": True, "pending_batch": None},
            "limits": {},
            "today": self.state.today(),
            "ramp": {
                "clean_days_completed": 4,
                "clean_days_required": 3,
                "email_limit_override": 5,
                "tier_filter": "tier_1",
                "active": True,
            },
            "emergency_stop": False,
            "enabled": True,
        }

    def _dependencies(self) -> dict[str, Any]:
        failed = ["inngest"] if "a listed failure" in self.broken else []
        way = {"authed": True, "unsigned_allowlisted": False}
        sound = {"ready": True, "required": True, "configured": True}
        return {
            "auth": {
                "environment": "Staging",
                "webhook_signature_required": True,
                "session_secret_explicit": True,
                "session_secret_source": "SESSION_SECRET_KEY",
                "token_configured": True,
                "query_token_enabled": False,
                "strict_mode": True,
            },
            "dependencies": {
                "webhooks": {
                    **sound,
                    "unauthed_providers": [],
                    "provider_auth": {
                        name: {
                            **way,
                            "bearer": name != "rb2b",
                            "hmac": f"{name.upper()}_WEBHOOK_SECRET" in self.settings,
                        }
                        for name in SIGNATURES
                    },
                },
                "inngest": {**sound, "keys_present": True, "route_mounted": True},
                "redis": {**sound, "connected": True},
            },
            "required_failures": failed,
            "checked_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "ready": True,
        }


def _hmac(key: str, body: bytes) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
