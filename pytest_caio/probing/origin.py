"""The state of one origin in a run: its slots for requests, whether it ever responded, what hangs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from pytest_caio.checks.probe import Request
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.transport import FINAL, SILENCE, UNSENDABLE

__all__ = ["Origin"]

_PATIENCE = 0.3  # seconds after which a request may count as hanging ...
_SLOWER = 2.0  # ... if that is also so many times the slowest response so far
_AT_FIRST = 0.5, 0.25  # seconds, and the share of the timeout, after which the first one may: all may be slow
_PLACES = 3  # slots to open for each hanging request, so that all others are soon sent
_LOOK = 0.1  # seconds between two checks for hanging requests
_MORE = 24  # slots to open, once, if the first requests hang and there was no response yet
_NARROWEST = 16  # requests under way at once that every deployment is thought to take


class Origin:
    """One origin, with `connections` slots for requests under way at once, not counting those that hang.

    Hanging requests would keep the others waiting, one deadline after another. So a request that takes much
    longer than every response so far opens three slots, one of them in place of its own: however many hang,
    all requests are soon sent, each with its whole deadline, and together they take little more than one
    deadline. An origin that never responded gets more slots once, in case only the first requests hang. Until
    a request has hung for a quarter of the timeout, none counts as hanging: the origin may be slow.

    An origin that refuses requests for being too many at once gets half as many slots, and again, down to
    sixteen, and none beyond them. If it then takes none of sixteen it has another reason, and gets all back.

    `first` is empty at the first response, else the reason why the origin does not respond.
    """

    def __init__(self, connections: int) -> None:
        self.first: concurrent.futures.Future[str] = concurrent.futures.Future()
        self._slots = asyncio.Semaphore(connections)
        self._all = self.width = connections  # slots, at first and now
        self._narrowest = min(_NARROWEST, connections)
        self._taken = self._refused = 0  # requests since it has so many
        self._answered = False
        self._reason = ""
        self._slowest = 0.0
        self._sent: dict[Request, float] = {}
        self._hanging: set[Request] = set()
        self._apart = 0
        self._owed = 0  # slots opened beyond `connections`, to be closed as requests end

    @asynccontextmanager
    async def slot(self, request: Request) -> AsyncIterator[None]:
        """Wait for a slot, and hold it until `request` has ended, including its retries."""
        await self._slots.acquire()
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
                self._slots.release()

    async def reason_not_to_send(self, request: Request) -> str:
        """Return why `request` must not be sent; else record that it is, and return an empty string."""
        reason = ""
        if self._reason and not self._answered:  # those under way show if it responds at all
            reason = await asyncio.shield(asyncio.wrap_future(self.first))
        if not reason:
            self._sent[request] = time.monotonic()
        return reason

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Count a request that is sent whatever the others show, and is never taken for hanging."""
        self._apart += 1
        try:
            yield
        finally:
            self._apart -= 1

    def record_outcome(self, exchange: Exchange, *, taken: bool) -> None:
        """Record how a request ends, and set `first` once it is known whether the origin responds.

        It still holds its slot. `taken` is whether it was not refused as one too many.
        """
        self._taken += taken
        if not exchange.error:
            self._answered = True
            self._slowest = max(self._slowest, exchange.elapsed_ms / 1000)
        elif exchange.error != UNSENDABLE:  # that says nothing about the origin
            self._reason = self._reason or exchange.error
        # A SILENCE error took a whole deadline, and FINAL errors apply to every request to the same origin.
        known = (
            self._answered
            or self._sent.keys() <= {exchange.request}
            or exchange.error.startswith((SILENCE, *FINAL))
        )
        if known and not self.first.done():
            self.first.set_result("" if self._answered else self._reason)

    def fail(self, fault: Exception) -> None:
        """Raise an internal error in those who wait for `first`."""
        if not self.first.done():
            self.first.set_exception(fault)

    async def watch(self, timeout: float) -> None:
        """Open slots for others while requests hang, until the prober cancels this; `timeout` in seconds."""
        searched = False
        least, share = _AT_FIRST
        patience = max(_PATIENCE, least, share * timeout)
        while True:
            await asyncio.sleep(_LOOK)
            if self.narrowed:
                continue
            overdue = time.monotonic() - max(patience, _SLOWER * self._slowest)
            hanging = [request for request, sent in self._sent.items() if sent < overdue]
            if hanging:
                patience = _PATIENCE
            if self._answered:
                for request in hanging:
                    del self._sent[request]
                    self._hanging.add(request)
                    self._open_slots(_PLACES)
            elif hanging and not searched:
                searched = True
                self._owed += _MORE
                self._open_slots(_MORE)

    @property
    def narrowed(self) -> bool:
        """Whether it has fewer slots than at first."""
        return self.width < self._all

    @property
    def proven(self) -> bool:
        """Whether it took as many requests as it has slots."""
        return self._taken >= self.width

    @property
    def spare(self) -> int:
        """How many connections it can take beside those in use; negative if these are too many already."""
        return self.width - self._under_way

    @property
    def crowd(self) -> int:
        """How many slots it has or, if it was narrowed, how many are under way since it had more."""
        return max(self.width, self._under_way) if self.narrowed else self.width

    @property
    def _under_way(self) -> int:
        return len(self._sent) + len(self._hanging) + self._apart

    def helps_to_narrow(self, crowd: int) -> bool:
        """Return whether what was refused in a crowd of this size may be taken in a smaller one."""
        return self._narrowest < crowd

    def narrow(self, crowd: int) -> bool:
        """Return whether to send a request again that was refused in a `crowd` of this size.

        The first one that is refused when no more are under way than there are slots halves them.
        """
        self._refused += crowd == self.width
        if crowd == self.width > self._narrowest:
            self._resize(max(self._narrowest, crowd // 2))
        elif self.narrowed and not self._taken and self._refused >= self._narrowest:
            self._narrowest = self._all
            self._resize(self._all)
        return self.width < crowd

    def _resize(self, width: int) -> None:
        self._owed += self.width - width
        self.width, self._taken, self._refused = width, 0, 0
        if self._owed < 0:
            self._open_slots(-self._owed)
            self._owed = 0

    def _open_slots(self, count: int) -> None:
        for _ in range(count):
            self._slots.release()
