"""Endpoint authentication: nothing protected is reached without the token, or with almost the token."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from pytest_caio import Effect, Environment, Exchange, NotApplicable, Probe, cases, check, get, post, probe
from pytest_caio.checks.credentials import (
    NEAR_MISSES,
    TOKEN_HEADER,
    bearer,
    header,
    login_token,
    near_miss,
    query_token,
    revoked_token,
    token_as,
)
from pytest_caio.checks.shared import DEPENDENCIES, OPERATOR_STATUS, READINESS
from pytest_caio.contract.paths import ACTING_PATHS, LOGIN, PAGES, READING_PATHS
from pytest_caio.contract.providers import PROVIDERS, UNREADABLE_BODY
from pytest_caio.contract.reports import Auth, Dependencies, OperatorStatus, Readiness
from pytest_caio.environments.rules import let_in_unsigned

STATUS = "/api/operator/status"
STRICT = (
    "In Railway, set DASHBOARD_AUTH_TOKEN and DASHBOARD_AUTH_STRICT=true, take this path out of "
    "DASHBOARD_AUTH_ALLOWLIST if it is there, then redeploy; if it stays, have the auth guard corrected."
)
SAME_TOKEN = (
    "In Railway, see that DASHBOARD_AUTH_TOKEN is the one in your env file, then redeploy; if it is, the "
    "deploy logs say what fails behind this path."
)
EXACT = (
    "The dashboard must compare the whole DASHBOARD_AUTH_TOKEN: have its auth guard corrected, then redeploy."
)
LOGIN_FIX = (
    "Have the dashboard's login corrected (SESSION_SECRET_KEY set in Railway, Secure cookies), then redeploy."
)


@check("AUTH-01", fix=STRICT)
@get(STATUS)
def test_status_needs_a_token(response: Exchange) -> None:
    """The operator status refuses a caller without a token."""
    assert response.status_code == 401


@check("AUTH-02", fix=STRICT)
@post(
    "/api/operator/trigger",
    headers={"Content-Type": "application/json"},
    body=b'{"dry_run": true, "motion": "outbound"}',
)
def test_trigger_needs_a_token(response: Exchange) -> None:
    """The operator trigger refuses a dry run without a token."""
    assert response.status_code == 401


@check(
    "AUTH-03",
    fix="In Railway, put /api/health/ready on DASHBOARD_AUTH_ALLOWLIST; if it answers 503, see RDY-01.",
)
@READINESS
def test_readiness_needs_no_token(response: Exchange) -> None:
    """Readiness answers a caller without a token."""
    response.report(Readiness)


def query_token_cases(environment: Environment) -> Mapping[str, Probe]:
    """Send the token once as ?token=, or rely on the reported flag where the profile says so."""
    if environment.profile.probe_query_token:
        return {"sent": get(STATUS, query_token())}
    return {"reported": DEPENDENCIES}


@check(
    "AUTH-04",
    fix="In Railway, set DASHBOARD_QUERY_TOKEN_ENABLED=false, then redeploy; if it is, have the auth guard corrected.",
)
@cases(query_token_cases)
def test_query_token(response: Exchange, case: str, environment: Environment) -> None:
    """The token in the query string opens nothing, unless the profile says that it still may."""
    enabled = environment.profile.query_token
    if case == "reported":
        assert response.report(Auth, at="auth").query_token_enabled is enabled
    elif enabled:
        response.report(OperatorStatus)
    else:
        assert response.status_code == 401


@check("AUTH-05", fix=SAME_TOKEN)
@OPERATOR_STATUS
def test_status_opens_with_the_token(response: Exchange) -> None:
    """The token opens the operator status, and the report is in the answer."""
    response.report(OperatorStatus)


@check("AUTH-06", fix=SAME_TOKEN)
@DEPENDENCIES
def test_dependencies_open_with_the_token(response: Exchange) -> None:
    """The token opens the runtime dependencies, and the report is in the answer."""
    response.report(Dependencies)


@check("AUTH-07", by="developer", fix=EXACT)
@cases(
    {
        "wrong": get(STATUS, header(TOKEN_HEADER, "caio-acceptance-wrong-token", "a wrong token")),
        "empty": get(STATUS, header(TOKEN_HEADER, "", "an empty token")),
        # In the query, since blanks around a header's value are trimmed in transit (RFC 9110, 5.5).
        "blanks": get(f"{STATUS}?token=%20%20%20"),
        "empty in the query": get(f"{STATUS}?token="),
        **{kind: get(STATUS, near_miss(kind)) for kind in NEAR_MISSES},
    }
)
def test_near_misses_of_the_token(response: Exchange) -> None:
    """Almost the token is no token."""
    assert response.status_code == 401


@check(
    "AUTH-08",
    by="developer",
    fix="The dashboard must take DASHBOARD_AUTH_TOKEN from its own header alone, and believe only sessions that it "
    "signed with SESSION_SECRET_KEY: have its auth guard corrected, then redeploy.",
)
@cases(
    {
        "as bearer": get(STATUS, token_as("Authorization", "Bearer {}")),
        "as basic password": get(STATUS, token_as("Authorization", "Basic {}")),
        "as session cookie": get(STATUS, token_as("Cookie", "caio_session={}")),
        "as token cookie": get(STATUS, token_as("Cookie", "token={}")),
        "made-up session": get(
            STATUS,
            header("Cookie", "caio_session=eyJhdXRoZW50aWNhdGVkIjogdHJ1ZX0.made.up", "a made-up session"),
        ),
    }
)
def test_token_elsewhere(response: Exchange) -> None:
    """The token in the wrong place, or a made-up session, opens nothing."""
    assert response.status_code == 401


@check("AUTH-09", fix=STRICT)
@cases({path: get(path) for path in (*READING_PATHS, *ACTING_PATHS)})
def test_every_protected_path(response: Exchange) -> None:
    """Every protected path refuses a caller without a token."""
    assert response.status_code == 401


# The auth guard must refuse every path that begins with /api/; other spellings are unknown pages.
GUARDED_SPELLINGS = (
    "/api/operator/status/",
    "/api//operator/status",
    "/api/./operator/status",
    "/api/x/../operator/status",
    "/api/operator/status;x",
    "/api/operator/status;x=1/",
    "/api/operator/%73tatus",
    "/api/operator%2fstatus",
    "/%61pi/operator/status",
    "/api/OPERATOR/STATUS",
    "/api/operator/status%00",
    "/api/operator/status%20",
)
OTHER_SPELLINGS = (
    "//api/operator/status",
    "///api/operator/status",
    "/API/operator/status",
    "/Api/operator/status",
    "/./api/operator/status",
    "/x/../api/operator/status",
    "/x/%2e%2e/api/operator/status",
    "/%2561pi/operator/status",
    "/;x/api/operator/status",
    "/api;x/operator/status",
    "/%2fapi/operator/status",
)


@check(
    "AUTH-10",
    by="developer",
    fix=EXACT.replace("compare the whole DASHBOARD_AUTH_TOKEN", "guard every spelling of a path"),
)
@cases({spelling: get(spelling) for spelling in (*GUARDED_SPELLINGS, *OTHER_SPELLINGS)})
def test_other_spellings(response: Exchange, case: str, environment: Environment) -> None:
    """No spelling of a protected path reaches it."""
    if case in GUARDED_SPELLINGS:
        assert response.status_code in (401, 400)
    elif response.status_code in (302, 303, 307):
        assert goes_to_login(response, environment), f"a redirect to {response.header('location')}"
    else:
        assert response.status_code in (401, 400, 404)


def goes_to_login(response: Exchange, environment: Environment) -> bool:
    """Say whether a redirect stays on this deployment and goes to its login."""
    target = urlsplit(response.header("location") or "")
    # Behind a proxy that ends TLS, a deployment may redirect to itself with either scheme.
    here = target.netloc in ("", urlsplit(environment.base_url).netloc) and target.scheme in (
        "",
        "http",
        "https",
    )
    return here and target.path == LOGIN


@check("AUTH-11", fix=STRICT)
@cases(
    {
        f"{method} {path}": probe(method, path)
        for method in ("HEAD", "PUT", "PATCH", "DELETE")
        for path in READING_PATHS
    }
)
def test_other_methods(response: Exchange) -> None:
    """No other method reaches a protected reading path without a token."""
    assert response.status_code == 401


def revoked_cases(environment: Environment) -> Mapping[str, Probe]:
    """Make one case a revoked token; its number stands for it, so that it is never shown."""
    if not environment.revoked:
        raise NotApplicable("no revoked tokens were handed over (--revoked-tokens)")
    return {
        f"revoked token {number}": get(STATUS, revoked_token(number - 1))
        for number in range(1, len(environment.revoked) + 1)
    }


@check(
    "AUTH-12",
    fix="A token that was withdrawn still works: set a new DASHBOARD_AUTH_TOKEN in Railway, then redeploy.",
)
@cases(revoked_cases)
def test_revoked_tokens(response: Exchange) -> None:
    """A revoked token opens nothing."""
    assert response.status_code == 401


@check(
    "AUTH-13",
    by="developer",
    fix="Have the dashboard send pages without a session to /login, and keep `next` a local path.",
)
@cases({page: get(page) for page in PAGES})
def test_pages_go_to_the_login(response: Exchange, case: str, environment: Environment) -> None:
    """A page without a session goes to the login, and comes back to this host."""
    assert response.status_code in (302, 303, 307)
    assert goes_to_login(response, environment), f"a redirect to {response.header('location')}"
    query = parse_qs(urlsplit(response.header("location") or "").query)
    assert query.get("next") == [case]


@check("AUTH-14", by="developer", blocking=False, writes=True, fix=LOGIN_FIX)
@post(
    LOGIN,
    login_token(),
    headers={"Content-Type": "application/x-www-form-urlencoded"},
    effect=Effect.WRITE,
)
def test_session_cookie(response: Exchange) -> None:
    """The session cookie cannot be read by scripts, sent in clear, or sent by other sites' forms."""
    assert response.status_code == 303
    cookies = [c for c in response.header_values("set-cookie") if c.startswith("caio_session=")]
    assert len(cookies) == 1, f"{len(cookies)} session cookies"
    flags = {part.strip().lower() for part in cookies[0].split(";")[1:]}
    missing = {"httponly", "secure"} - flags
    assert not missing, f"the cookie lacks {', '.join(sorted(missing))}"
    assert flags & {"samesite=lax", "samesite=strict"}, "the cookie lacks SameSite=Lax or Strict"


@check(
    "AUTH-15", fix="Give DASHBOARD_AUTH_TOKEN a value that no webhook bearer has, in Railway, then redeploy."
)
@cases(
    lambda environment: {
        f"{key} {place}": get(STATUS, bearer(key, header_name=name, template=template))
        for key in (
            "WEBHOOK_BEARER_TOKEN",
            *(() if let_in_unsigned(environment, PROVIDERS["heyreach"]) else ("HEYREACH_BEARER_TOKEN",)),
        )
        for place, name, template in (
            ("as bearer", "Authorization", "Bearer {}"),
            ("as token", TOKEN_HEADER, "{}"),
        )
    }
)
def test_webhook_bearers(response: Exchange) -> None:
    """A webhook's bearer does not open the API."""
    assert response.status_code == 401


@check("AUTH-16", by="developer", fix=LOGIN_FIX)
@post(
    LOGIN,
    headers={"Content-Type": "application/x-www-form-urlencoded"},
    body=b"token=caio-acceptance-wrong-token",
    # Five wrong tokens within five minutes lock this IP address out of the login.
    effect=Effect.ONCE,
)
def test_wrong_token_at_the_login(response: Exchange) -> None:
    """A wrong token at the login opens no session."""
    cookies = [c.split(";")[0] for c in response.header_values("set-cookie") if c.startswith("caio_session=")]
    assert [cookie for cookie in cookies if cookie not in ("caio_session=", 'caio_session=""')] == []
    # 200 shows the login form again; 429 is the lockout after earlier wrong tokens.
    assert response.status_code in (200, 400, 401, 403, 429)
    if response.status_code == 200:
        assert "<form" in response.text.lower(), "200 without the login form"


def malformed(header_name: str, template: str = "{}") -> dict[str, tuple[str, str, str]]:
    """Return malformed values for a header: non-ASCII, oversized, with a control character."""
    return {
        f"{kind} {header_name}": (header_name, template.format(value), f"{kind} value")
        for kind, value in (("non-ASCII", "caf\u00c3\u00a9"), ("8 KiB", "x" * 8192), ("control", "a\x01b"))
    }


@check(
    "AUTH-17",
    by="developer",
    blocking=False,
    fix="Have the dashboard compare credentials as bytes (hmac.compare_digest refuses non-ASCII text).",
)
@cases(
    {
        **{
            name: get(STATUS, header(*value))
            for name, value in (malformed(TOKEN_HEADER) | malformed("Authorization", "Bearer {}")).items()
        },
        **{
            f"webhook {name}": post("/webhooks/instantly/reply", header(*value), body=UNREADABLE_BODY)
            for name, value in (
                malformed("Authorization", "Bearer {}")
                | malformed(PROVIDERS["instantly"].signature_headers[0])
            ).items()
        },
    }
)
def test_malformed_credentials(response: Exchange) -> None:
    """A malformed credential is refused as the caller's mistake, not answered with a crash."""
    assert 400 <= response.status_code < 500


@check(
    "AUTH-18",
    by="developer",
    blocking=False,
    fix="Have the login page escape `next`, and the websocket ask for a session or token.",
)
@cases(
    {
        "login escapes next": get("/login?next=%22%3E%3Ccaio-probe%3E"),
        "websocket": get(
            "/ws",
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "Y2Fpby1hY2NlcHRhbmNlIQ==",
            },
        ),
    }
)
def test_login_and_websocket(response: Exchange, case: str) -> None:
    """The login page escapes `next`; the websocket refuses a caller without a session or token."""
    if case == "websocket":
        assert response.status_code in (302, 303, 307, 400, 401, 403, 404, 426)
    else:
        assert response.status_code == 200
        assert "<caio-probe>" not in response.text, "next stands in the page as markup"
