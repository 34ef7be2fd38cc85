"""Copies that caches kept, and the times of answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_caio.checks.probe import Request
from pytest_caio.gates.freshness import answered_at, clock_at, dates, kept_copy
from pytest_caio.probing.exchange import Exchange

NOW = datetime(2026, 2, 24, 12, tzinfo=UTC)
DATE = "Tue, 24 Feb 2026 17:00:00 GMT"


def answer(*headers: tuple[str, str], started: datetime = NOW) -> Exchange:
    """Return an answer with these headers."""
    return Exchange(Request("GET", "http://a.example", "/x"), started, 1.0, 200, headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Age", "3600"),
        ("age", "1"),
        ("Age", "0, 3600"),
        ("X-Cache", "Hit"),
        ("X-Cache", "HIT"),
        ("X-Cache", "MISS, HIT"),
        ("X-Cache", "HIT, MISS"),
        ("X-Cache", "Hit from cloudfront"),
        ("X-Cache", "RefreshHit from cloudfront"),
        ("X-Cache", "TCP_HIT from a23-1 (AkamaiGHost/11)"),
        ("X-Cache-Status", "STALE"),
        ("X-Proxy-Cache", "HIT"),
        ("CF-Cache-Status", "HIT"),
        ("CF-Cache-Status", "REVALIDATED"),
        ("cf-cache-status", "UPDATING"),
        ("Cache-Status", "ExampleCache; hit"),
        ("Cache-Status", "origin; fwd=miss, edge; hit; ttl=30"),
        ("X-Vercel-Cache", "PRERENDER"),
        ("CDN-Cache", "HIT"),
        ("X-Cache-Hits", "0, 4"),
        ("X-Varnish", "32770 3"),
        ("Server-Timing", "cdn-cache; desc=HIT, edge; dur=1"),
    ],
)
def test_copies_of_caches_are_known(name: str, value: str) -> None:
    """A cache says that an answer is its copy: `Age: 3600`, `X-Cache: Hit`, and in other headers."""
    assert kept_copy(answer(("Server", "edge"), (name, value))) == f"{name}: {value}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Age", "0"),
        ("Age", ""),
        ("Age", "soon"),
        ("X-Cache", "MISS"),
        ("X-Cache", "Miss from cloudfront"),
        ("X-Cache", "TCP_MISS"),
        ("X-Cache", "pass"),
        ("CF-Cache-Status", "DYNAMIC"),
        ("CF-Cache-Status", "EXPIRED"),
        ("Cache-Status", "edge; fwd=stale; stored"),
        ("Cache-Status", "edge; fwd=bypass; detail=hit-for-miss"),
        ("Cache-Control", "stale-while-revalidate=30, stale-if-error=60"),
        ("X-Cache-Key", "/hit"),
        ("X-Cache-Lookup", "HIT from squid:3128"),
        ("X-Cache-Hits", "0"),
        ("X-Served-By", "cache-fra-etou8220-FRA"),
        ("X-Varnish", "32770"),
        ("Server-Timing", "cdn-cache; desc=MISS, db; desc=hit"),
        ("Via", "1.1 varnish"),
    ],
)
def test_what_caches_pass_on_is_no_copy(name: str, value: str) -> None:
    """A cache that passes a request on says so, or only its name."""
    assert kept_copy(answer((name, value))) == ""


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([DATE], 1),
        ([DATE, DATE], 2),
        ([f"{DATE}, {DATE}"], 2),
        (["yesterday", DATE], 1),
        (["Tue, 24 Feb 99999999999 17:00:00 GMT"], 0),
        (["Tue, 24 Feb 2026 17:00:00 +99999999999"], 0),
        (["Tue, 99 Foo 2026 99:99:99 GMT", "", "\xff", "9" * 5000], 0),
        (["Tuesday, 24-Feb-26 17:00:00 GMT"], 1),
    ],
)
def test_dates_are_judged_by_what_can_be_read(values: list[str], read: int) -> None:
    """A Date that was sent twice, or that is malformed, breaks nothing: what can be read of it counts."""
    dated = answer(*(("Date", value) for value in values))
    assert dates(dated) == [NOW + timedelta(hours=5)] * read
    assert answered_at(dated) == (NOW + timedelta(hours=5) if read else NOW)


def test_the_clock_is_that_of_an_answer_that_nobody_keeps() -> None:
    """An old Date beside an old time is known by the clock in an answer that no cache can have kept."""
    kept = answer(("Date", "Tue, 24 Feb 2026 09:00:00 GMT"))
    later = NOW + timedelta(seconds=3)
    assert clock_at(kept, answer(("Date", DATE), started=later)) == NOW + timedelta(hours=5, seconds=-3)
    assert clock_at(kept, answer(started=later)) == NOW - timedelta(hours=3)
    assert clock_at(answer(), answer()) == NOW
