"""Cross-origin policy: browsers may ask from the dashboard's own origins, with its own methods and headers."""

import re
from collections.abc import Mapping

from pytest_caio import Environment, Exchange, MissingInput, Probe, cases, check, get, must, options
from pytest_caio.checks.credentials import TOKEN
from pytest_caio.checks.words import word
from pytest_caio.contract.paths import SAFE_HEADERS

PATH = "/api/operator/status"
ORIGINS = "In Railway, add {origin} to CORS_ALLOWED_ORIGINS (comma between, without * or a slash at the end), then redeploy."
ANSWERS = (
    'In Railway, see that CORS_ALLOWED_ORIGINS has {origin}, once. If it does, hand to the developer: "Have the CORS middleware '
    'alone set Access-Control-Allow-Origin, once, on every answer: it is {told}."'
)
STRANGERS = (
    "In Railway, take * and {origin} out of CORS_ALLOWED_ORIGINS, then redeploy. If neither is there, hand to the developer: "
    '"Have the CORS middleware compare origins as whole texts, and alone set Access-Control-Allow-Origin: {request} allows '
    '{origin}."'
)
WILDCARD = (
    "In Railway, write CORS_ALLOWED_ORIGINS, CORS_ALLOWED_METHODS and CORS_ALLOWED_HEADERS without *, then redeploy. If there is "
    'none, hand to the developer: "{header} is answered with *."'
)
METHODS = "In Railway, set CORS_ALLOWED_METHODS=GET,POST,OPTIONS, then redeploy."
HEADERS = "In Railway, set CORS_ALLOWED_HEADERS=Content-Type,X-Dashboard-Token, then redeploy."
CRASHES = (
    'Hand to the developer, with the deploy logs from Railway and the value of CORS_ALLOWED_ORIGINS: "A preflight crashes: '
    '{request} is answered {status}."'
)
GUARD = (
    'Hand to the developer: "Put the CORS middleware in front of the auth guard: a preflight carries no token, and is answered '
    '{status}."'
)
SILENT = 'Hand to the developer: "Have the CORS middleware answer preflights: their answer is 200 without Access-Control-Allow-Methods."'
CREDENTIALS = (
    'Hand to the developer: "Have the CORS middleware alone send Access-Control-Allow-Credentials: true (allow_credentials), '
    'once: it is {told}."'
)
ALLOW_ORIGIN = "access-control-allow-origin"
UNKNOWN = "https://stranger.example"
# Of a developer's machine, and of whatever a visitor has running on his own.
LOCAL = ("http://localhost", "http://localhost:3000", "http://localhost:5173", "http://127.0.0.1:8000")
# How many of the allowed sites have their look-alikes asked for: each takes a dozen requests and more.
IMITATED = 5


def preflight(origin: str, method: str = "GET", asked: str = "X-Dashboard-Token", name: str = "") -> Probe:
    """Ask as a browser does before a cross-origin request (Fetch standard, CORS preflight)."""
    return options(
        PATH,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": asked,
        },
        name=name,
    )


def request_from(origin: str) -> Probe:
    """Ask a public path as a page of `origin` would."""
    return get("/api/health", headers={"Origin": origin})


def allowed(environment: Environment) -> tuple[str, ...]:
    """Return the origins that must be allowed, at least one: without one there is nothing to see."""
    if not environment.cors_origins:
        raise MissingInput("CORS_ALLOWED_ORIGINS")
    if not environment.usable_origins:
        raise MissingInput("CORS_ALLOWED_ORIGINS (no origin in it is one that a browser could send)")
    return environment.usable_origins


@check(
    "CORS-01",
    wrong="An allowed site cannot ask the API with a session, or cannot read the answer.",
    fix=ORIGINS,
    fixes={
        "answer": ANSWERS,
        "credentials": CREDENTIALS,
        **dict.fromkeys((401, 403), GUARD),
        **dict.fromkeys((500, "5xx"), CRASHES),
    },
)
@cases(
    lambda environment: {
        name: make(origin)
        for origin in allowed(environment)
        for name, make in ((origin, preflight), (f"{origin}, the request itself", request_from))
    }
)
def test_allowed_origins(response: Exchange) -> None:
    """Each allowed site may ask the API with a session, and read the answer."""
    origin = dict(response.request.headers)["Origin"]
    response.must_answer(200, to="be allowed", origin=origin)
    named = response.header_values(ALLOW_ORIGIN)
    if named != [origin]:
        told = ", ".join(named) or "missing"
        way = "" if response.request.method == "OPTIONS" and not named else "answer"
        expected = f"the answer must allow {origin}, once"
        raise response.mismatch(expected, f"the site that it allows is {told}", way, origin=origin, told=told)
    credentials = response.header_values("access-control-allow-credentials")
    if credentials != ["true"]:
        told = ", ".join(credentials) or "missing"
        expected = "Access-Control-Allow-Credentials must be true, once"
        raise response.mismatch(expected, f"it is {told}", "credentials", told=told)


def strangers(environment: Environment) -> dict[str, str]:
    """Return origins that must not be allowed: strangers, look-alikes of allowed ones, former ones."""
    local = {f"local {origin}": origin for origin in LOCAL if origin != environment.base_url}
    listed = {"unknown": UNKNOWN, "null": "null", **local} | {
        f"{name} of {origin}": value
        for origin in allowed(environment)[:IMITATED]
        for name, value in look_alikes(origin).items()
    }
    others = {name: value for name, value in listed.items() if value not in environment.cors_origins}
    return others | {f"former {origin}": origin for origin in environment.profile.former_origins}


def look_alikes(origin: str) -> dict[str, str]:
    """Return origins that a careless comparison takes for an allowed one."""
    scheme, _, place = origin.partition("://")
    return {
        "http form": f"http://{place}",
        "look-alike suffix": f"{origin}.stranger.example",
        "look-alike prefix": f"{scheme}://stranger-{place}",
        # As the previews of the same project are named, or whoever takes such a name.
        "longer name": f"{scheme}://{re.sub('(?=[.:]|$)', '-stranger', place, count=1)}",
        "subdomain": f"{scheme}://stranger.{place}",
        "other port": f"{scheme}://{re.sub(':[0-9]+$', '', place)}:8443",
        # A dot of a pattern matches any character.
        **{
            f"letter for dot {number}": f"{scheme}://{before}x{after}"
            for number, (before, after) in enumerate(around_dots(place), 1)
        },
    }


def around_dots(host: str) -> list[tuple[str, str]]:
    """Return what stands before and after each dot of a host."""
    return [(host[:place], host[place + 1 :]) for place, sign in enumerate(host) if sign == "."]


def stranger_cases(environment: Environment) -> Mapping[str, Probe]:
    """Ask as each stranger, both before a request and in it, and as an unknown one for more than is public."""
    unknown = {"Origin": UNKNOWN}
    return {
        f"{name}, {kind}": make(origin)
        for name, origin in strangers(environment).items()
        for kind, make in (("preflight", preflight), ("request", request_from))
    } | {
        "unknown, what is guarded": get(PATH, headers=unknown),
        "unknown, what the token opens": get("/api/runtime/dependencies", TOKEN, headers=unknown),
        "unknown, a page": get("/leads", headers=unknown),
        "unknown, a webhook": get("/webhooks/clay/health", headers=unknown),
    }


@check(
    "CORS-02",
    wrong="A site that is not on the list is not kept out.",
    fix=STRANGERS,
    fixes=dict.fromkeys((500, "5xx"), CRASHES),
)
@cases(stranger_cases)
def test_other_origins(response: Exchange) -> None:
    """No other site is allowed, neither before a request nor in it."""
    origin = dict(response.request.headers)["Origin"]
    named = response.header_values(ALLOW_ORIGIN)
    if named:
        told = f"it is: {', '.join(named)}"
        raise response.mismatch(f"the site {origin} must not be allowed", told, "", origin=origin)
    # What a server error or a limit answers lacks the headers too, and would pass.
    response.must_be_decided()


def wildcard_cases(environment: Environment) -> Mapping[str, Probe]:
    """Return everything that is asked of CORS."""
    first = allowed(environment)[0]
    return {
        "allowed, preflight": preflight(first),
        "allowed, request": request_from(first),
        **stranger_cases(environment),
    }


@check(
    "CORS-03",
    wrong="An answer allows everything with a *.",
    fix=WILDCARD,
    fixes=dict.fromkeys((500, "5xx"), CRASHES),
)
@cases(wildcard_cases)
def test_no_wildcard(response: Exchange) -> None:
    """No answer allows everything with a *."""
    for name in (ALLOW_ORIGIN, "access-control-allow-methods", "access-control-allow-headers"):
        told = response.header(name) or ""
        must("*" not in told, f"{name} must have no * in it", f"it is {told}", header=name)
    response.must_be_decided()


def listed(response: Exchange, name: str) -> set[str]:
    """Return the values of a comma-separated header."""
    return {value.strip() for value in (response.header(name) or "").split(",") if value.strip()}


@check(
    "CORS-04",
    wrong="The allowed methods are not exactly GET, POST and OPTIONS.",
    fix=METHODS,
    fixes=dict.fromkeys((500, "5xx"), CRASHES),
)
@cases(
    lambda environment: {
        "asked for GET": preflight(allowed(environment)[0]),
        "asked for DELETE": preflight(allowed(environment)[0], method="DELETE"),
    }
)
def test_methods(response: Exchange, case: str) -> None:
    """The allowed methods are GET, POST and OPTIONS, and no more."""
    methods = {method.upper() for method in listed(response, "access-control-allow-methods")}
    wanted = {"GET", "POST", "OPTIONS"}
    # A refused preflight may omit the policy.
    right = methods == wanted if case == "asked for GET" else methods <= wanted
    must(right, "the methods must be GET, POST and OPTIONS", f"they are {word(sorted(methods))}")
    if case != "asked for GET":
        response.must_be_decided()


@check(
    "CORS-05",
    wrong="The allowed headers are not exactly Content-Type, X-Dashboard-Token and those that are always safe.",
    fix=HEADERS,
    fixes=dict.fromkeys((500, "5xx"), CRASHES),
)
@cases(
    lambda environment: {
        "asked for the token": preflight(allowed(environment)[0]),
        "asked for another": preflight(allowed(environment)[0], asked="X-Caio-Probe, Authorization"),
    }
)
def test_headers(response: Exchange, case: str) -> None:
    """The allowed headers are Content-Type, X-Dashboard-Token and those that are always safe, and no more."""
    headers = {header.lower() for header in listed(response, "access-control-allow-headers")}
    others = headers - SAFE_HEADERS
    # A refused preflight may omit the policy.
    right = others <= {"x-dashboard-token"}
    if case == "asked for the token":
        right = others == {"x-dashboard-token"} and "content-type" in headers
    expected = "the headers must be Content-Type, X-Dashboard-Token and those that are always safe"
    must(right, expected, f"they are {word(sorted(headers))}")
    if case != "asked for the token":
        response.must_be_decided()


@check(
    "CORS-06",
    wrong="A browser's preflight is not answered by the CORS policy.",
    fix=GUARD,
    fixes={"silent": SILENT, **dict.fromkeys((500, "5xx"), CRASHES)},
)
@cases(
    lambda environment: {
        "allowed": preflight(allowed(environment)[0]),
        "unknown": preflight(UNKNOWN),
    }
)
def test_preflight_meets_no_guard(response: Exchange) -> None:
    """A browser's preflight is answered by the CORS policy, not by the auth guard."""
    # CORS-01 and CORS-02 judge which origins are allowed; a refused preflight may omit the policy.
    response.must_answer(200, 400, 403, to="be answered by the CORS policy")
    if response.status_code == 200 and response.header("access-control-allow-methods") is None:
        expected = "must name the methods that are allowed"
        raise response.mismatch(expected, f"the answer names none: {response.summary}", "silent")
