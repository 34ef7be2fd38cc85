"""Who may come in: the token, the session, the login, and the guard in front of every path."""

from __future__ import annotations

import time

import pytest
from itsdangerous import TimestampSigner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pytest_caio.contract.paths import ACTING_PATHS, NAMED_PATHS, PROJECT_FILES, READING_PATHS
from pytest_caio.contract.signing import session_cookie
from pytest_caio.reference.dashboard.decisions import local_next, new_session, own_session
from pytest_caio.reference.dashboard.pages import LOCKOUT_ATTEMPTS
from tests.support.reference_site import Hosted, Site
from tests.support.sessions import starlette_session

STATUS = "/api/operator/status"
TOKEN_KEY = "DASHBOARD_AUTH_TOKEN"
ACTING = sorted(set(ACTING_PATHS))


@pytest.mark.parametrize("path", READING_PATHS)
def test_reading_path(path: str, site: Site) -> None:
    """A reading path is 401 with a detail without the token, and 200 JSON with it."""
    refused = site.get(path)
    assert refused.status_code == 401
    assert set(refused.json()) == {"detail"}
    assert site.inside(path).status_code == 200
    assert isinstance(site.inside(path).json(), list if path == "/api/cadence/leads" else dict)


@pytest.mark.parametrize("path", ACTING)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_acting_path_is_guarded(path: str, method: str, site: Site) -> None:
    """An acting path is 401 without the token, whatever the method."""
    assert site.get(path, method).status_code == 401


@pytest.mark.parametrize("path", ACTING)
def test_acting_path_exists(path: str, site: Site) -> None:
    """A GET of an acting path with the token is 405: the path is there and was not acted on."""
    # What was prepared for a call can also be read; nobody has this name.
    assert site.inside(path).status_code == (404 if "call-prep" in path else 405)


@pytest.mark.parametrize(
    ("unknown", "known"),
    [
        (NAMED_PATHS[0], "/api/agents/hunter"),
        (NAMED_PATHS[1], "/api/leads/lead1@example.com/timeline"),
        ("/api/call-prep/caio-probe", "/api/call-prep/lead1"),
    ],
)
def test_path_with_a_name(unknown: str, known: str, site: Site) -> None:
    """A path with a name in it is 401 without the token; with it 200, or 404 where nobody has the name."""
    assert site.get(unknown).status_code == site.get(known).status_code == 401
    assert (site.inside(unknown).status_code, site.inside(known).status_code) == (404, 200)


@pytest.mark.parametrize("word", ["health", "login", "inngest", "webhooks"])
def test_public_word_in_a_protected_path(word: str, site: Site) -> None:
    """A public word in a protected path, or behind it, opens nothing."""
    for path in (f"/api/agents/{word}", f"{STATUS}/{word}", f"{STATUS}?next=/{word}"):
        assert site.raw(path).status_code == 401


@pytest.mark.parametrize("file", PROJECT_FILES)
def test_no_project_file(file: str, site: Site) -> None:
    """No file of the project is served: its path goes to the login."""
    for folder in ("/", "/static/", "/static/../", "/static/%2e%2e/"):
        assert site.raw(f"{folder}{file}").status_code == 302


@pytest.mark.parametrize("path", [STATUS, "/api/no-such-path", "/", "/login"])
def test_plain_options(path: str, site: Site) -> None:
    """A plain OPTIONS is 405."""
    assert site.get(path, "OPTIONS").status_code == 405


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/no-such-path", 401),
        ("/api", 401),
        ("/api/operator/status/", 401),
        ("/api/operator/status;x", 401),
        ("/api/operator/st%61tus", 401),
        ("/%61pi/operator/status", 401),
        ("/api%2Foperator%2Fstatus", 401),
        ("/api//operator/status", 401),
        ("/api/./operator/status", 401),
        ("/api/health/../operator/status", 401),
        ("/api/health/ready/", 401),
        ("//api/operator/status", 302),
        ("/API/operator/status", 302),
        ("/login/../api/operator/status", 302),
        ("/webhooks/../api/operator/status", 302),
        ("/webhooks//clay", 302),
        ("/no-such-page", 302),
    ],
)
def test_other_spelling(target: str, status: int, site: Site) -> None:
    """No other spelling of a path passes the guard, and what goes to the login stays on this host."""
    answer = site.raw(target)
    assert answer.status_code == status
    if status == 302:
        assert answer.headers["location"].startswith("/login?next=/")
        assert not answer.headers["location"].startswith("/login?next=//")


def test_authorised_spellings(site: Site) -> None:
    """With the token a trailing slash is 307, and a path that is not there 404."""
    assert site.inside("/api/operator/status/").status_code == 307
    assert site.inside("/api/no-such-path").status_code == 404


@pytest.mark.parametrize(
    "value",
    [b"", b"wrong", b"caf\xe9", b"\xff\xfe", "\N{SNOWMAN}".encode(), b"a" * 8192],
    ids=["empty", "wrong", "latin-1", "bytes", "utf-8", "8 KiB"],
)
def test_wrong_token(value: bytes, site: Site) -> None:
    """A wrong token of any form is 401, never 500, as a token, bearer, cookie or in the query."""
    for name in (b"X-Dashboard-Token", b"Authorization", b"Cookie"):
        prefix = {b"Authorization": b"Bearer ", b"Cookie": b"caio_session="}.get(name, b"")
        sent = (prefix + value).strip()
        assert site.client.get(STATUS, headers=[(name, sent)]).status_code == 401


def test_near_misses_of_the_token(site: Site) -> None:
    """A prefix, more, other case and changed ends of the token are 401."""
    token = site.token
    for given in (token[:-1], token + "x", token.swapcase(), "~" + token[1:], token[:-1] + "~", token * 2):
        assert site.get(STATUS, X_Dashboard_Token=given).status_code == 401


def test_token_elsewhere(site: Site) -> None:
    """The token as a bearer, in a cookie or in the query is 401, as are bearers and revoked tokens."""
    assert site.get(f"{STATUS}?token={site.token}").status_code == 401
    assert site.get(STATUS, Authorization=f"Bearer {site.token}").status_code == 401
    assert site.get(STATUS, Cookie=f"caio_session={site.token}").status_code == 401
    for key in ("WEBHOOK_BEARER_TOKEN", "HEYREACH_BEARER_TOKEN"):
        assert site.get(STATUS, X_Dashboard_Token=site.settings[key]).status_code == 401
    assert len(set(site.revoked)) == 2
    for token in site.revoked:
        assert site.get(STATUS, X_Dashboard_Token=token).status_code == 401


def test_page_without_session(site: Site) -> None:
    """A page goes to the login with its path as `next`, also with the token in the header."""
    for page in ("/", "/sales", "/leads", "/scorecard"):
        for answer in (site.get(page), site.inside(page)):
            assert answer.status_code == 302
            assert answer.headers["location"] == f"/login?next={page}"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "max-age=" in answer.headers["strict-transport-security"]


def test_login(hosted: Hosted) -> None:
    """The right token opens a session, by a cookie with every flag, for pages and the API."""
    with hosted() as site:
        answer = site.log_in(site.token, "/sales")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sales"
        cookie = answer.headers["set-cookie"]
        assert all(flag in cookie.lower() for flag in ("httponly", "secure", "samesite=lax", "path=/"))
        session = cookie.partition(";")[0]
        assert session.startswith("caio_session=")
        page = site.get("/sales", Cookie=session)
        assert page.status_code == 200
        assert "fetch('/api/pending-emails'" in page.text
        assert "setInterval(" in page.text
        assert site.get(STATUS, Cookie=session).status_code == 200
        assert site.get(STATUS, Cookie=session[:-1] + "~").status_code == 401
        assert site.get("/sales", Cookie=session + "x").status_code == 302


def test_session_of_another_secret(site: Site) -> None:
    """A session that another secret signed is refused."""
    forged = new_session({"SESSION_SECRET_KEY": "another-secret-of-some-length"})
    assert site.get(STATUS, Cookie=f"caio_session={forged}").status_code == 401
    own = new_session(site.settings)
    assert site.get(STATUS, Cookie=f"caio_session={own}").status_code == 200


@pytest.mark.parametrize("missing", [(), ("SESSION_SECRET_KEY",), ("SESSION_SECRET_KEY", TOKEN_KEY)])
def test_session_is_the_product_s(missing: tuple[str, ...], site: Site) -> None:
    """Sessions are those of Starlette's middleware, under the token or the default without a secret."""
    settings = {key: value for key, value in site.settings.items() if key not in missing}
    secret = settings.get("SESSION_SECRET_KEY") or settings.get(TOKEN_KEY) or "caio-local-dev-secret"
    assert own_session(settings, starlette_session(secret))
    assert own_session(settings, session_cookie(secret, int(time.time()) - 60))
    assert not own_session(settings, session_cookie(secret, int(time.time()) - 15 * 24 * 3600))
    assert not own_session(settings, starlette_session(secret, authenticated=False))
    assert not own_session(settings, starlette_session("another"))
    for signed in (TimestampSigner(secret).sign(text).decode() for text in ("e30=", "W10=", "x", "")):
        assert not own_session(settings, signed)


def test_lockout(hosted: Hosted) -> None:
    """A wrong token shows the form again without a cookie; after five, even the right one is 429."""
    with hosted() as site:
        for token in ["wrong", "", "caf\xe9", "\N{SNOWMAN}", "wrong"][:LOCKOUT_ATTEMPTS]:
            answer = site.log_in(token)
            assert answer.status_code == 200
            assert 'name="token"' in answer.text
            assert "set-cookie" not in answer.headers
        assert site.log_in(site.token).status_code == 429
        # The lockout is the login's: the API still knows its token.
        assert site.inside(STATUS).status_code == 200


def test_right_login_forgets_wrong_ones(hosted: Hosted) -> None:
    """Wrong tokens before a right one no longer count."""
    with hosted() as site:
        for _ in range(2):
            for _ in range(LOCKOUT_ATTEMPTS - 1):
                site.log_in("wrong")
            assert site.log_in(site.token).status_code == 303


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("/sales", "/sales"),
        ("/leads?x=1", "/leads?x=1"),
        ("//other.example", "/"),
        ("///other.example", "/"),
        ("/\\other.example", "/"),
        ("\\\\other.example", "/"),
        ("https://other.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/other.example", "/"),
        ("/\r\nLocation: //other.example", "/"),
        ("", "/"),
    ],
)
def test_next_stays_here(target: str, local: str, site: Site) -> None:
    """`next` is followed only to a path of this host, from the form as in the page."""
    assert local_next(target) == local
    assert site.log_in(site.token, target).headers["location"] == local
    assert f'name="next" value="{local}"' in site.client.get("/login", params={"next": target}).text


def test_next_is_escaped(site: Site) -> None:
    """The login page escapes `next`."""
    page = site.client.get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_websocket(site: Site) -> None:
    """The websocket refuses a caller without credentials, and tells one with the token or a session."""
    url = site.base_url.replace("http", "ws", 1) + "/ws"
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 403
    session = f"caio_session={new_session(site.settings)}"
    for headers in ({"X-Dashboard-Token": site.token}, {"Cookie": session}):
        with connect(url, proxy=None, additional_headers=headers) as socket:
            assert '"type":"health"' in str(socket.recv(timeout=10))


def test_old_bookmark(site: Site) -> None:
    """The old bookmark leads to the sales page."""
    answer = site.get("/ChiefAIOfficer")
    assert (answer.status_code, answer.headers["location"]) == (302, "/sales")
