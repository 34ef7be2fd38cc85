"""The process that sends the requests: it serves the run that forked it, or each of the run's workers."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import secrets
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from multiprocessing import AuthenticationError, Pipe
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    from pytest_caio.probing.prober import Prober

__all__ = ["GARBAGE", "Desk", "Fork", "connect", "may_fork"]

GARBAGE = 20_000  # objects made and not freed, after which garbage is looked for; Python's default is 700
# Both ends hold a message several times: so many outcomes are in one, and none is added to so many bytes.
_MOST_TOLD, _MOST_BYTES = 16, 1 << 20
# Signals that end a run; Windows, which has no forks, lacks some.
_IGNORED = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
# The number of an exchange, or the origin of a first response, with its result or its error.
_Outcome: TypeAlias = tuple[int | str, Any, BaseException | None]
_Outcomes: TypeAlias = SimpleQueue[tuple[int | str, Future[Any]] | None]


class Desk:
    """Where the workers of a run have their requests sent by one prober; `address` is for `connect`.

    It listens on loopback, and whoever connects has to prove that the key is known.
    """

    def __init__(self) -> None:
        key = secrets.token_hex(32)
        self._listener = Listener(("127.0.0.1", 0), backlog=64, authkey=key.encode())
        host, port = self._listener.address
        self.address = f"{host}:{port}:{key}"

    def serve(self, prober: Prober) -> None:
        """Serve whoever comes, with this prober, in threads."""
        threading.Thread(target=self._welcome, args=(prober,), name="caio-desk", daemon=True).start()

    def close(self) -> None:
        """Let nobody else come."""
        self._listener.close()

    def _welcome(self, prober: Prober) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, EOFError, ConnectionError):
                continue  # it was somebody else
            except OSError:
                return  # closed
            threading.Thread(target=_serve, args=(prober, connection), daemon=True).start()


def connect(address: str) -> Connection:
    """Return a connection to the desk at `address`. Raises OSError if there is none."""
    host, port, key = address.split(":")
    return Client((host, int(port)), authkey=key.encode())


def may_fork() -> bool:
    """Return whether a prober can be a fork of this process, and is faster than a thread.

    A fork of a process with several threads may wait for ever for a lock that one of them held; libraries of
    macOS are not safe in forks at all, and Windows has none. On a single processor nothing is gained.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return False
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:  # without /proc nobody knows
        return False


class Fork:
    """A fork of this process that sends requests; `make` makes its prober, there.

    It serves the other end of `connection`, and whoever comes to the `desk`. It ignores the signals that end
    a run, and ends when this process does, however that happens.
    """

    def __init__(self, make: Callable[[], Prober], desk: Desk | None = None) -> None:
        self.connection, theirs = Pipe()
        # Until the fork ignores them: it would take over what this process does at a signal.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _IGNORED)
        try:
            self.process_id = os.fork()
            if not self.process_id:
                self.connection.close()
                _become_prober(make, theirs, desk)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._ended = False

    def end(self) -> None:
        """End it at once; may be called again."""
        if not self._ended:
            self._ended = True
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.process_id, signal.SIGKILL)
                os.waitpid(self.process_id, 0)


def _become_prober(make: Callable[[], Prober], connection: Connection, desk: Desk | None) -> NoReturn:
    """Send what the other end of `connection` asks for until it is closed; then end this process."""
    try:
        gc.freeze()  # what this process has no use for would be searched for garbage, and so copied
        gc.set_threshold(GARBAGE)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _IGNORED)
        # What a library may print must not be between the lines of the run.
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        prober = make()
        if desk is not None:
            desk.serve(prober)
        _serve(prober, connection)
    except Exception as fault:  # noqa: BLE001 - as of an installation that lacks a package
        connection.send_bytes(pickle.dumps(f"requests cannot be sent: {type(fault).__name__}: {fault}"))
    finally:
        os._exit(0)  # not the end of pytest, with its files and plugins


def _serve(prober: Prober, connection: Connection) -> None:
    """Send what the other end asks for until it says that it is done, or is gone."""
    outcomes: _Outcomes = SimpleQueue()
    teller = threading.Thread(target=_tell, args=(outcomes, connection), daemon=True)
    teller.start()
    watched: set[str] = set()
    with contextlib.suppress(EOFError, OSError):
        while message := pickle.loads(connection.recv_bytes()):  # noqa: S301 - of our own run
            first, requests, anew = message
            if not anew:
                prober.ask(requests)
            for number, request in enumerate(requests, first):
                future = prober.begin_send(request) if anew else prober.exchange(request)
                future.add_done_callback(partial(_note, outcomes, number))
                if not anew and request.origin not in watched:
                    watched.add(request.origin)
                    prober.reached(request.origin).add_done_callback(partial(_note, outcomes, request.origin))
    outcomes.put(None)
    teller.join()
    connection.close()


def _note(outcomes: _Outcomes, key: int | str, future: Future[Any]) -> None:
    outcomes.put((key, future))


def _tell(outcomes: _Outcomes, connection: Connection) -> None:
    """Tell outcomes, some at a time, in a thread of its own: the other end may be slow."""
    with contextlib.suppress(OSError):
        while (one := outcomes.get()) is not None:
            told = [_outcome(*one)]
            with contextlib.suppress(Empty):
                while len(told) < _MOST_TOLD and sum(map(_size, told)) < _MOST_BYTES:
                    if (one := outcomes.get_nowait()) is None:
                        break
                    told.append(_outcome(*one))
            connection.send_bytes(pickle.dumps(told, pickle.HIGHEST_PROTOCOL))
            if one is None:
                return


def _size(outcome: _Outcome) -> int:
    """Return the bytes of the bodies in an outcome."""
    exchanges = outcome[1], *getattr(outcome[1], "earlier", ())
    return sum(len(getattr(one, "body", b"")) for one in exchanges)


def _outcome(key: int | str, future: Future[Any]) -> _Outcome:
    if future.cancelled():
        return key, None, RuntimeError("the run is over")
    error = future.exception()
    if error is None:
        return key, future.result(), None
    # Without its traceback an error would say little, and not each can be pickled.
    return key, None, RuntimeError("".join(traceback.format_exception(error)).strip())
