"""An exchange parses its response as a check requires, and describes it in words if it differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pytest_caio.checks.probe import Request
from pytest_caio.outcomes import Mismatch, NoAnswer
from pytest_caio.probing.exchange import Attempt, Exchange


class Report(msgspec.Struct):
    """The report of a test."""

    ready: bool
    names: list[str] = []


def answer(body: bytes = b"", status: int = 200, *headers: tuple[str, str], **details: Any) -> Exchange:
    """Return an exchange with this response."""
    request = Request("GET", "http://a.example", "/x?token=hunter2-hunter2")
    return Exchange(request, datetime.now(UTC), 1.5, status, headers, body, **details)


def test_headers_have_no_case_and_may_repeat() -> None:
    """Header names ignore case; repeated values are returned as a list, or joined with a comma."""
    exchange = answer(b"", 200, ("Vary", "a"), ("X-Empty", ""), ("vary", "b"))
    assert exchange.header_values("VARY") == ["a", "b"]
    assert exchange.header("vArY") == "a, b"
    assert exchange.header("x-empty") == ""
    assert exchange.header("missing") is None
    assert exchange.header_values("missing") == []


def test_who_is_asked_for_patience_is_put_off() -> None:
    """A caller is put off by 408, 425 and 429, and by no refusal, success or error."""
    assert [one for one in range(100, 600) if answer(status=one).is_put_off] == [408, 425, 429]


def test_text_replaces_bytes_that_are_not_utf_8() -> None:
    """A body is decoded as UTF-8, and invalid bytes are replaced."""
    assert answer("\u00e9".encode()).text == "\u00e9"
    assert answer(b"a\xffb").text == "a\ufffdb"


@pytest.mark.parametrize(
    ("method", "status", "body", "how"),
    [
        ("POST", 200, b"{}", "was let in: 200, {}"),
        ("POST", 400, b"Body is not JSON", "was let in, and only its body refused: 400, Body is not JSON"),
        ("POST", 422, b"no payload", "was let in, and only its body refused: 422, no payload"),
        ("POST", 400, b"Malformed signature", "answered 400, Malformed signature"),
        ("GET", 400, b"Body is not JSON", "answered 400, Body is not JSON"),
        ("POST", 401, b"no JSON", "answered 401, no JSON"),
    ],
)
def test_who_is_told_of_his_body_was_let_in(method: str, status: int, body: bytes, how: str) -> None:
    """A route that answers about the body of a post has let its caller in; other refusals are answers."""
    request = Request(method, "http://a.example", "/x")
    assert Exchange(request, datetime.now(UTC), 1.5, status, (), body).answered == how


def test_json_of_the_right_shape() -> None:
    """A body of the right shape is parsed, and unknown fields are ignored."""
    assert answer(b'{"ready": true, "names": ["a"], "more": 1}').json(Report) == Report(True, ["a"])
    assert answer(b'{"a": 1}').json(dict[str, Any]) == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"ready": tru',
        b'{"ready": "yes"}',
        b'{"ready": 1}',
        b'{"names": []}',
        b"[]",
        b"null",
        b'{"ready": true} trailing',
        b'{"ready": "\xff"}',
        b'{"ready": true, "names": "a"}',
        b'{"more": ' + b"[" * 100_000,
        b'{"ready": NaN}',
        b'{"ready": true, "ready": true}',
        b'{"ready": true, "more": {"status": "up", "status": "down"}}',
    ],
)
@pytest.mark.parametrize("model", [Report, dict[str, bool]])
def test_json_of_another_shape(body: bytes, model: Any) -> None:
    """Any other body is a mismatch that says what was expected, and raises nothing else."""
    exchange = answer(body)
    if model is not Report and body == b'{"more": 1}':
        return
    with pytest.raises(Mismatch) as caught:
        exchange.json(model)
    words = "the report of a test" if model is Report else "an object"
    assert caught.value.expected == f"must be {words}, as JSON"
    assert caught.value.observed.startswith("200, ")
    assert str(caught.value) == f"{caught.value.expected}; seen: {caught.value.observed}"


@pytest.mark.parametrize("status", [201, 204, 301, 401, 403, 404, 500, 503])
def test_a_report_is_a_200(status: int) -> None:
    """A valid report with a status code other than 200 is a mismatch."""
    for at in ("", "a.b"):
        with pytest.raises(Mismatch) as caught:
            answer(b'{"ready": true}', status).report(Report, at)
        assert caught.value.expected == "must answer 200 with the report of a test"
        assert caught.value.observed.startswith(f"answered {status}, ")
        assert caught.value.ways == (status, f"{status // 100}xx")


def test_a_part_of_a_report() -> None:
    """A part of a report is parsed by its path, whatever the other parts are."""
    exchange = answer(b'{"a": {"b": {"ready": false}, "c": 1}, "d": "x"}')
    assert exchange.report(Report, at="a.b") == Report(False)
    assert answer(b'{"ready": true}').report(Report) == Report(True)


@pytest.mark.parametrize("at", ["a", "a.c", "a.c.x", "missing", "a.missing", "d", "list", "list.0"])
def test_a_part_that_is_not_there(at: str) -> None:
    """A part that is missing or of another shape is a mismatch that names its path."""
    exchange = answer(b'{"a": {"b": 1, "c": 1}, "d": "x", "list": [{"ready": true}]}')
    with pytest.raises(Mismatch) as caught:
        exchange.report(Report, at=at)
    assert caught.value.expected == f"must say the report of a test under {at}"
    assert caught.value.observed.startswith(f"{at}: ")


def test_a_missing_response_is_a_mismatch() -> None:
    """Without a response, the reason is what was observed."""
    exchange = answer(b"", 0, error="cannot connect: the connection was refused")
    with pytest.raises(Mismatch, match="seen: cannot connect: the connection was refused"):
        exchange.report(Report)
    assert NoAnswer("gone").expected == "must be answered"
    assert isinstance(NoAnswer("gone"), AssertionError)


@pytest.mark.parametrize(
    ("exchange", "summary"),
    [
        (answer(), "200, empty body"),
        (answer(b'{"a":\n  1}'), '200, {"a": 1}'),
        (
            answer(b"<p>hi</p>", 404, ("Content-Type", "text/html; charset=utf-8")),
            "404, an HTML page of 9 bytes",
        ),
        (answer(b"", 302, ("Location", "/login?next=/")), "302, redirect to /login?next=/, empty body"),
        (answer(b"", 0, error="no whole answer within 1 s"), "no whole answer within 1 s"),
        (answer(b"short and whole"), "200, short and whole"),
        (
            answer(b"ok", attempts=(Attempt(None, "dropped"), Attempt(502), Attempt(200))),
            "200, after 3 tries (dropped, then 502, then 200), ok",
        ),
        (
            answer(b"", 0, error="dropped", attempts=(Attempt(None, "dropped"),) * 3),
            "dropped, after 3 tries (dropped, then dropped, then dropped)",
        ),
    ],
)
def test_the_summary_is_one_line(exchange: Exchange, summary: str) -> None:
    """The summary has status code, redirect, retries and the beginning of the body, in one line."""
    assert exchange.summary == summary


def test_a_long_body_is_cut() -> None:
    """Of a long body the summary shows the beginning and an ellipsis."""
    for body in (b"x " * 5000, b"x" * 5000, b" " * 5000 + b"x"):
        summary = answer(body).summary
        assert summary.endswith("…")
        assert len(summary) < 250


def test_a_summary_holds_no_part_of_a_secret() -> None:
    """A word at the cut is left out whole, since redaction finds whole secrets only."""
    secret = "hunter2-hunter2-hunter2-hunter2"
    for lead in range(230):
        body = b'{"detail":"' + b"x" * lead + b'","token":"' + secret.encode() + b'"}'
        with pytest.raises(Mismatch) as caught:
            answer(b'{"a":' + body + b"}").report(int, "a")
        redirect = answer(b"", 302, ("Location", body.decode()))
        for shown in (answer(body).summary, redirect.summary, caught.value.observed):
            assert "hunter2" not in shown.replace(secret, "")


def test_the_repr_shows_no_query() -> None:
    """The repr, which pytest shows, has neither the query nor headers nor the body."""
    exchange = answer(b"secret body", 200, ("X-A", "secret header"))
    assert repr(exchange) == "<GET /x: 200>"
    assert repr(answer(b"", 0, error="gone")) == "<GET /x: gone>"


def test_a_summary_is_escaped_and_hides_personal_data() -> None:
    """A summary has control characters escaped, and the lengths of names instead of the names."""
    steering = ("Location", "/a\x1b[2J\u202e")
    assert answer(b"x\x1b]0;GO\x07\rGO", 302, steering).summary == (
        "302, redirect to /a\\x1b[2J\\u202e, x\\x1b]0;GO\\x07 GO"
    )
    body = b'{"count":1,"leads":[{"id":"lead-7","name":"Philippa","email":"p@lamps.example"}]}'
    request = Request("GET", "http://a.example", "/api/leads")
    people = Exchange(request, datetime.now(UTC), 1.5, 200, (), body)
    assert people.shown.startswith('{"count":1,"leads":[{"id":"lead-7","name":"[8 characters]"')
    assert people.summary == f"200, {people.shown}"


def test_a_lock_out_says_so() -> None:
    """An answer of 429 is told as what it is: no fault of the deployment, and over in some minutes."""
    locked = replace(answer(b"{}", 429), request=Request("POST", "http://127.0.0.1:1", "/login"))
    assert "this address is locked out for now: wait five minutes" in locked.summary
