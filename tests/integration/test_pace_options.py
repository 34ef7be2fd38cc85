"""How hard and how long a deployment is asked: --max-connections, --request-rate, --http-timeout."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.pace import within
from tests.support.suite_runs import Ask, Deployment, Outcome, serving

REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Slow:
    """A server that takes `seconds` for each answer, and notes how many requests were under way at once."""

    seconds: float
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, connection: socket.socket) -> None:
        """Answer one request."""
        connection.recv(65536)
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        connection.sendall(REFUSAL)


def test_connections_are_bounded(ask: Ask, deployment: Deployment, tmp_path: Path) -> None:
    """At most as many requests are under way as --max-connections says; without it, more are."""
    most = []
    # However busy the machine, none is to be taken for hanging: each that is would be given a place more.
    (tmp_path / "patient.py").write_text(
        "from pytest_caio.probing import origin\norigin._PATIENCE = 60\n", "utf-8"
    )
    asked = ("acceptance/test_cors.py", *deployment.arguments, "-p", "patient")
    for options in (("--max-connections=3",), ()):
        slow = Slow(0.05)
        with serving(slow) as url:
            ask(*asked, f"--base-url={url}", *options, path=[tmp_path])
        most.append(slow.most)
    assert most[0] == 3
    assert 3 < most[1] <= 32


def busiest(outcome: Outcome, window: float) -> int:
    """Return the most requests that the run sent within `window` seconds, by its own clock."""
    exchanges = outcome.evidence["environments"][0]["exchanges"]
    times = sorted(datetime.fromisoformat(one["started"]).timestamp() for one in exchanges)
    return max(sum(start <= at < start + window for at in times) for start in times)


def span(outcome: Outcome) -> float:
    """Return the seconds from the first request's arrival to the last one's."""
    times = sorted(one.at for one in outcome.sent)
    return times[-1] - times[0]


def test_rate_is_bounded(ask: Ask, deployment: Deployment, go: Outcome) -> None:
    """No more requests are sent in a second than --request-rate says; without it, more are."""
    outcome = ask("acceptance/test_cors.py", "--request-rate=6", to=deployment)
    assert (outcome.status, len(outcome.sent) >= 15) == (0, True), outcome.stdout
    least = (len(outcome.sent) - 1) / 6
    assert outcome.seconds >= least
    assert span(outcome) >= least / 2  # the first may be long on its way, on a machine that is busy
    assert busiest(outcome, 1.0) <= 6 + 2  # a little for a moment that is noted late
    assert within(span(go), len(go.sent) / (3 * 6))


def test_rate_is_bounded_with_samples(ask: Ask, deployment: Deployment) -> None:
    """Repeated samples of one path keep to the rate too."""
    node = "acceptance/test_readiness.py::test_readiness_is_quick"
    outcome = ask(node, "--request-rate=10", to=deployment)
    assert (outcome.status, len(outcome.sent)) == (0, 20), outcome.stdout
    assert outcome.seconds >= 19 / 10
    assert span(outcome) >= 19 / 10 / 2
    assert busiest(outcome, 0.5) <= 5 + 2


@pytest.mark.parametrize(("timeout", "status"), [("0.4", 1), ("10", 0)])
def test_timeout_is_the_whole_answers(ask: Ask, deployment: Deployment, timeout: str, status: int) -> None:
    """An answer that takes longer than --http-timeout is none; a longer timeout lets it come."""
    node = "acceptance/test_auth.py::test_status_needs_a_token"
    with serving(Slow(1.2)) as url:
        outcome = ask(node, *deployment.arguments, f"--base-url={url}", f"--http-timeout={timeout}")
    assert outcome.status == status, outcome.stdout
    assert ("no whole answer within 0.4 s" in outcome.stdout) is (status == 1)


def test_timeout_covers_a_dripping_answer(ask: Ask, deployment: Deployment) -> None:
    """An answer that drips, each byte in time, is cut off at the timeout all the same."""

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.1)

    node = "acceptance/test_auth.py::test_status_needs_a_token"
    with serving(drip) as url:
        outcome = ask(node, *deployment.arguments, f"--base-url={url}", "--http-timeout=0.6")
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert within(outcome.seconds, 0.6 + 5)


def test_the_options_are_in_the_evidence(ask: Ask, deployment: Deployment) -> None:
    """The evidence says how hard the deployment was asked."""
    node = "acceptance/test_auth.py::test_status_needs_a_token"
    pace = ("--max-connections=4", "--request-rate=50", "--http-timeout=3")
    options = ask(node, *pace, to=deployment).evidence["run"]["options"]
    told = (options["max_connections"], options["request_rate"], options["http_timeout"])
    assert told == (4, 50, 3)
