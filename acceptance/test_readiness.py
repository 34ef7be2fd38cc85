"""Runtime readiness and hardening: the deployment says that it is ready, and tells the truth."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_caio import Environment, Exchange, Mismatch, MissingInput, NotApplicable, Probe, cases, check, get
from pytest_caio.checks.credentials import inngest_signed, inngest_signed_with_nothing
from pytest_caio.checks.shared import (
    DEPENDENCIES,
    HEALTH,
    OPERATOR_STATUS,
    PENDING_EMAILS,
    READINESS,
    REFUSED_TRIGGER,
)
from pytest_caio.contract.cards import zoned
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
    denies,
    reported_commit,
)
from pytest_caio.environments.urls import browser_url
from pytest_caio.gates.freshness import clock_at, dates, kept_copy

READY = "Open the deploy logs in Railway, mend the dependency that the answer names (REDIS_URL, INNGEST_*), then redeploy."
REDIS = "In Railway, set REDIS_URL to this environment's Redis and REDIS_REQUIRED=true, see that Redis runs, then redeploy."
INNGEST = "In Railway, set INNGEST_SIGNING_KEY, INNGEST_EVENT_KEY and INNGEST_REQUIRED=true, then redeploy."
CLOUD = (
    "In Railway, set INNGEST_SIGNING_KEY to the one in your env file and, in production, ENVIRONMENT to exactly production, and "
    "remove INNGEST_DEV, then redeploy. On staging, cloud mode takes a change in the product's code."
)
CODE = (
    "It takes a change in the product's code: where ENVIRONMENT is not production it runs Inngest in development mode, whatever "
    "INNGEST_DEV says. Hand to the developer: create the Inngest client with is_production=True on staging too. Until then this "
    "check may be waived here (docs/waivers.md), and never in production."
)
CACHED = (
    "What was cached is no answer of the dashboard: turn caching off for /api/ in whatever stands in front of it, or hand to "
    'the developer: "Have the dashboard send Cache-Control: no-store under /api/." Then run this again.'
)
UNSIGNED = get("/inngest", name="unsigned introspection")
SIGNED = get("/inngest", inngest_signed(), name="signed introspection")
FORGED = get("/inngest", inngest_signed_with_nothing(), name="introspection signed with an empty key")
AGREEING = (READINESS.label, DEPENDENCIES.label)
# No cache answers a POST: the time in its answer is the deployment's. If it answers at all is AUTH-02's.
UNCACHED = replace(REFUSED_TRIGGER, tolerates_silence=True)
JUDGED_APART = ("redis", "inngest", "webhooks")


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
    assert not denies(redis.status), f"its status is {redis.status}"


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
    assert not denies(inngest.status), f"its status is {inngest.status}"


def introspection_cases(environment: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Ask unsigned, and signed too where the key is known."""
    return {"": (UNSIGNED, SIGNED) if environment.value("INNGEST_SIGNING_KEY") else (UNSIGNED,)}


def introspection(responses: Mapping[str, Exchange]) -> Introspection:
    """Return the introspection that was granted: the unsigned one of SDKs up to 0.5.18, else the signed one."""
    unsigned = responses[UNSIGNED.label]
    if unsigned.status_code != 401 or unsigned.header("x-inngest-sdk-handled") != "true":
        return unsigned.report(Introspection)
    if SIGNED.label not in responses:
        raise MissingInput("INNGEST_SIGNING_KEY")
    return responses[SIGNED.label].report(Introspection)


@check("RDY-05", waivable=True, waivable_in_production=False, fix=CLOUD)
@cases(lambda environment: {"": (*introspection_cases(environment)[""], FORGED)})
def test_inngest_runs_in_cloud_mode(responses: Mapping[str, Exchange], environment: Environment) -> None:
    """Inngest runs in cloud mode, with the signing key that was given, and no empty one."""
    mode = introspection(responses).mode
    if mode == "dev" and canonical(environment.expected_environment) != "production":
        raise Mismatch("cloud mode", "/inngest runs in dev mode", CODE)
    assert mode == "cloud", f"/inngest runs in {mode} mode"
    forged = responses[FORGED.label]
    if forged.status_code == 200:
        believed = forged.report(Introspection).authentication_succeeded is True
        assert not believed, "the deployment believes a signature that was made with an empty key"
    if SIGNED.label not in responses:
        raise MissingInput("INNGEST_SIGNING_KEY")
    # SDKs up to 0.5.18 answer a wrong signature with 200 too, so the status code says nothing of the key.
    known = responses[SIGNED.label].report(Introspection).authentication_succeeded is True
    assert known, "the deployment has another signing key than INNGEST_SIGNING_KEY of the env file"


@check(
    "RDY-06",
    by="developer",
    fix="See in the deploy logs why functions are missing from /inngest, or correct inngest_functions in the profile.",
)
@cases(introspection_cases)
def test_inngest_functions(responses: Mapping[str, Exchange], environment: Environment) -> None:
    """Inngest serves as many functions as the profile expects."""
    expected = environment.profile.inngest_functions
    if expected is None:
        raise MissingInput("inngest_functions in the profile")
    served = introspection(responses).function_count
    assert served == expected, f"{expected} functions are expected, {served} are served"


@check(
    "RDY-07",
    by="developer",
    fix="Readiness and dependencies disagree, or one is cached: redeploy; if it stays, the readiness code is wrong.",
)
@READINESS
@DEPENDENCIES
@UNCACHED
def test_readiness_agrees(responses: Mapping[str, Exchange]) -> None:
    """Readiness and dependencies say the same, contradict nothing of their own, and are from this run."""
    readiness, dependencies = (responses[label] for label in AGREEING)
    report = dependencies.report(Dependencies)
    assert readiness.status_code in (200, 503)
    ready = readiness.json(Readiness) if readiness.status_code == 200 else None
    assert report.ready is (ready is not None and ready.status == "ready")
    assert report.ready is not bool(report.required_failures)
    if report.ready and ready:
        against = contradictions(report, ready, readiness.json(dict[str, Any]))
        assert not against, f"ready is said beside {', '.join(against)}"
    for label in AGREEING:
        if copy := kept_copy(responses[label]):
            raise Mismatch(
                "an answer from this run", f"{label} is a copy that a cache had kept ({copy})", CACHED
            )
    # Compare with the deployment's own clock, since this machine's may be off.
    now = clock_at(dependencies, responses[UNCACHED.label])
    times = [(f"dated by {name}", date) for name in AGREEING for date in dates(responses[name])]
    for told, moment in (*times, ("checked", zoned(dependencies.report(CheckedAt).checked_at))):
        assert abs(moment - now) <= timedelta(seconds=60), (
            f"not from this run: {told} at {moment:%Y-%m-%dT%H:%M:%SZ}, asked at {now:%Y-%m-%dT%H:%M:%SZ}"
        )


def contradictions(report: Dependencies, ready: Readiness, told: Mapping[str, Any]) -> list[str]:
    """Return what reports that say ready say against it; Redis, Inngest and webhooks have their own checks."""
    found = [f"the dependencies' status {report.status}"] if denies(report.status) else []
    found += ["readiness's own ready: false"] if told.get("ready") is False else []
    others = {name: part for name, part in report.required.items() if name not in JUDGED_APART}
    found += [f"a required dependency that is not ({name})" for name, part in others.items() if denies(part)]
    failed = [name for name, part in ready.checks.items() if denies(part)]
    needed = [name for name in failed if name in report.required or required_itself(ready.checks[name])]
    # Where none passed, they need not say which of them are required.
    if needed or len(failed) == len(ready.checks):
        found += [f"readiness's own check that failed ({name})" for name in needed or failed]
    return found


def required_itself(part: object) -> bool:
    """Say whether a check of readiness says that it is required."""
    return isinstance(part, dict) and part.get("required") is True


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
    assert auth.session_secret_source == "SESSION_SECRET_KEY"
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
    everywhere=True,
    fix="The answer shows what only the server may know: set DEBUG off and ENVIRONMENT in Railway, change what leaked (a "
    "secret that was shown needs a new value), and redeploy; hand to the developer which answer shows it.",
)
@cases({probe.label: probe for probe in PUBLIC})
def test_answers_leak_nothing(response: Exchange, leaks_in: Callable[[Exchange], list[str]]) -> None:
    """No answer to a caller without a right credential shows a secret, an inside of the server, or a person."""
    leaks = leaks_in(response)
    assert not leaks, f"the answer shows {', '.join(leaks)}"


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
        location = response.header("location")
        target = browser_url(location, browser_url(response.request.origin)) if location else None
        assert location is None or (target is not None and target.scheme == "https")
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
    if not commit:
        raise NotApplicable(
            "no answer of the deployment names its commit; see in Railway which one is deployed"
        )
    expected = environment.expect_commit.lower()
    shorter = min(len(commit), len(expected))
    # Fewer than seven characters do not identify a commit.
    assert shorter >= 7, f"too little of the commit is named to know it by: {commit}"
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


@check(
    "RDY-15",
    fix="In Railway, set REDIS_URL, STATE_BACKEND=redis, and CONTEXT_REDIS_PREFIX (else STATE_REDIS_PREFIX) as in your env "
    "file, then redeploy: the queue of pending emails must be in this environment's Redis alone.",
)
@PENDING_EMAILS
def test_nothing_contradicts_readiness(response: Exchange, environment: Environment) -> None:
    """Nothing else that the deployment says contradicts its readiness."""
    queue = response.report(PendingEmails).shadow_queue_debug
    told = (queue.redis_connected, queue.prefix, queue.filesystem_merge_enabled) if queue else ()
    if queue is None or set(told) == {None}:
        raise NotApplicable("the queue does not say where its cards are, as older deployments do not")
    assert queue.redis_connected in (None, True), "the queue says that Redis is not connected"
    prefix = environment.queue_prefix
    assert queue.prefix in (None, prefix), f"the queue is under {queue.prefix} in Redis, not under {prefix}"
    assert not queue.filesystem_merge_enabled, "the queue adds cards from the file system to those in Redis"


@check(
    "RDY-16",
    blocking=False,
    fix="If it is not held back on purpose: in Railway, remove EMERGENCY_STOP, enable the operator, see that the keys of the "
    "language models are set, then redeploy.",
)
@OPERATOR_STATUS
@DEPENDENCIES
def test_nothing_holds_it_back(responses: Mapping[str, Exchange]) -> None:
    """Nothing holds the deployment back: the operator is on, it is not stopped, language models are routed."""
    # AUTH-05 and AUTH-06 judge whether they answer; what one of them reports is judged without the other.
    answered = [answer for answer in responses.values() if answer.status_code == 200 and answer.body]
    if not answered:
        raise Mismatch("the operator status, or the dependencies", responses["operator status"].summary)
    told: dict[str, Any] = {}
    for answer in answered:
        told |= answer.json(dict[str, Any])
    routing = told["llm_routing"].get("ready") if isinstance(told.get("llm_routing"), dict) else None
    enabled, stopped = told.get("enabled"), told.get("emergency_stop")
    if (enabled, stopped, routing) == (None, None, None):
        raise NotApplicable("nothing is reported of the operator, the emergency stop and language models")
    assert enabled in (None, True), "the operator is not enabled"
    assert stopped in (None, False), "the emergency stop is on"
    assert routing in (None, True), "the language models are not routed (llm_routing is not ready)"
