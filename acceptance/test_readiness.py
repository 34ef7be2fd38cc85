"""Runtime readiness and hardening: the deployment says that it is ready, and tells the truth."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pytest_caio import (
    Environment,
    Exchange,
    Mismatch,
    MissingInput,
    NotApplicable,
    Probe,
    cases,
    check,
    get,
    must,
    no,
    says,
)
from pytest_caio.checks.credentials import inngest_signed, inngest_signed_with_nothing
from pytest_caio.checks.shared import (
    DEPENDENCIES,
    HEALTH,
    OPERATOR_STATUS,
    PENDING_EMAILS,
    READINESS,
    REFUSED_TRIGGER,
)
from pytest_caio.checks.words import word
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
from pytest_caio.gates.leaks import leaking

READY = (
    "Open the deploy logs in Railway, mend what they say of {failed} (REDIS_URL for Redis, INNGEST_EVENT_KEY and "
    "INNGEST_SIGNING_KEY for Inngest), then redeploy."
)
UNREADY = 'Hand to the developer, with the deploy logs from Railway: "{request} says {failed}, and must say that it is ready."'
REDIS = (
    "In Railway, see that this environment's Redis runs and that REDIS_URL leads to it; correct the one that is wrong, then "
    "redeploy."
)
REDIS_ILL = "In Railway, see that Redis runs (its metrics, its deploy logs) and restart it; REDIS_URL is right: it is connected."
INNGEST = (
    "In Railway, see that INNGEST_SIGNING_KEY and INNGEST_EVENT_KEY are those of the Inngest app's page, then redeploy. If they are, "
    'hand to the developer, with the deploy logs: "Inngest says {wrong}."'
)
INNGEST_KEYS = "In Railway, set INNGEST_SIGNING_KEY and INNGEST_EVENT_KEY to those of the Inngest app's page (app.inngest.com), then redeploy."
KEY = (
    "In Railway, set INNGEST_SIGNING_KEY to the one in the env file, then redeploy. If they are equal, hand to the developer: "
    '"/inngest takes another signing key."'
)
CLOUD = "In Railway, remove INNGEST_DEV, and set ENVIRONMENT to exactly production, then redeploy."
CODE = (
    'Hand to the developer: "Create the Inngest client with is_production set on staging too: where ENVIRONMENT is not production '
    'it runs in development mode, whatever INNGEST_DEV says." Until then this check may be waived here (docs/waivers.md), and never '
    "in production."
)
CACHED = (
    "Turn caching off for /api/ in whatever stands in front of the dashboard: what was cached is no answer of it. If nothing does, "
    'hand to the developer: "Send Cache-Control: no-store under /api/."'
)
STALE = (
    "In Railway, redeploy. If the report is from another time again, turn caching off for /api/ in front of the dashboard (what "
    'was cached is no answer of it), or hand to the developer: "A report is not made anew for each request."'
)
DISAGREE = 'Hand to the developer, with the deploy logs from Railway: "The readiness code contradicts itself: {wrong}."'
UNSIGNED = get("/inngest", name="unsigned introspection")
SIGNED = get("/inngest", inngest_signed(), name="signed introspection")
_Report = TypeVar("_Report")

FORGED = get("/inngest", inngest_signed_with_nothing(), name="introspection signed with an empty key")
AGREEING = (READINESS.label, DEPENDENCIES.label)
# No cache answers a POST: the time in its answer is the deployment's. If it answers at all is AUTH-02's.
UNCACHED = replace(REFUSED_TRIGGER, tolerates_silence=True)
JUDGED_APART = ("redis", "inngest", "webhooks")


@check(
    "RDY-01",
    wrong="The deployment does not say that it is ready.",
    fix=UNREADY,
    fixes={503: READY, "page": UNREADY, 500: UNREADY},
)
@READINESS
def test_readiness_is_ready(response: Exchange) -> None:
    """The deployment says that it is ready."""
    said = report_of(response, Readiness, "readiness").status
    if said != "ready":
        told = f"status: {word(said)}"
        raise response.mismatch("must say status: ready", f"it says {told}", "", failed=told)


def report_of(response: Exchange, model: type[_Report], otherwise: str) -> _Report:
    """Return a report; without one, the fix names the parts that failed, as far as the response does."""
    try:
        return response.report(model)
    except Mismatch as wrong:
        failed = unready_parts(response)
        wrong.named["failed"] = word(failed) if failed else wrong.named.get("wrong", otherwise)
        raise


def unready_parts(response: Exchange) -> list[str]:
    """Return the checks of readiness that failed, as far as it names them."""
    try:
        checks = response.json(Readiness).checks
    except Mismatch:
        return []
    return [name for name, part in checks.items() if re.fullmatch(r"[\w-]{1,40}", name) and denies(part)]


@check(
    "RDY-02",
    wrong="A dependency is not ready, or something that is required failed.",
    fix=READY,
    fixes={"unready": UNREADY, "shape": UNREADY, 503: READY},
)
@DEPENDENCIES
def test_dependencies_are_ready(response: Exchange) -> None:
    """The dependencies are ready, and nothing that is required failed."""
    report = report_of(response, Dependencies, "the dependencies")
    failed = [name for name in report.required_failures if name in report.dependencies]
    told = f"ready: {word(report.ready)}, required_failures: {word(report.required_failures)}"
    if report.ready is not True or report.required_failures:
        expected = "must say ready: true, required_failures: nothing"
        way = "" if failed else "unready"
        raise response.mismatch(expected, f"it says {told}", way, failed=word(failed) if failed else told)


@check(
    "RDY-03",
    wrong="Redis is not required, not connected or not healthy.",
    fix=REDIS,
    fixes={
        "required": "In Railway, set REDIS_REQUIRED=true, then redeploy.",
        "configured": "In Railway, set REDIS_URL to this environment's Redis (the value in the env file), then redeploy.",
        "ill": REDIS_ILL,
    },
)
@DEPENDENCIES
def test_redis_is_healthy(response: Exchange) -> None:
    """Redis is required, connected and healthy."""
    redis = response.report(Redis, at="dependencies.redis")
    says("Redis", redis, required=True, configured=True, connected=True)
    well = redis.ready is True and not denies(redis.status)
    told = f"it says ready: {word(redis.ready)}, status: {word(redis.status)}"
    must(well, "Redis must be ready and well", told, "ill")


@check(
    "RDY-04",
    wrong="Inngest is not required, lacks a key, or is not mounted or not healthy.",
    fix=INNGEST,
    fixes={
        "required": "In Railway, set INNGEST_REQUIRED=true, then redeploy.",
        **dict.fromkeys(("configured", "keys_present"), INNGEST_KEYS),
        "route_mounted": f'{INNGEST_KEYS} If they are set, hand to the developer, with the deploy logs: "/inngest is not mounted."',
    },
)
@DEPENDENCIES
def test_inngest_is_healthy(response: Exchange) -> None:
    """Inngest is required, has its keys, is mounted and healthy."""
    inngest = response.report(Inngest, at="dependencies.inngest")
    says("Inngest", inngest, required=True, configured=True, keys_present=True, route_mounted=True)
    well = inngest.ready is True and not denies(inngest.status)
    told = f"ready: {word(inngest.ready)}, status: {word(inngest.status)}"
    must(well, "Inngest must be ready and well", f"it says {told}", wrong=told)


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


@check(
    "RDY-05",
    wrong="Inngest does not run in cloud mode with the signing key that was given, or believes an empty one.",
    waivable=True,
    waivable_in_production=False,
    fix=KEY,
    fixes={
        "mode": CLOUD,
        "dev": CODE,
        "forged": "In Railway, set INNGEST_SIGNING_KEY to the one of the Inngest app's page, then redeploy: it is empty there, and "
        "Inngest believes everybody.",
        **dict.fromkeys((404, 405), INNGEST_KEYS),
    },
)
@cases(lambda environment: {"": (*introspection_cases(environment)[""], FORGED)})
def test_inngest_runs_in_cloud_mode(responses: Mapping[str, Exchange], environment: Environment) -> None:
    """Inngest runs in cloud mode, with the signing key that was given, and no empty one."""
    mode = introspection(responses).mode
    staging = mode == "dev" and canonical(environment.expected_environment) != "production"
    must(
        mode == "cloud",
        "/inngest must run in cloud mode",
        f"it runs in {word(mode)} mode",
        "dev" if staging else "mode",
    )
    forged = responses[FORGED.label]
    if forged.status_code == 200:
        believed = forged.report(Introspection).authentication_succeeded is True
        must(
            not believed,
            "a signature made with an empty key must be refused",
            "the deployment believes it",
            "forged",
        )
    if SIGNED.label not in responses:
        raise MissingInput("INNGEST_SIGNING_KEY")
    # SDKs up to 0.5.18 answer a wrong signature with 200 too, so the status code says nothing of the key.
    known = responses[SIGNED.label].report(Introspection).authentication_succeeded is True
    must(
        known,
        "a signature made with INNGEST_SIGNING_KEY of the env file must be believed",
        "it is not: the deployment has another signing key",
    )


@check(
    "RDY-06",
    wrong="Inngest does not serve as many functions as the profile expects.",
    fix='Hand to the developer, with the deploy logs from Railway: "/inngest serves {served} functions, and {wanted} are expected." If '
    "{served} is right, correct inngest_functions in {profiles} instead.",
    fixes={404: INNGEST_KEYS},
)
@cases(introspection_cases)
def test_inngest_functions(responses: Mapping[str, Exchange], environment: Environment) -> None:
    """Inngest serves as many functions as the profile expects."""
    expected = environment.profile.inngest_functions
    if expected is None:
        raise MissingInput("inngest_functions in the profile")
    served = introspection(responses).function_count
    right = served == expected
    must(right, f"{expected} functions", f"{served} are served", wanted=expected, served=served)


@check(
    "RDY-07",
    wrong="Readiness and dependencies do not agree, contradict themselves, or are not from this run.",
    fix=DISAGREE,
    fixes={
        "cached": CACHED,
        "stale": STALE,
        500: 'Hand to the developer, with the deploy logs from Railway: "The readiness code crashes: {request} is answered {status}."',
    },
)
@READINESS
@DEPENDENCIES
@UNCACHED
def test_readiness_agrees(responses: Mapping[str, Exchange]) -> None:
    """Readiness and dependencies say the same, do not contradict themselves, and are from this run."""
    readiness, dependencies = (responses[label] for label in AGREEING)
    report = dependencies.report(Dependencies)
    readiness.must_answer(200, 503, to="say whether it is ready")
    ready = readiness.json(Readiness) if readiness.status_code == 200 else None
    said = ready.status if ready else readiness.status_code
    told = f"readiness says {word(said)}, the dependencies say ready: {word(report.ready)}"
    agree = report.ready is (ready is not None and ready.status == "ready")
    must(agree, "readiness and dependencies must say the same", told, wrong=told)
    told = f"the dependencies say ready: {word(report.ready)}, required_failures: {word(report.required_failures)}"
    sound = report.ready is not bool(report.required_failures)
    must(sound, "ready must be said where nothing required failed, and only there", told, wrong=told)
    if report.ready and ready:
        against = contradictions(report, ready, readiness.json(dict[str, Any]))
        no("contradictions of ready", against, wrong=f"it says ready beside {word(against)}")
    for label in AGREEING:
        copy = kept_copy(responses[label])
        told = f"{label} is a copy that a cache had kept ({copy})"
        must(not copy, "the answers must be from this run", told, "cached")
    # Compare with the deployment's own clock, since this machine's may be off.
    now = clock_at(dependencies, responses[UNCACHED.label])
    times = [(f"dated by {name}", date) for name in AGREEING for date in dates(responses[name])]
    for told, moment in (*times, ("checked", zoned(dependencies.report(CheckedAt).checked_at))):
        seen = f"not from this run: {told} at {moment:%Y-%m-%dT%H:%M:%SZ}, asked at {now:%Y-%m-%dT%H:%M:%SZ}"
        fresh = abs(moment - now) <= timedelta(seconds=60)
        must(fresh, "the answers must be from this run, within a minute", seen, "stale", case=told)


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


FROM_ITS_KEY = {"session_secret_source": "SESSION_SECRET_KEY"}


@check(
    "RDY-08",
    wrong="The deployment does not say that its authentication is strict, or names another environment.",
    fix=UNREADY.replace("must say that it is ready", "must say how callers are authenticated"),
    fixes={
        "strict_mode": "In Railway, set DASHBOARD_AUTH_STRICT=true, then redeploy.",
        "query_token_enabled": "In Railway, set DASHBOARD_QUERY_TOKEN_ENABLED=false (or as query_token of the profile says), then "
        "redeploy.",
        "token_configured": "In Railway, set DASHBOARD_AUTH_TOKEN to the value in the env file, then redeploy.",
        **dict.fromkeys(
            ("session_secret_explicit", "session_secret_source"),
            "In Railway, set SESSION_SECRET_KEY to the value in the env file, then redeploy.",
        ),
        "webhook_signature_required": "In Railway, set WEBHOOK_SIGNATURE_REQUIRED=true, then redeploy.",
        "environment": "In Railway, set ENVIRONMENT={environment}, then redeploy. If it is right there, correct the base URL: it "
        "leads to another environment.",
    },
)
@DEPENDENCIES
def test_auth_state(response: Exchange, environment: Environment) -> None:
    """The deployment says that its authentication is strict, and which environment it is."""
    auth = response.report(Auth, at="auth")
    says("authentication", auth, strict_mode=True, query_token_enabled=environment.profile.query_token)
    says("authentication", auth, token_configured=True, session_secret_explicit=True)
    says("authentication", auth, webhook_signature_required=True, **FROM_ITS_KEY)
    wanted = canonical(environment.expected_environment)
    told = f"it says {word(auth.environment)}"
    must(canonical(auth.environment) == wanted, f"the environment must be {wanted}", told, "environment")


def canonical(name: str) -> str:
    """Return an environment's full name: `prod` also stands for production."""
    return {"prod": "production"}.get(name.strip().lower(), name.strip().lower())


@check(
    "RDY-09",
    wrong="The API's documents are not switched off.",
    fix="In Railway, set ENVIRONMENT={environment}, which turns the API's documents off, then redeploy.",
)
@cases({path: get(path) for path in ("/docs", "/redoc", "/openapi.json")})
def test_documents_are_off(response: Exchange) -> None:
    """The API's documents are not served."""
    response.must_answer(404)


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
    wrong="Somebody without a right credential is shown a secret, an inside of the server, or a person's address.",
    everywhere=True,
    fix='Hand to the developer: "{request} shows callers {leaks}." Set DEBUG=false in Railway; then change what '
    "leaked (a secret that was shown needs a new value, in Railway and in the env file) and redeploy.",
    fixes={
        "person": 'Hand to the developer: "{request} shows {leaks} to callers who are not signed in. Leave it out of the answer."',
        "packed": 'Hand to the developer: "{request} is answered with {leaks}. Send it unpacked, or say in Content-Encoding how it is '
        'packed."',
    },
)
@cases({probe.label: probe for probe in PUBLIC})
def test_answers_leak_nothing(response: Exchange, leaks_in: Callable[[Exchange], list[str]]) -> None:
    """Nobody without a right credential is shown a secret, an inside of the server, or a person's address."""
    leaks = leaks_in(response)
    if leaks:
        raise leaking(response, leaks)


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
    wrong="The deployment is not reached over TLS 1.2 or later, its certificate ends, or plain http shows something.",
    fix="Give the base URL with https:// (--base-url, base_url of the profile or CAIO_BASE_URL), and run again.",
    fixes={
        "version": "On the domain's page of Railway (or the proxy in front of it), require TLS 1.2 or later.",
        "ends": "Renew the certificate: on the domain's page in Railway, remove the domain and add it again, or renew it where the "
        "proxy in front has it.",
        "plain": "On the page of the domain's host or proxy, redirect http:// to https:// for every path.",
    },
)
@cases(transport_cases)
def test_transport_is_secure(response: Exchange, case: str) -> None:
    """The deployment is reached over TLS 1.2 or later, its certificate lasts, and plain http shows nothing."""
    if case == "plain http":
        # A response that began but never ended counts as content; no response or a refused connection does not.
        status = response.status_code or response.begun
        if not (status == 0 or 300 <= status < 500):
            raise response.mismatch(
                "plain http must show nothing", f"answered {status}: {response.summary}", "plain"
            )
        location = response.header("location")
        target = browser_url(location, browser_url(response.request.origin)) if location else None
        if location is not None and (target is None or target.scheme != "https"):
            raise response.mismatch("plain http must lead to https", f"it leads to {location}", "plain")
        return
    must(response.tls is not None, "the deployment must be asked over https", "it was not")
    version, ends = (response.tls.version, response.tls.not_after) if response.tls else ("", None)
    must(
        version in ("TLSv1.2", "TLSv1.3"),
        "the version of TLS must be 1.2 or 1.3",
        f"it is {version}",
        "version",
    )
    days = (ends - datetime.now(UTC)).days if ends else 0
    must(
        days >= 14,
        "the certificate must be valid for 14 days or more",
        f"the certificate ends in {days} days",
        "ends",
    )


SAMPLES = 20


@check(
    "RDY-12",
    blocking=False,
    fix="In Railway, look at the metrics of Redis and the dashboard (Redis latency stands in /api/runtime/dependencies), and add "
    "memory or CPU where it is short. If {took} ms is fast enough, set ready_budget_ms in the profile.",
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
    """95 of 100 answers of readiness come within the profile's budget."""
    samples = [answer for answer in responses.values() if is_readiness(answer)]
    if 2 * len(samples) < len(responses):
        other = next(answer for answer in responses.values() if answer not in samples)
        told = f"{len(samples)} of {len(responses)} answers are reports of readiness"
        raise NotApplicable(f"{told}; another is: {other.summary}")
    times = sorted(answer.elapsed_ms for answer in samples)
    p95 = times[math.ceil(0.95 * len(times)) - 1]  # nearest-rank percentile
    budget = environment.profile.ready_budget_ms
    told = f"p95 of {len(times)} samples is {p95:.0f} ms; the budget is {budget} ms"
    must(p95 <= budget, f"95 of 100 answers must come within {budget} ms", told, took=f"{p95:.0f}")


def is_readiness(answer: Exchange) -> bool:
    """Say whether an answer is a report of readiness: what a limit or a proxy answers shows nothing of its time."""
    try:
        answer.report(Readiness)
    except Mismatch:
        return False
    return True


def commit_cases(environment: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Ask only where a commit is expected."""
    if not environment.expect_commit:
        raise NotApplicable("no commit is expected (--expect-commit)")
    return {"": (HEALTH, READINESS, DEPENDENCIES)}


@check(
    "RDY-13",
    blocking=False,
    fix="Redeploy the commit that --expect-commit names, on the Deployments page of Railway, and see that the deploy went through.",
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
    told = f"too little of the commit is named to know it by: {commit}"
    must(shorter >= 7, "seven characters of the commit or more", told)
    same = commit.lower()[:shorter] == expected[:shorter]
    must(same, f"commit {expected} must be deployed", f"commit {commit} is")


# More than zero seconds, which would end it.
LASTING = re.compile(r"(?i)(^|;)\s*max-age\s*=\s*\"?0*[1-9]")
# What stands for every site among those that may frame a page (CSP 3, source lists).
EVERY_SITE = re.compile(r"https?:|(https?://)?\*(:(\d+|\*))?/?")


def listed(response: Exchange, name: str) -> set[str]:
    """Return the values of a header in small letters, each once: an app and its proxy may both send it."""
    return {one.strip().lower() for value in response.header_values(name) for one in value.split(",")}


def lacking_against_frames(response: Exchange) -> list[str]:
    """Return the header that a page lacks to keep out of other sites' frames; a policy goes before the older header."""
    framing = []
    for policy in listed(response, "content-security-policy"):
        directives = [words for part in policy.split(";") if (words := part.split())]
        framing += [words[1:] for words in directives if words[0] == "frame-ancestors"][:1]
    # A browser heeds every policy.
    if framing and all(any(map(EVERY_SITE.fullmatch, sites)) for sites in framing):
        return ["Content-Security-Policy: frame-ancestors 'self'"]
    older = listed(response, "x-frame-options")
    return [] if framing or (older and older <= {"deny", "sameorigin"}) else ["X-Frame-Options: DENY"]


@check(
    "RDY-14",
    blocking=False,
    fix='Hand to the developer: "Have all pages sent with {header}."',
    fixes={
        500: 'Hand to the developer, with the deploy logs from Railway: "One of the pages is broken: {request} is answered {status}."'
    },
)
@get(LOGIN)
def test_security_headers(response: Exchange, environment: Environment) -> None:
    """Pages carry the security headers."""
    response.must_answer(200, to="show the login")
    lacking = (
        []
        if listed(response, "x-content-type-options") == {"nosniff"}
        else ["X-Content-Type-Options: nosniff"]
    )
    lacking += lacking_against_frames(response)
    # Servers must not send it over http (RFC 6797, 7.2), where browsers ignore it; they heed the first (8.1).
    transport = response.header_values("strict-transport-security")[:1]
    if environment.base_url.startswith("https:") and not any(map(LASTING.search, transport)):
        lacking.append("Strict-Transport-Security: max-age=31536000")
    told = f"the page lacks {word(lacking)}"
    must(not lacking, "pages must have the headers that protect them", told, header=word(lacking))


@check(
    "RDY-15",
    wrong="Something else that the deployment says contradicts its readiness.",
    fix="In Railway, set REDIS_URL to the value in the env file, then redeploy: the queue of pending emails does not reach Redis.",
    fixes={
        "prefix": "In Railway, set CONTEXT_REDIS_PREFIX to the value in the env file, then redeploy: the queue is kept under "
        "another name.",
        "merge": "In Railway, set STATE_BACKEND=redis and STATE_DUAL_READ_ENABLED=false, then redeploy: the queue must be in Redis "
        "alone.",
    },
)
@PENDING_EMAILS
def test_nothing_contradicts_readiness(response: Exchange, environment: Environment) -> None:
    """Nothing else that the deployment says contradicts its readiness."""
    queue = response.report(PendingEmails).shadow_queue_debug
    told = (queue.redis_connected, queue.prefix, queue.filesystem_merge_enabled) if queue else ()
    if queue is None or set(told) == {None}:
        raise NotApplicable("the queue does not say where its cards are, as older deployments do not")
    connected = queue.redis_connected in (None, True)
    must(connected, "the queue must be connected to Redis", "it says that Redis is not connected")
    prefix = environment.queue_prefix
    there = queue.prefix in (None, prefix)
    must(there, f"the queue must be under {prefix} in Redis", f"it is under {word(queue.prefix)}", "prefix")
    merged = queue.filesystem_merge_enabled
    must(not merged, "the queue must be in Redis alone", "it adds cards from the file system", "merge")


@check(
    "RDY-16",
    blocking=False,
    fix="If it is not held back on purpose, enable the operator in the operator's settings, then redeploy.",
    fixes={
        "stopped": "If it is not stopped on purpose: in Railway, remove EMERGENCY_STOP, then redeploy.",
        "models": "In Railway, set the keys of the language models (their providers' pages have them), then redeploy.",
    },
)
@OPERATOR_STATUS
@DEPENDENCIES
def test_nothing_holds_it_back(responses: Mapping[str, Exchange]) -> None:
    """Nothing holds the deployment back: no emergency stop, the operator on, language models routed."""
    # AUTH-05 and AUTH-06 judge whether they answer; what one of them reports is judged without the other.
    answered = [answer for answer in responses.values() if answer.status_code == 200 and answer.body]
    if not answered:
        raise responses["operator status"].mismatch("must answer 200 with the operator status")
    told: dict[str, Any] = {}
    for answer in answered:
        told |= answer.json(dict[str, Any])
    routing = told["llm_routing"].get("ready") if isinstance(told.get("llm_routing"), dict) else None
    enabled, stopped = told.get("enabled"), told.get("emergency_stop")
    if (enabled, stopped, routing) == (None, None, None):
        raise NotApplicable("nothing is reported of the operator, the emergency stop and language models")
    must(enabled in (None, True), "the operator must be enabled", "the operator is not enabled")
    must(stopped in (None, False), "the emergency stop must be off", "the emergency stop is on", "stopped")
    must(
        routing in (None, True),
        "the language models must be routed",
        "llm_routing says that it is not ready",
        "models",
    )
