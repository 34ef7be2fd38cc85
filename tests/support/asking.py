"""Scenes with an Asker, each played in a process with a single thread: others cannot fork.

`python -m tests.support.asking NAME` plays one; it fails with the traceback of what was not as expected.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from multiprocessing import AuthenticationError

from pytest_caio.checks.probe import Request
from pytest_caio.probing.asker import Asker
from pytest_caio.probing.desk import Desk, Fork, connect, may_fork
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.prober import Prober
from pytest_caio.probing.transport import Transport
from tests.support.loopback import Loopback, http

__all__ = ["SCENES"]

SECONDS = 60.0


class _Broken(Transport):
    """A transport with a defect of its own."""

    async def send(self, request: Request, within: float | None = None) -> Exchange:
        """Raise."""
        raise ZeroDivisionError(request.target, within)


def _make(kind: type[Transport] = Transport, connections: int = 8) -> Callable[[], Prober]:
    return lambda: Prober(lambda: kind(timeout=20), connections=connections)


def forked(make: Callable[[], Prober], learn: Callable[[Exchange], None], desk: Desk | None = None) -> Asker:
    """Return an Asker of a fork."""
    fork = Fork(make, desk)
    _forks.append(fork)
    return Asker(fork.connection, learn, fork.end)


_forks: list[Fork] = []


def _ignore(_: Exchange) -> None:
    pass


def asked_once() -> None:
    """Equal requests are sent once, `send` sends anew, and each answer is learned of before it is given."""
    learned: list[str] = []
    asker = forked(_make(), lambda exchange: learned.append(exchange.request.target))
    server = Loopback()
    server.on("/busy", http(503), http(200, b"at last", X_Name="given"))
    requests = [Request("GET", server.origin, f"/{n}") for n in range(100)]
    busy = Request("POST", server.origin, "/busy", (("X-A", "\u00fc"),), b"\0\xff", credential="shown")
    asker.ask([*requests, *requests, busy])
    future = asker.exchange(busy)
    assert asker.exchange(replace(busy, credential="other")) is future
    answer = future.result(SECONDS)
    assert (answer.status_code, answer.body, answer.request) == (200, b"at last", busy)
    assert answer.request.credential == "shown"
    assert ("x-name", "given") in {(name.lower(), value) for name, value in answer.headers}
    assert [one.status for one in answer.attempts] == [503, 200]
    assert learned.count("/busy") == 2
    for request in requests:
        assert asker.exchange(request).result(SECONDS).body == b"ok"
        assert request.target in learned
    assert asker.open_count == 0
    assert asker.reached(server.origin).result(SECONDS) == ""
    assert asker.send(requests[0]).status_code == 200
    assert len(server.sent_to("/0")) == 2
    assert len(server.received) == 103
    assert server.most_open <= 9
    asker.close()
    asker.close()


def shared() -> None:
    """Those who connect to the desk share each request; the others go on when one of them has gone."""
    desk = Desk()
    asker = forked(_make(), _ignore, desk)
    desk.close()
    server = Loopback()
    requests = [Request("GET", server.origin, f"/{n}") for n in range(100)]
    workers = [Asker(connect(desk.address), _ignore) for _ in range(3)]
    for worker in workers[:2]:
        worker.ask(requests)
    found = [[w.exchange(r).result(SECONDS).number for r in requests] for w in workers[:2]]
    assert found[0] == found[1]
    assert len(set(found[0])) == 100
    workers[0].close()
    assert workers[2].exchange(requests[0]).result(SECONDS).number == found[0][0]
    assert workers[1].reached(server.origin).result(SECONDS) == ""
    assert len(server.received) == 100
    assert workers[1].send(requests[0]).number not in found[0]
    host, port, _ = desk.address.split(":")
    try:
        connect(f"{host}:{port}:another")
    except AuthenticationError:
        pass
    else:
        raise AssertionError("a stranger was let in")
    assert connect(desk.address)
    asker.close()
    assert "has ended" in str(workers[2].exchange(replace(requests[0], sample=1)).exception(SECONDS))
    workers[1].close()


def unreachable() -> None:
    """An origin that refuses connections is not reached, and the reason is told."""
    asker = forked(_make(), _ignore)
    asker.ask([Request("GET", "http://127.0.0.1:9", f"/{n}") for n in range(20)])
    reason = asker.reached("http://127.0.0.1:9").result(SECONDS)
    assert reason == "cannot connect: the connection was refused"
    assert asker.exchange(Request("GET", "http://127.0.0.1:9", "/0")).result(SECONDS).error == reason
    asker.close()


def large_answers() -> None:
    """Answers larger than what a socket takes at once arrive whole, however many there are."""
    asker = forked(_make(), _ignore)
    server = Loopback()
    server.on("/large", http(200, bytes(range(256)) * 4000))
    requests = [Request("GET", server.origin, "/large", sample=n) for n in range(12)]
    asker.ask(requests)
    assert all(len(asker.exchange(r).result(SECONDS).body) == 1_024_000 for r in requests)
    asker.close()


def internal_errors() -> None:
    """A defect there, or of what learns of answers, is raised where the answer is waited for."""
    asker = forked(_make(_Broken), _ignore)
    server = Loopback()
    request = Request("GET", server.origin, "/broken")
    told = asker.exchange(request).exception(SECONDS)
    assert isinstance(told, RuntimeError)
    assert "ZeroDivisionError" in str(told)
    assert isinstance(asker.reached(server.origin).exception(SECONDS), RuntimeError)
    asker.close()


def unlearned() -> None:
    """An answer that cannot be learned of is not given."""

    def refuse(exchange: Exchange) -> None:
        raise LookupError(exchange.request.target)

    asker = forked(_make(), refuse)
    server = Loopback()
    assert isinstance(asker.exchange(Request("GET", server.origin, "/x")).exception(SECONDS), LookupError)
    asker.close()


def unmade() -> None:
    """Why the process could not begin to send requests is told where an answer is waited for."""

    def make() -> Prober:
        raise ModuleNotFoundError("No module named 'httpx'")

    asker = forked(make, _ignore)
    told = str(asker.exchange(Request("GET", "http://127.0.0.1:9", "/x")).exception(SECONDS))
    assert told == "requests cannot be sent: ModuleNotFoundError: No module named 'httpx'"
    asker.close()


def _hanging(asker: Asker, server: Loopback) -> Future[Exchange]:
    """Return the future of an exchange that has begun, and has no answer."""
    held = threading.Event()

    async def hang(_: object) -> None:
        held.set()
        await asyncio.sleep(SECONDS)

    server.on("/hang", hang)
    future = asker.exchange(Request("GET", server.origin, "/hang"))
    assert held.wait(SECONDS)
    return future


def killed() -> None:
    """Where the process was killed, nobody waits for ever: not those who wait, nor those who ask then."""
    asker = forked(_make(), _ignore)
    server = Loopback()
    hanging = _hanging(asker, server)
    os.kill(_forks[0].process_id, signal.SIGKILL)
    assert "has ended" in str(hanging.exception(SECONDS))
    assert "has ended" in str(asker.exchange(Request("GET", server.origin, "/later")).exception(SECONDS))
    asker.close()


def closed_early() -> None:
    """Closing does not wait for answers that hang, and what is under way is cancelled."""
    asker = forked(_make(), _ignore)
    hanging = _hanging(asker, Loopback())
    asker.close()
    assert hanging.cancelled()


def ended_with_us() -> None:
    """The process ignores what a terminal sends to all; it ends when this one does, also by SIGKILL."""
    asker = forked(_make(), _ignore)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(_forks[0].process_id, number)
    server = Loopback()
    assert asker.exchange(Request("GET", server.origin, "/x")).result(SECONDS).status_code == 200
    sys.stdout.write(f"{_forks[0].process_id}\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


SCENES: dict[str, Callable[[], None]] = {
    scene.__name__: scene
    for scene in (
        asked_once,
        shared,
        unreachable,
        large_answers,
        internal_errors,
        unlearned,
        unmade,
        killed,
        closed_early,
        ended_with_us,
    )
}

if __name__ == "__main__":
    assert may_fork() or len(os.sched_getaffinity(0)) == 1
    SCENES[sys.argv[1]]()
