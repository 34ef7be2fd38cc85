"""What counts as a leak in a response, and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pytest_caio.checks.probe import Request
from pytest_caio.contract.signing import inngest_signature
from pytest_caio.environments.environment import Environment
from pytest_caio.gates.leaks import find_leaks
from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.redactor import Redactor

TOKEN = "hV3kq0Zp7tYw2LmX9sRd"
SECRETS = Redactor({"MY_TOKEN": TOKEN}).secrets_in
Make = Callable[..., Environment]


def leaks(make: Make, body: str, *headers: tuple[str, str], carried: str = "") -> list[str]:
    """Return the leaks of an answer of a dashboard at dashboard.caio-alpha.com."""
    secrets = (("MY_TOKEN", carried),) if carried else ()
    request = Request("GET", "https://dashboard.caio-alpha.com", "/x", secrets=secrets)
    exchange = Exchange(request, datetime.now(UTC), 1.0, 401, headers, body.encode())
    environment = make(
        "https://dashboard.caio-alpha.com", CORS_ALLOWED_ORIGINS="https://app.caio-other.com,*,https://[bad"
    )
    return find_leaks(exchange, environment, SECRETS)


@pytest.mark.parametrize(
    ("body", "leak"),
    [
        (f"expected {TOKEN}", "the value of MY_TOKEN"),
        (f"expected {TOKEN.encode().hex()}", "the value of MY_TOKEN"),
        (f"signkey-prod-{'0a' * 32}", "a token"),
        ("sk-proj-Ab1" + "x9" * 20, "a token"),
        ("sk-" + "x9" * 24, "a token"),
        ("pit-0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f", "a token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "a token"),
        ("rediss://internal:6379/0", "a connection string"),
        ("tcp://caio:hunter2@db:5432", "a connection string"),
        ("Traceback (most recent call last):", "a stack trace"),
        (json.dumps({"detail": 'File "/app/main.py", line 3, in x'}), "a stack trace"),
        ("    at decode (/app/server.js:17:3)", "a stack trace"),
        ('{"owner": "jane.doe@northwind-freight.com"}', "the e-mail address of a person"),
        ('[{"a": ["Jane <jane\\u0040northwind-freight.com>"]}]', "the e-mail address of a person"),
        ('{"jane@northwind-freight.com": 1}', "the e-mail address of a person"),
    ],
)
def test_leaks_are_found(body: str, leak: str, make_environment: Make) -> None:
    """Secrets, tokens, connection strings, stack traces and people's addresses are leaks."""
    assert leaks(make_environment, body) == [leak]


@pytest.mark.parametrize(
    "body",
    [
        "",
        '{"detail": "Unauthorized"}',
        '<div class="sk-folding-cube-animation-wrapper-2">',
        '{"contact": "support@caio-alpha.com"}',
        '{"contact": "ops@mail.dashboard.caio-alpha.com", "other": "me@app.caio-other.com"}',
        '{"probe": "probe@example.com", "more": ["a@b.example", "x@y.test", "z@mail.example.org"]}',
        '{"package": "left-pad@1.3.0", "rule": "@media"}',
        "<p>write to jane.doe@northwind-freight.com</p>",
        '{"broken": "jane.doe@northwind-freight.com"',
        "https://dashboard.caio-alpha.com:8443/login",
    ],
)
def test_what_is_no_leak(body: str, make_environment: Make) -> None:
    """Refusals, the deployment's own addresses, those of nobody, and pages with addresses are no leaks."""
    assert leaks(make_environment, body) == []


@pytest.mark.parametrize("shown", ["{}", "?sign={}", "<p>{}</p>"])
def test_signature_of_inngest_is_a_leak(shown: str, make_environment: Make) -> None:
    """Inngest's right signature of what was sent is a leak; one by another key is none."""
    key = "signkey-test-" + "0a1b" * 8
    request = Request("GET", "http://127.0.0.1:9", "/inngest")
    environment = make_environment(INNGEST_SIGNING_KEY=key)
    for own, found in ((key, ["a right signature of what was sent"]), (f"{key}x", [])):
        body = shown.format(inngest_signature(own, b"", 1_790_000_000))
        exchange = Exchange(request, datetime.now(UTC), 1.0, 401, (), body.encode())
        assert find_leaks(exchange, environment, SECRETS) == found
        assert body.rpartition("s=")[2][:64] not in Redactor({}).redact(body)


def test_headers_are_read(make_environment: Make) -> None:
    """A secret in a header is a leak as one in the body is."""
    assert leaks(make_environment, "", ("X-Debug", TOKEN)) == ["the value of MY_TOKEN"]


def test_what_the_caller_sent_is_no_news(make_environment: Make) -> None:
    """An echo of what the request carried tells its caller nothing; more than that does."""
    location = ("Location", f"/login?token={TOKEN}")
    assert leaks(make_environment, f"no such token: {TOKEN}", location, carried=TOKEN) == []
    assert leaks(make_environment, f"it is not {TOKEN[:5]} but {TOKEN}", carried=TOKEN[:5]) != []
