"""What a run sends, told by the deployment's own access log."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from pytest_caio.contract.paths import ACTING_PATHS
from tests.support.suite_runs import Deployment, Outcome, Row, Sent, plan_rows

ACTING = re.compile("|".join(re.escape(path).replace("caio\\-probe", "[^/?]+") for path in ACTING_PATHS))


@pytest.fixture(scope="module")
def rows(plan: Outcome) -> list[Row]:
    """The requests of the plan of the same run."""
    return plan_rows(plan.stdout)


@pytest.fixture(params=["go", "writes"])
def run(request: pytest.FixtureRequest) -> Outcome:
    """A whole run, with and without --allow-writes."""
    outcome: Outcome = request.getfixturevalue(request.param)
    return outcome


def test_the_wrong_token_is_tried_once(run: Outcome) -> None:
    """One wrong token is sent to the login, never two: five lock the address out."""
    refused = [one for one in run.sent if one.target.startswith("/login") and one.method == "POST"]
    assert [one.status for one in refused if one.status != 303] == [200]


def test_the_query_token_is_sent_once(run: Outcome, calm: Deployment) -> None:
    """The right token goes into an address once: the server's log keeps it."""
    carrying = [one for one in run.sent if calm.token in one.target]
    assert [(one.method, one.status) for one in carrying] == [("GET", 401)]
    assert carrying[0].target == f"/api/operator/status?token={calm.token}"


def carries(one: Sent, token: str) -> bool:
    """Say whether a request has exactly the token, whole, in a header."""
    return any(token in re.split(r"[^\w-]+", value) for _, value in one.headers)


def test_the_token_goes_where_it_is_declared(go: Outcome, rows: list[Row], calm: Deployment) -> None:
    """The token is in the headers of those requests that declare it, and of no others."""
    declared = Counter(
        row.asked
        for row in rows
        if re.fullmatch(r"DASHBOARD_AUTH_TOKEN( as .*)?", row.credential) and "token=" not in row.path
    )
    sent = Counter((one.method, one.target) for one in go.sent if carries(one, calm.token))
    assert sent == declared
    assert sent["GET", "/api/runtime/dependencies"] == 1


def test_other_secrets_go_where_they_are_declared(go: Outcome, rows: list[Row], calm: Deployment) -> None:
    """A bearer is in the headers of those requests that declare it; no signing secret is sent at all."""
    for key, value in calm.secrets.items():
        sent = Counter((one.method, one.target) for one in go.sent if carries(one, value))
        declared = Counter(row.asked for row in rows if row.credential == f"{key} as bearer")
        if key != "DASHBOARD_AUTH_TOKEN":
            assert sent == declared, key


def test_inngest_is_only_read(run: Outcome) -> None:
    """/inngest is asked with GET alone: an unsigned PUT would register functions."""
    methods = {one.method for one in run.sent if one.target.startswith("/inngest")}
    assert methods == {"GET"}


def test_acting_paths_are_only_read(run: Outcome) -> None:
    """An acting path is asked with GET, but for the dry run of the trigger, and none lets a call in."""
    acting = [one for one in run.sent if ACTING.fullmatch(one.target.partition("?")[0])]
    assert {one.target for one in acting} >= set(ACTING_PATHS)
    others = {(one.method, one.target) for one in acting if one.method != "GET"}
    assert others == {("POST", "/api/operator/trigger")}


def test_each_distinct_request_is_sent_once(go: Outcome, rows: list[Row]) -> None:
    """No request is sent twice, but for the samples of readiness and the second poll of the queue."""
    times = Counter((one.method, one.target, one.headers) for one in go.sent)
    again = {key[:2]: count for key, count in times.items() if count > 1}
    # Posts of other bodies under equal headers: the log does not tell bodies apart, the plan does.
    planned = Counter(row.asked for row in rows)
    assert all(count <= planned[request] for request, count in again.items())
    assert {target for method, target in again if method == "GET"} == {
        "/api/health/ready",
        "/api/pending-emails",
    }
    assert len(go.sent) == len(rows)


def test_probes_name_their_sender(go: Outcome) -> None:
    """Every request names the suite, so that an operator knows it in the server's log."""
    assert {one.values("User-Agent")[0] for one in go.sent} == {"pytest-caio"}
