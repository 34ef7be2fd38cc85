"""How each fault shows: what is true of the broken deployment and false of the healthy one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from reference_site import Site
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

STATUS = "/api/operator/status"
TRIGGER = "/api/operator/trigger"
DEPENDENCIES = "/api/runtime/dependencies"
READY = "/api/health/ready"
UNSUBSCRIBE = "/webhooks/instantly/unsubscribe"


def token_opens(change: Callable[[str], str]) -> Callable[[Site], bool]:
    """A changed token opens the operator status."""
    return lambda site: site.get(STATUS, X_Dashboard_Token=change(site.token)).status_code == 200


def inside_is(status: int) -> Callable[[Site], bool]:
    """The operator status answers a right token so."""
    return lambda site: site.inside(STATUS).status_code == status


def opens(target: str, method: str = "GET", status: int = 200) -> Callable[[Site], bool]:
    """A target as written is answered so without a token."""
    return lambda site: site.raw(target, method).status_code == status


def origin_allowed(change: Callable[[str], str]) -> Callable[[Site], bool]:
    """A changed origin is allowed."""
    return lambda site: site.allowed(change(site.origin))


def dependency(name: str, key: str, value: object) -> Callable[[Site], bool]:
    """A part of the dependency report has this value."""
    return lambda site: site.report()["dependencies"][name][key] == value


def auth(key: str, value: object) -> Callable[[Site], bool]:
    """The auth part of the dependency report has this value."""
    return lambda site: site.report()["auth"][key] == value


def websocket_answers(site: Site) -> bool:
    """Say whether the websocket accepts a caller without credentials."""
    try:
        with connect(site.base_url.replace("http", "ws", 1) + "/ws", proxy=None):
            return True
    except InvalidStatus:
        return False


def session_cookie(site: Site) -> str:
    """Return the cookie that the right token is given, in small letters."""
    return str(site.log_in(site.token).headers["set-cookie"]).lower()


def bearer_opens(site: Site, key: str) -> bool:
    """Say whether a bearer opens Clay's webhooks, which has a secret."""
    return site.knock("/webhooks/clay", Authorization=f"Bearer {site.settings[key]}").is_success


def provider(site: Site, name: str) -> dict[str, bool]:
    """Return what the report says of a provider."""
    said: dict[str, bool] = site.report()["dependencies"]["webhooks"]["provider_auth"][name]
    return said


def counts_dry_run(site: Site) -> bool:
    """Say whether a dry run moves the day's counters."""
    before = site.inside(STATUS).json()["today"]
    site.inside(TRIGGER, "POST", json={"dry_run": True})
    return bool(site.inside(STATUS).json()["today"] != before)


def dry_run(site: Site, motion: str = "outbound") -> dict[str, Any]:
    """Return the report of a dry run."""
    asked = {"dry_run": True, "motion": motion}
    answer: dict[str, Any] = site.inside(TRIGGER, "POST", json=asked).json()
    return answer


def queue(site: Site) -> dict[str, Any]:
    """Return the pending queue."""
    body: dict[str, Any] = site.inside("/api/pending-emails").json()
    return body


def history(site: Site) -> list[dict[str, Any]]:
    """Return the history of emails."""
    emails: list[dict[str, Any]] = site.inside("/api/emails/history").json()["emails"]
    return emails


def another(site: Site) -> dict[str, Any]:
    """Return the send that a fault added to the history, or nothing."""
    return next((email for email in history(site) if email["email_id"] == "email-another"), {})


def oldest_card(site: Site) -> datetime:
    """Return the time of the oldest pending card."""
    cards = site.inside("/api/pending-emails").json()["pending_emails"]
    return min(datetime.fromisoformat(card["timestamp"]) for card in cards)


def is_stale(site: Site) -> bool:
    """Say whether the report is older than an hour."""
    checked = datetime.fromisoformat(site.report()["checked_at"])
    return datetime.now(UTC) - checked > timedelta(hours=1)


def leads_seen(site: Site) -> int:
    """Return how many leads the deployment sees, of three."""
    return len(site.inside("/api/cadence/leads").json()["leads"])


def slow(site: Site) -> bool:
    """Say whether readiness takes longer than a second and a half."""
    return site.get(READY).elapsed > timedelta(seconds=1.5)


def file_says(key: str, value: str | None) -> Callable[[Site], bool]:
    """The operator's file has this value under a key, None for no such key."""
    return lambda site: site.file.get(key) == value


def evicts(site: Site) -> bool:
    """Say whether the deployment's Redis may evict what it holds."""
    with Redis.from_url(site.settings["REDIS_URL"]) as client:
        return bool(client.info("memory")["maxmemory_policy"] != "noeviction")


SIGNS: Mapping[str, Callable[[Site], bool]] = {
    # the environment file
    "session-secret-unset": file_says("SESSION_SECRET_KEY", None),
    "event-key-empty": file_says("INNGEST_EVENT_KEY", ""),
    "file-redis-optional": file_says("REDIS_REQUIRED", "no"),
    "file-flag-unclear": file_says("DASHBOARD_AUTH_STRICT", "enabled"),
    "file-of-another": file_says("ENVIRONMENT", "development"),
    "file-origin-wildcard": lambda site: "*" in site.file["CORS_ALLOWED_ORIGINS"],
    "file-origin-http": lambda site: (
        "http://reports.caio.example" in site.file["CORS_ALLOWED_ORIGINS"].split(",")
        and site.allowed("http://reports.caio.example")
    ),
    "inngest-elsewhere": file_says("INNGEST_WEBHOOK_URL", "https://caio.example.com/inngest"),
    "inngest-unencrypted": lambda site: site.file["INNGEST_WEBHOOK_URL"] == f"{site.base_url}/inngest",
    "dual-read": file_says("STATE_DUAL_READ_ENABLED", "true"),
    "namespace-of-staging": file_says("RATE_LIMIT_REDIS_NAMESPACE", "caio:staging:ratelimit"),
    "namespace-unnamed": file_says("CONTEXT_REDIS_PREFIX", "caio:context"),
    "retention-in-words": file_says("TRACE_RETENTION_DAYS", "a month"),
    "traces-kept-forever": file_says("TRACE_CLEANUP_ENABLED", "false"),
    "secret-placeholder": file_says("INNGEST_EVENT_KEY", "your-inngest-event-key-here"),
    "secret-short": lambda site: len(site.file["SESSION_SECRET_KEY"]) == 8,
    "secret-reused": lambda site: site.file["SESSION_SECRET_KEY"] == site.token,
    "secret-revoked": lambda site: site.file["SESSION_SECRET_KEY"] in site.revoked,
    "file-allowlists-heyreach": file_says("HEYREACH_UNSIGNED_ALLOWLIST", "true"),
    "redis-evicts": evicts,
    "provider-unkeyed": file_says("RB2B_WEBHOOK_SECRET", None),
    "key-misspelled": file_says("REDIS_MAX_CONECTIONS", "50"),
    # credentials
    "any-token": token_opens(lambda _: "anything"),
    "empty-token": token_opens(lambda _: ""),
    "token-any-case": token_opens(str.swapcase),
    "token-prefix": token_opens(lambda token: token[: len(token) // 2]),
    "token-and-more": token_opens(lambda token: token + "x"),
    "token-last-character": token_opens(lambda token: token[:-1] + "~"),
    "token-first-character": token_opens(lambda token: "~" + token[1:]),
    "token-as-bearer": lambda site: site.get(STATUS, Authorization=f"Bearer {site.token}").is_success,
    "token-as-cookie": lambda site: site.get(STATUS, Cookie=f"token={site.token}").is_success,
    "token-as-session": lambda site: site.get(STATUS, Cookie=f"caio_session={site.token}").is_success,
    "token-as-password": lambda site: site.get(STATUS, Authorization=f"Basic {site.token}").is_success,
    "query-empty": opens(f"{STATUS}?token="),
    "query-blank": opens(f"{STATUS}?token=%20"),
    "bearer-as-token": lambda site: (
        site.get(STATUS, X_Dashboard_Token=site.settings["HEYREACH_BEARER_TOKEN"]).is_success
    ),
    "any-session": lambda site: site.get(STATUS, Cookie="caio_session=made-up").is_success,
    "bearer-opens-api": lambda site: (
        site.get(STATUS, Authorization=f"Bearer {site.settings['WEBHOOK_BEARER_TOKEN']}").is_success
    ),
    "revoked-token": lambda site: site.get(STATUS, X_Dashboard_Token=site.revoked[0]).is_success,
    "query-token": lambda site: (
        site.get(f"{STATUS}?token={site.token}").is_success and auth("query_token_enabled", True)(site)
    ),
    "query-token-unsaid": lambda site: (
        site.get(f"{STATUS}?token={site.token}").is_success and auth("query_token_enabled", False)(site)
    ),
    "token-refused": inside_is(401),
    "status-500": inside_is(500),
    "status-403": inside_is(403),
    "status-404": inside_is(404),
    "status-redirect": inside_is(302),
    "status-empty": lambda site: site.inside(STATUS).content == b"",
    "status-hollow": lambda site: site.inside(STATUS).json() == {},
    "dependencies-hollow": lambda site: site.report() == {},
    "odd-token-500": lambda site: (
        site.client.get(STATUS, headers={b"X-Dashboard-Token": b"caf\xe9"}).status_code == 500
    ),
    "odd-bearer-500": lambda site: (
        site.client.get(STATUS, headers={b"Authorization": b"Bearer caf\xe9"}).status_code == 500
    ),
    "long-token-500": lambda site: site.get(STATUS, X_Dashboard_Token="x" * 5000).status_code == 500,
    "control-token-500": lambda site: site.get(STATUS, X_Dashboard_Token="a\x01b").status_code == 500,
    # sessions
    "cookie-scripted": lambda site: "httponly" not in session_cookie(site),
    "cookie-in-clear": lambda site: "secure" not in session_cookie(site),
    "cookie-any-site": lambda site: "samesite=none" in session_cookie(site),
    "cookie-twice": lambda site: len(site.log_in(site.token).headers.get_list("set-cookie")) == 2,
    "login-barred": lambda site: "set-cookie" not in site.log_in(site.token).headers,
    "login-stays": lambda site: site.log_in(site.token).status_code == 200,
    "session-beside-form": lambda site: "set-cookie" in site.log_in("wrong").headers,
    "login-500": lambda site: site.log_in("wrong").status_code == 500,
    "login-blank": lambda site: "<form" not in site.log_in("wrong").text,
    "login-page-500": opens("/login", status=500),
    "any-login": lambda site: site.log_in("wrong").status_code == 303,
    "bare-cookie": lambda site: "httponly" not in site.log_in(site.token).headers["set-cookie"].lower(),
    "next-off-host": lambda site: (
        site.log_in(site.token, "//other.example").headers["location"] == "//other.example"
    ),
    "next-unescaped": lambda site: "<script>x" in site.get('/login?next=/"><script>x').text,
    "websocket-open": websocket_answers,
    # paths
    "status-open": opens(STATUS),
    "reading-open": opens("/api/traces/recent"),
    "acting-open": opens("/api/admin/clear-queue", status=405),
    "approve-open": opens("/api/emails/1/approve", status=405),
    "trigger-open": opens("/api/operator/trigger", status=405),
    "post-unguarded": opens(STATUS, "POST", 405),
    "head-unguarded": opens(STATUS, "HEAD", 405),
    "put-unguarded": opens(STATUS, "PUT", 405),
    "patch-unguarded": opens(STATUS, "PATCH", 405),
    "delete-unguarded": opens(STATUS, "DELETE", 405),
    "double-slash": opens("//api/operator/status"),
    "upper-case": opens("/API/operator/status"),
    "trailing-slash": opens("/api/operator/status/"),
    "path-parameter": opens("/api/operator/status;x"),
    "percent-encoded": opens("/api/operator/st%61tus"),
    "dot-segments": opens("/login/../api/operator/status"),
    "slash-encoded": opens("/api/operator%2fstatus"),
    "decoded-twice": opens("/%2561pi/operator/status"),
    "null-character": opens("/api/operator/status%00"),
    "blank-at-the-end": opens("/api/operator/status%20"),
    "slashes-off-host": lambda site: site.raw("//other.example/").headers["location"] == "//other.example/",
    "login-elsewhere": lambda site: (
        site.get("/sales").headers["location"].startswith("https://login.example")
    ),
    "login-for-good": opens("/sales", status=301),
    "readiness-guarded": opens(READY, status=401),
    "pages-open": opens("/sales"),
    "refusal-redirects": opens(STATUS, status=302),
    # webhooks
    "any-signature": lambda site: site.knock("/webhooks/clay", X_Clay_Signature="a" * 64).is_success,
    "empty-signature": lambda site: site.knock("/webhooks/rb2b", X_RB2B_Signature="").is_success,
    "signature-over-nothing": lambda site: site.signed("/webhooks/clay", "clay", over=b"").is_success,
    "malformed-signature": lambda site: site.knock("/webhooks/clay", X_Clay_Signature="not-hex").is_success,
    "prefixed-signature": lambda site: (
        site.knock("/webhooks/clay", X_Clay_Signature=f"sha256={'0' * 64}").is_success
    ),
    "second-header": lambda site: site.knock("/webhooks/rb2b", X_Signature="0" * 64).is_success,
    "one-route-unsigned": lambda site: site.knock(UNSUBSCRIBE).is_success,
    "reply-unsigned": lambda site: site.knock("/webhooks/instantly/reply").is_success,
    "bounce-unsigned": lambda site: site.knock("/webhooks/instantly/bounce").is_success,
    "open-unsigned": lambda site: site.knock("/webhooks/instantly/open").is_success,
    "clay-unsigned": lambda site: site.knock("/webhooks/clay").is_success,
    "heyreach-unguarded": lambda site: (
        site.knock("/webhooks/heyreach").is_success and provider(site, "heyreach")["authed"]
    ),
    "heyreach-unsigned": lambda site: (
        site.knock("/webhooks/heyreach").is_success and provider(site, "heyreach")["unsigned_allowlisted"]
    ),
    "bearer-beside-secret": lambda site: bearer_opens(site, "WEBHOOK_BEARER_TOKEN"),
    "shared-bearer": lambda site: bearer_opens(site, "HEYREACH_BEARER_TOKEN"),
    "signature-form": lambda site: site.knock("/webhooks/clay", X_Clay_Signature="b" * 64).is_success,
    "odd-signature-500": lambda site: (
        site.client.post("/webhooks/clay", headers={b"X-Clay-Signature": b"caf\xe9"}).status_code == 500
    ),
    "long-bearer-500": lambda site: (
        site.knock("/webhooks/clay", Authorization="Bearer " + "x" * 5000).status_code == 500
    ),
    "unsigned-webhooks": lambda site: all(site.knock(f"/webhooks/{p}").is_success for p in ("clay", "rb2b")),
    "shared-secret": lambda site: site.signed("/webhooks/clay", "rb2b").is_success,
    "dashboard-token-opens": lambda site: (
        site.knock("/webhooks/clay", Authorization=f"Bearer {site.token}").is_success
    ),
    "any-bearer": lambda site: site.knock("/webhooks/rb2b", Authorization="Bearer x").is_success,
    "secret-missing": lambda site: site.knock("/webhooks/clay").status_code == 503,
    "heyreach-open": lambda site: site.knock("/webhooks/heyreach").is_success,
    "heyreach-allowlisted": lambda site: bool(
        site.report()["dependencies"]["webhooks"]["provider_auth"]["heyreach"]["unsigned_allowlisted"]
    ),
    "signatures-optional": auth("webhook_signature_required", False),
    "health-not-strict": lambda site: (
        site.get("/webhooks/rb2b/health").json()["signature_strict_mode"] is False
    ),
    "health-silent": lambda site: "signature_strict_mode" not in site.get("/webhooks/clay/health").json(),
    "dependencies-lie": lambda site: (
        site.knock("/webhooks/rb2b").is_success and dependency("webhooks", "unauthed_providers", [])(site)
    ),
    "dependencies-slander": dependency("webhooks", "unauthed_providers", ["clay"]),
    "webhooks-not-ready": dependency("webhooks", "ready", False),
    "signed-refused": lambda site: site.signed("/webhooks/clay", "clay").status_code == 401,
    "nonsense-500": lambda site: site.signed("/webhooks/clay", "clay", body=b"{").status_code == 500,
    # what the report says
    "redis-unconfigured": dependency("redis", "configured", False),
    "redis-unready": dependency("redis", "ready", False),
    "inngest-unconfigured": dependency("inngest", "configured", False),
    "inngest-keyless": dependency("inngest", "keys_present", False),
    "inngest-unmounted": lambda site: (
        dependency("inngest", "route_mounted", False)(site) and site.introspect().is_success
    ),
    "inngest-unready": dependency("inngest", "ready", False),
    "signatures-unrequired": dependency("webhooks", "required", False),
    "clay-listed": dependency("webhooks", "unauthed_providers", ["clay"]),
    "unready-unexplained": lambda site: not site.report()["ready"] and not site.report()["required_failures"],
    "signatures-said-optional": auth("webhook_signature_required", False),
    "provider-unreported": lambda site: (
        "rb2b" not in site.report()["dependencies"]["webhooks"]["provider_auth"]
    ),
    "heyreach-slandered": lambda site: not provider(site, "heyreach")["authed"],
    "secret-unsaid": lambda site: not provider(site, "clay")["hmac"],
    "heyreach-said-open": lambda site: provider(site, "heyreach")["unsigned_allowlisted"],
    "clay-vouched-for": lambda site: (
        site.knock("/webhooks/clay").status_code == 503 and provider(site, "clay")["authed"]
    ),
    # cors
    "origin-reflected": origin_allowed(lambda _: "https://other.example"),
    "origin-null": origin_allowed(lambda _: "null"),
    "origin-wildcard": lambda site: site.preflight(site.origin).headers["access-control-allow-origin"] == "*",
    "origin-suffix": origin_allowed(lambda origin: origin + ".other.example"),
    "origin-prefix": origin_allowed(lambda origin: origin.replace("https://", "https://other")),
    "origin-subdomain": origin_allowed(lambda origin: origin.replace("https://", "https://other.")),
    "origin-http": origin_allowed(lambda origin: origin.replace("https://", "http://")),
    "origin-port": origin_allowed(lambda origin: f"{origin}:8443"),
    "origin-in-answers": lambda site: (
        "access-control-allow-origin" in site.get("/api/health", Origin="https://other.example").headers
    ),
    "origin-twice": lambda site: (
        len(site.preflight(site.origin).headers.get_list("access-control-allow-origin")) == 2
    ),
    "method-wildcard": lambda site: (
        site.preflight(site.origin).headers["access-control-allow-methods"] == "*"
    ),
    "header-wildcard": lambda site: (
        site.preflight(site.origin).headers["access-control-allow-headers"] == "*"
    ),
    "method-missing": lambda site: (
        "POST" not in site.preflight(site.origin).headers.get("access-control-allow-methods", "POST")
    ),
    "header-missing": lambda site: site.preflight(site.origin).status_code == 400,
    "content-type-missing": lambda site: (
        "Content-Type" not in site.preflight(site.origin).headers["access-control-allow-headers"]
    ),
    "preflight-blank": lambda site: site.preflight(site.origin).is_success and not site.allowed(site.origin),
    "preflight-500": lambda site: site.preflight(site.origin).status_code == 500,
    "refusal-500": lambda site: site.preflight("https://other.example").status_code == 500,
    "origin-missing": lambda site: not site.allowed(site.origin),
    "extra-method": lambda site: (
        "DELETE" in site.preflight(site.origin).headers["access-control-allow-methods"]
    ),
    "any-method": lambda site: "PATCH" in site.preflight(site.origin).headers["access-control-allow-methods"],
    "method-on-demand": lambda site: (
        "DELETE" in site.preflight(site.origin, "DELETE").headers.get("access-control-allow-methods", "")
    ),
    "header-on-demand": lambda site: (
        "X-Other"
        in site.preflight(site.origin, headers="X-Other").headers.get("access-control-allow-headers", "")
    ),
    "extra-header": lambda site: site.preflight(site.origin, headers="authorization").status_code == 200,
    "any-header": lambda site: site.preflight(site.origin, headers="x-anything").status_code == 200,
    "preflight-guarded": lambda site: site.preflight(site.origin).status_code == 401,
    # readiness
    "readiness-503": opens(READY, status=503),
    "readiness-starting": lambda site: site.get(READY).json()["status"] == "starting",
    "readiness-html": lambda site: "html" in site.get(READY).headers["content-type"],
    "readiness-contradicts": lambda site: site.get(READY).is_success and not site.report()["ready"],
    "failures-listed": lambda site: site.report()["ready"] and bool(site.report()["required_failures"]),
    "stale-report": is_stale,
    "redis-down": lambda site: (
        dependency("redis", "connected", False)(site) and site.get(READY).status_code == 503
    ),
    "redis-unminded": lambda site: (
        dependency("redis", "connected", False)(site) and site.get(READY).is_success
    ),
    "redis-optional": dependency("redis", "required", False),
    "inngest-optional": dependency("inngest", "required", False),
    "inngest-unkeyed": lambda site: (
        dependency("inngest", "keys_present", False)(site) and site.get(READY).status_code == 503
    ),
    "inngest-dev": lambda site: site.get("/inngest").json().get("mode") == "dev",
    "inngest-missing": opens("/inngest", status=404),
    "inngest-few": lambda site: site.introspect().json()["function_count"] == 3,
    "inngest-wrong-key": lambda site: site.introspect().status_code == 401,
    "not-strict": auth("strict_mode", False),
    "wrong-environment": auth("environment", "development"),
    "session-secret-implicit": auth("session_secret_explicit", False),
    "token-unconfigured": auth("token_configured", False),
    "docs-served": lambda site: all(site.get(p).is_success for p in ("/docs", "/redoc", "/openapi.json")),
    "secret-leaked": lambda site: site.settings["CLAY_WEBHOOK_SECRET"] in site.get("/api/health").text,
    "token-leaked": lambda site: site.token in str(site.get("/login").headers.raw),
    "connection-leaked": lambda site: "redis://" in site.get(READY).text,
    "traceback-leaked": lambda site: "Traceback (most recent call last)" in site.get(STATUS).text,
    "secret-encoded": lambda site: "session" in site.get("/webhooks/clay/health").json(),
    "token-in-redirect": lambda site: site.token in site.get("/leads").headers["location"],
    "signing-key-leaked": lambda site: site.settings["INNGEST_SIGNING_KEY"] in site.get("/inngest").text,
    "password-leaked": lambda site: "hunter2" in site.get("/login").text,
    "readiness-500": opens(READY, status=500),
    "commit-unsaid": lambda site: site.get("/api/health").json()["commit"] == "",
    "commit-short": lambda site: len(site.get("/api/health").json()["commit"]) == 4,
    "guessing-allowed": lambda site: "x-content-type-options" not in site.get("/login").headers,
    "framing-allowed": lambda site: "x-frame-options" not in site.get("/login").headers,
    "slow-readiness": slow,
    "wrong-commit": lambda site: site.get("/api/health").json()["commit"].startswith("0ddba11"),
    "headers-missing": lambda site: "strict-transport-security" not in site.get("/login").headers,
    "queue-without-redis": lambda site: (
        not (site.inside("/api/pending-emails").json()["_shadow_queue_debug"]["redis_connected"])
    ),
    # state and operator
    "wrong-prefix": lambda site: leads_seen(site) == 0,
    "wrong-database": lambda site: leads_seen(site) == 0,
    "lead-dropped": lambda site: leads_seen(site) == 2,
    "lead-invented": lambda site: leads_seen(site) == 4,
    "dry-run-live": lambda site: dry_run(site)["dry_run"] is False,
    "dry-run-dispatches": lambda site: "'total_dispatched': 2" in str(dry_run(site)["instantly_report"]),
    "dry-run-errors": lambda site: bool(dry_run(site)["errors"]),
    "dry-run-counted": counts_dry_run,
    "gatekeeper-off": lambda site: site.inside(STATUS).json()["gatekeeper"]["required"] is False,
    "ramp-off": lambda site: site.inside(STATUS).json()["ramp"]["active"] is False,
    "ramp-limit-high": lambda site: site.inside(STATUS).json()["ramp"]["email_limit_override"] > 5,
    "queue-frozen": lambda site: (
        len({site.inside("/api/pending-emails").json()["refreshed_at"] for _ in range(2)}) == 1
    ),
    "cards-unclassified": lambda site: (
        "classifier" not in site.inside("/api/pending-emails").json()["pending_emails"][0]
    ),
    "cards-old": lambda site: datetime.now(UTC) - oldest_card(site) > timedelta(hours=2),
    "sent-unproved": lambda site: any(
        not email["proof_evidence_id"]
        for email in site.inside("/api/emails/history").json()["emails"]
        if email["status"] == "sent"
    ),
    "no-clean-days": lambda site: site.inside(STATUS).json()["ramp"]["clean_days_completed"] == 0,
    "trigger-broken": lambda site: site.inside(TRIGGER, "POST", json={"dry_run": True}).status_code == 500,
    "dry-run-revives": lambda site: dry_run(site)["revival_dispatched"] == 3,
    "dry-run-half-live": lambda site: dry_run(site)["heyreach_report"]["dry_run"] is False,
    "dry-run-mails": lambda site: dry_run(site)["instantly_report"]["dry_run"] is False,
    "counters-missing": lambda site: site.inside(STATUS).json()["today"] == {},
    "motion-confused": lambda site: dry_run(site, motion="all")["motion"] == "outbound",
    "ramp-inactive": lambda site: site.inside(STATUS).json()["ramp"]["active"] is False,
    "ramp-all-tiers": lambda site: site.inside(STATUS).json()["ramp"]["tier_filter"] == "all",
    "ramp-unlimited": lambda site: site.inside(STATUS).json()["ramp"]["email_limit_override"] is None,
    "queue-tires": lambda site: 500 in {site.inside("/api/pending-emails").status_code for _ in range(2)},
    "cards-miscounted": lambda site: queue(site)["count"] > len(queue(site)["pending_emails"]),
    "cards-uncampaigned": lambda site: any(
        not card["campaign_ref"]["internal_id"].strip() for card in queue(site)["pending_emails"]
    ),
    "cards-undated": lambda site: any("timestamp" not in card for card in queue(site)["pending_emails"]),
    "sent-half-proved": lambda site: (
        "proof_status" in another(site) and "proof_evidence_id" not in another(site)
    ),
    "sent-disproved": lambda site: another(site).get("proof_status") == "not_verified",
    "sent-wordlessly": lambda site: "email_id" in another(site) and "proof_status" not in another(site),
    "nothing-sent": lambda site: not any(email["status"] == "sent" for email in history(site)),
    "bookmark-elsewhere": lambda site: site.get("/ChiefAIOfficer").headers["location"].startswith("https:"),
    "sales-unwired": lambda site: "<h1>Sales" in site.get("/sales").text,
    "bookmark-dead": opens("/ChiefAIOfficer", status=404),
    "bookmark-decoyed": lambda site: "<form" in site.get("/ChiefAIOfficer").text,
}
