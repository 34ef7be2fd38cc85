"""Endpoint authentication: nothing protected is reached without the token, or with almost the token."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, quote

from pytest_caio import (
    Advice,
    Effect,
    Environment,
    Exchange,
    MissingInput,
    NotApplicable,
    Probe,
    cases,
    check,
    get,
    post,
    probe,
)
from pytest_caio.checks.credentials import (
    NEAR_MISSES,
    TOKEN_HEADER,
    bearer,
    header,
    login_token,
    near_miss,
    query_token,
    revoked_session,
    revoked_token,
    session_signed_by,
    session_signed_with,
    token_as,
)
from pytest_caio.checks.shared import DEPENDENCIES, OPERATOR_STATUS, READINESS, REFUSED_TRIGGER
from pytest_caio.contract.paths import (
    ACTING_PATHS,
    LOGIN,
    NAMED_PATHS,
    PAGES,
    PROJECT_FILES,
    READING_PATHS,
)
from pytest_caio.contract.providers import BEARER_KEYS, PROVIDERS, UNREADABLE_BODY
from pytest_caio.contract.reports import Auth, Dependencies, OperatorStatus, Readiness
from pytest_caio.contract.signing import KNOWN_SESSION_SECRETS
from pytest_caio.environments.rules import let_in_unsigned
from pytest_caio.environments.secret_rules import secrets_of_file

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
LOCKED_OUT = (
    "the login has locked this address out after five wrong tokens: wait five minutes, and run this again"
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# Who is asked for patience is not refused: the request may get in later.
NOT_YET = (408, 425, 429)
LOGIN_FIX = (
    "Have the dashboard's login corrected (SESSION_SECRET_KEY set in Railway, Secure cookies), then redeploy."
)


@check("AUTH-01", fix=STRICT)
@get(STATUS)
def test_status_needs_a_token(response: Exchange) -> None:
    """The operator status refuses a caller without a token."""
    assert response.status_code == 401


@check("AUTH-02", fix=STRICT)
@REFUSED_TRIGGER
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
    lambda environment: {
        "as bearer": get(STATUS, token_as("Authorization", "Bearer {}")),
        "empty bearer": get(STATUS, header("Authorization", "Bearer", "a bearer, empty")),
        "as basic password": get(STATUS, token_as("Authorization", "Basic {}")),
        "as session cookie": get(STATUS, token_as("Cookie", "caio_session={}")),
        "as token cookie": get(STATUS, token_as("Cookie", "token={}")),
        "made-up session": get(
            STATUS,
            header("Cookie", "caio_session=eyJhdXRoZW50aWNhdGVkIjogdHJ1ZX0=.made.up", "a made-up session"),
        ),
        "unsigned session": get(
            STATUS, header("Cookie", "caio_session=eyJhdXRoZW50aWNhdGVkIjogdHJ1ZX0=", "an unsigned session")
        ),
        "session signed with an empty key": get(
            STATUS, session_signed_with("", "session signed with nothing")
        ),
        **{
            f"session signed with {secret}": get(
                STATUS, session_signed_with(secret, f"session signed with {secret}")
            )
            for secret in KNOWN_SESSION_SECRETS
        },
        **{
            f"session signed with {key}": get(STATUS, session_signed_by(key))
            for key in secrets_of_file(environment)
            if key != "SESSION_SECRET_KEY"
        },
    }
)
def test_token_elsewhere(response: Exchange) -> None:
    """The token in the wrong place, and a session that another secret signed, open nothing."""
    assert response.status_code == 401


@check("AUTH-09", fix=STRICT)
@cases({path: get(path) for path in (*READING_PATHS, *NAMED_PATHS, *ACTING_PATHS)})
def test_every_protected_path(response: Exchange) -> None:
    """Every protected path refuses a caller without a token."""
    assert response.status_code == 401


# The auth guard must refuse every path that begins with /api/: where these are not found (404), they got past it.
GUARDED_SPELLINGS = (
    "/api/operator/status/",
    "/api/OPERATOR/STATUS",
    # A public word in a protected path, or behind it.
    "/api/agents/health",
    "/api/agents/login",
    "/api/agents/webhooks",
    "/api/agents/inngest",
    "/api/operator/status/health",
    "/api/operator/status/login",
    "/api/health/operator/status",
    "/api/health/ready/operator/status",
    "/api/operator/status?next=/api/health",
    "/api/operator/status?/login",
)
# Where these are not found, they are taken for paths that do not exist, and reach nothing.
ODD_SPELLINGS = (
    "/api/health/../operator/status",
    "/api/health/ready/../../operator/status",
    "/api/health/%2e%2e/operator/status",
    "/api/health/..%2foperator/status",
    "/api/health;/../operator/status",
    "/api/operator/status;/api/health",
    "/api/operator/status%3f/api/health",
    "/api/operator/status%23/api/health",
    "/api//operator/status",
    "/api/./operator/status",
    "/api/x/../operator/status",
    "/api/operator/status;x",
    "/api/operator/status;x=1/",
    "/api/operator/%73tatus",
    "/api/operator%2fstatus",
    "/%61pi/operator/status",
    "/api/operator/status%00",
    "/api/operator/status%20",
)
# These are unknown pages, which may go to the login.
OTHER_SPELLINGS = (
    "/login/../api/operator/status",
    "/inngest/../api/operator/status",
    "/webhooks/../api/operator/status",
    "/webhooks/clay/health/../../../api/operator/status",
    "/static/../api/operator/status",
    "/favicon.ico/../api/operator/status",
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
@cases({path: get(path) for path in (*GUARDED_SPELLINGS, *ODD_SPELLINGS, *OTHER_SPELLINGS)})
def test_other_spellings(response: Exchange, case: str) -> None:
    """No spelling of a protected path reaches it."""
    if case in GUARDED_SPELLINGS:
        assert is_refused(response), response.summary
    elif case in OTHER_SPELLINGS and response.status_code in (302, 303, 307):
        assert goes_to_login(response), f"a redirect to {response.header('location')}"
    else:
        assert is_refused(response) or response.status_code == 404, response.summary


def is_refused(response: Exchange) -> bool:
    """Say whether a caller was refused, by the dashboard or by a firewall in front of it.

    A firewall may use any status code. The dashboard's own say what happened: behind its guard it would answer
    404 or 405.
    """
    if response.status_code in (400, 401, 403):
        return True
    return 400 <= response.status_code < 500 and not (
        response.status_code in NOT_YET or response.is_own_error
    )


def goes_to_login(response: Exchange) -> bool:
    """Say whether a redirect stays on this deployment and goes to its login."""
    target = response.local_redirect
    return target is not None and target.path == LOGIN


@check("AUTH-11", fix=STRICT)
@cases(
    {
        f"{method} {path}": probe(method, path)
        for method in ("HEAD", "PUT", "PATCH", "DELETE")
        for path in (*READING_PATHS, *NAMED_PATHS)
    }
)
def test_other_methods(response: Exchange) -> None:
    """No other method reaches a protected reading path without a token."""
    assert is_refused(response), response.summary


def revoked_cases(environment: Environment) -> Mapping[str, Probe]:
    """Make one case a revoked token or session; its number stands for it, so that it is never shown."""
    tokens, sessions = environment.revoked
    if not tokens and not sessions:
        raise NotApplicable("no revoked tokens were handed over (--revoked-tokens)")
    return {
        **{f"revoked token {n + 1}": get(STATUS, revoked_token(n)) for n in range(len(tokens))},
        **{f"revoked session {n + 1}": get(STATUS, revoked_session(n)) for n in range(len(sessions))},
    }


@check(
    "AUTH-12",
    fix="What was withdrawn still works: set a new DASHBOARD_AUTH_TOKEN in Railway, and for a session a new "
    "SESSION_SECRET_KEY, then redeploy.",
)
@cases(revoked_cases)
def test_revoked_tokens(response: Exchange) -> None:
    """A revoked token opens nothing, and neither does a session from before its rotation."""
    assert response.status_code == 401


@check(
    "AUTH-13",
    by="developer",
    fix="Have the dashboard send pages without a session to /login, and keep `next` a local path.",
)
@cases({page: get(page) for page in PAGES})
def test_pages_go_to_the_login(response: Exchange, case: str) -> None:
    """A page without a session goes to the login, and comes back to this host."""
    assert response.status_code in (302, 303, 307)
    assert goes_to_login(response), f"a redirect to {response.header('location')}"
    target = response.local_redirect
    assert parse_qs(target.query if target else "").get("next") == [case]


def looked_at(response: Exchange) -> None:
    """Say so where the login did not look at the token, since it has locked this address out."""
    if response.status_code == 429:
        raise Advice(LOCKED_OUT)


@check("AUTH-14", by="developer", blocking=False, writes=True, fix=LOGIN_FIX)
@post(
    LOGIN,
    login_token(),
    headers=FORM,
    effect=Effect.WRITE,
)
def test_session_cookie(response: Exchange) -> None:
    """The session cookie cannot be read by scripts, sent in clear, or sent by other sites' forms."""
    looked_at(response)
    assert response.status_code == 303
    cookies = [c for c in response.header_values("set-cookie") if c.startswith("caio_session=")]
    assert len(cookies) == 1, f"{len(cookies)} session cookies"
    flags = {part.strip().lower() for part in cookies[0].split(";")[1:]}
    missing = {"httponly", "secure"} - flags
    assert not missing, f"the cookie lacks {', '.join(sorted(missing))}"
    assert flags & {"samesite=lax", "samesite=strict"}, "the cookie lacks SameSite=Lax or Strict"


def bearer_cases(environment: Environment) -> Mapping[str, Probe]:
    """Try each bearer in both places; where every provider signs, there is none to try."""
    if not any(environment.value(key) for provider in PROVIDERS.values() for key in provider.keys):
        raise MissingInput(*BEARER_KEYS)
    open_keys = [p.bearer_key for p in PROVIDERS.values() if let_in_unsigned(environment, p)]
    given = [key for key in BEARER_KEYS if environment.value(key) and key not in open_keys]
    if not given:
        raise NotApplicable("no webhook provider sends a bearer")
    places = (("as bearer", "Authorization", "Bearer {}"), ("as token", TOKEN_HEADER, "{}"))
    return {
        f"{key} {place}": get(STATUS, bearer(key, header_name=name, template=template))
        for key in given
        for place, name, template in places
    }


@check(
    "AUTH-15", fix="Give DASHBOARD_AUTH_TOKEN a value that no webhook bearer has, in Railway, then redeploy."
)
@cases(bearer_cases)
def test_webhook_bearers(response: Exchange) -> None:
    """A webhook's bearer does not open the API."""
    assert response.status_code == 401


@check("AUTH-16", by="developer", fix=LOGIN_FIX)
@post(
    LOGIN,
    headers=FORM,
    body=b"token=caio-acceptance-wrong-token",
    # Five wrong tokens within five minutes lock this IP address out of the login.
    effect=Effect.ONCE,
)
def test_wrong_token_at_the_login(response: Exchange) -> None:
    """A wrong token at the login opens no session."""
    cookies = [c.split(";")[0] for c in response.header_values("set-cookie") if c.startswith("caio_session=")]
    assert [cookie for cookie in cookies if cookie not in ("caio_session=", 'caio_session=""')] == []
    looked_at(response)
    # 200 shows the login form again.
    assert response.status_code in (200, 400, 401, 403)
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
    fix="Have the login page escape `next`, the login follow it to a path of this host alone (not to one that begins "
    "with // or /\\), and the websocket ask for a session or token.",
)
@cases(
    {
        "login escapes next": get("/login?next=%22%3E%3Ccaio-probe%3E"),
        "login escapes next, a path": get("/login?next=/%22%3E%3Ccaio-probe%3E"),
        "login escapes next, an attribute": get("/login?next=/%22%20caio-probe=%22"),
        "login escapes next, in single quotes": get("/login?next=/%27%20caio-probe=%27"),
        **{
            f"after a login: next={target}": post(
                f"{LOGIN}?next={quote(target, safe='')}",
                login_token(target),
                headers=FORM,
                effect=Effect.WRITE,
            )
            for target in ("//other.example", "/\\other.example", "https://other.example/")
        },
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
    """The login escapes `next` and follows it on this host alone; the websocket refuses who has no session or token."""
    if case == "websocket":
        assert response.status_code in (302, 303, 307, 400, 401, 403, 404, 426)
    elif case.startswith("after a login"):
        looked_at(response)
        assert response.status_code == 303
        assert response.local_redirect is not None, "`next` is followed to another host"
    else:
        assert response.status_code == 200
        unescaped = ("<caio-probe>", '" caio-probe="', "=' caio-probe='", "='/' caio-probe='")
        assert not any(text in response.text for text in unescaped), "next stands in the page as markup"


def headers_of_proxies(environment: Environment) -> Mapping[str, Probe]:
    """Claim, in each header that a proxy may set, to come from inside, or to ask for something public."""
    claims: dict[str, dict[str, str]] = {
        f"{name}: {value}": {name: value}
        for name, value in (
            *((name, "127.0.0.1") for name in ("X-Forwarded-For", "X-Real-IP")),
            ("X-Forwarded-Host", "localhost"),
            *(
                (name, path)
                for name in ("X-Original-URL", "X-Rewrite-URL")
                for path in ("/api/health", "/login")
            ),
            ("X-HTTP-Method-Override", "OPTIONS"),
            *(("X-Internal-Request", value) for value in ("true", "1")),
        )
    }
    # A case has the same name wherever the deployment is.
    claims["X-Forwarded-Host: the dashboard's host"] = {"X-Forwarded-Host": environment.host}
    origins = [("the dashboard", environment.base_url)]
    origins += [("an allowed origin", origin) for origin in environment.cors_origins[:1]]
    for name, origin in origins:
        claims[f"Referer: {name}"] = {"Referer": f"{origin}/sales"}
        claims[f"Origin: {name}"] = {"Origin": origin}
    # Others of each kind, together.
    addresses = (
        "X-Client-IP",
        "X-Originating-IP",
        "X-Cluster-Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
    )
    claims["other headers of an address"] = {
        **dict.fromkeys(addresses, "127.0.0.1"),
        "Forwarded": "for=127.0.0.1;host=localhost;proto=https",
    }
    claims["other headers of a method"] = dict.fromkeys(("X-HTTP-Method", "X-Method-Override"), "OPTIONS")
    claims["headers of a user"] = dict.fromkeys(("X-Forwarded-User", "X-Remote-User", "Remote-User"), "admin")
    claims["headers of a browser"] = {"Sec-Fetch-Site": "same-origin", "X-Requested-With": "XMLHttpRequest"}
    asked = {name: get(STATUS, headers=headers) for name, headers in claims.items()}
    # The other way round: the guard sees a public path, and the application another.
    rewritten = {
        f"{name} of a public path": get("/api/health/ready", headers={name: STATUS})
        for name in ("X-Original-URL", "X-Rewrite-URL")
    }
    return {**asked, **rewritten}


@check(
    "AUTH-19",
    by="developer",
    fix="Have the dashboard's auth guard decide by the token or session alone, and by the path that is served: no header "
    "that a proxy or a caller may set counts. Then redeploy.",
)
@cases(headers_of_proxies)
def test_headers_of_proxies(response: Exchange, case: str) -> None:
    """No header that a proxy may set opens the API without a token."""
    if case.endswith("of a public path"):  # whose own answer other checks judge
        told = [name for name in ('"emergency_stop"', '"gatekeeper"') if name in response.text]
        assert not told, "a public path answered with the operator status"
    else:
        assert is_refused(response), response.summary


# The root, where static files are, and the ways up from there, one folder or two.
FOLDERS = tuple(
    """
    / /static/ /static/../ /static/../../ /static/%2e%2e/ /static/%2e%2e/%2e%2e/ /static/..%2f /static/..%2f..%2f
    """.split()
)


@check(
    "AUTH-20",
    by="developer",
    fix="Have the dashboard serve no file but those made for browsers: its static folder must hold nothing else, and its "
    "server must not leave it by dot segments. Replace every secret in a file that was served, then redeploy.",
)
@cases({file: tuple(get(f"{folder}{file}") for folder in FOLDERS) for file in PROJECT_FILES})
def test_no_project_file(
    responses: Mapping[str, Exchange], leaks_in: Callable[[Exchange], list[str]]
) -> None:
    """No file of the project is served, and whatever is served in its place holds no secret."""
    for label, response in responses.items():
        leaks = leaks_in(response)
        assert not leaks, f"{label} shows {', '.join(leaks)}"
        assert not is_file(response), f"{label} is served: {response.summary}"


def is_file(response: Exchange) -> bool:
    """Say whether a response is a file: it has content, and is no page."""
    content = response.text.strip().lower()
    return (
        200 <= response.status_code < 300 and bool(content) and not content.startswith(("<!doctype", "<html"))
    )
