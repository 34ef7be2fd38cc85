"""Sends planned requests concurrently, within limits, while pytest runs; a test waits only for its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import sniffio

from pytest_caio.checks.probe import Effect, Request
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.origin import Origin
from pytest_caio.probing.transport import PASSING_FAULTS, REFUSED, SILENCE, Transport

__all__ = ["Prober"]

_Result = TypeVar("_Result")
_RETRIES = 2
_PAUSE = 0.2  # seconds before the first retry, doubled for the second
_GLANCE = 0.01  # seconds between two looks whether other requests have ended
# A proxy was about to close the connection, or had to be sure first (RFC 9110, 15.5.9; RFC 8470, 5.2).
_ASK_AGAIN = frozenset({408, 425})


class Prober:
    """Sends each distinct request once, in an event loop in a thread of its own.

    `connections` limits the requests under way to one origin (but see `Origin`), `rate` the requests a second
    to all of them (0: no limit). All methods are thread-safe. An origin that never responded gets no further
    requests.
    """

    def __init__(self, transport: Callable[[], Transport], *, connections: int, rate: float = 0) -> None:
        self._make_transport = transport
        self._connections = connections
        self._interval = 1 / rate if rate else 0.0
        self._lock = threading.Lock()
        self._futures: dict[Request, concurrent.futures.Future[Exchange]] = {}
        self._origins: dict[str, Origin] = {}
        # The loop itself has only weak references to its tasks.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._numbers = itertools.count(1)
        self._pacing = asyncio.Lock()
        self._next_start = 0.0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caio-prober", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        sniffio.thread_local.name = "asyncio"  # else httpcore and anyio find it out at every step
        self._transport = self._make_transport()
        self._ready.set()
        self._loop.run_forever()

    def ask(self, requests: Iterable[Request]) -> None:
        """Send every request that was not sent before, in this order, without waiting for responses."""
        with self._lock:
            new = [request for request in dict.fromkeys(requests) if request not in self._futures]
            for request in new:
                self._futures[request] = concurrent.futures.Future()
            origins = self._new_origins(new)
        if new:
            self._ready.wait()
            self._loop.call_soon_threadsafe(self._begin, new, origins)

    def exchange(self, request: Request) -> concurrent.futures.Future[Exchange]:
        """Return the future of the exchange of `request`, which is sent if it was not sent before."""
        if request not in self._futures:
            self.ask([request])
        return self._futures[request]

    def send(self, request: Request) -> Exchange:
        """Send `request` now, without retries, even if it was sent before; return its exchange."""
        return self.begin_send(request).result()

    def begin_send(self, request: Request) -> concurrent.futures.Future[Exchange]:
        """Send `request` as `send` does; return the future of its exchange."""
        with self._lock:
            origins = self._new_origins([request])
        self._ready.wait()
        self._loop.call_soon_threadsafe(self._begin, (), origins)
        return self._submit(self._send(request))

    def reached(self, origin: str) -> concurrent.futures.Future[str]:
        """Return a future: empty at the first response of `origin`, else the reason why there is none."""
        return self._origins[origin].first

    @property
    def open_count(self) -> int:
        """The number of requests without a result so far."""
        return sum(not future.done() for future in self._futures.values())

    def close(self) -> None:
        """Stop at once, cancelling all requests under way."""

        async def stop() -> None:
            # Only these: they cancel the network's tasks under them, which must not be cancelled otherwise
            # before they have begun.
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._transport.aclose()

        self._ready.wait()
        if self._thread.is_alive():
            self._submit(stop()).result(timeout=5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
            self._loop.close()

    def _new_origins(self, requests: Iterable[Request]) -> list[Origin]:
        """Make the origins of requests that have none yet; return these."""
        names = dict.fromkeys(request.origin for request in requests if request.origin not in self._origins)
        return [self._origins.setdefault(name, Origin(self._connections)) for name in names]

    def _submit(self, work: Coroutine[Any, Any, _Result]) -> concurrent.futures.Future[_Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _begin(self, requests: Sequence[Request], origins: Sequence[Origin]) -> None:
        watching = (origin.watch(self._transport.timeout) for origin in origins)
        self._tasks.update(map(self._loop.create_task, watching))
        self._tasks.update(self._loop.create_task(self._resolve(request)) for request in requests)

    async def _resolve(self, request: Request) -> None:
        future = self._futures[request]
        try:
            future.set_result(self._numbered(await self._fetch(request)))
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - raised where this exchange is waited for
            future.set_exception(error)

    async def _fetch(self, request: Request) -> Exchange:
        if request.again_after:
            first = await asyncio.wrap_future(self.exchange(replace(request, again_after=0.0)))
            if first.error.startswith(SILENCE):  # waiting a second time would show nothing new
                return _not_sent(request, first.error)
            await asyncio.sleep(request.again_after)
        await self._wait_for_room(request)
        origin = self._origins[request.origin]
        refused: list[Exchange] = []
        try:
            while True:
                async with origin.slot(request):
                    await self._pace()
                    reason = await origin.reason_not_to_send(request)
                    crowd = origin.crowd
                    if reason:
                        exchange = _not_sent(request, reason)
                    else:
                        exchange = await self._attempt(request, origin, crowd)
                    one_too_many = _is_one_too_many(exchange)
                    origin.record_outcome(exchange, taken=not one_too_many)
                    again = one_too_many and origin.narrow(crowd)
                    await self._make_room(request, -1)  # before another is sent in place of this one
                if not again:
                    break
                refused.append(exchange)
        except Exception as fault:  # internal; nobody may wait for ever for the first response
            origin.fail(fault)
            raise
        if not refused:
            return exchange
        attempts = (attempt for one in (*refused, exchange) for attempt in one.attempts)
        return replace(exchange, attempts=tuple(attempts), earlier=(*refused, *exchange.earlier))

    async def _attempt(self, request: Request, origin: Origin, crowd: int) -> Exchange:
        """Send a request, and again after a transient failure, unless there were only too many at once."""
        if request.sent_once:
            await self._make_room(request, 1)
        exchange = await self._transport.send(request)
        if _is_one_too_many(exchange) and origin.helps_to_narrow(crowd):
            return exchange
        attempts, left = list(exchange.attempts), self._transport.timeout - exchange.elapsed_ms / 1000
        earlier: list[Exchange] = []
        while len(attempts) <= _RETRIES and _may_retry(exchange, narrowed=origin.narrowed):
            pause = _PAUSE * 2 ** (len(attempts) - 1)
            left -= pause
            if left <= 0:  # the deadline is for all attempts together
                break
            await self._make_room(request, 0)  # it is under way, and gets a new connection
            await asyncio.sleep(pause)
            await self._pace()
            earlier += [exchange] if exchange.status_code else []
            exchange = await self._transport.send(request, left)
            attempts += exchange.attempts
            left -= exchange.elapsed_ms / 1000
        if not attempts[1:]:
            return exchange
        return replace(exchange, attempts=tuple(attempts), earlier=tuple(earlier))

    async def _send(self, request: Request) -> Exchange:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        await self._wait_for_room(request)
        origin = self._origins[request.origin]
        async with origin.slot(request):
            await self._pace()
            with origin.apart():
                if request.sent_once:
                    await self._make_room(request, 1)
                exchange = await self._transport.send(request)
                await self._make_room(request, -1)
        return self._numbered(exchange)

    async def _wait_for_room(self, request: Request) -> None:
        """Wait until what is sent once only, and opens a connection of its own, is not one too many."""
        if not request.sent_once:
            return
        origin = self._origins[request.origin]
        # A login waits until the origin has taken as many as it may be given; what it acts on, for quiet.
        while not (request.effect is Effect.ONCE and origin.proven) and self._is_asking(request.origin):
            await asyncio.sleep(_GLANCE)

    async def _make_room(self, request: Request, more: int) -> None:
        """Close idle connections beyond those allowed, if so many more are to be in use."""
        await self._transport.keep(self._origins[request.origin].spare - more, request.origin)

    def _is_asking(self, origin: str) -> bool:
        with self._lock:
            return any(
                not future.done() and request.origin == origin and not _may_wait(request)
                for request, future in self._futures.items()
            )

    def _numbered(self, exchange: Exchange) -> Exchange:
        return replace(exchange, number=next(self._numbers))

    async def _pace(self) -> None:
        if self._interval:
            # One at a time: after a delay of this process itself, overdue requests must not be sent together.
            async with self._pacing:
                await asyncio.sleep(max(0.0, self._next_start - time.monotonic()))
                self._next_start = time.monotonic() + self._interval


def _may_wait(request: Request) -> bool:
    """Return whether a request waits for others itself, or is not sent before them."""
    return bool(request.sample or request.again_after) or request.sent_once


def _may_retry(exchange: Exchange, *, narrowed: bool) -> bool:
    """Return whether a failure is transient: a dropped connection, or an error status of the edge.

    The application's own response is final, as its 503 for readiness and for webhooks without a secret.
    A narrowed origin may refuse what arrives in the moment in which a connection is closed.
    """
    request = exchange.request
    if not exchange.attempts:
        return False
    if request.sent_once:
        return exchange.error == REFUSED  # the request was never sent
    if exchange.error:
        return exchange.error in PASSING_FAULTS
    retried = exchange.status_code in request.retry_statuses | _ASK_AGAIN
    return (retried and not exchange.is_own_error) or (narrowed and _is_one_too_many(exchange))


def _is_one_too_many(exchange: Exchange) -> bool:
    """Return whether a server refused a request that may be sent again as it refuses those that are too many.

    uvicorn's --limit-concurrency and proxies do so with a text; the application's own 503 is JSON.
    """
    own = exchange.is_own_error or "json" in (exchange.header("content-type") or "").lower()
    return exchange.status_code == 503 and not own and not exchange.request.sent_once


def _not_sent(request: Request, reason: str) -> Exchange:
    return Exchange(request, datetime.now(UTC), 0.0, error=reason)
