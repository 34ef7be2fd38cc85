"""A dashboard written from the contract alone: other words, other order, nothing of the reference deployment.

`OtherDashboard(redis_url, lead, broken)` serves on loopback while it is entered; `broken` names what is wrong
with it, and `bearers` the providers that send a bearer and have no secret. Its wire is that of
Python's own http.server, in HTTP/1.0 or chunked HTTP/1.1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import ssl
import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote

import redis
from itsdangerous import BadSignature, TimestampSigner

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
LAWFUL = dict.fromkeys(("footer_present", "cta_present", "signature_present", "unsubscribe_present"), True)
FORM = "<HTML><BODY><FORM METHOD=post ACTION=login>Key: <INPUT NAME=token TYPE=password></FORM></BODY></HTML>"


class OtherDashboard:
    """The whole dashboard: `settings` is its environment file, `base_url` where it is while entered."""

    def __init__(
        self,
        redis_url: str,
        lead: str,
        broken: Collection[str] = (),
        *,
        wire: str = "HTTP/1.0",
        tls: ssl.SSLContext | None = None,
        bearers: tuple[str, ...] = (),
        old_sdk: bool = False,
    ) -> None:
        self.lead, self.broken, self.wire, self.old_sdk = lead, broken, wire, old_sdk
        self.acted: list[str] = []  # the webhooks whose posts were acted on
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:  # the handshake is for each connection's own thread
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.base_url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}"
        self._redis: Any = redis.Redis.from_url(redis_url, decode_responses=True)
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
        for provider in bearers:
            del self.settings[f"{provider.upper()}_WEBHOOK_SECRET"]

    def __enter__(self) -> Self:
        """Serve, with two cards that wait and one that was sent."""
        queue = self.settings["CONTEXT_REDIS_PREFIX"]
        for key in self._redis.scan_iter(f"{queue}:*"):
            self._redis.delete(key)
        made = int(time.time()) - 900
        card = {
            "status": "pending",
            "to": "guest@visitors.example",
            "subject": "You looked at us",
            "html_body": "<p>Shall we talk?</p>",
            "tier": "tier_1",
            "timestamp": made,
            "compliance_checks": {**LAWFUL, "normalization_version": "v3"},
        }
        visitor = {"queue_origin": "website_visitor", "target_platform": "GHL", "sync_state": "queued"}
        proof = {
            "proof_timestamp": made,
            "proof_evidence_id": "m-1",
            "proof_source": "ghl",
            "proof_status": "verified",
        }
        unproved = {"status": "sent_unresolved"} if "an unproved send" in self.broken else {}
        unlawful = {"html_body": "Dear {{ name }}"} if "an unrendered card" in self.broken else {}
        cards = (
            {"email_id": "v-1", "contact_id": 7, "classifier": visitor, "campaign_ref": {"internal_id": ""}},
            {
                "email_id": "o-2",
                "contact_id": None,
                "classifier": {**visitor, "queue_origin": "outbound"},
                "campaign_ref": {"internal_id": 12},
                **unlawful,
            },
            {"email_id": "s-3", "status": "sent_via_ghl", "sent_via_ghl": True, **(unproved or proof)},
        )
        for more in cards:
            whole = {**card, **more}
            self._redis.set(f"{queue}:shadow:email:{whole['email_id']}", json.dumps(whole), ex=600_000)
            if whole["status"] == "pending":
                self._redis.zadd(f"{queue}:shadow:pending_ids", {whole["email_id"]: made})
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._redis.close()

    # What follows answers (status, headers, body); a body that is no text becomes JSON.
    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
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

    def _preflight(self, headers: dict[str, str], shared: dict[str, str]) -> tuple[int, dict[str, str], Any]:
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

    def _guarded(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
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

    def _public(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        if path == "/api/health":
            leak = {"boot": self.settings["SESSION_SECRET_KEY"]} if "a leak" in self.broken else {}
            return 200, {}, {"status": "degraded", **leak}
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

    def _introspection(self, method: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        told = re.fullmatch(r"t=(\d+)&s=(\w+)", headers.get("x-inngest-signature", ""))
        key = self.settings["INNGEST_SIGNING_KEY"].split("-", 2)[2]
        public = {"function_count": 5, "schema_version": "2024-05-24", "mode": "cloud"}
        if (
            method == "GET"
            and told
            and _hmac(key, told[1].encode()) == told[2]
            and "another key" not in self.broken
        ):
            return 200, {}, {**public, "authentication_succeeded": True}
        if method == "GET" and self.old_sdk:
            return 200, {}, public
        return 401, {"x-inngest-sdk-handled": "true"}, {"code": "sig_verification_failed"}

    def _webhook(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
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

    def _reading(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if path == "/api/runtime/dependencies":
            return 200, {}, self._dependencies(now)
        if path == "/api/operator/trigger" and method == "POST":
            self._count_run(now)
            part = {"errors": [], "total_dispatched": 4, "dry_run": True}
            report = {"instantly_report": part, "heyreach_report": None, "errors": [], "dry_run": True}
            more = {"revival_dispatched": 0, "cadence_dispatched": 2, "motion": json.loads(body)["motion"]}
            return 200, {}, {**more, **report}
        told: dict[str, Any] = {
            "/api/operator/status": {
                "gatekeeper": {"required": True, "pending_batch": None},
                "limits": {},
                "today": self._today(),
                "ramp": {
                    "clean_days_completed": 4,
                    "clean_days_required": 3,
                    "email_limit_override": 5,
                    "tier_filter": "tier_1",
                    "active": True,
                },
                "emergency_stop": False,
                "enabled": True,
            },
            "/api/pending-emails": {
                **self._waiting(),
                "refreshed_at": now,
                **({} if self.old_sdk else {"_shadow_queue_debug": self._queue()}),
            },
            "/api/emails/history": {"emails": []},
            "/api/cadence/leads": [{"step": 2, "email": self.lead}],
            "/api/operator/history": {"days": []},
        }
        return (200, {}, told[path]) if path in told else (404, {}, {"detail": "no such thing"})

    def _today(self) -> dict[str, Any]:
        text = self._redis.get(f"{self.settings['STATE_REDIS_PREFIX']}:operator:state:{datetime.now(UTC):%F}")
        counted = json.loads(text) if text else {"runs": 0, "last_run": None}
        sent = dict.fromkeys(("revival", "outbound_linkedin", "cadence", "outbound_email"), 1)
        return {**sent, **counted}

    def _count_run(self, now: str) -> None:
        record = {**self._today(), "last_run": now, "date": f"{datetime.now(UTC):%F}"}
        for counter in ("runs", *(["outbound_email"] if "a dry run that sends" in self.broken else [])):
            record[counter] += 1
        key = f"{self.settings['STATE_REDIS_PREFIX']}:operator:state:{record['date']}"
        self._redis.set(key, json.dumps(record))

    def _waiting(self) -> dict[str, Any]:
        queue = "caio" if "another queue" in self.broken else self.settings["CONTEXT_REDIS_PREFIX"]
        ids = self._redis.zrange(f"{queue}:shadow:pending_ids", 0, -1)
        cards = [json.loads(self._redis.get(f"{queue}:shadow:email:{one}")) for one in ids]
        cards.append({"email_id": "practice", "synthetic": True, "subject": "Hello {{ you }}"})
        return {
            "pending_emails": cards,
            "count": len(cards),
        }

    def _queue(self) -> dict[str, Any]:
        merged = "a merged queue" in self.broken
        return {"filesystem_merge_enabled": merged, "merged_count": 0, "prefix": "staging/context"}

    def _dependencies(self, now: str) -> dict[str, Any]:
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
            "checked_at": now,
            "ready": True,
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of the usual 5, some of many connections at once wait for seconds


def _hmac(key: str, body: bytes) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _handler(dashboard: OtherDashboard) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = dashboard.wire
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            status, more, said = dashboard.answer(self.command, self.path, headers, body)
            text = isinstance(said, str)
            out = (said if text else json.dumps(said, indent=1)).encode()
            self.send_response(status, "So Be It")  # with Server and Date; the reason is anybody's to word
            self.send_header("CONTENT-TYPE", "TEXT/HTML" if text else "application/JSON;charset=utf8")
            for name, value in more.items():
                self.send_header(name.upper(), value)
            chunked = dashboard.wire == "HTTP/1.1"
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if self.command != "HEAD":
                parts = [out[n : n + 7] for n in range(0, len(out), 7)] if chunked else [out]
                whole = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
                self.wfile.write(whole if chunked else out)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
