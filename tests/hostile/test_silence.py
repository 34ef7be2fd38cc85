"""Deployments that keep a run waiting: it ends within one deadline and 5 s, however many probes hang."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.support import bad_servers as bad
from tests.support.judging import GATES, must_be_no_go, must_be_whole
from tests.support.suite_runs import Ask, Deployment, Outcome, closed_port, serving

DEADLINE = 2
SILENCE = "no whole answer within 2 s"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100


def late_reset(connection: socket.socket) -> None:
    """Wait almost a deadline, then reset: a fault that may pass, and is asked again."""
    connection.settimeout(0.9 * DEADLINE)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        bad.resetting(connection)


WHOLLY = {
    "hangs before the head": (bad.hanging, SILENCE),
    "hangs in the body": (bad.silent_in_the_body, SILENCE),
    "drips": (bad.dripping, SILENCE),
    "early hints without end": (bad.pouring(b"", EARLY), SILENCE),
    "an early hint, then nothing": (bad.stuck(EARLY[:40]), SILENCE),
}


@pytest.mark.parametrize("name", WHOLLY)
def test_a_silent_deployment_is_no_go(name: str, ask_at: Ask, patience: float) -> None:
    """Where nothing is ever answered whole, one deadline is waited for, and no more."""
    handle, words = WHOLLY[name]
    with serving(handle) as url:
        outcome = ask_at(url, "acceptance", f"--http-timeout={DEADLINE}")
    must_be_no_go(outcome, words, DEADLINE + patience)


def test_a_closed_port_is_no_go(ask_at: Ask, patience: float) -> None:
    """A refused connection is told as such, soon."""
    outcome = ask_at(f"http://127.0.0.1:{closed_port()}", "acceptance")
    must_be_no_go(outcome, "could not be reached: cannot connect: the connection was refused", patience)


# What hangs, how many connections there may be, and how many answers there are at least all the same.
PARTLY: dict[str, tuple[Callable[[str], bool], int, int]] = {
    "one path": (lambda target: target.startswith("/api/operator/status"), 4, 100),
    "every webhook route": (lambda target: target.startswith("/webhooks"), 64, 100),
    "the whole API": (lambda target: target.startswith("/api"), 4, 100),
    "the API and the webhooks": (lambda target: target.startswith(("/api", "/webhooks")), 64, 20),
    "all but the webhooks": (lambda target: not target.startswith("/webhooks"), 4, 100),
    "all but readiness": (lambda target: not target.startswith("/api/health/ready"), 64, 10),
}


def silent(outcome: Outcome) -> tuple[set[str], int]:
    """Return the targets that were not answered whole, and how many were answered."""
    exchanges = outcome.evidence["environments"][0]["exchanges"]
    hung = {one["url"].split("/", 3)[3] for one in exchanges if one["error"] == SILENCE}
    return hung, sum(one["status"] is not None for one in exchanges)


@pytest.mark.parametrize("name", PARTLY)
def test_a_part_that_hangs_costs_one_deadline(
    name: str, ask_at: Ask, deployment: Deployment, patience: float
) -> None:
    """Where a part hangs, the rest is judged all the same, and all of it within one deadline and 5 s."""
    hangs, connections, least = PARTLY[name]
    with serving(bad.relaying(deployment.address, hangs=hangs)) as url:
        outcome = ask_at(url, "acceptance", f"--http-timeout={DEADLINE}", f"--max-connections={connections}")
    must_be_no_go(outcome, SILENCE, DEADLINE + patience)
    hung, answered = silent(outcome)
    assert hung
    assert all(hangs(f"/{target}") for target in hung)
    assert answered > least
    assert "could not be reached" not in outcome.stdout
    assert outcome.checks["AUTH-03"] == ("failed" if hangs("/api/health/ready") else "passed")


def test_late_resets_are_within_the_deadline(ask_at: Ask, deployment: Deployment, patience: float) -> None:
    """Connections that are reset late are asked again, all within the one deadline."""
    relay = bad.relaying(deployment.address)

    def handle(connection: socket.socket) -> None:
        request = connection.recv(65536, socket.MSG_PEEK)
        if request.split(b" ")[1:2] and request.split(b" ")[1].startswith(b"/webhooks"):
            late_reset(connection)
        else:
            relay(connection)

    with serving(handle) as url:
        outcome = ask_at(url, "acceptance", f"--http-timeout={DEADLINE}")
    must_be_no_go(outcome, "no whole answer", DEADLINE + patience)


def test_a_slow_deployment_is_judged(ask_at: Ask, deployment: Deployment, patience: float) -> None:
    """A deployment that takes longer for every answer than a hanging one is given at first is not harmed."""
    relay = bad.relaying(deployment.address, delay=0.7)
    with serving(relay) as url:
        outcome = ask_at(url, "acceptance/test_cors.py", "--max-connections=8")
    assert set(outcome.checks.values()) == {"passed"}, outcome.stdout


def test_a_restart_is_never_go(ask_at: Ask, deployment: Deployment, patience: float) -> None:
    """A deployment that is away for 2 s within a run is NO-GO: half of its answers are another's."""
    with bad.restarting(deployment.address, after=60, seconds=2) as url:
        outcome = ask_at(url, "acceptance", f"--http-timeout={DEADLINE}")
    must_be_no_go(outcome, "the connection was", 2 * DEADLINE + patience)
    attempts = [one["attempts"] for one in outcome.evidence["environments"][0]["exchanges"]]
    assert any(len(tries) == 3 for tries in attempts)
    assert any(tries[-1]["status"] for tries in attempts)


def test_a_short_restart_is_shown(ask_at: Ask, deployment: Deployment, patience: float) -> None:
    """Where retries bridge it, reads pass, and the evidence shows every try."""
    with bad.restarting(deployment.address, after=10, seconds=0.1) as url:
        outcome = ask_at(url, *GATES, "--max-connections=2")
    attempts = [one["attempts"] for one in outcome.evidence["environments"][0]["exchanges"]]
    retried = [tries for tries in attempts if len(tries) > 1]
    assert retried
    assert all(tries[-1].get("status") for tries in retried)
    must_be_whole(outcome, "INCOMPLETE")
