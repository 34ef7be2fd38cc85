"""The requests of a whole run, as the deployment's own access log shows them."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from pytest_caio.contract.paths import ACTING_PATHS
from tests.support.suite_runs import Deployment, Outcome, Row, Sent, plan_rows

ACTING = re.compile("|".join(re.escape(path).replace("caio\\-probe", "[^/?]+") for path in ACTING_PATHS))


@pytest.fixture(scope="module")
def rows(plan: Outcome) -> list[Row]:
    """The requests that the plan of the same run lists."""
    return plan_rows(plan.stdout)


@pytest.fixture(params=["go", "writes"])
def run(request: pytest.FixtureRequest) -> Outcome:
    """A whole run, without and with --allow-writes."""
    outcome: Outcome = request.getfixturevalue(request.param)
    return outcome


def test_the_wrong_token_is_tried_once(run: Outcome) -> None:
    """The login gets one wrong token per run, since five would lock out the address."""
    refused = [one for one in run.sent if one.target.startswith("/login") and one.method == "POST"]
    assert [one.status for one in refused if one.status != 303] == [200]


def test_the_query_token_is_sent_once(run: Outcome, calm: Deployment) -> None:
    """The right token is sent in a query only once, since the server's log keeps it."""
    carrying = [one for one in run.sent if calm.token in one.target]
    assert [(one.method, one.status) for one in carrying] == [("GET", 401)]
    assert carrying[0].target == f"/api/operator/status?token={calm.token}"


def carries(one: Sent, token: str) -> bool:
    """Say whether a header of the request contains exactly the token."""
    return any(token in re.split(r"[^\w-]+", value) for _, value in one.headers)


def test_only_declared_requests_carry_the_token(go: Outcome, rows: list[Row], calm: Deployment) -> None:
    """The token is in the headers of exactly those requests that the plan shows with it."""
    declared = Counter(
        row.asked
        for row in rows
        if re.fullmatch(r"DASHBOARD_AUTH_TOKEN( as .*)?", row.credential) and "token=" not in row.path
    )
    sent = Counter((one.method, one.target) for one in go.sent if carries(one, calm.token))
    assert sent == declared
    # Once for all who judge the report, and once as a page of another site.
    assert sent["GET", "/api/runtime/dependencies"] == 2


def test_only_declared_requests_carry_other_secrets(go: Outcome, rows: list[Row], calm: Deployment) -> None:
    """A bearer is in the headers of exactly the declared requests, and no signing secret is ever sent."""
    for key, value in calm.secrets.items():
        sent = Counter((one.method, one.target) for one in go.sent if carries(one, value))
        declared = Counter(row.asked for row in rows if row.credential == f"{key} as bearer")
        if key != "DASHBOARD_AUTH_TOKEN":
            assert sent == declared, key


def test_inngest_is_only_read(run: Outcome) -> None:
    """Only GET requests are sent to /inngest, since an unsigned PUT would register functions."""
    methods = {one.method for one in run.sent if one.target.startswith("/inngest")}
    assert methods == {"GET"}


def test_acting_paths_are_only_read(run: Outcome) -> None:
    """Paths that act get GET requests only, except for the dry run of the trigger."""
    acting = [one for one in run.sent if ACTING.fullmatch(one.target.partition("?")[0])]
    assert {one.target for one in acting} >= set(ACTING_PATHS)
    others = {(one.method, one.target) for one in acting if one.method != "GET"}
    assert others == {("POST", "/api/operator/trigger")}


def test_each_distinct_request_is_sent_once(go: Outcome, rows: list[Row]) -> None:
    """No request is sent twice, except for the readiness samples and the second poll of the queue."""
    times = Counter((one.method, one.target, one.headers) for one in go.sent)
    again = {key[:2]: count for key, count in times.items() if count > 1}
    # Posts with equal headers may have different bodies, which the plan distinguishes, unlike this count.
    planned = Counter(row.asked for row in rows)
    assert all(count <= planned[request] for request, count in again.items())
    assert {target for method, target in again if method == "GET"} == {
        "/api/health/ready",
        "/api/pending-emails",
    }
    assert len(go.sent) == len(rows)


def test_probes_name_their_sender(go: Outcome) -> None:
    """Every request has the suite's User-Agent, so that an operator recognizes it in the server's log."""
    assert {one.values("User-Agent")[0] for one in go.sent} == {"pytest-caio"}
