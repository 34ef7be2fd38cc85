"""What a response shows of a cause outside the check: a proxy, a limit, a refused token."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.checks.credentials import TOKEN
from pytest_caio.checks.probe import Request
from pytest_caio.probing.exchange import Exchange

HTML = ("Content-Type", "text/html; charset=utf-8")
JSON = ("Content-Type", "application/json")
OWN = b'{"detail":"no"}'
RAILWAY = b'{"status":"error","code":404,"message":"Application not found","request_id":"x"}'
MOMENT = b"<!DOCTYPE html><html><head><title>Just a moment...</title>"
CHALLENGE, NOBODY = "a challenge for browsers", "no running application at this address"
EDGE, EDGE_TLS, LIMIT, IN_FRONT = (
    "the host's edge cannot reach the dashboard",
    "the host's edge and what is behind it do not agree on TLS",
    "the deployment limits how often",
    "something in front of the dashboard",
)


def cause(status: int, body: bytes, *headers: tuple[str, str], target: str = "/api/x", **details: str) -> str:
    """Return the sentence of the cause that a response shows, or an empty string."""
    request = Request(details.pop("method", "GET"), "http://caio.example", target, **details)
    exchange = Exchange(request, datetime.now(UTC), 1.0, status, headers, body)
    assert exchange.cause is None or exchange.cause.sentence in exchange.summary
    return exchange.cause.sentence if exchange.cause else ""


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (403, MOMENT, (HTML, ("cf-mitigated", "challenge")), CHALLENGE),
        (503, MOMENT, (HTML,), CHALLENGE),
        (429, MOMENT, (HTML,), CHALLENGE),
        (202, b"", (("x-amzn-waf-action", "challenge"),), CHALLENGE),
        (429, b"<html>", (HTML, ("X-Vercel-Mitigated", "challenge")), CHALLENGE),
        (404, RAILWAY, (JSON,), NOBODY),
        (404, b"<html>", (HTML, ("X-Railway-Fallback", "true")), NOBODY),
        (404, b'<iframe src="//www.herokucdn.com/error-pages/no-such-app.html">', (HTML,), NOBODY),
        (502, b'{"message":"Application failed to respond"}', (JSON,), EDGE),
        (503, b"<html>", (HTML,), EDGE),
        (504, b"", (), EDGE),
        (520, b"", (), EDGE),
        (522, b"<html>", (HTML, ("Server", "cloudflare")), EDGE),
        (530, b"error code: 1016", (("Content-Type", "text/plain; charset=UTF-8"),), EDGE),
        (525, b"error code: 525", (("Content-Type", "text/plain; charset=UTF-8"),), EDGE_TLS),
        (526, b"<html>", (HTML,), EDGE_TLS),
        (408, b"<html>", (HTML,), "the deployment asked for the request to be sent again"),
        (425, b"", (), "the deployment asked for the request to be sent again"),
        (429, b"", (), LIMIT),
        (429, OWN, (JSON,), LIMIT),
        (403, b"<h1>Forbidden</h1>", (HTML,), IN_FRONT),
        (403, b'{"error":"access denied"}', (JSON,), IN_FRONT),
        (404, b"<center>nginx</center>", (HTML,), IN_FRONT),
        (421, b"", (), IN_FRONT),
    ],
)
def test_causes(status: int, body: bytes, headers: tuple[tuple[str, str], ...], words: str) -> None:
    """429, an edge's own 404 page, a browser challenge page, a firewall (400, 403, 404, 421) by name."""
    assert words in cause(status, body, *headers)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, MOMENT, (HTML,)),
        (200, b"{}", (JSON,)),
        (401, OWN, (JSON,)),
        (403, OWN, (JSON,)),
        (404, OWN, (JSON,)),
        (405, OWN, (JSON,)),
        (404, b"Not Found", ()),
        (405, b"Method Not Allowed", ()),
        (405, b"", (("Allow", "GET"),)),
        (503, b'{"detail":"Runtime dependencies not ready: redis"}', (JSON,)),
        (500, b"Internal Server Error", ()),
        (401, b"<html>", (HTML,)),
    ],
)
def test_the_dashboard_s_own_answers_show_no_other_cause(
    status: int, body: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    """What the dashboard itself answers is judged by the checks."""
    assert cause(status, body, *headers) == ""


def test_a_refused_token_is_the_token_s() -> None:
    """401 to the right token is a wrong token, and 401 to anything else is what the checks want."""
    assert cause(401, OWN, JSON, credential=TOKEN.name) == "the token is refused"
    assert cause(200, OWN, JSON, credential=TOKEN.name) == ""
    assert cause(401, OWN, JSON, credential=f"{TOKEN.name}, wrong") == ""


def test_the_login_s_own_limit_is_another() -> None:
    """429 of the login locks this address out, whatever the rate of requests."""
    assert cause(429, b"", target="/login", method="POST") == ""


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_http_is_sent_on_to_https(status: int) -> None:
    """A redirect to the same address with https says that the base URL should have it."""
    words = "the deployment sends http on to https"
    assert cause(status, b"", ("Location", "https://caio.example/api/x")) == words
    assert (
        cause(status, b"", ("Location", "https://CAIO.example:443/api/x?a=b"), target="/api/x?a=b") == words
    )
    for other in ("/login", "https://caio.example/login", "https://other.example/api/x", "/api/x"):
        assert cause(status, b"", ("Location", other)) == ""


@pytest.mark.parametrize("page", ["/sales", "/docs", "/.env", "/static/x"])
def test_pages_are_not_the_dashboard_s_alone(page: str) -> None:
    """A page of 403 or 404 where no JSON belongs says nothing of what stands in front."""
    assert cause(404, b"<h1>Not Found</h1>", HTML, target=page) == ""


LATIN = st.text(st.characters(max_codepoint=255), max_size=60)
NAMES = st.sampled_from(["Location", "Content-Type", "Allow", "cf-mitigated", "x-railway-fallback", "X-A"])
ANSWERS = st.tuples(
    st.sampled_from([200, 202, 301, 308, 401, 403, 404, 405, 408, 429, 503, 599]),
    st.binary(max_size=60) | st.sampled_from([OWN, RAILWAY, MOMENT]),
    st.lists(
        st.tuples(NAMES, LATIN | st.sampled_from(["text/html", "application/json", "//x\u00e9", "\\"])),
        max_size=4,
    ),
    st.sampled_from(["/", "//x", "/login", "/api/x?a=//b", "/webhooks/clay", "/a/../b", "/%2f", "/;x"]),
)


def read_all(answers: tuple[int, bytes, list[tuple[str, str]], str]) -> None:
    """Read everything of an odd response that says what it is."""
    status, body, headers, target = answers
    request = Request("GET", "http://127.0.0.1:8000", target, credential=TOKEN.name)
    exchange = Exchange(request, datetime.now(UTC), 1.0, status, tuple(headers), body)
    redirect = exchange.local_redirect
    assert redirect is None or redirect.host == "127.0.0.1"
    assert exchange.summary.isprintable()
    assert exchange.cause is None or exchange.cause.fix


@given(ANSWERS)
def test_every_answer_is_read(answers: tuple[int, bytes, list[tuple[str, str]], str]) -> None:
    """No response, however odd, breaks what says what it is."""
    read_all(answers)


@pytest.mark.nightly
@settings(max_examples=10_000)
@given(ANSWERS)
def test_ten_thousand_answers_are_read(answers: tuple[int, bytes, list[tuple[str, str]], str]) -> None:
    """Of 10,000 odd responses, none breaks what says what it is."""
    read_all(answers)
