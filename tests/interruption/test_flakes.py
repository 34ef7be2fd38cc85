"""A transient network error is retried, shown and not NO-GO; a deployment that stays broken is NO-GO."""

from __future__ import annotations

import re

import pytest

from tests.support.broken_runs import Broken
from tests.support.flaky_edge import Edge
from tests.support.suite_runs import SHORT, Deployment, serving

# A login with a wrong token and a token in the query may count against the caller, so they are never retried:
# a transient error that hits one of them is a failure, as it may be a real one.
SENT_ONCE = re.compile(rb"POST /login|token=|/ws")


@pytest.mark.parametrize(
    ("status", "tries"),
    [
        (0, "the connection was dropped before a whole answer, then "),
        pytest.param(502, "502, then ", marks=pytest.mark.nightly),
    ],
    ids=["dropped", "502"],
)
def test_a_flake_is_shown_and_passes(broken: Broken, deployment: Deployment, status: int, tries: str) -> None:
    """Where every seventh request is lost, the run is GO, and names the checks that passed on retry only."""
    edge = Edge(deployment.address, status, 7, SENT_ONCE)
    with serving(edge) as url:
        done = broken.run(*SHORT, *deployment.arguments, f"--base-url={url}")
    assert (done, broken.lines[-1]) == (0, "GO"), broken.stdout
    assert edge.refused > 3
    (line,) = [line for line in broken.lines if line.strip().startswith("retried: ")]
    assert tries in line
    assert f"retried for production: {line.strip().removeprefix('retried: ')}" in broken.html
    checks = broken.record["environments"][0]["checks"]
    cases = [(check["id"], case) for check in checks for case in check["cases"] if case["retried"]]
    assert cases
    for _, case in cases:
        assert case["outcome"] in ("passed", "advised")  # on a busy machine readiness may be slow
        assert "tries (" in case["observed"]
    passed = {check_id for check_id, case in cases if case["outcome"] == "passed"}
    assert set(re.findall(r"[A-Z]+-\d\d", line)) == passed
    retried = [e for e in broken.record["environments"][0]["exchanges"] if len(e["attempts"]) > 1]
    assert retried


@pytest.mark.parametrize("status", [503])
def test_an_edge_that_stays_broken(broken: Broken, deployment: Deployment, status: int) -> None:
    """Where every response is the edge's 503, the run is NO-GO, and no check is listed as retried."""
    with serving(Edge(deployment.address, status, 1, SENT_ONCE)) as url:
        done = broken.run("acceptance/test_cors.py", *deployment.arguments, f"--base-url={url}")
    assert (done, broken.lines[-1]) == (1, "NO-GO"), broken.stdout
    # Two of them retries, the others with fewer under way, in case there were too many.
    assert re.search(rf"after \d tries \({status}, then {status}, then {status}", broken.stdout)
    assert not [line for line in broken.lines if "retried: " in line]


def test_a_steady_run_says_nothing_of_retries(broken: Broken, deployment: Deployment) -> None:
    """Where no request had to be retried, neither terminal nor report mentions retries."""
    assert broken.run("acceptance/test_cors.py", *deployment.arguments) == 0, broken.stdout
    assert "retried" not in broken.stdout
    assert "retried for" not in broken.html
