"""A deployment that does not respond is NO-GO, reported once, in bounded time."""

from __future__ import annotations

import socket

import pytest

from tests.support.pace import within
from tests.support.suite_runs import ASKING, SHORT, Ask, Deployment, Outcome, closed_port, serving


def hang(connection: socket.socket) -> None:
    """Read requests and never respond."""
    while connection.recv(65536):
        pass


def drop(connection: socket.socket) -> None:
    """Read a request and close the connection."""
    connection.recv(65536)


def babble(connection: socket.socket) -> None:
    """Respond with something that is not HTTP."""
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


SILENT = {
    "closed": (None, "refused", 0.0),
    "hanging": (hang, "no whole answer within 2 s", 2.0),
    "dropping": (drop, "dropped", 0.0),
    "not HTTP": (babble, "not HTTP", 0.0),
}


@pytest.fixture(scope="module", params=SILENT)
def silent(request: pytest.FixtureRequest, ask: Ask, deployment: Deployment) -> tuple[str, Outcome]:
    """A run against a deployment that does not respond; its name and the run's outcome."""
    handle, _, _ = SILENT[request.param]
    # The whole suite only where it would show that a run waits for each request.
    suite = ASKING if handle in (None, hang) else SHORT
    options = (*suite, *deployment.arguments, "--http-timeout=2")
    if handle is None:
        return request.param, ask(*options, f"--base-url=http://127.0.0.1:{closed_port()}")
    with serving(handle) as url:
        return request.param, ask(*options, f"--base-url={url}")


def test_it_is_no_go(silent: tuple[str, Outcome]) -> None:
    """The verdict is NO-GO with exit status 1, in the terminal and in the evidence."""
    _, outcome = silent
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert outcome.evidence["verdict"] == "NO-GO"
    assert outcome.evidence["environments"][0]["verdict"] == "NO-GO"
    assert ">NO-GO<" in outcome.html


def test_the_reason_is_shown_once_at_the_top(silent: tuple[str, Outcome]) -> None:
    """The reason stands under the action, appears once; there is no traceback."""
    name, outcome = silent
    _, sentence, *rest = outcome.verdict_lines()
    first = next(line for line in rest if "could not be" in line)
    assert sentence == "Do not release. 1 thing to put right."
    assert "production could not be reached" in first
    assert SILENT[name][1] in first
    assert outcome.stdout.count("could not be reached") == 1
    assert any(line.startswith("See that the URL is right") for line in outcome.lines)
    assert "Traceback" not in outcome.shown
    assert len(rest) < 12


def test_it_takes_bounded_time(silent: tuple[str, Outcome]) -> None:
    """The run ends soon after the timeout of one response, however many requests were planned."""
    name, outcome = silent
    assert within(outcome.seconds, SILENT[name][2] + 5)


def test_workers_show_the_reason_once(ask: Ask, deployment: Deployment) -> None:
    """On workers the reason is shown once as well."""
    url = f"http://127.0.0.1:{closed_port()}"
    outcome = ask("acceptance/test_cors.py", *deployment.arguments, f"--base-url={url}", "-n", "2")
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert outcome.stdout.count("could not be reached") == 1
    assert within(outcome.seconds, 15)
