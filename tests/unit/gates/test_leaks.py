"""What counts as a leak in a response, and what does not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_caio.checks.probe import Request
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.contract.signing import inngest_signature, webhook_signature
from pytest_caio.environments.environment import Environment
from pytest_caio.gates.leaks import find_leaks, signatures_in
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.unpacking import UNREADABLE
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.session.secrets import RunSecrets
from tests.support.pace import within
from tests.support.scanner import Scanner

TOKEN = "hV3kq0Zp7tYw2LmX9sRd"
SECRETS = Redactor({"MY_TOKEN": TOKEN}).secrets_in
SIGNED = "a right signature of what was sent"
Make = Callable[..., Environment]


def leaks(make: Make, body: str, *headers: tuple[str, str], carried: str = "", **more: Any) -> list[str]:
    """Return the leaks of an answer of a dashboard at dashboard.caio-alpha.com."""
    secrets = (("MY_TOKEN", carried),) if carried else ()
    request = Request("GET", "https://dashboard.caio-alpha.com", "/x", secrets=secrets)
    raw = body.encode("latin-1") if "\0" in body or body.startswith("\x1f") else body.encode()
    exchange = Exchange(request, datetime.now(UTC), 1.0, 401, headers, raw, **more)
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
        ("sk-proj-aB3_dEfGhIjKlMnOpQrStUvWxYz0123456789-AbCdEfGhIjKlMnOpQrStUvWxYz", "a token"),
        ("sk-ant-api03-aB3_dEfGhIjKlMnOpQrStUvWxYz0123456789-AbCdEfGhIjKlMn", "a token"),
        ("sk-svcacct-a-B-3_dEfGhIjKlMnOpQrStUvWxYz", "a token"),
        ("sk-or-v1-" + "0a" * 32, "a token"),
        ("sk-lf-0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f", "a token"),
        ("github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghij", "a token"),
        ("gho_16C7e42F292c6912E7710c838347Ae178B4a", "a token"),
        ("glpat-x9_x9-x9x9x9x9x9x9x9", "a token"),
        ("AKIAQ7R2ZK5XW3PLM4NV", "a token"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "a token"),
        ("sk_live_" + "x9" * 12, "a token"),
        ("xapp-1-A0B1C2D3E4F-0123456789", "a token"),
        ("SG.x9_x9-x9x9x9x9x9x9x9x9.x9_x9-x9x9x9x9x9x9x9x9x9", "a token"),
        ("rediss://internal:6379/0", "a connection string"),
        ("postgresql+asyncpg://10.0.3.7:5432/caio", "a connection string"),
        ("<!-- mysql+pymysql://caio@db.caio.internal/caio -->", "a connection string"),
        ('{"detail": "postgresql+asyncpg://caio@db.caio.internal:5432/caio"}', "a connection string"),
        ("tcp://caio:hunter2@db:5432", "a connection string"),
        ("Traceback (most recent call last):", "a stack trace"),
        (json.dumps({"detail": 'File "/app/main.py", line 3, in x'}), "a stack trace"),
        ("    at decode (/app/server.js:17:3)", "a stack trace"),
        ("    at async Server.<anonymous> (file:///app/a.mjs:17:3)", "a stack trace"),
        ("    at /app/src/a.ts:17:3", "a stack trace"),
        (json.dumps({"stack": "Error: x\n    at decode (/app/a.js:1:2)"}), "a stack trace"),
        ("<pre>File &quot;/app/main.py&quot;, line 3, in x</pre>", "a stack trace"),
        ("\tat com.caio.Main.run(Main.java:12)", "a stack trace"),
        ('{"url": "redis:\\/\\/default:pw@db:6379\\/0"}', "a connection string"),
        ("/login?next=tcp%3A%2F%2Fcaio%3Ahunter2%40db", "a connection string"),
        ("".join(f"\\u{ord(c):04x}" for c in TOKEN), "the value of MY_TOKEN"),
        ("".join(f"&#{ord(c)};" for c in TOKEN), "the value of MY_TOKEN"),
        (TOKEN.encode("utf-16").decode("latin-1"), "the value of MY_TOKEN"),
        ("\x1f\x8b\x08", "packed data that nobody can judge"),
        ('{"owner": "jane.doe@northwind-freight.com"}', "the e-mail address of a person"),
        ('[{"a": ["Jane <jane\\u0040northwind-freight.com>"]}]', "the e-mail address of a person"),
        (
            '{"to": "jane@northwind-freight.com", "to": "a@example.com"}',
            "the e-mail address of a person",
        ),
        ('{"jane@northwind-freight.com": 1}', "the e-mail address of a person"),
        ('{"ms": NaN, "owner": "jane@northwind-freight.com"}', "the e-mail address of a person"),
        ('\ufeff{"owner": "jane@northwind-freight.com"}', "the e-mail address of a person"),
        ('\n{"a": 1}\n{"owner": "jane@northwind-freight.com"}\n', "the e-mail address of a person"),
        (
            '{"see": "https://x.caio-alpha.com?u=jane@northwind-freight.com"}',
            "the e-mail address of a person",
        ),
    ],
)
def test_leaks_are_found(body: str, leak: str, make_environment: Make) -> None:
    """Secrets, tokens, connection strings, stack traces and people's addresses are leaks."""
    assert leaks(make_environment, body) == [leak]


def test_what_is_almost_a_leak_is_named_once(make_environment: Make) -> None:
    """Almost the token is named only where the token is not."""
    known = Redactor(
        {"T": TOKEN, "T, its first half": TOKEN[:10], "T, other case": TOKEN.swapcase()}
    ).secrets_in
    request = Request("GET", "http://127.0.0.1:9", "/x")
    for body, leak in ((TOKEN, "the value of T"), (TOKEN.swapcase(), "the value of T, other case")):
        exchange = Exchange(request, datetime.now(UTC), 1.0, 401, (), body.encode())
        assert find_leaks(exchange, make_environment(), known) == [leak]


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
        '{"icon": "/static/logo@2x.png", "more": ["a@3x.SVG", "b@2.0.min.js", "c@2x.woff2"]}',
        '<div class="sk-admin-Panel-container-of-the-sidebar sk-proj-list-of-all-things-2">',
        "<p>mongodb+srv is a scheme; AKIA begins a key; AIza too</p>",
        "<p>write to jane.doe@northwind-freight.com</p>",
        '{"broken": "jane.doe@northwind-freight.com"',
        "https://dashboard.caio-alpha.com:8443/login",
        "<p>\n    at 10:20:30\n    at noon (UTC 12:00:00)</p>",
    ],
)
def test_what_is_no_leak(body: str, make_environment: Make) -> None:
    """Refusals, the deployment's own addresses, those of nobody, and pages with addresses are no leaks."""
    assert leaks(make_environment, body) == []


KEY = "signkey-test-" + "0a1b" * 8
SIGNING = {p.secret_key: f"secret-of-{name}-0123456789" for name, p in PROVIDERS.items()}
WRITTEN = {
    "hex": str,
    "upper case": str.upper,
    "prefixed": "sha256={}".format,
    "base64": lambda digest: base64.b64encode(bytes.fromhex(digest)).decode(),
    "base64 for URLs": lambda digest: base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("="),
    "base64 in JSON": lambda digest: base64.b64encode(bytes.fromhex(digest)).decode().replace("/", "\\/"),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_right_signatures_are_leaks(written: str, make_environment: Make) -> None:
    """The right HMAC of the probe's body in a refusal is a leak, whose secret ever made it."""
    environment = make_environment(**SIGNING, INNGEST_SIGNING_KEY=KEY)
    sent, answered = b"{", b'{"detail": "Unauthorized"}'
    request = Request("POST", "http://127.0.0.1:9", "/webhooks/clay", body=sent)
    for secret in SIGNING.values():
        for body, found in ((sent, [SIGNED]), (answered, []), (b"another", [])):
            shown = WRITTEN[written](webhook_signature(secret, body))
            exchange = Exchange(request, datetime.now(UTC), 1.0, 401, (), f"expected {shown}".encode())
            assert find_leaks(exchange, environment, SECRETS) == found
            assert len(signatures_in(exchange, environment)) == len(found)
            shown = WRITTEN[written](webhook_signature(secret, body))
            exchange = replace(exchange, headers=(("X-Clay-Signature", shown),), body=answered)
            assert bool(find_leaks(exchange, environment, SECRETS)) is (body != b"another")


@pytest.mark.parametrize(
    "shown",
    [
        "{}",
        "?sign={}",
        "<p>{}</p>",
        '{{"expected": "{}"}}',
        '{{"t": {t}, "s": "{s}"}}',
        "s={S}&t={t}",
        "t={t},s={b}",
    ],
)
def test_signature_of_inngest_is_a_leak(shown: str, make_environment: Make) -> None:
    """Inngest's right signature of what was sent is a leak; one by another key is none."""
    request = Request("GET", "http://127.0.0.1:9", "/inngest")
    environment = make_environment(INNGEST_SIGNING_KEY=KEY)
    for own, found in ((KEY, [SIGNED]), (f"{KEY}x", [])):
        signature = inngest_signature(own, b"", 1_790_000_000)
        digest = signature.rpartition("=")[2]
        code = base64.b64encode(bytes.fromhex(digest)).decode()
        body = shown.format(signature, t=1_790_000_000, s=digest, S=digest.upper(), b=code)
        exchange = Exchange(request, datetime.now(UTC), 1.0, 401, (), body.encode())
        assert find_leaks(exchange, environment, SECRETS) == found


def test_signatures_in_answers_are_redacted(make_environment: Make) -> None:
    """An answer's `x-inngest-signature`, and any signature of a right secret, is known before it is shown."""
    environment = make_environment(**SIGNING, INNGEST_SIGNING_KEY=KEY)
    request = Request("GET", "http://127.0.0.1:9", "/inngest")
    body = b'{"mode": "cloud"}'
    inngest = inngest_signature(KEY, body, 1_790_000_000)
    other = webhook_signature("whoever signs this", body)
    expected = webhook_signature(SIGNING["CLAY_WEBHOOK_SECRET"], b"")
    code = base64.b64encode(bytes.fromhex(expected)).decode()
    headers = (
        ("x-inngest-signature", inngest),
        ("Signature-Input", "sig1"),
        ("X-Hub-Signature-256", f"sha256={other}"),
    )
    redactor = Redactor()
    secrets = RunSecrets(redactor)
    secrets.learn_environments([environment])
    exchange = Exchange(request, datetime.now(UTC), 1.0, 200, headers, body)
    secrets.learn_answer(exchange)
    secrets.learn_answer(replace(exchange, headers=(), body=f"no: {code.upper()} {code}".encode()))
    shown = f"{inngest[2:]} {other[:20]} {other} {code} {inngest.encode().hex()} {json.dumps(headers)}"
    digests = [inngest.rpartition("=")[2], other, code.rstrip("=")]
    assert Scanner(digests).leaks(redactor.redact(shown)) == []
    assert redactor.secrets_in(shown) == []


@pytest.mark.parametrize(
    "token",
    [
        "sk-proj-aB3_dE5-fG7hI9jK1lM3nO5p",
        "ghp_0123456789abcdefghijABCD",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
    ],
)
def test_tokens_in_answers_are_redacted(token: str, make_environment: Make) -> None:
    """A token that a response shows is known by its form before it is shown, and is a leak all the same."""
    environment = make_environment()
    request = Request("GET", "http://127.0.0.1:9", "/api/health")
    exchange = Exchange(request, datetime.now(UTC), 1.0, 200, (), json.dumps({"key": token}).encode())
    redactor = Redactor()
    RunSecrets(redactor).learn_answer(exchange)
    assert redactor.redact(f"it says {token}") == "it says [redacted: a token]"
    assert find_leaks(exchange, environment, redactor.secrets_in) == ["a token"]


def test_a_header_cannot_have_the_report_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What headers may call a signature is bounded in total, so that words of the report stay."""
    monkeypatch.setattr("pytest_caio.session.secrets._MOST_LEARNED", 100)
    redactor = Redactor()
    secrets = RunSecrets(redactor)
    first, last = (webhook_signature("key", body) for body in (b"1", b"2"))
    headers = (("X-Signature", first), ("X-Signature-More", last))
    secrets.learn_answer(
        Exchange(Request("GET", "http://127.0.0.1:9", "/x"), datetime.now(UTC), 1.0, 200, headers)
    )
    assert redactor.redact(f"{first} {last}") == f"[redacted: a signature] {last}"


def test_headers_are_read(make_environment: Make) -> None:
    """A secret in a header, a redirect, a cookie or the reason phrase is a leak as one in the body is."""
    for name in ("X-Debug", "Location", "Set-Cookie", "WWW-Authenticate"):
        assert leaks(make_environment, "", (name, f"a={TOKEN}; Path=/")) == ["the value of MY_TOKEN"]
    assert leaks(make_environment, "", (f"X-{TOKEN}", "1")) == ["the value of MY_TOKEN"]
    assert leaks(make_environment, "", reason=f"Expected {TOKEN}") == ["the value of MY_TOKEN"]


def test_what_cannot_be_read_is_no_silence(make_environment: Make) -> None:
    """An answer that cannot be unpacked may show anything, also where no answer would be right."""
    assert leaks(make_environment, "", error=UNREADABLE) == ["packed data that nobody can judge"]
    assert leaks(make_environment, "", error="cannot connect") == []


def test_answers_before_a_retry_are_read(make_environment: Make) -> None:
    """What an answer shows that was followed by a retry is a leak too."""
    request = Request("GET", "http://127.0.0.1:9", "/x")
    first = Exchange(request, datetime.now(UTC), 1.0, 503, (), b"redis://default:pw@db:6379")
    assert leaks(make_environment, "", earlier=(first,)) == ["a connection string"]


def test_a_session_that_is_a_token_is_no_leak(make_environment: Make) -> None:
    """A cookie may be a JSON Web Token: it is its caller's own."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    assert leaks(make_environment, "", ("Set-Cookie", f"csrf={token}; Path=/")) == []
    assert leaks(make_environment, "", ("X-Csrf", token)) == ["a token"]


def test_what_the_caller_sent_is_no_news(make_environment: Make) -> None:
    """An echo of what the request carried tells its caller nothing; more than that does."""
    location = ("Location", f"/login?token={TOKEN}")
    assert leaks(make_environment, f"no such token: {TOKEN}", location, carried=TOKEN) == []
    assert leaks(make_environment, f"it is not {TOKEN[:5]} but {TOKEN}", carried=TOKEN[:5]) != []


@pytest.mark.parametrize(
    "piece",
    [
        *("\\", "\\u", "&#", "&#9", "%", "sk-a-", "\n at /x", "t=", "://a:", 'File "', "a@a."),
        *("sk-proj-", "sk-proj-a-", "mysql+", "SG.", "SG.a", "AKIA", '"a@a"', '"a@a"\n', "[", "://a"),
    ],
)
def test_a_long_answer_is_read_in_linear_time(piece: str, make_environment: Make) -> None:
    """A body of 200 KB that consists of the beginnings of leaks is read in a moment."""
    began = time.perf_counter()
    leaks(make_environment, piece * (200_000 // len(piece)))
    assert within(time.perf_counter() - began, 1)
