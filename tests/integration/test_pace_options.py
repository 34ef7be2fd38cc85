"""The options that limit a run's load: --max-connections, --request-rate and --http-timeout."""

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
    """A server that takes `seconds` for each response, and counts the concurrent requests."""

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
    """At most --max-connections requests are under way at once; without the option there are more."""
    most = []
    # On a busy machine a slow request could count as hanging, which opens more slots: this prevents it.
    (tmp_path / "patient.py").write_text(
        "from pytest_caio.probing import origin\norigin._PATIENCE = 60\n", "utf-8"
    )
    asked = ("acceptance/test_cors.py", *deployment.arguments, "-p", "patient")
    for options in (("--max-connections=3",), ("--max-connections=32",), ()):
        slow = Slow(0.05)
        with serving(slow) as url:
            ask(*asked, f"--base-url={url}", *options, path=[tmp_path])
        most.append(slow.most)
    assert most[0] == 3
    assert 3 < most[1] <= 32
    assert most[2] > 3


def busiest(outcome: Outcome, window: float) -> int:
    """Return the most requests that were sent within `window` seconds, by the run's own clock."""
    exchanges = outcome.evidence["environments"][0]["exchanges"]
    times = sorted(datetime.fromisoformat(one["started"]).timestamp() for one in exchanges)
    return max(sum(start <= at < start + window for at in times) for start in times)


def span(outcome: Outcome) -> float:
    """Return the seconds from the first request's arrival to the last one's."""
    times = sorted(one.at for one in outcome.sent)
    return times[-1] - times[0]


def test_rate_is_bounded(ask: Ask, deployment: Deployment, go: Outcome) -> None:
    """No more requests per second are sent than --request-rate allows; without it, more are."""
    outcome = ask("acceptance/test_cors.py", "--request-rate=6", to=deployment)
    assert (outcome.status, len(outcome.sent) >= 15) == (0, True), outcome.stdout
    least = (len(outcome.sent) - 1) / 6
    assert outcome.seconds >= least
    assert span(outcome) >= least / 2  # on a busy machine the first request may arrive late
    assert busiest(outcome, 1.0) <= 6 + 2  # a tolerance for start times that are recorded late
    assert within(span(go), len(go.sent) / (3 * 6))


def test_rate_is_bounded_with_samples(ask: Ask, deployment: Deployment) -> None:
    """Repeated samples of one path keep to --request-rate, too."""
    node = "acceptance/test_readiness.py::test_readiness_is_quick"
    outcome = ask(node, "--request-rate=10", to=deployment)
    assert (outcome.status, len(outcome.sent)) == (0, 20), outcome.stdout
    assert outcome.seconds >= 19 / 10
    assert span(outcome) >= 19 / 10 / 2
    assert busiest(outcome, 0.5) <= 5 + 2


@pytest.mark.parametrize(("timeout", "status"), [("0.4", 1), ("10", 0)])
def test_timeout_applies_to_the_whole_response(
    ask: Ask, deployment: Deployment, timeout: str, status: int
) -> None:
    """A response that takes longer than --http-timeout is an error, and with a longer timeout it passes."""
    node = "acceptance/test_auth.py::test_status_needs_a_token"
    with serving(Slow(1.2)) as url:
        outcome = ask(node, *deployment.arguments, f"--base-url={url}", f"--http-timeout={timeout}")
    assert outcome.status == status, outcome.stdout
    assert ("no whole answer within 0.4 s" in outcome.stdout) is (status == 1)


def test_timeout_covers_a_dripping_response(ask: Ask, deployment: Deployment) -> None:
    """A response that arrives byte by byte is cut off at --http-timeout."""

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
    """The evidence records the values of these options."""
    node = "acceptance/test_auth.py::test_status_needs_a_token"
    pace = ("--max-connections=4", "--request-rate=50", "--http-timeout=3")
    options = ask(node, *pace, to=deployment).evidence["run"]["options"]
    told = (options["max_connections"], options["request_rate"], options["http_timeout"])
    assert told == (4, 50, 3)
