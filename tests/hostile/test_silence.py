"""Deployments that keep a run waiting: the run waits for one timeout, however many requests hang."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.support import bad_servers as bad
from tests.support.deadlines import Pace
from tests.support.judging import GATES, MANY, must_be_no_go, must_be_whole
from tests.support.nightly import some_nightly
from tests.support.suite_runs import Ask, Deployment, Outcome, closed_port, serving

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100


def silence(deadline: float) -> str:
    """Return the error that a run shows for a response that did not arrive within the timeout."""
    return f"no whole answer within {deadline:g} s"


def late_reset(connection: socket.socket, deadline: float) -> None:
    """Wait for almost the whole timeout, then reset the connection: a transient error, which is retried."""
    connection.settimeout(0.9 * deadline)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        bad.resetting(connection)


WHOLLY = {
    "hangs before the head": bad.hanging,
    "hangs in the body": bad.silent_in_the_body,
    "drips": bad.dripping,
    "early hints without end": bad.pouring(b"", EARLY, pause=0.05),
    "an early hint, then nothing": bad.stuck(EARLY[:40]),
}


@pytest.mark.parametrize(
    "name",
    some_nightly(
        WHOLLY, "hangs before the head", "drips", "early hints without end", "an early hint, then nothing"
    ),
)
def test_a_silent_deployment_is_no_go(name: str, ask_at: Ask, pace: Pace) -> None:
    """Where no response ever arrives completely, the run waits for one timeout only, and is NO-GO."""
    with serving(WHOLLY[name]) as url:
        outcome = pace.keeps(
            lambda deadline: ask_at(url, *GATES, "--max-connections=8", f"--http-timeout={deadline}")
        )
    must_be_no_go(outcome, silence(pace.deadline))


def test_a_closed_port_is_no_go(ask_at: Ask, pace: Pace) -> None:
    """A refused connection is NO-GO and reported as such, without waiting for a timeout."""
    url = f"http://127.0.0.1:{closed_port()}"
    outcome = pace.keeps(lambda _: ask_at(url, *GATES), deadlines=0)
    must_be_no_go(outcome, "could not be reached: cannot connect: the connection was refused")


# Which targets hang, and the maximum of connections.
PARTLY: dict[str, tuple[Callable[[str], bool], int]] = {
    "one path": (lambda target: target.startswith("/api/operator/status"), 4),
    "every webhook route": (lambda target: target.startswith("/webhooks"), 64),
    "the whole API": (lambda target: target.startswith("/api"), 4),
    "the API and the webhooks": (lambda target: target.startswith(("/api", "/webhooks")), 64),
    "all but the webhooks": (lambda target: not target.startswith("/webhooks"), 4),
    "all but readiness": (lambda target: not target.startswith("/api/health/ready"), 64),
}


def answered(outcome: Outcome) -> dict[bool, set[str]]:
    """Return the targets that got a response, and those that got none."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for one in outcome.evidence["environments"][0]["exchanges"]:
        found[one["status"] is not None].add(f"/{one['url'].split('/', 3)[3]}")
    return found


@pytest.mark.parametrize(
    "name",
    some_nightly(
        PARTLY,
        "one path",
        "every webhook route",
        "the whole API",
        "all but the webhooks",
        "all but readiness",
    ),
)
def test_a_part_that_hangs_costs_one_deadline(
    name: str, ask_at: Ask, deployment: Deployment, pace: Pace
) -> None:
    """Where some paths hang, the others are still judged, and the run waits for one timeout only."""
    hangs, connections = PARTLY[name]
    with serving(bad.relaying(deployment.address, hangs=hangs)) as url:
        options = (*MANY, f"--max-connections={connections}")
        outcome = pace.keeps(lambda deadline: ask_at(url, *options, f"--http-timeout={deadline}"))
    must_be_no_go(outcome, "no whole answer within")
    told = answered(outcome)
    assert told[True]
    assert told[False]
    assert {target for target in told[False] if not hangs(target)} == set()
    assert {target for target in told[True] if hangs(target)} == set()
    assert "could not be reached" not in outcome.stdout
    assert outcome.checks["RDY-01"] == ("failed" if hangs("/api/health/ready") else "passed")


@pytest.mark.nightly
def test_late_resets_are_within_the_deadline(ask_at: Ask, deployment: Deployment, pace: Pace) -> None:
    """Connections that are reset late are retried, and all retries stay within one timeout."""
    relay = bad.relaying(deployment.address)

    def handle(connection: socket.socket) -> None:
        request = connection.recv(65536, socket.MSG_PEEK)
        if request.split(b" ")[1:2] and request.split(b" ")[1].startswith(b"/webhooks"):
            late_reset(connection, pace.deadline)
        else:
            relay(connection)

    with serving(handle) as url:
        outcome = pace.keeps(lambda deadline: ask_at(url, *MANY, f"--http-timeout={deadline}"))
    must_be_no_go(outcome, "no whole answer")


def test_a_slow_deployment_is_judged(ask_at: Ask, deployment: Deployment) -> None:
    """Responses slower than the 0.5 s after which a request may count as hanging are judged all the same."""
    relay = bad.relaying(deployment.address, delay=0.7)
    with serving(relay) as url:
        outcome = ask_at(url, "acceptance/test_cors.py", "--max-connections=8")
    assert set(outcome.checks.values()) == {"passed"}, outcome.stdout


def test_a_restart_is_never_go(ask_at: Ask, deployment: Deployment, pace: Pace) -> None:
    """A deployment down for a whole timeout is NO-GO: half of its responses are another process's."""

    def asked(deadline: float) -> Outcome:
        with bad.restarting(deployment.address, after=60, seconds=deadline) as url:
            return ask_at(url, *MANY, f"--http-timeout={deadline}")

    outcome = pace.keeps(asked, deadlines=2)
    must_be_no_go(outcome, "the connection was")
    attempts = [one["attempts"] for one in outcome.evidence["environments"][0]["exchanges"]]
    assert any(len(tries) == 3 for tries in attempts)
    assert any(tries[-1]["status"] for tries in attempts)


def test_a_short_restart_is_shown(ask_at: Ask, deployment: Deployment) -> None:
    """Where retries bridge a short restart, reads pass, and the evidence shows every attempt."""
    with bad.restarting(deployment.address, after=10, seconds=0.1) as url:
        outcome = ask_at(url, *GATES, "--max-connections=2")
    attempts = [one["attempts"] for one in outcome.evidence["environments"][0]["exchanges"]]
    retried = [tries for tries in attempts if len(tries) > 1]
    assert retried
    assert all(tries[-1].get("status") for tries in retried)
    must_be_whole(outcome, "INCOMPLETE")
