"""A prober in a process of its own: requests then take no time from the processor that judges answers."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from pytest_caio.checks.probe import Request
from pytest_caio.probing.exchange import Exchange

if TYPE_CHECKING:
    from pytest_caio.probing.prober import Prober

__all__ = ["Asker", "may_fork"]

_BUFFER = 1 << 18  # bytes that are read of the socket at once
_PART = 64  # requests that are told at once
# The number of an exchange, or the origin of a first response, with its result or its error.
_Outcome: TypeAlias = tuple[int | str, Any, BaseException | None]


def may_fork() -> bool:
    """Return whether an Asker can be made here, and is faster than a thread.

    A fork of a process with several threads may wait for ever for a lock that one of them held; libraries of
    macOS are not safe in forks at all, and Windows has none. On a single processor nothing is gained.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


class Asker:
    """A Prober in a fork of this process, with its methods; `make` makes it, there.

    `learn` is called here with each exchange, before anybody else gets it. The process ignores the signals
    that end a run, and ends when this process does, however that happens. If it ends too early, RuntimeError
    is raised where an exchange is waited for.
    """

    def __init__(self, make: Callable[[], Prober], learn: Callable[[Exchange], None]) -> None:
        self._learn = learn
        self._lock = threading.Lock()
        self._futures: dict[Request, Future[Exchange]] = {}
        self._firsts: dict[str, Future[str]] = {}
        self._waiting: dict[int | str, Future[Any]] = {}
        self._sent = 0
        self._closing = self._ended = False
        self._channel, theirs = socket.socketpair()
        self.process_id = os.fork()
        if not self.process_id:
            self._channel.close()
            _become_prober(make, theirs)
        theirs.close()
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
        """Stop at once, with all requests under way; may be called again."""
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process_id, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.process_id, 0)
        self._thread.join()
        self._channel.close()

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
        with contextlib.suppress(OSError):  # it has ended: the futures say so
            self._channel.sendall(pickle.dumps((first, requests, anew)))
        return futures

    def _receive(self) -> None:
        with self._channel.makefile("rb", _BUFFER) as channel, contextlib.suppress(EOFError, OSError):
            while True:
                for outcome in pickle.load(channel):  # noqa: S301 - of a process that is a fork of this one
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


def _become_prober(make: Callable[[], Prober], channel: socket.socket) -> NoReturn:
    """Send what the other end of `channel` asks for until it is closed; then end this process."""
    try:
        gc.freeze()  # what this process has no use for would be searched, and so copied
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        # What a library may print must not be between the lines of the run.
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        _serve(make(), channel)
    finally:
        os._exit(0)  # not the end of pytest, with its files and plugins


def _serve(prober: Prober, channel: socket.socket) -> None:
    outcomes: SimpleQueue[tuple[int | str, Future[Any]]] = SimpleQueue()
    threading.Thread(target=_report, args=(outcomes, channel), daemon=True).start()
    watched: set[str] = set()
    with channel.makefile("rb", _BUFFER) as asked, contextlib.suppress(EOFError, OSError):
        while True:
            first, requests, anew = pickle.load(asked)  # noqa: S301 - of the process that this is a fork of
            if not anew:
                prober.ask(requests)
            for number, request in enumerate(requests, first):
                future = prober.begin_send(request) if anew else prober.exchange(request)
                future.add_done_callback(partial(_note, outcomes, number))
                if not anew and request.origin not in watched:
                    watched.add(request.origin)
                    prober.reached(request.origin).add_done_callback(partial(_note, outcomes, request.origin))


def _note(outcomes: SimpleQueue[tuple[int | str, Future[Any]]], key: int | str, future: Future[Any]) -> None:
    outcomes.put((key, future))


def _report(outcomes: SimpleQueue[tuple[int | str, Future[Any]]], channel: socket.socket) -> None:
    """Report outcomes, all that there are at a time, in a thread of its own: the other end may be slow."""
    with contextlib.suppress(OSError):
        while True:
            done = [outcomes.get()]
            with contextlib.suppress(Empty):
                while True:
                    done.append(outcomes.get_nowait())
            told = [_outcome(key, future) for key, future in done]
            channel.sendall(pickle.dumps(told, pickle.HIGHEST_PROTOCOL))
    os._exit(0)


def _outcome(key: int | str, future: Future[Any]) -> _Outcome:
    error = future.exception()
    if error is None:
        return key, future.result(), None
    # Without its traceback an error would say little, and not each can be pickled.
    return key, None, RuntimeError("".join(traceback.format_exception(error)).strip())
