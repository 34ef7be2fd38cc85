"""The prober sends each request once, with limits, retries transient errors, and never waits in vain."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from pytest_caio.checks.probe import Effect, Request
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.prober import Prober
from pytest_caio.probing.transport import Transport
from tests.support.loopback import Loopback, http
from tests.support.pace import stretched, wait_for, within

REFUSED = "cannot connect: the connection was refused"
DROPPED = "the connection was dropped before a whole answer"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses before retries."""
    monkeypatch.setattr("pytest_caio.probing.prober._PAUSE", 0.01)


def get(server: Loopback, target: str = "/", **details: object) -> Request:
    """Return a GET request to `server`."""
    return replace(Request("GET", server.origin, target), **details)


def answer_of(prober: Prober, request: Request) -> Exchange:
    """Return the exchange of `request`."""
    return prober.exchange(request).result(60)


async def _drop(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


def test_the_same_request_is_sent_once(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """Equal requests share one exchange, whichever caller asks for it and however often."""
    prober = make_prober()
    prober.ask([get(server), get(server), get(server, retry_statuses=frozenset(), credential="other")])
    first = prober.exchange(get(server))
    assert prober.exchange(get(server)) is first
    assert first.result(60).status_code == 200
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "difference",
    [
        {"method": "HEAD"},
        {"target": "/x"},
        {"headers": (("X-A", "1"),)},
        {"body": b"x"},
        {"effect": Effect.ONCE},
        {"sample": 2},
    ],
)
def test_different_requests_are_sent_each(
    server: Loopback, make_prober: Callable[..., Prober], difference: dict
) -> None:
    """Requests that differ in a sent part, the effect or the sample are sent separately."""
    prober = make_prober()
    answer_of(prober, get(server))
    answer_of(prober, get(server, **difference))
    assert len(server.received) == 2


def test_threads_may_ask_together(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """If several threads ask for the same request at the same time, it is sent once."""
    prober = make_prober()
    requests = [get(server, f"/{n}") for n in range(50)]
    start = threading.Barrier(8)

    def ask() -> list:
        start.wait()
        return [prober.exchange(request) for request in requests]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            found = [future.result() for future in [threads.submit(ask) for _ in range(8)]]
    finally:
        sys.setswitchinterval(interval)
    concurrent.futures.wait(found[0], 5)
    assert all(one is other for futures in found for one, other in zip(futures, found[0], strict=True))
    assert sorted(r.target for r in server.received) == sorted(r.target.encode() for r in requests)


def test_a_repeated_request_waits_after_the_first_response(
    server: Loopback, make_prober: Callable[..., Prober]
) -> None:
    """A request with `again_after` is sent that long after the first response, and holds no slot before."""
    prober = make_prober(connections=1)
    again, other = get(server, again_after=0.3), get(server, "/other")
    prober.ask([again, get(server), other])
    first, second = answer_of(prober, get(server)), answer_of(prober, again)
    answered = first.started + timedelta(milliseconds=first.elapsed_ms)
    assert second.started - answered >= timedelta(milliseconds=290)
    assert answer_of(prober, other).started < second.started
    assert len(server.received) == 3


def test_a_repeated_request_needs_no_first_one(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """A request with `again_after` sends the first one too, and even a 500 does not prevent the second."""
    server.on("/", http(500), http())
    assert answer_of(make_prober(), get(server, again_after=0.01)).status_code == 200


def test_a_hanging_request_is_not_repeated(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """If the first response does not arrive within the deadline, the second request is not sent."""
    server.on("/", _hang)
    prober = make_prober(timeout=0.2)
    first, second = (answer_of(prober, get(server, again_after=seconds)) for seconds in (0.0, 0.01))
    assert first.error == second.error == "no whole answer within 0.2 s"
    assert (len(first.attempts), len(second.attempts), len(server.received)) == (1, 0, 1)


def test_asking_does_not_wait(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """`ask` returns at once, and only a caller that wants a response waits."""
    server.on("/hang", _hang)
    prober = make_prober()
    started = time.monotonic()
    prober.ask([get(server, "/hang"), get(server)])
    assert within(time.monotonic() - started, 1)
    assert answer_of(prober, get(server)).status_code == 200
    assert prober.open_count == 1


@pytest.fixture
def _nothing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never count a request as hanging: on a busy machine that would open more slots."""
    monkeypatch.setattr("pytest_caio.probing.origin._PATIENCE", 60)


@pytest.mark.usefixtures("_nothing_hangs")
def test_requests_under_way_are_bounded(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """As many requests as there are connections are under way at once, and no more."""

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.03)
        writer.write(http())
        await writer.drain()

    requests = [get(server, f"/{n}") for n in range(12)]
    for request in requests:
        server.on(request.target, slowly)
    prober = make_prober(connections=3)
    prober.ask(requests)
    assert {answer_of(prober, request).status_code for request in requests} == {200}
    assert server.most_open == 3


@pytest.mark.usefixtures("_nothing_hangs")
def test_connections_are_few(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """Many requests share the allowed number of connections."""
    prober = make_prober(connections=3)
    requests = [get(server, f"/{n}") for n in range(40)]
    prober.ask(requests)
    assert {answer_of(prober, request).status_code for request in requests} == {200}
    assert server.connections <= 3


@pytest.mark.usefixtures("_nothing_hangs")
@pytest.mark.parametrize("known", [True, False])
def test_requests_sent_now_are_bounded(
    server: Loopback, make_prober: Callable[..., Prober], known: bool
) -> None:
    """Requests that are sent now, by several workers at once, count among those under way."""

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.03)
        writer.write(http(Connection="close"))  # which it does
        await writer.drain()

    asked = [get(server, f"/{n}") for n in range(6 if known else 0)]
    written = [get(server, f"/written/{n}", method="POST") for n in range(6)]
    for request in (*asked, *written):
        server.on(request.target, slowly)
    prober = make_prober(connections=2)
    prober.ask(asked)
    sent = [prober.begin_send(request) for request in written]
    assert {answer_of(prober, request).status_code for request in asked} <= {200}
    assert {future.result(60).status_code for future in sent} == {200}
    assert server.most_open <= 2


def test_an_origin_that_was_written_to_is_watched(
    server: Loopback, make_prober: Callable[..., Prober], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first request to an origin is sent now, later ones that hang still delay no others."""
    monkeypatch.setattr("pytest_caio.probing.origin._PATIENCE", 0.05)
    prober = make_prober(connections=1, timeout=stretched(3))
    assert prober.send(get(server)).status_code == 200
    hanging = get(server, "/hanging")
    server.on(hanging.target, _hang)
    prober.ask([get(server, "/first"), hanging, get(server, "/other")])
    assert answer_of(prober, get(server, "/other")).status_code == 200
    assert not prober.exchange(hanging).done()


@pytest.mark.usefixtures("_nothing_hangs")
@pytest.mark.parametrize("again", [True, False])
def test_idle_connections_are_bounded(
    server: Loopback, make_prober: Callable[..., Prober], again: bool
) -> None:
    """Requests that open a connection of their own, as retries do, leave no more idle ones than allowed."""
    prober = make_prober(connections=2)
    requests = [get(server, f"/{n}", effect=Effect.NONE if again else Effect.WRITE) for n in range(8)]
    if again:
        for request in requests:
            server.on(request.target, http(502), http())
    prober.ask(requests)
    assert {answer_of(prober, request).status_code for request in requests} == {200}
    idle = prober._transport._connections._idle
    wait_for(lambda: len(idle[server.origin]) <= 2)


@pytest.mark.usefixtures("_nothing_hangs")
def test_requests_are_sent_in_order(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """Requests are sent in the order in which they were asked for."""
    prober = make_prober(connections=1)
    requests = [get(server, f"/{n}") for n in (3, 1, 2, 5, 4)]
    prober.ask(requests)
    assert {answer_of(prober, request).status_code for request in requests} == {200}
    assert [request.target.decode() for request in server.received] == [r.target for r in requests]


def test_the_rate_is_kept(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """No more requests per second are sent than allowed, even after the process was held up."""
    prober = make_prober(rate=20)
    loop = prober._loop
    requests = [get(server, f"/{n}") for n in range(10)]
    prober.ask(requests)
    loop.call_soon_threadsafe(loop.call_later, 0.05, time.sleep, 0.3)  # six are due in the meantime
    sent = sorted(answer_of(prober, request).started for request in requests)
    # Nine pauses of 50 ms, one of them longer; the factor allows for a late record of the first start.
    assert sent[-1] - sent[0] > timedelta(seconds=0.8 * (8 * 0.05 + 0.3))


@pytest.mark.parametrize("status", [408, 425, 502, 503, 504, 522, 530])
def test_an_error_of_the_edge_is_retried(
    server: Loopback, make_prober: Callable[..., Prober], status: int
) -> None:
    """An error response of the edge proxy is retried, and every attempt is recorded."""
    body = b'{"status":"error","code":502,"message":"Application failed to respond"}'
    edge = http(status, body, Content_Type="application/json")
    server.on("/", edge, http(status, b"<html>", Content_Type="text/html"), http())
    exchange = answer_of(make_prober(), get(server))
    assert exchange.status_code == 200
    assert [attempt.status for attempt in exchange.attempts] == [status, status, 200]
    assert [(one.status_code, one.body) for one in exchange.earlier] == [(status, body), (status, b"<html>")]


def test_a_dropped_connection_is_retried(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """After a dropped connection the request is retried, and both attempts are recorded."""
    server.on("/", _drop, http())
    exchange = answer_of(make_prober(), get(server))
    assert [(attempt.status, attempt.error) for attempt in exchange.attempts] == [(None, DROPPED), (200, "")]
    assert exchange.earlier == ()


@pytest.mark.parametrize("answer", [_drop, http(502)], ids=["dropped", "edge"])
def test_a_request_is_retried_at_most_twice(
    server: Loopback, make_prober: Callable[..., Prober], answer: object
) -> None:
    """A request that keeps failing is sent three times in all."""
    server.on("/", answer)
    exchange = answer_of(make_prober(), get(server))
    assert len(server.received) == len(exchange.attempts) == 3
    assert exchange.status_code == (0 if answer is _drop else 502)


def test_harmless_requests_are_retried(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """A request declared harmless is retried, whatever its method."""
    server.on("/", _drop, http(401))
    request = get(server, method="POST", body=b"{}", effect=Effect.HARMLESS)
    assert answer_of(make_prober(), request).status_code == 401


@pytest.mark.parametrize("effect", [Effect.ONCE, Effect.WRITE])
@pytest.mark.parametrize("answer", [_drop, http(502)], ids=["dropped", "edge"])
def test_a_request_with_an_effect_is_never_retried(
    server: Loopback, make_prober: Callable[..., Prober], effect: Effect, answer: object
) -> None:
    """A request that the deployment counts or acts on is sent once, even if it fails."""
    server.on("/", answer, http())
    exchange = answer_of(make_prober(), get(server, method="POST", effect=effect))
    assert len(server.received) == len(exchange.attempts) == 1


def test_the_application_s_own_503_is_not_retried(
    server: Loopback, make_prober: Callable[..., Prober]
) -> None:
    """A 503 of the application itself, which is JSON with a detail, is not retried."""
    body = b'{"detail":"Runtime dependencies not ready: redis"}'
    server.on("/", http(503, body, Content_Type="application/json"), http())
    exchange = answer_of(make_prober(), get(server))
    assert (exchange.status_code, len(server.received)) == (503, 1)


def test_a_probe_declares_which_statuses_are_retried(
    server: Loopback, make_prober: Callable[..., Prober]
) -> None:
    """A 503 that is not in the request's `retry_statuses`, like readiness' own, is not retried."""
    server.on("/", http(503, b"starting"), http())
    exchange = answer_of(make_prober(), get(server, retry_statuses=frozenset({502, 504})))
    assert (exchange.status_code, len(server.received)) == (503, 1)


@pytest.mark.parametrize("status", [200, 302, 401, 404, 429, 500, 501])
def test_other_statuses_are_not_retried(
    server: Loopback, make_prober: Callable[..., Prober], status: int
) -> None:
    """No other status code is retried: a 500 is the application's response."""
    server.on("/", http(status), http())
    assert answer_of(make_prober(), get(server)).status_code == status
    assert len(server.received) == 1


def test_a_timeout_is_not_retried(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """A request that timed out is not retried, since retries would take three timeouts."""
    server.on("/", _hang)
    exchange = answer_of(make_prober(timeout=0.1), get(server))
    assert exchange.error == "no whole answer within 0.1 s"
    assert len(server.received) == 1


class _Refusing(httpx.AsyncBaseTransport):
    def __init__(self, times: float = math.inf) -> None:
        self.tries = 0
        self._times = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002
        self.tries += 1
        await asyncio.sleep(0)
        if self.tries > self._times:
            return httpx.Response(200, stream=httpx.ByteStream(b"{}"))
        raise httpx.ConnectError("refused") from ConnectionRefusedError(111, "refused")


def test_a_request_that_was_never_sent_is_retried(make_prober: Callable[..., Prober]) -> None:
    """If no connection was made, even a request that counts is retried, since it has not been counted."""
    request = Request("POST", "http://back.example", "/login", effect=Effect.ONCE)
    exchange = answer_of(make_prober(inner=_Refusing(times=2)), request)
    assert [attempt.error for attempt in exchange.attempts] == [REFUSED, REFUSED, ""]


def test_an_unreachable_origin_fails_the_rest_at_once(make_prober: Callable[..., Prober]) -> None:
    """Once an origin refused to connect, all other requests to it fail at once without being sent."""
    inner = _Refusing()
    prober = make_prober(connections=2, inner=inner)
    requests = [Request("GET", "http://gone.example", f"/{n}") for n in range(100)]
    started = time.monotonic()
    prober.ask(requests)
    exchanges = [answer_of(prober, request) for request in requests]
    assert {exchange.error for exchange in exchanges} == {REFUSED}
    assert inner.tries <= 2 * 3  # those under way, each with its retries
    assert exchanges[-1].attempts == ()
    assert within(time.monotonic() - started, 2)
    assert prober.open_count == 0


def test_a_refusing_port_is_unreachable(dead_origin: str, make_prober: Callable[..., Prober]) -> None:
    """A port on which nothing listens is found unreachable over real sockets."""
    prober = make_prober()
    prober.ask([Request("GET", dead_origin, "/")])
    assert prober.reached(dead_origin).result(60) == REFUSED


def test_an_unreachable_origin_does_not_affect_others(
    server: Loopback, dead_origin: str, make_prober: Callable[..., Prober]
) -> None:
    """If one origin is unreachable, requests to another one are sent."""
    prober = make_prober()
    answer_of(prober, Request("GET", dead_origin, "/"))
    assert answer_of(prober, get(server)).status_code == 200
    assert prober.reached(server.origin).result(60) == ""
    assert prober.reached(dead_origin).result(60) == REFUSED


def test_an_origin_that_answered_is_reached(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """Once an origin has responded, a dropped connection fails its own request only."""
    server.on("/drop", _drop)
    prober = make_prober()
    assert answer_of(prober, get(server)).status_code == 200
    assert answer_of(prober, get(server, "/drop")).error == DROPPED
    assert answer_of(prober, get(server, "/after")).status_code == 200
    assert prober.reached(server.origin).result(60) == ""


@pytest.mark.parametrize("value", ["line\nbreak", "beyond latin-1 \u2026"])
def test_an_unsendable_request_does_not_affect_others(
    server: Loopback, make_prober: Callable[..., Prober], value: str
) -> None:
    """A request that is not valid HTTP fails at once, and its origin is not taken for unreachable."""
    prober = make_prober(connections=1)
    bad = get(server, "/bad", headers=(("X-Dashboard-Token", value),))
    prober.ask([bad, get(server)])
    assert answer_of(prober, bad).error == "the request cannot be sent: it is not HTTP"
    assert prober.reached(server.origin).result(60) == ""
    assert answer_of(prober, get(server)).status_code == 200


class _Broken(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002
        raise RuntimeError("a fault of our own")


def test_an_internal_error_is_raised(make_prober: Callable[..., Prober]) -> None:
    """An internal error is raised where a response, or the origin's first one, is waited for."""
    prober = make_prober(inner=_Broken())
    request = Request("GET", "http://caio.example", "/")
    with pytest.raises(RuntimeError, match="a fault of our own"):
        answer_of(prober, request)
    with pytest.raises(RuntimeError, match="a fault of our own"):
        prober.reached("http://caio.example").result(60)


def test_send_ignores_earlier_responses(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """`send` sends a request again, once, although it was asked for before."""
    server.on("/", http(), http(502))
    prober = make_prober()
    assert answer_of(prober, get(server)).status_code == 200
    sent = prober.send(get(server))
    assert (sent.status_code, len(sent.attempts), len(server.received)) == (502, 1, 2)


def test_closing_cancels_hanging_requests(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """Closing does not wait for requests that hang, and cancels them for all who wait."""
    requests = [get(server, f"/{n}") for n in range(20)]
    for request in requests:
        server.on(request.target, _hang)
    prober = make_prober(connections=4, timeout=60)
    prober.ask(requests)
    wait_for(lambda: server.open >= 4)
    started = time.monotonic()
    prober.close()
    assert within(time.monotonic() - started, 1)
    for request in requests:
        with pytest.raises(concurrent.futures.CancelledError):
            prober.exchange(request).result(60)
    assert len(server.received) == 4


def test_closing_twice_or_unused_is_allowed(make_prober: Callable[..., Prober]) -> None:
    """A prober that was never used can be closed, twice, and its thread ends."""
    before = set(threading.enumerate())
    prober = make_prober()
    (made,) = set(threading.enumerate()) - before
    prober.close()
    prober.close()
    assert not made.is_alive()


def test_hanging_requests_do_not_delay_others(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """However many requests hang, the others get responses soon, and all end after one deadline."""
    requests = [get(server, f"/{n}") for n in range(120)]
    hanging = [request for n, request in enumerate(requests) if n % 6 != 5]
    for request in hanging:
        server.on(request.target, _hang)
    deadline = stretched(2)
    prober = make_prober(connections=4, timeout=deadline)
    started = time.monotonic()
    prober.ask(requests)
    answered = [prober.exchange(request).result(60) for request in requests if request not in hanging]
    assert {exchange.status_code for exchange in answered} == {200}
    errors = {prober.exchange(request).result(60).error for request in hanging}
    assert errors == {f"no whole answer within {deadline:g} s"}
    assert within(time.monotonic() - started, deadline + 5)
    assert len(server.received) == 120


def test_slow_answers_are_not_taken_for_hanging(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """If every response is slow, no more requests are under way than connections are allowed."""

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.6)
        writer.write(http())
        await writer.drain()

    requests = [get(server, f"/{n}") for n in range(12)]
    for request in requests:
        server.on(request.target, slowly)
    prober = make_prober(connections=3, timeout=stretched(10))
    prober.ask(requests)
    assert {answer_of(prober, request).status_code for request in requests} == {200}
    assert server.most_open == 3


def test_the_first_requests_may_hang(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """If only the first requests hang, the origin counts as reached, even with one connection."""
    requests = [get(server, f"/{n}") for n in range(40)]
    for request in requests[:20]:
        server.on(request.target, _hang)
    prober = make_prober(connections=1, timeout=stretched(3))
    prober.ask(requests)
    assert {prober.exchange(request).result(60).status_code for request in requests[20:]} == {200}
    assert prober.reached(server.origin).result(0) == ""


def test_one_bad_response_does_not_affect_others(
    server: Loopback, make_prober: Callable[..., Prober]
) -> None:
    """If the first response is not HTTP, a later one still shows that the origin responds."""
    server.on("/bad", b"-ERR unknown command\r\n\r\n")

    async def later(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(http())
        await writer.drain()

    server.on("/later", later)
    requests = [get(server, path) for path in ("/bad", "/later", *(f"/{n}" for n in range(20)))]
    prober = make_prober(connections=2)
    prober.ask(requests)
    assert [answer_of(prober, request).status_code for request in requests] == [0] + [200] * 21
    assert prober.reached(server.origin).result(60) == ""


def test_a_deadline_covers_all_attempts(server: Loopback, make_prober: Callable[..., Prober]) -> None:
    """Connections that are dropped late are retried within one deadline, not with a new one each."""

    deadline = stretched(1)

    async def drop_late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6 * deadline)
        writer.transport.abort()

    server.on("/", drop_late, drop_late, drop_late)
    prober = make_prober(timeout=deadline)
    answer_of(prober, get(server, "/living"))
    started = time.monotonic()
    exchange = answer_of(prober, get(server))
    assert within(time.monotonic() - started, 1.4 * deadline)
    silence = f"no whole answer within {deadline:g} s"
    assert [attempt.error for attempt in exchange.attempts] == [DROPPED, silence]


def test_origins_do_not_share_slots(
    server: Loopback, make_server: Callable[..., Loopback], make_prober: Callable[..., Prober]
) -> None:
    """An origin that hangs takes no slots from another one."""
    other = make_server()
    server.on("/", _hang)
    prober = make_prober(connections=1, timeout=4)
    prober.ask([get(server), get(other)])
    started = time.monotonic()
    assert answer_of(prober, get(other)).status_code == 200
    assert within(time.monotonic() - started, 1)


def test_closing_while_connecting_leaves_no_warning(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, no_garbage: None
) -> None:
    """Closing a prober while it connects leaves no exception for the garbage collector to report."""
    told: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: told.append(unraisable.exc_value))
    for milliseconds in range(20):
        prober = Prober(lambda: Transport(timeout=5), connections=64)
        prober.ask([get(server, f"/{n}") for n in range(100)])
        time.sleep(milliseconds / 1000)
        prober.close()
    gc.collect()
    assert told == []
