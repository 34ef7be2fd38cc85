"""Requests that another process sends: a fork of this one, or the one that sends them for all workers."""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any

from pytest_caio.checks.probe import Request
from pytest_caio.probing.exchange import Exchange

__all__ = ["Asker", "ProberGoneError"]

_PART = 64  # requests that are told at once


class ProberGoneError(Exception):
    """The process that sends the requests has ended, as for lack of memory, or could not begin to."""

    def __init__(self, reason: str = "the process that sends the requests has ended: run again") -> None:
        super().__init__(reason)


class Asker:
    """The methods of a prober that is at the other end of `connection`.

    `learn` is called here with each exchange, before anybody else gets it. If the other end is gone,
    ProberGoneError is raised where an exchange is waited for. `close` calls `end`, if given, which ends it.
    """

    def __init__(
        self,
        connection: Connection,
        learn: Callable[[Exchange], None],
        end: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._learn = learn
        self._end = end
        self._lock = threading.Lock()
        self._futures: dict[Request, Future[Exchange]] = {}
        self._firsts: dict[str, Future[str]] = {}
        self._waiting: dict[int | str, Future[Any]] = {}
        self._sent = 0
        self._closing = self._ended = False
        self._error = ProberGoneError()
        self._thread = threading.Thread(target=self._receive, name="caio-asker", daemon=True)
        self._thread.start()

    def ask(self, requests: Iterable[Request]) -> None:
        """Send every request that was not sent before, in this order, without waiting for responses."""
        with self._lock:
            new = [request for request in dict.fromkeys(requests) if request not in self._futures]
            for request in new:
                if request.origin not in self._firsts:
                    self._firsts[request.origin] = self._expect(request.origin)
            # In parts: the first ones are under way before the others have been copied.
            for part in (new[start : start + _PART] for start in range(0, len(new), _PART)):
                self._futures.update(zip(part, self._tell(part, anew=False), strict=True))

    def exchange(self, request: Request) -> Future[Exchange]:
        """Return the future of the exchange of `request`, which is sent if it was not sent before."""
        if request not in self._futures:
            self.ask([request])
        return self._futures[request]

    def send(self, request: Request) -> Exchange:
        """Send `request` now, without retries, even if it was sent before; return its exchange."""
        with self._lock:
            (future,) = self._tell([request], anew=True)
        return future.result()

    def reached(self, origin: str) -> Future[str]:
        """Return a future: empty at the first response of `origin`, else the reason why there is none."""
        return self._firsts[origin]

    @property
    def open_count(self) -> int:
        """The number of requests without a result so far."""
        return sum(not future.done() for future in self._futures.values())

    def close(self) -> None:
        """End the process at the other end, with all requests under way, or leave it; may be called again."""
        if self._closing:
            return
        self._closing = True
        if self._end is not None:
            self._end()
        else:
            with self._lock:
                self._send(None)  # the other end closes the connection
        self._thread.join()
        self._connection.close()

    def _expect(self, key: int | str) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting[key] = future
        if self._ended:
            self._give_up(future)
        return future

    def _tell(self, requests: list[Request], *, anew: bool) -> list[Future[Exchange]]:
        """Have requests sent, and return their futures."""
        first, self._sent = self._sent, self._sent + len(requests)
        futures = [self._expect(number) for number in range(first, self._sent)]
        self._send((first, requests, anew))
        return futures

    def _send(self, message: object) -> None:
        with contextlib.suppress(OSError):  # it has ended: the futures say so
            self._connection.send_bytes(pickle.dumps(message))

    def _receive(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                told = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - of our own run
                if isinstance(told, str):
                    self._error = ProberGoneError(told)
                    break
                for outcome in told:
                    self._settle(*outcome)
        with self._lock:
            self._ended = True
            for future in self._waiting.values():
                self._give_up(future)

    def _settle(self, key: int | str, result: Any, error: BaseException | None) -> None:
        with self._lock:
            future = self._waiting.pop(key)
        try:
            if error is not None:
                raise error  # noqa: TRY301 - as an error of `learn` is
            if isinstance(result, Exchange):
                for exchange in (*result.earlier, result):
                    self._learn(exchange)
            future.set_result(result)
        except BaseException as fault:  # noqa: BLE001 - raised where this is waited for
            future.set_exception(fault)

    def _give_up(self, future: Future[Any]) -> None:
        if self._closing:
            future.cancel()
        else:
            future.set_exception(self._error)
