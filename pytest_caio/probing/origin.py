"""What is known of one origin while it is asked: who may ask now, whether it ever answered, what hangs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pytest_caio.checks.probe import Request
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.transport import FINAL, SILENCE, UNSENDABLE

__all__ = ["Origin"]

_PATIENCE = 0.5  # seconds after which a request may be taken to hang ...
_SLOWER = 2.0  # ... where that is also so many times the slowest answer so far
_PLACES = 3  # for each that hangs: as many again, and again, until all are asked
_LOOK = 0.1  # seconds between two looks at what hangs
_MORE = 24  # how many more are asked, once, where what was asked first hangs and nothing was answered


class Origin:
    """One origin: `connections` requests are under way at once, not counting those that hang.

    Requests that hang would keep the others waiting, one deadline after the other. So a request that takes
    much longer than every answer so far gives up its place, and two more: however many hang, all are soon
    asked, each with its whole deadline, and what they cost together is little more than one deadline. An
    origin that never answered gets a few requests more, once, in case that only what was asked first hangs.
    """

    def __init__(self, connections: int) -> None:
        self.first: concurrent.futures.Future[str] = concurrent.futures.Future()
        self._places = asyncio.Semaphore(connections)
        self._answered = False
        self._reason = ""
        self._slowest = 0.0
        self._sent: dict[Request, float] = {}
        self._hanging: set[Request] = set()
        self._owed = 0  # places that were given beside the connections: to be kept as requests end

    @asynccontextmanager
    async def slot(self, request: Request) -> AsyncIterator[None]:
        """Wait for a place, and hold it for as long as `request` takes with its retries."""
        await self._places.acquire()
        try:
            yield
        finally:
            self._sent.pop(request, None)
            if request in self._hanging:
                self._hanging.remove(request)
                self._owed += _PLACES - 1
            elif self._owed:
                self._owed -= 1
            else:
                self._places.release()

    async def reason_not_to_send(self, request: Request) -> str:
        """Return why `request` is not to be sent any more; else take note that it is, and return nothing."""
        reason = ""
        if self._reason and not self._answered:  # those under way find out whether the origin answers at all
            reason = await asyncio.shield(asyncio.wrap_future(self.first))
        if not reason:
            self._sent[request] = time.monotonic()
        return reason

    def record_outcome(self, exchange: Exchange) -> None:
        """Take in how a request ended, and tell, once it is known, whether the origin answers."""
        if not exchange.error:
            self._answered = True
            self._slowest = max(self._slowest, exchange.elapsed_ms / 1000)
        elif exchange.error != UNSENDABLE:  # that says nothing of the origin
            self._reason = self._reason or exchange.error
        # Silence was a whole deadline long, and what TLS or a name server says goes for every request.
        known = self._answered or not self._sent or exchange.error.startswith((SILENCE, *FINAL))
        if known and not self.first.done():
            self.first.set_result("" if self._answered else self._reason)

    def fail(self, fault: Exception) -> None:
        """Tell who waits for the first answer of a fault of our own."""
        if not self.first.done():
            self.first.set_exception(fault)

    async def watch(self) -> None:
        """Give the places of requests that hang to others, for as long as the prober lives."""
        searched = False
        while True:
            await asyncio.sleep(_LOOK)
            overdue = time.monotonic() - max(_PATIENCE, _SLOWER * self._slowest)
            hanging = [request for request, sent in self._sent.items() if sent < overdue]
            if self._answered:
                for request in hanging:
                    del self._sent[request]
                    self._hanging.add(request)
                    self._give(_PLACES)
            elif hanging and not searched:
                searched = True
                self._owed += _MORE
                self._give(_MORE)

    def _give(self, places: int) -> None:
        for _ in range(places):
            self._places.release()
