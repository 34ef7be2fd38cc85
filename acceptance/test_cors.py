"""Cross-origin policy: browsers may ask from the dashboard's own origins, with its own methods and headers."""

import re
from collections.abc import Mapping

from pytest_caio import Environment, Exchange, Mismatch, MissingInput, Probe, cases, check, get, options
from pytest_caio.contract.paths import SAFE_HEADERS

PATH = "/api/operator/status"
ORIGINS = "In Railway, set CORS_ALLOWED_ORIGINS to the dashboard's own https origins, exact and without *, then redeploy."
STRANGERS = (
    "In Railway, set CORS_ALLOWED_ORIGINS to the dashboard's own https origins, exact, without * and without former ones, then "
    "redeploy; if a look-alike is still allowed, hand to the developer: compare origins as whole texts, not by a pattern."
)
METHODS = "In Railway, set CORS_ALLOWED_METHODS=GET,POST,OPTIONS, then redeploy."
HEADERS = "In Railway, set CORS_ALLOWED_HEADERS=Content-Type,X-Dashboard-Token, then redeploy."
GUARD = "Have the CORS middleware stand in front of the dashboard's auth guard: browsers send no token on a preflight."
CREDENTIALS = (
    'Hand to the developer: "Have the CORS middleware allow credentials (allow_credentials=True), and nothing else set its '
    'headers: browsers drop answers to requests with a session where it is missing or said twice." Then redeploy.'
)
ALLOW_ORIGIN = "access-control-allow-origin"


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


@check("CORS-01", fix=ORIGINS)
@cases(
    lambda environment: {
        name: make(origin)
        for origin in allowed(environment)
        for name, make in ((origin, preflight), (f"{origin}, the request itself", request_from))
    }
)
def test_allowed_origins(response: Exchange) -> None:
    """Each allowed origin is named, alone and once, before a request and in its answer, with credentials."""
    origin = dict(response.request.headers)["Origin"]
    assert response.status_code == 200
    assert response.header_values(ALLOW_ORIGIN) == [origin]
    credentials = response.header_values("access-control-allow-credentials")
    if credentials != ["true"]:
        said = ", ".join(credentials) or "missing"
        raise Mismatch("access-control-allow-credentials: true, once", f"it is {said}", CREDENTIALS)


def strangers(environment: Environment) -> dict[str, str]:
    """Return origins that must not be allowed: a stranger, look-alikes of the first allowed one, former ones."""
    origin = allowed(environment)[0]
    scheme, _, place = origin.partition("://")
    listed = {
        "unknown": "https://stranger.example",
        "null": "null",
        "http form": f"http://{place}",
        "look-alike suffix": f"{origin}.stranger.example",
        "look-alike prefix": f"{scheme}://stranger-{place}",
        "subdomain": f"{scheme}://stranger.{place}",
        "other port": f"{scheme}://{re.sub(':[0-9]+$', '', place)}:8443",
        # A dot of a pattern matches any character.
        **{
            f"letter for dot {number}": f"{scheme}://{before}x{after}"
            for number, (before, after) in enumerate(around_dots(place), 1)
        },
    }
    others = {name: value for name, value in listed.items() if value not in environment.cors_origins}
    return others | {f"former {origin}": origin for origin in environment.profile.former_origins}


def around_dots(host: str) -> list[tuple[str, str]]:
    """Return what stands before and after each dot of a host."""
    return [(host[:place], host[place + 1 :]) for place, sign in enumerate(host) if sign == "."]


def stranger_cases(environment: Environment) -> Mapping[str, Probe]:
    """Ask as each stranger, both before a request and in it."""
    return {
        f"{name}, {kind}": make(origin)
        for name, origin in strangers(environment).items()
        for kind, make in (("preflight", preflight), ("request", request_from))
    }


@check("CORS-02", fix=STRANGERS)
@cases(stranger_cases)
def test_other_origins(response: Exchange) -> None:
    """No other origin is allowed, before a request or in it."""
    assert response.header_values(ALLOW_ORIGIN) == []
    # The header decides, but a server error would lack it too, and would pass.
    assert response.status_code < 500


def wildcard_cases(environment: Environment) -> Mapping[str, Probe]:
    """Return everything that is asked of CORS."""
    first = allowed(environment)[0]
    return {
        "allowed, preflight": preflight(first),
        "allowed, request": request_from(first),
        **stranger_cases(environment),
    }


@check("CORS-03", fix=ORIGINS)
@cases(wildcard_cases)
def test_no_wildcard(response: Exchange) -> None:
    """The wildcard is never answered."""
    for name in (ALLOW_ORIGIN, "access-control-allow-methods", "access-control-allow-headers"):
        assert "*" not in (response.header(name) or ""), f"{name} is *"
    assert response.status_code < 500


def listed(response: Exchange, name: str) -> set[str]:
    """Return the values of a comma-separated header."""
    return {value.strip() for value in (response.header(name) or "").split(",") if value.strip()}


@check("CORS-04", fix=METHODS)
@cases(
    lambda environment: {
        "asked for GET": preflight(allowed(environment)[0]),
        "asked for DELETE": preflight(allowed(environment)[0], method="DELETE"),
    }
)
def test_methods(response: Exchange, case: str) -> None:
    """The allowed methods are GET, POST and OPTIONS, and no more."""
    methods = {method.upper() for method in listed(response, "access-control-allow-methods")}
    if case == "asked for GET":
        assert methods == {"GET", "POST", "OPTIONS"}
    else:
        # A refused preflight may omit the policy.
        assert methods <= {"GET", "POST", "OPTIONS"}
        assert response.status_code < 500


@check("CORS-05", fix=HEADERS)
@cases(
    lambda environment: {
        "asked for the token": preflight(allowed(environment)[0]),
        "asked for another": preflight(allowed(environment)[0], asked="X-Caio-Probe, Authorization"),
    }
)
def test_headers(response: Exchange, case: str) -> None:
    """The allowed headers are the safelisted ones, Content-Type and X-Dashboard-Token, and no more."""
    headers = {header.lower() for header in listed(response, "access-control-allow-headers")}
    if case == "asked for the token":
        assert headers - SAFE_HEADERS == {"x-dashboard-token"}
        assert "content-type" in headers
    else:
        # A refused preflight may omit the policy.
        assert headers - SAFE_HEADERS <= {"x-dashboard-token"}
        assert response.status_code < 500


@check("CORS-06", by="developer", fix=GUARD)
@cases(
    lambda environment: {
        "allowed": preflight(allowed(environment)[0]),
        "unknown": preflight("https://stranger.example"),
    }
)
def test_preflight_meets_no_guard(response: Exchange) -> None:
    """A preflight is answered by the CORS policy, not by the auth guard."""
    # CORS-01 and CORS-02 judge which origins are allowed; a refused preflight may omit the policy.
    assert response.status_code in (200, 400, 403)
    if response.status_code == 200:
        assert response.header("access-control-allow-methods") is not None
