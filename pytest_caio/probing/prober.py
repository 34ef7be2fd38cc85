"""Sends what is planned, all at once and bounded, while pytest goes on; a test waits for its own alone."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from pytest_caio.checks.probe import Effect, Request
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.origin import Origin
from pytest_caio.probing.transport import PASSING_FAULTS, REFUSED, SILENCE, Transport

__all__ = ["Prober"]

_Result = TypeVar("_Result")
_RETRIES = 2
_PAUSE = 0.2  # seconds before the first retry, doubled for the second


class Prober:
    """One event loop in a thread of its own, and one exchange for each distinct request.

    `connections` bounds the requests under way to one origin (but see `Origin`), `rate` all requests a second
    (0: no limit). Threads may call every method. An origin that never answered is not asked further.
    """

    def __init__(self, transport: Callable[[], Transport], *, connections: int, rate: float = 0) -> None:
        self._make_transport = transport
        self._connections = connections
        self._interval = 1 / rate if rate else 0.0
        self._asking = threading.Lock()
        self._asked: dict[Request, concurrent.futures.Future[Exchange]] = {}
        self._origins: dict[str, Origin] = {}
        # The loop itself holds its tasks only weakly.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._slot = asyncio.Lock()
        self._next_slot = 0.0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caio-prober", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._transport = self._make_transport()
        self._ready.set()
        self._loop.run_forever()

    def ask(self, requests: Iterable[Request]) -> None:
        """Send every request that was not sent before, without waiting."""
        with self._asking:
            new = [request for request in dict.fromkeys(requests) if request not in self._asked]
            for request in new:
                self._asked[request] = concurrent.futures.Future()
            names = dict.fromkeys(request.origin for request in new if request.origin not in self._origins)
            origins = [self._origins.setdefault(name, Origin(self._connections)) for name in names]
        if new:
            self._ready.wait()
            self._loop.call_soon_threadsafe(self._begin, _scouts_first(new), origins)

    def exchange(self, request: Request) -> concurrent.futures.Future[Exchange]:
        """Return the future exchange of `request`, sending it where that was not done yet."""
        if request not in self._asked:
            self.ask([request])
        return self._asked[request]

    def send(self, request: Request) -> Exchange:
        """Send `request` now, once, without looking at earlier answers, and return its exchange."""
        self._ready.wait()
        return self._submit(self._send(request)).result()

    def reached(self, origin: str) -> concurrent.futures.Future[str]:
        """Return a future that is empty at the first answer of `origin`, else says why there is none."""
        return self._origins[origin].first

    @property
    def open_count(self) -> int:
        """How many requests are not answered yet."""
        return sum(not future.done() for future in self._asked.values())

    def close(self) -> None:
        """Stop at once: what was not answered yet is cancelled."""

        async def stop() -> None:
            # They end the network's tasks under them, which nobody else may cancel before they have begun.
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

    def _submit(self, work: Coroutine[Any, Any, _Result]) -> concurrent.futures.Future[_Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _begin(self, requests: Sequence[Request], origins: Sequence[Origin]) -> None:
        self._tasks.update(self._loop.create_task(origin.watch()) for origin in origins)
        self._tasks.update(self._loop.create_task(self._answer(request)) for request in requests)

    async def _answer(self, request: Request) -> None:
        future = self._asked[request]
        try:
            future.set_result(await self._ask(request))
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits for this exchange is told
            future.set_exception(error)

    async def _ask(self, request: Request) -> Exchange:
        if request.again_after:
            first = await asyncio.wrap_future(self.exchange(replace(request, again_after=0.0)))
            if first.error.startswith(SILENCE):  # a second deadline would tell no more
                return _not_asked(request, first.error)
            await asyncio.sleep(request.again_after)
        origin = self._origins[request.origin]
        try:
            async with origin.slot(request):
                await self._pace()
                reason = await origin.reason_not_to_send(request)
                exchange = _not_asked(request, reason) if reason else await self._ask_patiently(request)
        except Exception as fault:  # our own; who waits for the first answer must not wait for ever
            origin.fail(fault)
            raise
        origin.record_outcome(exchange)
        return exchange

    async def _ask_patiently(self, request: Request) -> Exchange:
        exchange = await self._transport.send(request)
        tries, left = list(exchange.attempts), self._transport.timeout - exchange.elapsed_ms / 1000
        while len(tries) <= _RETRIES and self._may_retry(exchange):
            pause = _PAUSE * 2 ** (len(tries) - 1)
            left -= pause
            if left <= 0:  # the deadline is for all tries together
                break
            await asyncio.sleep(pause)
            await self._pace()
            exchange = await self._transport.send(request, left)
            tries += exchange.attempts
            left -= exchange.elapsed_ms / 1000
        return replace(exchange, attempts=tuple(tries))

    async def _send(self, request: Request) -> Exchange:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        await self._pace()
        return await self._transport.send(request)

    async def _pace(self) -> None:
        if self._interval:
            # One at a time: where this process itself was held up, what is overdue must not go out together.
            async with self._slot:
                await asyncio.sleep(max(0.0, self._next_slot - time.monotonic()))
                self._next_slot = time.monotonic() + self._interval

    def _may_retry(self, exchange: Exchange) -> bool:
        """Only a dropped connection or the edge's own refusal is a flake; the application's answer is not.

        An application that answers 503 says so in JSON with a `detail` (readiness, webhooks without a
        secret); the edge in front of it does not.
        """
        request = exchange.request
        if not exchange.attempts:
            return False
        if request.effect in (Effect.ONCE, Effect.WRITE):
            return exchange.error == REFUSED  # what never left this machine did not count
        if exchange.error:
            return exchange.error in PASSING_FAULTS
        return exchange.status_code in request.retry_statuses and not _own_answer(exchange)


def _own_answer(exchange: Exchange) -> bool:
    return "json" in (exchange.header("content-type") or "") and b'"detail"' in exchange.body


def _not_asked(request: Request, reason: str) -> Exchange:
    return Exchange(request, datetime.now(UTC), 0.0, error=reason)


def _scouts_first(requests: Sequence[Request]) -> list[Request]:
    """Put one of each part of an API to the front: where a whole part hangs, they find that others do not."""
    scouts: dict[tuple[str, ...], Request] = {}
    for depth in (2, 3):
        for request in requests:
            if not request.sample:
                part = re.split("[/?]", request.target)[:depth]
                scouts.setdefault((request.origin, *part), request)
    return list(dict.fromkeys((*scouts.values(), *requests)))
