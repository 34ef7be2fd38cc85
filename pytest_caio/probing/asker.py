"""Requests sent by another process: a fork of this one, or the one that sends them for all workers."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_caio.checks.probe import Request
from pytest_caio.probing.desk import Desk, become_prober
from pytest_caio.probing.exchange import Exchange

if TYPE_CHECKING:
    from pytest_caio.probing.prober import Prober

__all__ = ["Asker", "forked", "may_fork"]

_PART = 64  # requests that are told at once


def may_fork() -> bool:
    """Return whether a prober can be a fork of this process, and is faster than a thread.

    A fork of a process with several threads may wait for ever for a lock that one of them held; libraries of
    macOS are not safe in forks at all, and Windows has none. On a single processor nothing is gained.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


def forked(make: Callable[[], Prober], learn: Callable[[Exchange], None], desk: Desk | None = None) -> Asker:
    """Return an Asker whose requests are sent by a fork of this process; `make` makes the prober, there.

    The fork also serves those who come to the `desk`. It ignores the signals that end a run, and ends when
    this process does, however that happens.
    """
    ours, theirs = Pipe()
    process_id = os.fork()
    if not process_id:
        ours.close()
        become_prober(make, theirs, desk)
    theirs.close()
    return Asker(ours, learn, process_id)


class Asker:
    """The methods of a prober that is at the other end of `connection`.

    `learn` is called here with each exchange, before anybody else gets it. If the other end is gone,
    RuntimeError is raised where an exchange is waited for. `close` ends the process `process_id`, if given.
    """

    def __init__(
        self, connection: Connection, learn: Callable[[Exchange], None], process_id: int = 0
    ) -> None:
        self._connection = connection
        self._learn = learn
        self.process_id = process_id
        self._lock = threading.Lock()
        self._futures: dict[Request, Future[Exchange]] = {}
        self._firsts: dict[str, Future[str]] = {}
        self._waiting: dict[int | str, Future[Any]] = {}
        self._sent = 0
        self._closing = self._ended = False
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
        """Stop at once, with all requests under way, if this has its own process; may be called again."""
        if self._closing:
            return
        self._closing = True
        if self.process_id:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.process_id, signal.SIGKILL)
                os.waitpid(self.process_id, 0)
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
                for outcome in pickle.loads(self._connection.recv_bytes()):  # noqa: S301 - of our own run
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
            future.set_exception(RuntimeError("the process that sends the requests has ended"))
