"""The record of an exchange shows request and response, with credentials replaced by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest

from pytest_caio.checks.credentials import TOKEN, bearer, near_miss, query_token
from pytest_caio.checks.probe import Request, get
from pytest_caio.environments.environment import Environment
from pytest_caio.probing.exchange import Attempt, Exchange
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.verdict.exchanges import exchange_record
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Result

SECRET = "hunter2-hunter2/+"


@pytest.fixture
def environment(make_environment: Callable) -> Environment:
    """An environment with a token and a bearer."""
    return make_environment(DASHBOARD_AUTH_TOKEN=SECRET, WEBHOOK_BEARER_TOKEN="another-bearer-value")


def record_of(request: Request, body: bytes = b"", headers: Any = (), **details: Any) -> Any:
    """Return the record of a 200 with this response, with the token known to the redactor."""
    moment = datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)
    exchange = Exchange(request, moment, 12.3456, 200, headers, body, **details)
    return exchange_record(exchange, Redactor({"DASHBOARD_AUTH_TOKEN": SECRET}).redact)


def test_the_record_of_an_exchange(environment: Environment) -> None:
    """The record has all parts of request and response, and each attempt."""
    attempts = (Attempt(None, "dropped"), Attempt(200))
    record = record_of(
        get("//x?a=%20", headers={"X-A": "1"}).resolve(environment),
        b'{"a": 1}',
        (("Content-Type", "application/json"), ("X-B", "2"), ("X-B", "3")),
        attempts=attempts,
    )
    assert (record.method, record.url, record.status) == ("GET", "http://127.0.0.1:9//x?a=%20", 200)
    assert record.request_headers == [("X-A", "1")]
    assert record.response_headers == [("Content-Type", "application/json"), ("X-B", "2"), ("X-B", "3")]
    assert record.body_sha256 == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert record.body_excerpt == '{"a": 1}'
    assert record.attempts == [{"status": None, "error": "dropped"}, {"status": 200}]
    assert (record.started, record.timing_ms) == ("2026-02-03T04:05:06.789+00:00", 12.3)
    assert (record.error, record.truncated) == ("", False)


def test_the_record_without_a_response(environment: Environment) -> None:
    """Without a response the record has no status code, and the reason as its error."""
    request = get("/").resolve(environment)
    exchange = Exchange(request, datetime.now(timezone(timedelta(hours=1))), 1, error="gone")
    record = exchange_record(exchange, str)
    assert (record.status, record.error, record.body_excerpt) == (None, "gone", "")


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        (TOKEN, "[DASHBOARD_AUTH_TOKEN]"),
        (near_miss("a prefix"), "[DASHBOARD_AUTH_TOKEN, a prefix]"),
        (bearer("WEBHOOK_BEARER_TOKEN"), "[WEBHOOK_BEARER_TOKEN as bearer]"),
    ],
)
def test_credentials_are_shown_by_name(environment: Environment, credential: Any, shown: str) -> None:
    """A credential in a request is shown by its name, even if the redactor does not know its value."""
    record = record_of(get("/x", credential).resolve(environment))
    assert [value for _, value in record.request_headers] == [shown]


def test_the_token_in_the_query_is_shown_by_name(environment: Environment) -> None:
    """A token in the query is replaced by its name in the recorded URL."""
    record = record_of(get("/x", query_token()).resolve(environment))
    assert record.url == "http://127.0.0.1:9/x?token=[DASHBOARD_AUTH_TOKEN]"


def test_echoed_secrets_are_redacted(environment: Environment) -> None:
    """Secrets in a response are redacted in header names, header values and the body."""
    headers = (
        ("X-Echo", f"you sent {SECRET}"),
        (SECRET, "x"),
        ("Set-Cookie", "caio_session=abcdefgh.ijk; Path=/"),
    )
    record = record_of(
        get("/x").resolve(environment), f"<p>{SECRET}</p> jane@customer.example".encode(), headers
    )
    assert SECRET not in msgspec.json.encode(record).decode()
    assert record.body_excerpt == "<p>[redacted: DASHBOARD_AUTH_TOKEN]</p> j***@customer.example"
    assert record.response_headers[2] == ("Set-Cookie", "caio_session=[redacted]; Path=/")


def test_the_body_of_a_request_is_recorded_without_secrets(environment: Environment) -> None:
    """A request's body is kept, redacted; where it is no text or too long to be kept, null stands for it."""
    request = replace(get("/x").resolve(environment), body=f'{{"token": "{SECRET}"}}'.encode())
    assert record_of(request).request_body == '{"token": "[redacted: DASHBOARD_AUTH_TOKEN]"}'
    carried = replace(request, secrets=(("a token", SECRET),))
    assert record_of(carried).request_body == '{"token": "[a token]"}'
    posted = replace(request, body=f"token={quote_plus(SECRET)}".encode())
    assert "hunter" not in record_of(posted).request_body
    assert record_of(replace(request, body=b"")).request_body == ""
    for odd in (b"\xff", b"a\0b", b"x" * 10_000):
        assert record_of(replace(request, body=odd)).request_body is None


def test_no_part_of_a_secret_is_left_at_the_cut(environment: Environment) -> None:
    """Wherever an excerpt is cut, no part of a secret is left before the cut."""
    request = get("/x").resolve(environment)
    for lead in range(1960, 2010):
        text = "x" * 20 + " " + "y" * (lead - 21) + " " + SECRET + " tail" * 9
        record = record_of(request, text.encode(), (("X-Long", text),))
        assert "hunter" not in record.body_excerpt
        assert "hunter" not in record.response_headers[0][1]


def test_a_long_response_is_recorded_as_an_excerpt(environment: Environment) -> None:
    """Of a long response the record has the beginning, 100 headers, and the hash of the whole body."""
    body = b"word " * 10_000
    headers = tuple((f"X-{n}", "v" * 5000) for n in range(500))
    record = record_of(get("/x").resolve(environment), body, headers, truncated=True)
    assert len(record.body_excerpt) <= 2001
    assert record.body_excerpt.endswith("…")
    assert record.body_sha256 == hashlib.sha256(body).hexdigest()
    assert len(record.response_headers) == 100
    assert max(len(value) for _, value in record.response_headers) <= 2001
    assert record.truncated is True


@pytest.mark.parametrize("body", [b"a\0b\0", b"\0", b"\xff\xfe\0x", "\ud7ff\u2028".encode(), b"\x1b[0m"])
def test_odd_bodies_make_a_record(environment: Environment, body: bytes) -> None:
    """Unusual bytes in a body change no other part of a record, and its JSON can be written."""
    record = record_of(get("/x", headers={"X-A": "1"}).resolve(environment), body, (("X-B", "2"),))
    assert record.request_headers == [("X-A", "1")]
    assert record.response_headers == [("X-B", "2")]
    assert record.body_excerpt == body.replace(b"\0", b"").decode("utf-8", "replace")
    assert msgspec.json.decode(msgspec.json.encode(record))["url"] == record.url


def test_a_result_survives_serialization() -> None:
    """A result is equal after the serialization between worker and controller."""
    made = Result("demo", "AUTH-01", "auth", "T", "F", True, "n", Outcome.PASSED, "node", commit="abc")
    assert msgspec.convert(msgspec.to_builtins(made), Result) == made


def test_outcomes_go_from_the_worst() -> None:
    """Outcomes are ordered from the worst, `failed`, to `not-run`."""
    outcomes = list(Outcome)
    assert outcomes[0] == "failed"
    assert outcomes[-1] == "not-run"
    assert outcomes.index("missing-input") < outcomes.index("advised") < outcomes.index("passed")
