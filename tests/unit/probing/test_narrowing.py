"""A deployment that takes fewer requests at once than are sent is asked with fewer, until it takes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pytest_caio.checks.probe import Effect, Request
from pytest_caio.probing.origin import Origin
from pytest_caio.probing.prober import Prober
from pytest_caio.reference.hosting.listening import loopback_socket
from pytest_caio.reference.hosting.server import Server

LIMITS = (20, *(pytest.param(limit, marks=pytest.mark.nightly) for limit in (17, 40, 100)))


async def fit(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is asked with ok."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await PlainTextResponse("ok")(scope, receive, send)


def refusing(paths: str, response: Callable[[], Response]) -> ASGIApp:
    """Return an app that answers so where a path begins with this, and all else with ok."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Asked(scope).url.path.startswith(paths):
            await response()(scope, receive, send)
        else:
            await fit(scope, receive, send)

    return app


@contextmanager
def served(app: ASGIApp = fit, limit: int | None = None) -> Iterator[str]:
    """Serve an app with uvicorn, which refuses requests from so many connections on; give its origin."""
    bound = loopback_socket("127.0.0.1", 0)
    ready = threading.Event()
    server = Server(app, bound, limit)
    thread = threading.Thread(target=server.serve_until_stopped, args=(ready.set,))
    thread.start()
    try:
        assert ready.wait(60)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


def ask(prober: Prober, requests: list[Request]) -> list[int]:
    """Send all these requests, and return their status codes."""
    prober.ask(requests)
    return [prober.exchange(request).result(60).status_code for request in requests]


def gets(origin: str, count: int, path: str = "/") -> list[Request]:
    """Return so many different requests."""
    return [Request("GET", origin, f"{path}{n}", retry_statuses=frozenset()) for n in range(count)]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_server_that_takes_few_connections(limit: int, make_prober: Callable[..., Prober]) -> None:
    """Whatever uvicorn refuses as one too many is sent again, and all that is sent later is taken."""
    with served(limit=limit) as origin:
        prober = make_prober(connections=128, timeout=60)
        assert set(ask(prober, gets(origin, 400))) == {200}
        later = gets(origin, 100, "/later/")
        assert set(ask(prober, later)) == {200}
        assert {len(prober.exchange(request).result().attempts) for request in later} == {1}


def test_what_was_refused_is_told(make_prober: Callable[..., Prober]) -> None:
    """An exchange has the attempts that were refused, and their responses, before the one that was taken."""
    with served(limit=20) as origin:
        prober = make_prober(connections=64, timeout=60)
        requests = gets(origin, 64)
        ask(prober, requests)
        found = [prober.exchange(request).result() for request in requests]
        told = [[attempt.status for attempt in one.attempts] for one in found]
        assert [503, 200] in told
        assert all(
            [*(one.status_code for one in exchange.earlier), 200] == statuses
            for exchange, statuses in zip(found, told, strict=True)
        )


@pytest.mark.parametrize("limit", LIMITS)
def test_what_is_sent_once_is_sent_once(limit: int, make_prober: Callable[..., Prober]) -> None:
    """A request that must not be sent again is not, and finds room on a connection of its own."""
    with served(limit=limit) as origin:
        prober = make_prober(connections=128, timeout=60)
        once = [replace(request, effect=Effect.ONCE) for request in gets(origin, 5, "/once/")]
        assert set(ask(prober, [*gets(origin, 400), *once])) == {200}
        assert {len(prober.exchange(request).result().attempts) for request in once} == {1}


def test_one_path_that_is_never_there(make_prober: Callable[..., Prober]) -> None:
    """What is refused however few are under way is the answer, after few attempts; others are taken."""
    app = refusing("/gone", lambda: PlainTextResponse("no healthy upstream", 503))
    with served(app) as origin:
        prober = make_prober(connections=128, timeout=60)
        (gone,) = gets(origin, 1, "/gone/")
        assert ask(prober, [gone, *gets(origin, 200)]) == [503] + [200] * 200
        # Once with each of 128, 64 and 32 slots, and three times with sixteen.
        assert len(prober.exchange(gone).result().attempts) == 6


def test_a_deployment_that_takes_nothing(make_prober: Callable[..., Prober]) -> None:
    """Where none of sixteen is taken the number is not the reason, and all slots are opened again."""
    with served(refusing("/", lambda: PlainTextResponse("no healthy upstream", 503))) as origin:
        prober = make_prober(connections=128, timeout=60)
        requests = gets(origin, 400)
        assert set(ask(prober, requests)) == {503}
        assert max(len(prober.exchange(request).result().attempts) for request in requests) > 1
        assert not prober._origins[origin].narrowed


@pytest.mark.parametrize(
    "response",
    [lambda: JSONResponse({"detail": "not ready"}, 503), lambda: JSONResponse({"status": "degraded"}, 503)],
)
def test_the_application_s_own_refusal(
    response: Callable[[], Response], make_prober: Callable[..., Prober]
) -> None:
    """A 503 in JSON is the application's own, is not asked for again, and narrows nothing."""
    with served(refusing("/own", response)) as origin:
        prober = make_prober(connections=64, timeout=60)
        own = gets(origin, 40, "/own/")
        assert set(ask(prober, own)) == {503}
        assert {len(prober.exchange(request).result().attempts) for request in own} == {1}
        assert prober._origins[origin].width == 64


def test_few_slots_are_never_fewer() -> None:
    """With sixteen slots or fewer there is nothing to narrow."""
    for slots in (1, 15, 16):
        origin = Origin(slots)
        assert not any(origin.narrow(slots) for _ in range(100))
        assert origin.width == slots
        assert not origin.narrowed


def test_each_width_is_halved_once() -> None:
    """Requests that were refused together narrow the origin once, and all of them are sent again."""
    origin = Origin(100)
    assert all(origin.narrow(100) for _ in range(90))
    assert origin.width == 50
    assert origin.narrow(50)
    assert origin.narrow(100)
    assert origin.width == 25
    assert origin.narrow(25)
    assert origin.width == 16
    assert origin.narrow(25)
    assert not origin.narrow(16)
    assert origin.narrowed


def test_a_slow_request_opens_no_slots(make_prober: Callable[..., Prober]) -> None:
    """Where there may not be too many connections, a request that seems to hang opens none for others."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(3 if Asked(scope).url.path == "/slow" else 0.05)
        await fit(scope, receive, send)

    with served(app, limit=20) as origin:
        prober = make_prober(connections=128, timeout=60)
        slow = Request("GET", origin, "/slow", retry_statuses=frozenset())
        assert set(ask(prober, [slow, *gets(origin, 400)])) == {200}


def test_a_further_attempt_takes_no_more(make_prober: Callable[..., Prober]) -> None:
    """What is sent again on a new connection, as the edge had failed, leaves no other connection idle."""
    failed: set[str] = set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = Asked(scope).url.path if scope["type"] == "http" else ""
        if path.startswith("/odd/") and path not in failed:
            failed.add(path)
            await PlainTextResponse("bad gateway", 502)(scope, receive, send)
        else:
            await fit(scope, receive, send)

    with served(app, limit=17) as origin:
        prober = make_prober(connections=128, timeout=60)
        ask(prober, gets(origin, 200))
        odd = [replace(one, retry_statuses=frozenset({502})) for one in gets(origin, 16, "/odd/")]
        assert set(ask(prober, odd)) == {200}
        assert {len(prober.exchange(request).result().attempts) for request in odd} == {2}


@pytest.mark.parametrize("effect", [Effect.ONCE, Effect.WRITE])
def test_few_others_are_waited_for(effect: Effect, make_prober: Callable[..., Prober]) -> None:
    """What must not be sent again is taken at once, though all others are sent together and refused."""
    with served(limit=20) as origin:
        prober = make_prober(connections=128, timeout=60)
        once = [Request("POST", origin, f"/once/{n}", effect=effect) for n in range(3)]
        prober.ask(gets(origin, 60))
        if effect is Effect.ONCE:
            assert set(ask(prober, once)) == {200}
        else:
            assert {prober.send(request).status_code for request in once} == {200}
        assert set(ask(prober, gets(origin, 60))) == {200}
