"""Endpoint authentication: nothing protected is reached without the token, or with almost the token."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, quote

from pytest_caio import (
    Advice,
    Effect,
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
    token_as_password,
)
from pytest_caio.checks.shared import DEPENDENCIES, OPERATOR_STATUS, READINESS, REFUSED_TRIGGER
from pytest_caio.checks.words import word
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
from pytest_caio.gates.markup import elements, is_page

STATUS = "/api/operator/status"
STRICT = (
    "In Railway, take {path} out of DASHBOARD_AUTH_ALLOWLIST and set DASHBOARD_AUTH_STRICT=true, then redeploy. If neither "
    'was wrong, hand to the developer: "The auth guard lets {request} in without a token."'
)
NO_REDIRECT = (
    'Hand to the developer: "Have the auth guard answer 401 on {request}, not a redirect to the login: tools take that for '
    'success."'
)
STRICTLY: dict[str | int, str] = {"3xx": NO_REDIRECT}
METHOD = (
    'Hand to the developer: "Have the auth guard judge {request} as it judges GET: without a token it is 401, whatever the '
    'method."'
)
PATH_WITH_ID = (
    'Hand to the developer: "{request} is open to everybody: have the auth guard refuse it, as every path under /api/." If it '
    "is on DASHBOARD_AUTH_ALLOWLIST in Railway, take it out there instead, and redeploy."
)
SAME_TOKEN = (
    'Copy DASHBOARD_AUTH_TOKEN from Railway to the env file (or give "--token=@FILE"), then run again. If they are equal, '
    "redeploy: the deployment still has the former one."
)
EXACT = (
    'Hand to the developer: "Have the auth guard compare the whole DASHBOARD_AUTH_TOKEN with hmac.compare_digest: {request} '
    'lets in the case: {case}."'
)
LOCKED_OUT = (
    "the login has locked this address out after five wrong tokens: wait five minutes, and run this again"
)
MADE_UP = header("Cookie", "caio_session=eyJhdXRoZW50aWNhdGVkIjogdHJ1ZX0=.made.up", "a made-up session")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# A websocket can tell a code only to a caller whom it has accepted: policy, unauthorized, forbidden, or one of its own.
CLOSED_TO_THE_CALLER = re.compile(r"closed with (1008|3000|3003|4\d{3})(: .*)?")
REFUSED = "be refused (400, 401 or 403)"
LOGIN_FIX = 'Hand to the developer, with the deploy logs from Railway: "The login answers {status} where it must open a session."'
NO_SESSION = (
    'Hand to the developer, with the deploy logs from Railway: "A wrong token at the login must open no session, and show the '
    'form again."'
)
COOKIE = 'Hand to the developer: "Set the session cookie once, as Secure cookies with HttpOnly and SameSite=Lax are set; it lacks {case}."'
WAIT = "Wait five minutes, then run again: the login lets this address in again then."


@check(
    "AUTH-01",
    wrong="The operator status does not refuse a caller without a token.",
    fix=STRICT,
    fixes=STRICTLY,
)
@get(STATUS)
def test_status_needs_a_token(response: Exchange) -> None:
    """The operator status refuses a caller without a token."""
    response.must_be_refused()


@check(
    "AUTH-02",
    wrong="The operator trigger does not refuse a caller without a token.",
    fix=STRICT,
    fixes=STRICTLY,
)
@REFUSED_TRIGGER
def test_trigger_needs_a_token(response: Exchange) -> None:
    """The operator trigger refuses a dry run without a token."""
    response.must_be_refused()


@check(
    "AUTH-03",
    wrong="The readiness report is not shown to a caller without a token.",
    fix="In Railway, add /api/health/ready to DASHBOARD_AUTH_ALLOWLIST, then redeploy.",
    fixes={
        503: "In the deploy logs in Railway, see which dependency is not ready, mend it, then redeploy (RDY-01)."
    },
)
@READINESS
def test_readiness_needs_no_token(response: Exchange) -> None:
    """The readiness report is shown to a caller without a token."""
    response.report(Readiness)


def query_token_cases(environment: Environment) -> Mapping[str, Probe]:
    """Send the token once as ?token=, or rely on the reported flag where the profile says so."""
    if environment.profile.probe_query_token:
        return {"sent": get(STATUS, query_token())}
    return {"reported": DEPENDENCIES}


@check(
    "AUTH-04",
    wrong="With the token in the address (?token=), the deployment does not do what the profile says.",
    fix="In Railway, set DASHBOARD_QUERY_TOKEN_ENABLED=false, then redeploy. If it is false there, hand to the developer: "
    '"The auth guard takes the token from ?token=."',
    fixes={
        401: "Correct query_token in {profiles}: it says that ?token= still opens the "
        "dashboard, and it does not. Or set DASHBOARD_QUERY_TOKEN_ENABLED=true in Railway, if that is meant."
    },
)
@cases(query_token_cases)
def test_query_token(response: Exchange, case: str, environment: Environment) -> None:
    """The token in the address (?token=) opens nothing, unless the profile says that it still may."""
    enabled = environment.profile.query_token
    if case == "reported":
        auth = response.report(Auth, at="auth")
        told = f"it says {word(auth.query_token_enabled)}"
        must(auth.query_token_enabled is enabled, f"query_token_enabled must be {word(enabled)}", told)
    elif enabled:
        response.report(OperatorStatus)
    else:
        response.must_be_refused()


@check(
    "AUTH-05",
    wrong="The token does not open the operator status, or the answer is not the report.",
    fix=SAME_TOKEN,
)
@OPERATOR_STATUS
def test_status_opens_with_the_token(response: Exchange) -> None:
    """The token opens the operator status, and the answer is the report."""
    response.report(OperatorStatus)


@check(
    "AUTH-06",
    wrong="The token does not open the report on the runtime dependencies, or the answer is not that report.",
    fix=SAME_TOKEN,
)
@DEPENDENCIES
def test_dependencies_open_with_the_token(response: Exchange) -> None:
    """The token opens the report on the runtime dependencies, and the answer is that report."""
    response.report(Dependencies)


@check("AUTH-07", wrong="A token that is nearly right is not refused.", fix=EXACT)
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
    """A token that is nearly right is refused."""
    response.must_be_refused()


# Where other products take a token from: all of one kind are sent together.
HEADERS_FOR_KEYS = ("X-API-Key", "X-Auth-Token", "X-Access-Token", "X-Admin-Token", "X-Token", "Token")
COOKIES_FOR_TOKENS = "; ".join(
    f"{name}={{0}}" for name in (TOKEN_HEADER, "dashboard_token", "auth_token", "access_token", "session")
)


@check(
    "AUTH-08",
    wrong="The token in the wrong place, or a session that another secret signed, is not refused.",
    fix='Hand to the developer: "Have the auth guard take the token from the header X-Dashboard-Token alone, and believe '
    'only sessions signed with SESSION_SECRET_KEY: it let in the case: {case}."',
)
@cases(
    lambda environment: {
        "as bearer": get(STATUS, token_as("Authorization", "Bearer {}")),
        "empty bearer": get(STATUS, header("Authorization", "Bearer", "a bearer, empty")),
        "as basic password": get(STATUS, token_as("Authorization", "Basic {}")),
        "as the password of a user": get(STATUS, token_as_password()),
        "without a scheme": get(STATUS, token_as("Authorization", "{}")),
        "in a header for keys": get(STATUS, token_as(HEADERS_FOR_KEYS, "{}")),
        "as session cookie": get(STATUS, token_as("Cookie", "caio_session={}")),
        "as token cookie": get(STATUS, token_as("Cookie", "token={}")),
        "as another cookie": get(STATUS, token_as("Cookie", COOKIES_FOR_TOKENS)),
        "made-up session": get(STATUS, MADE_UP),
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
    """The token in the wrong place is refused, and so is a session that another secret signed."""
    response.must_be_refused()


@check(
    "AUTH-09",
    wrong="A protected path does not refuse a caller without a token.",
    fix=STRICT,
    fixes={**STRICTLY, 404: PATH_WITH_ID, 405: PATH_WITH_ID, 422: PATH_WITH_ID},
)
@cases({path: get(path) for path in (*READING_PATHS, *NAMED_PATHS, *ACTING_PATHS)})
def test_every_protected_path(response: Exchange) -> None:
    """Every protected path refuses a caller without a token."""
    response.must_be_refused()


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
    # A static file: its folder, its end, its name.
    "/api/agents/static",
    "/api/agents/caio-probe.css",
    "/api/agents/caio-probe.js",
    "/api/agents/caio-probe.png",
    "/api/agents/favicon.ico",
    "/api/operator/status?next=/static/caio-probe.css",
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
    wrong="A protected path is not refused in another spelling.",
    fix='Hand to the developer: "Have the auth guard judge the path that the application will serve, and refuse all under '
    '/api/: {request} walks past it without a token."',
    fixes={
        "sent": 'Hand to the developer: "Have the auth guard refuse {request} without a token, or send it to the login of this host: it is sent to {target}."',
    },
)
@cases({path: get(path) for path in (*GUARDED_SPELLINGS, *ODD_SPELLINGS, *OTHER_SPELLINGS)})
def test_other_spellings(response: Exchange, case: str) -> None:
    """A protected path is refused in every spelling."""
    if leads_to_the_status(response):
        return
    if case in OTHER_SPELLINGS and response.status_code in (302, 303, 307):
        must_go_to_login(response, "be refused, or sent to the login of this host", "sent")
    elif 300 <= response.status_code < 400:
        raise sent_elsewhere(response, f"must {REFUSED}", "sent")
    elif case in GUARDED_SPELLINGS or response.status_code != 404:
        must_refuse(response)


def leads_to_the_status(response: Exchange) -> bool:
    """Say whether a response sends the caller on to the operator status, which AUTH-01 requires to refuse."""
    target = response.local_redirect
    redirects = 300 <= response.status_code < 400
    return redirects and target is not None and (target.path, target.query) == (STATUS, "")


def is_refused(response: Exchange) -> bool:
    """Say whether a caller was refused, by the dashboard or by a firewall in front of it.

    A firewall may use any status code. The dashboard's own say what happened: behind its guard it would answer
    404 or 405.
    """
    if response.status_code in (400, 401, 403):
        return True
    return 400 <= response.status_code < 500 and not (response.is_put_off or response.is_own_error)


def must_refuse(response: Exchange, case: str = "") -> None:
    """Require that a caller was refused, by the dashboard or by a firewall in front of it."""
    if not is_refused(response):
        raise response.mismatch(f"must {REFUSED}", "", "", case=case)


def must_go_to_login(response: Exchange, to: str, *ways: str) -> None:
    """Require a redirect that stays on this deployment and goes to its login."""
    target = response.local_redirect
    if target is None or target.path != LOGIN:
        raise sent_elsewhere(response, f"must {to}", *ways)


def sent_elsewhere(response: Exchange, expected: str, *ways: str) -> Mismatch:
    """Return what is raised for a redirect, which says where it leads."""
    sent = response.header("location") or "nowhere"
    return response.mismatch(expected, f"sent to {sent}", *ways, target=sent)


@check("AUTH-11", wrong="A protected path does not refuse every method without a token.", fix=METHOD)
@cases(
    {
        f"{method} {path}": probe(method, path)
        for method in ("HEAD", "PUT", "PATCH", "DELETE")
        for path in (*READING_PATHS, *NAMED_PATHS)
    }
)
def test_other_methods(response: Exchange) -> None:
    """A protected path is refused without a token, whatever the method."""
    must_refuse(response)


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
    wrong="A revoked token, or an old session, is not refused.",
    fix="In Railway, set DASHBOARD_AUTH_TOKEN to a new value (python -m pytest_caio bootstrap --generate-secrets writes one), "
    "then redeploy.",
    fixes={
        "session": "In Railway, set SESSION_SECRET_KEY to a new value (python -m pytest_caio bootstrap --generate-secrets "
        "writes one), then redeploy: every session ends."
    },
)
@cases(revoked_cases)
def test_revoked_tokens(response: Exchange, case: str) -> None:
    """A revoked token is refused, and so is an old session."""
    if response.status_code != 401:
        way = "session" if case.startswith("revoked session") else ""
        raise response.mismatch("must be refused (401)", "", way)


LOGIN_FIRST = 'Hand to the developer: "Have {request} send anyone without a session to /login on this host, with a 302, 303 or 307."'


@check(
    "AUTH-13",
    wrong="A page does not send people without a session to the login, or not back to this host after it.",
    fix=LOGIN_FIRST,
    fixes={
        "next": 'Hand to the developer: "Have {request} send people to /login with next={path}: a path of this host, and no '
        'other."',
        "3xx": LOGIN_FIRST,
    },
)
@cases(
    {
        **{page: get(page) for page in PAGES},
        **{f"{page} with a made-up session": get(page, MADE_UP) for page in PAGES},
    }
)
def test_pages_go_to_the_login(response: Exchange) -> None:
    """Pages send people without a session to the login, and back to this host after it."""
    response.must_answer(302, 303, 307, to="send people to the login")
    must_go_to_login(response, "send people to /login on this host")
    target = response.local_redirect
    back = parse_qs(target.query if target else "").get("next", [])
    page = response.request.target
    if back != [page]:
        raise response.mismatch(f"next must be {page}, and be there once", f"it is {word(back)}", "next")


def looked_at(response: Exchange) -> None:
    """Say so where the login did not look at the token, since it has locked this address out."""
    if response.status_code == 429:
        raise Advice(LOCKED_OUT, WAIT)


@check(
    "AUTH-14",
    blocking=False,
    writes=True,
    fix=LOGIN_FIX,
    fixes={"cookie": COOKIE, "3xx": LOGIN_FIX, 401: LOGIN_FIX},
)
@post(
    LOGIN,
    login_token(),
    headers=FORM,
    effect=Effect.WRITE,
)
def test_session_cookie(response: Exchange) -> None:
    """The session cookie is out of reach for scripts, plain http and other sites' forms."""
    looked_at(response)
    response.must_answer(303, to="open a session")
    cookies = [c for c in response.header_values("set-cookie") if c.startswith("caio_session=")]
    must(
        len(cookies) == 1,
        "one session cookie",
        f"{len(cookies)} of them",
        "cookie",
        case="being the only one",
    )
    flags = {part.strip().lower() for part in cookies[0].split(";")[1:]}
    lacking = [name for name in ("HttpOnly", "Secure") if name.lower() not in flags]
    if not flags & {"samesite=lax", "samesite=strict"}:
        lacking.append("SameSite=Lax")
    must(
        not lacking,
        "the session cookie must have HttpOnly, Secure and SameSite",
        f"it lacks {word(lacking)}",
        "cookie",
        case=word(lacking),
    )


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
    "AUTH-15",
    wrong="The API does not refuse a webhook's bearer.",
    fix="In Railway, give DASHBOARD_AUTH_TOKEN a value that no other variable has, then redeploy. If it is unlike {key} "
    'already, hand to the developer: "The auth guard lets in {key}."',
)
@cases(bearer_cases)
def test_webhook_bearers(response: Exchange, case: str) -> None:
    """A webhook's bearer does not open the API."""
    response.must_be_refused(key=case.partition(" ")[0])


@check(
    "AUTH-16",
    wrong="The login does not refuse a wrong token.",
    fix=NO_SESSION,
    fixes={"5xx": NO_SESSION, 500: NO_SESSION},
)
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
    opened = [cookie for cookie in cookies if cookie not in ("caio_session=", 'caio_session=""')]
    must(not opened, "no session must be opened", "the answer sets a session cookie")
    looked_at(response)
    # 200 shows the login form again.
    response.must_answer(200, 400, 401, 403, to="be refused, or shown the form again")
    if response.status_code == 200 and "<form" not in response.text.lower():
        raise response.mismatch("must show the login form again", f"shown something else: {response.summary}")


def malformed(header_name: str, template: str = "{}") -> dict[str, tuple[str, str, str]]:
    """Return malformed values for a header: non-ASCII, oversized, with a control character."""
    return {
        f"{kind} {header_name}": (header_name, template.format(value), f"{kind} value")
        for kind, value in (("non-ASCII", "caf\u00c3\u00a9"), ("8 KiB", "x" * 8192), ("control", "a\x01b"))
    }


MALFORMED = (
    'Hand to the developer: "Have {request} refuse a malformed credential with a 4xx: compare it as bytes, since '
    'hmac.compare_digest takes no other text."'
)


@check(
    "AUTH-17",
    blocking=False,
    fix=MALFORMED,
    fixes={500: MALFORMED, "5xx": MALFORMED},
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
    """A malformed credential is refused as the caller's mistake, and crashes nothing."""
    response.must_answer(range(400, 500), to="be refused as the caller's mistake")
    response.must_be_decided()


@check(
    "AUTH-18",
    blocking=False,
    fix='Hand to the developer, with the deploy logs from Railway: "The login answers {status}: with the token it must open a session (303), else show the page (200)."',
    fixes={
        "escape": 'Hand to the developer: "Have the login page escape next: what a link puts there stands in it as markup."',
        "follow": 'Hand to the developer: "Have the login follow next to a path of this host alone (not to one that begins with // or '
        '/\\), and escape it in the page."',
        "websocket": 'Hand to the developer: "Have the websocket /ws refuse who has no session or token."',
    },
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
    """The login neither shows nor follows what a link put into next, and the websocket is not open to everybody."""
    if case == "websocket":
        closed = response.status_code == 101 and CLOSED_TO_THE_CALLER.fullmatch(response.text)
        if not closed and response.status_code not in (302, 303, 307, 400, 401, 403, 404, 426):
            raise response.mismatch("must be refused without a session or token", "", "websocket")
    elif case.startswith("after a login"):
        looked_at(response)
        response.must_answer(303, to="open a session")
        if response.local_redirect is None:
            target = response.header("location") or "nowhere"
            raise response.mismatch("must go to a path of this host", f"sent to {target}", "follow")
    else:
        response.must_answer(200, to="show the login")
        page = response.text
        unescaped = "<caio-probe>" in page or '" caio-probe="' in page
        markup = unescaped or any("caio-probe" in attributes for _, attributes in elements(page))
        must(not markup, "next must be shown as text", "it stands in the page as markup", "escape")


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
    claims["headers of a preflight"] = {
        "Origin": environment.base_url,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": TOKEN_HEADER,
    }
    asked = {name: get(STATUS, headers=headers) for name, headers in claims.items()}
    # The other way round: the guard sees a public path, and the application another.
    rewritten = {
        f"{name} of a public path": get("/api/health/ready", headers={name: STATUS})
        for name in ("X-Original-URL", "X-Rewrite-URL")
    }
    return {**asked, **rewritten}


@check(
    "AUTH-19",
    wrong="A header that proxies set keeps the API from refusing a caller without a token.",
    fix='Hand to the developer: "Have the auth guard decide by the token or session alone, and believe no header that a '
    'caller may set: it believed the case: {case}."',
    fixes={
        "rewritten": 'Hand to the developer: "Have the auth guard judge the path that is served: {case}, without a token, '
        'answers for another path."'
    },
)
@cases(headers_of_proxies)
def test_headers_of_proxies(response: Exchange, case: str) -> None:
    """Without a token the API is refused, whatever a caller claims in headers that proxies set."""
    if case.endswith("of a public path"):  # whose own answer other checks judge
        told = any(name in response.text for name in ('"emergency_stop"', '"gatekeeper"'))
        must(
            not told,
            "a public path must answer for itself",
            "it answered with the operator status",
            "rewritten",
        )
    else:
        must_refuse(response, case)


# The root, where static files are, and the ways up from there, one folder or two.
FOLDERS = tuple(
    """
    / /static/ /static/../ /static/../../ /static/%2e%2e/ /static/%2e%2e/%2e%2e/ /static/..%2f /static/..%2f..%2f
    /static/%2e%2e%2f /static/%2e%2e%2f%2e%2e%2f
    """.split()
)


@check(
    "AUTH-20",
    wrong="A file of the project is served, or what is served in its place holds a secret.",
    fix='Hand to the developer: "{request} is served to everybody: keep it out of the static folder." Replace every secret in '
    "that file, in Railway and in the env file, then redeploy.",
    fixes={
        "leak": 'Hand to the developer: "{request} shows {case}." Replace every secret that was shown, in Railway and in the '
        "env file, then redeploy.",
        "dots": 'Hand to the developer: "The server leaves the static folder by dot segments: {request} is served." Replace '
        "every secret in that file, in Railway and in the env file, then redeploy.",
    },
)
@cases({file: tuple(get(f"{folder}{file}") for folder in FOLDERS) for file in PROJECT_FILES})
def test_no_project_file(
    responses: Mapping[str, Exchange], leaks_in: Callable[[Exchange], list[str]]
) -> None:
    """No file of the project is served, and what is served in its place holds no secret."""
    for label, response in responses.items():
        path = label.removeprefix("GET ")
        leaks = leaks_in(response)
        if leaks:
            shown = f"{path} shows {word(leaks)}"
            raise response.mismatch("must show no secret", shown, "leak", case=word(leaks))
        if is_file(response):
            way = "dots" if re.search(r"\.\./|%2e%2e|\.\.%2f", path) else ""
            raise response.mismatch("must not be served", f"{path} is served: {response.summary}", way)
    for response in responses.values():
        response.must_be_decided()


def is_file(response: Exchange) -> bool:
    """Say whether a response is a file: it has content, and is no page."""
    content = response.text
    return 200 <= response.status_code < 300 and bool(content.strip()) and not is_page(content)
