"""The option --allow-writes: requests on which the deployment acts are sent only with it, and once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.suite_runs import Ask, Deployment, Outcome, Row, asked, plan_rows

WRITING = ("AUTH-14", "WH-09", "WH-10", "OPS-01", "OPS-02")


@pytest.fixture(scope="module")
def writing(ask: Ask, calm: Deployment) -> list[Row]:
    """The requests that the option adds to the plan: those the deployment acts on, and related reads."""
    plain, more = (
        plan_rows(ask("acceptance", "--plan", *o, to=calm).stdout) for o in ((), ("--allow-writes",))
    )
    added = Counter(more) - Counter(plain)
    assert any("--allow-writes" in row.effect for row in added)
    return list(added.elements())


def test_without_the_option_nothing_is_written(go: Outcome) -> None:
    """Without the option no login succeeds, no webhook post is accepted, and the writing checks advise."""
    acted = [one for one in go.sent if one.method != "GET" and one.status < 400]
    # The login form, shown again after the wrong token; preflights are left out.
    assert {(one.method, one.target, one.status) for one in acted if one.method != "OPTIONS"} == {
        ("POST", "/login", 200)
    }
    advising = {check: go.checks[check] for check in WRITING}
    assert set(advising.values()) == {"advised"}
    last = go.verdict_lines()
    assert any("Not asked: " in line and "AUTH-14" in line and "--allow-writes" in line for line in last)


def test_with_the_option_each_write_is_sent_once(
    go: Outcome, writes: Outcome, writing: list[Row], calm: Deployment
) -> None:
    """With the option exactly the requests that it adds to the plan are sent as well, each once."""
    more = asked(writes.sent, calm.token) - asked(go.sent, calm.token)
    assert more == Counter(row.asked for row in writing)
    assert sum(more.values()) > 10


def test_the_writing_checks_pass(writes: Outcome) -> None:
    """With the option the writing checks pass on a healthy deployment, and the run is GO."""
    assert (writes.status, writes.lines[-1]) == (0, "GO"), writes.stdout
    assert {writes.checks[check] for check in WRITING} == {"passed"}
    assert writes.evidence["run"]["options"]["allow_writes"] is True
    assert not any("--allow-writes" in line for line in writes.lines)


def acted_on(outcome: Outcome) -> Counter[tuple[str, str, int]]:
    """Count the posts that were not refused with 401."""
    posts = (one for one in outcome.sent if one.method == "POST" and one.status != 401)
    return Counter((one.method, one.target, one.status) for one in posts)


def test_workers_send_each_write_once(workers: Outcome, writes: Outcome) -> None:
    """On xdist workers, too, each writing request is sent once."""
    assert (workers.status, workers.lines[-1]) == (0, "GO"), workers.stdout
    assert acted_on(workers) == acted_on(writes)
