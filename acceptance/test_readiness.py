"""Runtime readiness and hardening: the deployment says that it is ready, and tells the truth."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pytest_caio import Environment, Exchange, Mismatch, MissingInput, NotApplicable, Probe, cases, check, get
from pytest_caio.checks.credentials import inngest_signed
from pytest_caio.checks.shared import DEPENDENCIES, HEALTH, PENDING_EMAILS, READINESS
from pytest_caio.contract.paths import LOGIN, PAGES, READING_PATHS
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.contract.reports import (
    Auth,
    CheckedAt,
    Dependencies,
    Inngest,
    Introspection,
    PendingEmails,
    Readiness,
    Redis,
    reported_commit,
)

READY = "Open the deploy logs in Railway, mend the dependency that the answer names (REDIS_URL, INNGEST_*), then redeploy."
REDIS = "In Railway, set REDIS_URL to this environment's Redis and REDIS_REQUIRED=true, see that Redis runs, then redeploy."
INNGEST = "In Railway, set INNGEST_SIGNING_KEY, INNGEST_EVENT_KEY and INNGEST_REQUIRED=true, then redeploy."
CLOUD = (
    "In Railway, set ENVIRONMENT and INNGEST_SIGNING_KEY (the one in your env file) and remove INNGEST_DEV, "
    "then redeploy; /inngest must run in cloud mode."
)
UNSIGNED = get("/inngest", name="unsigned introspection")
SIGNED = get("/inngest", inngest_signed(), name="signed introspection")


@check("RDY-01", fix=READY)
@READINESS
def test_readiness_is_ready(response: Exchange) -> None:
    """Readiness says ready."""
    assert response.report(Readiness).status == "ready"


@check("RDY-02", fix=READY)
@DEPENDENCIES
def test_dependencies_are_ready(response: Exchange) -> None:
    """The dependencies are ready, and nothing required failed."""
    report = response.report(Dependencies)
    assert report.ready is True
    assert report.required_failures == []


@check("RDY-03", fix=REDIS)
@DEPENDENCIES
def test_redis_is_healthy(response: Exchange) -> None:
    """Redis is required, connected and healthy."""
    redis = response.report(Redis, at="dependencies.redis")
    assert redis.required is True
    assert redis.configured is True
    assert redis.connected is True
    assert redis.ready is True


@check("RDY-04", fix=INNGEST)
@DEPENDENCIES
def test_inngest_is_healthy(response: Exchange) -> None:
    """Inngest is required, has its keys, is mounted and healthy."""
    inngest = response.report(Inngest, at="dependencies.inngest")
    assert inngest.required is True
    assert inngest.configured is True
    assert inngest.keys_present is True
    assert inngest.route_mounted is True
    assert inngest.ready is True


def introspection_cases(environment: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Ask unsigned, and signed too where the key is known."""
    return {"": (UNSIGNED, SIGNED) if environment.value("INNGEST_SIGNING_KEY") else (UNSIGNED,)}


def introspection(responses: Mapping[str, Exchange]) -> Introspection:
    """Return the introspection that was granted: the unsigned one of SDKs up to 0.5.18, else the signed one."""
    unsigned = responses[UNSIGNED.label]
    refused = unsigned.status_code == 401 and unsigned.header("x-inngest-sdk-handled") == "true"
    if not refused:
        open_to_all = unsigned.report(Introspection)
        if SIGNED.label not in responses or open_to_all.mode != "cloud":
            return open_to_all
    elif SIGNED.label not in responses:
        raise MissingInput("INNGEST_SIGNING_KEY")
    return responses[SIGNED.label].report(Introspection)


@check("RDY-05", fix=CLOUD)
@cases(introspection_cases)
def test_inngest_runs_in_cloud_mode(responses: Mapping[str, Exchange]) -> None:
    """Inngest runs in cloud mode, with the signing key that was given."""
    assert introspection(responses).mode == "cloud"


@check(
    "RDY-06",
    by="developer",
    fix="See in the deploy logs why functions are missing from /inngest, or correct inngest_functions in the profile.",
)
@cases(introspection_cases)
def test_inngest_functions(responses: Mapping[str, Exchange], environment: Environment) -> None:
    """Inngest serves as many functions as the profile expects."""
    if environment.profile.inngest_functions is None:
        raise MissingInput("inngest_functions in the profile")
    assert introspection(responses).function_count == environment.profile.inngest_functions


@check(
    "RDY-07",
    by="developer",
    fix="Readiness and dependencies disagree, or one is cached: redeploy; if it stays, the readiness code is wrong.",
)
@READINESS
@DEPENDENCIES
def test_readiness_agrees(responses: Mapping[str, Exchange]) -> None:
    """Readiness and dependencies say the same, and what they say is from this run."""
    readiness, dependencies = responses["readiness"], responses["dependencies"]
    report = dependencies.report(Dependencies)
    assert readiness.status_code in (200, 503)
    if readiness.status_code == 200:
        assert (readiness.json(Readiness).status == "ready") is report.ready
    else:
        assert report.ready is False
    assert report.ready is not bool(report.required_failures)
    checked = dependencies.report(CheckedAt).checked_at
    checked = checked if checked.tzinfo else checked.replace(tzinfo=UTC)
    # Compare with the deployment's own clock, from its Date header; this machine's may be off.
    date = dependencies.header("date")
    now = parsedate_to_datetime(date) if date else dependencies.started
    assert abs(checked - now) <= timedelta(seconds=60), (
        f"checked at {checked:%Y-%m-%dT%H:%M:%SZ}, asked at {now:%Y-%m-%dT%H:%M:%SZ}"
    )


@check(
    "RDY-08",
    fix="In Railway, set DASHBOARD_AUTH_STRICT=true, DASHBOARD_QUERY_TOKEN_ENABLED=false, DASHBOARD_AUTH_TOKEN, "
    "SESSION_SECRET_KEY, WEBHOOK_SIGNATURE_REQUIRED=true and ENVIRONMENT, then redeploy.",
)
@DEPENDENCIES
def test_auth_state(response: Exchange, environment: Environment) -> None:
    """The deployment says that its authentication is strict, and which environment it is."""
    auth = response.report(Auth, at="auth")
    assert auth.strict_mode is True
    assert auth.query_token_enabled is environment.profile.query_token
    assert auth.token_configured is True
    assert auth.session_secret_explicit is True
    assert auth.webhook_signature_required is True
    assert canonical(auth.environment) == canonical(environment.expected_environment)


def canonical(name: str) -> str:
    """Return an environment's full name: `prod` also stands for production."""
    return {"prod": "production"}.get(name.strip().lower(), name.strip().lower())


@check(
    "RDY-09",
    fix="In Railway, set ENVIRONMENT=production (or staging), which turns the API documents off, then redeploy.",
)
@cases({path: get(path) for path in ("/docs", "/redoc", "/openapi.json")})
def test_documents_are_off(response: Exchange) -> None:
    """The API's documents are not served."""
    assert response.status_code == 404


CONNECTION_STRING = re.compile(
    r"\b(rediss?|postgres(ql)?|mysql|mongodb(\+srv)?|amqps?)://\S+|://[^/\s:@\"'<>]*:[^/\s@\"'<>]+@", re.I
)
STACK_TRACE = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+|^[ \t]+at \S+ \(\S+:\d+:\d+\)", re.M
)
PUBLIC = (
    HEALTH,
    READINESS,
    get("/api/health/live"),
    get(LOGIN),
    get("/ChiefAIOfficer"),
    get("/docs"),
    UNSIGNED,
    *(get(page) for page in PAGES),
    *(get(path) for path in READING_PATHS),
    *(get(provider.health) for provider in PROVIDERS.values()),
)


@check(
    "RDY-10",
    by="developer",
    fix="The answer shows what only the server may know: set DEBUG off and ENVIRONMENT in Railway, change what leaked, redeploy.",
)
@cases({probe.label: probe for probe in PUBLIC})
def test_public_answers_leak_nothing(response: Exchange, secrets_in: Callable[[str], list[str]]) -> None:
    """No public answer carries a secret, a connection string or a stack trace."""
    told = "\n".join([response.text, *(f"{name}: {value}" for name, value in response.headers)])
    leaked = secrets_in(told)
    assert not leaked, f"the answer holds the value of {', '.join(leaked)}"
    assert not CONNECTION_STRING.search(told), "the answer holds a connection string"
    assert not STACK_TRACE.search(told), "the answer holds a stack trace"


def transport_cases(environment: Environment) -> Mapping[str, Probe]:
    """Look at the certificate of https, and ask the same host in clear; loopback has neither."""
    if environment.is_loopback and environment.base_url.startswith("http:"):
        raise NotApplicable("the deployment is on loopback")
    probes = {"certificate": READINESS}
    if not environment.is_loopback:
        probes["plain http"] = get("/api/health/ready", plain_http=True, tolerates_silence=True)
    return probes


@check(
    "RDY-11",
    fix="Serve the deployment over https with a certificate valid for 14 days or more, and redirect http to it.",
)
@cases(transport_cases)
def test_transport_is_secure(response: Exchange, case: str) -> None:
    """The deployment is asked over TLS 1.2 or later, its certificate lasts, and plain http has no content."""
    if case == "plain http":
        # A response that began but never ended counts as content; no response or a refused connection does not.
        status = response.status_code or response.begun
        assert status == 0 or 300 <= status < 500
        assert (response.header("location") or "https://").startswith("https://")
        return
    assert response.tls is not None, "the deployment was not asked over https"
    assert response.tls.version in ("TLSv1.2", "TLSv1.3")
    assert response.tls.not_after is not None
    days = (response.tls.not_after - datetime.now(UTC)).days
    assert days >= 14, f"the certificate ends in {days} days"


SAMPLES = 20


@check(
    "RDY-12",
    blocking=False,
    fix="Readiness is slow: see Redis latency in /api/runtime/dependencies, or raise ready_budget_ms in the profile.",
)
@cases(
    {
        "": tuple(
            get("/api/health/ready", name=f"sample {n}", sample=n, retry_statuses=READINESS.retry_statuses)
            for n in range(1, SAMPLES + 1)
        )
    }
)
def test_readiness_is_quick(responses: Mapping[str, Exchange], environment: Environment) -> None:
    """Readiness answers within the profile's budget, at the 95th percentile."""
    times = sorted(answer.elapsed_ms for answer in responses.values())
    p95 = times[math.ceil(0.95 * len(times)) - 1]  # nearest-rank percentile
    assert p95 <= environment.profile.ready_budget_ms, f"p95 of {len(times)} samples is {p95:.0f} ms"


def commit_cases(environment: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Ask only where a commit is expected."""
    if not environment.expect_commit:
        raise NotApplicable("no commit is expected (--expect-commit)")
    return {"": (HEALTH, READINESS, DEPENDENCIES)}


@check(
    "RDY-13",
    blocking=False,
    fix="Redeploy the commit that --expect-commit names, and see in Railway that the deploy went through.",
)
@cases(commit_cases)
def test_deployed_commit(responses: Mapping[str, Exchange], environment: Environment) -> None:
    """The deployed commit is the one asked for."""
    commit = ""
    for answer in responses.values():
        try:
            commit = commit or reported_commit(answer.json(dict[str, Any]))
        except Mismatch:
            continue
    expected = environment.expect_commit.lower()
    shorter = min(len(commit), len(expected))
    # Fewer than seven characters do not identify a commit.
    assert shorter >= 7, f"the deployment does not say which commit it runs, but {commit or 'nothing'}"
    assert commit.lower()[:shorter] == expected[:shorter]


@check(
    "RDY-14",
    by="developer",
    blocking=False,
    fix="Have the dashboard send Strict-Transport-Security, X-Content-Type-Options and X-Frame-Options on pages.",
)
@get(LOGIN)
def test_security_headers(response: Exchange, environment: Environment) -> None:
    """Pages carry the security headers."""
    assert response.status_code == 200
    assert (response.header("x-content-type-options") or "").lower() == "nosniff"
    policy = response.header("content-security-policy") or ""
    framed = (response.header("x-frame-options") or "").upper() in ("DENY", "SAMEORIGIN")
    assert framed or "frame-ancestors" in policy, "neither X-Frame-Options nor frame-ancestors"
    # Servers must not send it over http (RFC 6797, 7.2), where browsers ignore it.
    if environment.base_url.startswith("https:"):
        assert "max-age=" in (response.header("strict-transport-security") or "")


@check("RDY-15", fix=REDIS)
@PENDING_EMAILS
def test_nothing_contradicts_readiness(response: Exchange) -> None:
    """Nothing else that the deployment says contradicts its readiness."""
    debug = response.report(PendingEmails).shadow_queue_debug
    # Older deployments do not report it.
    assert debug is None or debug.redis_connected is not False, "the queue says that Redis is not connected"
