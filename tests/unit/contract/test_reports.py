"""What is relied on of a deployment: paths, keys, and the shape of its reports."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pytest_caio.checks import shared
from pytest_caio.checks.probe import Effect
from pytest_caio.contract import paths, providers
from pytest_caio.contract import reports as contract


def test_paths_are_written_as_they_are_sent() -> None:
    """No path is listed twice, and reading and acting paths are apart."""
    listed = (*paths.READING_PATHS, *paths.ACTING_PATHS)
    assert len(set(listed)) == len(listed) == 32 + 20
    assert all(path.startswith("/api/") and not path.endswith("/") for path in listed)
    assert not any("{" in path for path in listed)


def test_public_paths_are_not_among_the_protected() -> None:
    """A public path that was listed as protected would fail every release."""
    public = {
        shared.HEALTH.target,
        shared.READINESS.target,
        paths.LOGIN,
        "/inngest",
        "/api/health/live",
    }
    assert not public & {*paths.READING_PATHS, *paths.ACTING_PATHS}


def test_every_provider_has_a_route() -> None:
    """Each provider has a route, no two share one, and the seven of the contract are among them."""
    assert {provider.name for provider in providers.ROUTES.values()} == set(providers.PROVIDERS)
    declared = [route for provider in providers.PROVIDERS.values() for route in provider.routes]
    assert len(declared) == len(providers.ROUTES)
    events = ("instantly/reply", "instantly/bounce", "instantly/open", "instantly/unsubscribe")
    assert {f"/webhooks/{name}" for name in (*events, "heyreach", "clay", "rb2b")} <= set(declared)


def test_what_is_let_in_is_about_nobody() -> None:
    """The event of a post that may be let in is about an address that cannot exist (RFC 2606)."""
    event = msgspec.json.decode(providers.WEBHOOK_EVENT)
    assert event["data"] == {"lead_email": "probe@example.com"}
    assert "probe" in event["event_type"]


def test_what_must_be_refused_is_no_json() -> None:
    """The body of a post that must be refused cannot be read, so nobody can act on it."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(providers.UNREADABLE_BODY)


def test_suppressing_routes_are_routes() -> None:
    """The routes that suppress an address are two of Instantly's."""
    assert providers.ROUTES.keys() >= providers.SUPPRESSING_ROUTES
    assert {route.rpartition("/")[2] for route in providers.SUPPRESSING_ROUTES} == {"bounce", "unsubscribe"}


@pytest.mark.parametrize("name", ["HEALTH", "READINESS", "DEPENDENCIES", "OPERATOR_STATUS", "PENDING_EMAILS"])
def test_shared_probes_only_read(name: str) -> None:
    """A shared probe reads, has a name of its own, and says what it does to the queue, if it does."""
    declared = getattr(shared, name)
    assert declared.method == "GET"
    assert declared.effect is (Effect.QUEUE if name == "PENDING_EMAILS" else Effect.NONE)
    assert declared.name


def test_readiness_own_refusal_is_an_answer() -> None:
    """Readiness' 503 is never retried away; the edge's refusals are."""
    assert shared.READINESS.retry_statuses == {502, 504, 520, 521, 522, 523, 524, 530}
    assert 503 in shared.HEALTH.retry_statuses


REPORTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "readiness": (contract.Readiness, {"status": "ready", "timestamp": 1.5, "checks": {"redis": True}}),
    "redis": (
        contract.Redis,
        {
            "required": True,
            "configured": True,
            "connected": True,
            "ready": True,
            "latency_ms": 1,
            "message": None,
        },
    ),
    "inngest": (
        contract.Inngest,
        {
            "required": True,
            "configured": True,
            "keys_present": True,
            "route_mounted": True,
            "app_id": "x",
            "status": "healthy",
            "ready": True,
        },
    ),
    "provider": (
        contract.ProviderAuth,
        {"hmac": True, "bearer": False, "unsigned_allowlisted": False, "authed": True},
    ),
    "checked at": (contract.CheckedAt, {"checked_at": "2026-02-24T01:02:03.456789+00:00"}),
    "checked at, in Z": (contract.CheckedAt, {"checked_at": "2026-02-24T01:02:03Z"}),
    "operator": (
        contract.OperatorStatus,
        {
            "enabled": True,
            "emergency_stop": False,
            "ramp": {"active": True, "tier_filter": "tier_1"},
            "today": {"outbound_email": 0},
            "limits": {},
            "gatekeeper": {"required": True, "pending_batch": None},
        },
    ),
    "pending": (contract.PendingEmails, {"count": 0, "pending_emails": [], "refreshed_at": "x"}),
    "webhook health": (contract.WebhookHealth, {"signature_strict_mode": True, "provider": "clay"}),
    "introspection": (contract.Introspection, {"mode": "cloud", "function_count": 5, "schema_version": "x"}),
    "auth": (
        contract.Auth,
        {
            "strict_mode": True,
            "query_token_enabled": False,
            "token_header": "X-Dashboard-Token",
            "token_configured": True,
            "session_secret_explicit": True,
            "session_secret_source": "SESSION_SECRET_KEY",
            "webhook_signature_required": True,
            "environment": "staging",
        },
    ),
    "dependencies": (
        contract.Dependencies,
        {"status": "ready", "ready": True, "required_failures": [], "dependencies": {}, "auth": {}},
    ),
}


@pytest.mark.parametrize(("model", "report"), REPORTS.values(), ids=REPORTS)
def test_reports_of_a_deployment_are_read(model: Any, report: dict[str, Any]) -> None:
    """What a deployment answers is read, fields that nobody judges left alone."""
    read = msgspec.convert({**report, "another": {"x": [1]}}, model)
    known = {field.encode_name for field in msgspec.structs.fields(read)}
    assert known - set(report) <= {
        "timestamp",
        "checks",
        "status",
        "message",
        "latency_ms",
        "_shadow_queue_debug",
        "authentication_succeeded",
    }


@pytest.mark.parametrize("name", [name for name in REPORTS if name not in ("readiness", "pending")])
def test_every_judged_field_is_required(name: str) -> None:
    """A report that lacks what is judged of it is no report: absent is never true."""
    model, report = REPORTS[name]
    for field in msgspec.structs.fields(model):
        if field.required:
            lacking = {key: value for key, value in report.items() if key != field.encode_name}
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(lacking, model)


@pytest.mark.parametrize("value", ["true", 1, None, "yes"])
def test_truth_is_a_boolean(value: object) -> None:
    """Only a boolean is taken for one: "true" says nothing of a guard."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"signature_strict_mode": value}, contract.WebhookHealth)


@pytest.mark.parametrize(
    ("told", "connected"),
    [({}, None), ({"redis_connected": None}, None), ({"redis_connected": False}, False)],
)
def test_the_queue_s_own_view_of_redis(told: dict[str, Any], connected: object) -> None:
    """The queue may say whether it reaches Redis, or nothing."""
    report = {"count": 0, "pending_emails": [], "_shadow_queue_debug": told}
    debug = msgspec.convert(report, contract.PendingEmails).shadow_queue_debug
    assert debug is not None
    assert debug.redis_connected is connected


@pytest.mark.parametrize(
    ("report", "commit"),
    [
        ({"commit": "abc1234"}, "abc1234"),
        ({"build": {"git_sha": "abc1234"}}, "abc1234"),
        ({"a": {"b": {}}, "c": {"revision": "abc1234"}}, "abc1234"),
        ({"commit": "", "sha": "abc1234"}, "abc1234"),
        ({"commit": 7, "x": {"commit": None}}, ""),
        ({"message": "commit"}, ""),
        ({"commit": "unknown"}, ""),
        ({"commit": "unknown", "build": {"sha": "c0ffee5"}}, "c0ffee5"),
        ([], ""),
        ("commit", ""),
        (None, ""),
    ],
)
def test_the_reported_commit(report: object, commit: str) -> None:
    """A commit is found under the keys that deployments use, at any depth."""
    assert contract.reported_commit(report) == commit


def test_a_deep_report_names_no_commit() -> None:
    """A report that is nested as deep as its reader allows is no crash."""
    deep = msgspec.json.decode(b'{"a":' * 900 + b"1" + b"}" * 900)
    assert contract.reported_commit(deep) == ""


@pytest.mark.parametrize(
    "part",
    [
        False,
        "not_ready",
        "Not ready",
        "notReady",
        "UNHEALTHY",
        "unavailable",
        "down",
        "failed",
        "connection error",
        "error",
        "timeout",
        "disconnected",
        "starting",
        {"ready": False},
        {"ready": True, "status": "unhealthy"},
        {"status": "ok", "connected": False},
        {"status": {"ready": False}},
    ],
)
def test_a_part_that_is_not_well_says_so(part: object) -> None:
    """`ready: true` beside `status: not_ready`, redis `unhealthy`: a part that denies it is well is not."""
    assert contract.denies(part)


@pytest.mark.parametrize(
    "part",
    [
        True,
        None,
        1,
        [],
        {},
        "",
        "ready",
        "ok",
        "healthy",
        "up",
        "degraded",
        "operational",
        "PONG",
        "idle",
        "notification sent",
        {"ready": True, "status": "healthy", "required": False, "errors": 0},
        {"status": None},
    ],
)
def test_a_part_that_is_well_says_what_it_likes(part: object) -> None:
    """Any other word, type or field is a deployment's own affair."""
    assert not contract.denies(part)


def test_required_dependencies_say_so() -> None:
    """An unknown required dependency that is down is seen: not its name says that it is required."""
    parts = {
        "a": {"required": True},
        "b": {"required": "true"},
        "c": {},
        "d": None,
        "redis": {"required": False},
    }
    assert set(contract.Dependencies(True, [], parts, {}).required) == {"a"}
