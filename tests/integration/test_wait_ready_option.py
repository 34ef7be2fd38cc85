"""The option --wait-ready polls readiness first, for a deployment that is still starting."""

from __future__ import annotations

import itertools
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.support.bad_servers import http, relaying
from tests.support.pace import within
from tests.support.suite_runs import Ask, Deployment, Outcome, serving

STARTING = b'{"detail":"Runtime dependencies not ready: redis"}'
NOT_READY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(STARTING), STARTING)
)
SLOW_START = 1.5


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy one direction of a connection until either side closes it."""
    with suppress(OSError):
        with source.makefile("rb", buffering=0) as reader, sink.makefile("wb", buffering=0) as writer:
            shutil.copyfileobj(reader, writer)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def starting(deployment: Deployment) -> Iterator[Callable[[], str]]:
    """Start deployments that respond with 503 for 1.5 s from the first request, then like the healthy one."""

    def handler() -> Callable[[socket.socket], None]:
        ready_at: list[float] = []

        def handle(connection: socket.socket) -> None:
            ready_at.append(time.monotonic() + SLOW_START)
            if time.monotonic() < ready_at[0]:
                connection.recv(65536)
                connection.sendall(NOT_READY)
                return
            with socket.create_connection(deployment.address) as inner:
                back = threading.Thread(target=pump, args=(inner, connection), daemon=True)
                back.start()
                pump(connection, inner)
                back.join(timeout=10)

        return handle

    with ExitStack() as stack:
        yield lambda: stack.enter_context(serving(handler()))


def gate(ask: Ask, deployment: Deployment, url: str, *options: str) -> Outcome:
    """Run the CORS gate against the deployment at `url`."""
    return ask("acceptance", "-m", "cors", *deployment.arguments, f"--base-url={url}", *options)


def test_without_it_a_starting_deployment_is_no_go(
    ask: Ask, deployment: Deployment, starting: Callable[[], str]
) -> None:
    """Without the option a deployment that is still starting is NO-GO."""
    outcome = gate(ask, deployment, starting())
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout


@pytest.mark.parametrize(
    "workers",
    [pytest.param((), id="alone"), pytest.param(("-n", "1"), id="workers", marks=pytest.mark.nightly)],
)
def test_it_waits_until_ready(
    ask: Ask, deployment: Deployment, starting: Callable[[], str], workers: tuple[str, ...]
) -> None:
    """With the option the run starts once readiness is 200, on workers too, and passes."""
    outcome = gate(ask, deployment, starting(), "--wait-ready=20", *workers)
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout
    assert outcome.seconds > SLOW_START
    assert within(outcome.seconds, 15)
    assert "waiting for production to be ready" in outcome.stdout


def test_it_does_not_wait_for_ever(ask: Ask, deployment: Deployment) -> None:
    """A deployment that is not ready in the given time is checked all the same, and is NO-GO."""
    with serving(lambda connection: connection.sendall(NOT_READY)) as url:
        outcome = gate(ask, deployment, url, "--wait-ready=1.5")
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert outcome.seconds > 1.5
    assert within(outcome.seconds, 15)


def test_it_does_not_delay_what_is_ready(ask: Ask, deployment: Deployment) -> None:
    """A deployment that is ready is checked at once."""
    outcome = gate(ask, deployment, deployment.reference.base_url, "--wait-ready=30")
    assert outcome.status == 0
    assert within(outcome.seconds, 15)
    assert "waiting" not in outcome.stdout


@pytest.mark.parametrize(
    "workers",
    [pytest.param((), id="alone"), pytest.param(("-n", "1"), id="workers", marks=pytest.mark.nightly)],
)
def test_an_answer_while_waiting_is_scanned(
    ask: Ask, deployment: Deployment, workers: tuple[str, ...]
) -> None:
    """What a deployment shows while it is not ready yet is a leak too, although no check asked for it."""
    asked = itertools.count()

    def tell(target: str, answer: bytes) -> bytes:
        body = b'{"detail": "no answer of redis://default:hunter2@redis.internal:6379"}'
        return http(503, body, "Content-Type: application/json") if next(asked) < 1 else answer

    with serving(relaying(deployment.address, tell=tell)) as url:
        here = (*deployment.arguments, f"--base-url={url}", "--wait-ready=20")
        outcome = ask("acceptance/test_readiness.py", "-k", "leak_nothing", *here, *workers)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    (check,) = outcome.evidence["environments"][0]["checks"]
    (leak,) = [case for case in check["cases"] if case["outcome"] == "failed"]
    assert "while it was waited for" in leak["name"]
    assert "a connection string" in leak["observed"]
    assert len(leak["exchanges"]) == 1
    assert "hunter2" not in outcome.shown
