"""--plan shows every request and sends none."""

from __future__ import annotations

from collections import Counter

from tests.support.suite_runs import Ask, Deployment, Outcome, asked, plan_rows


def test_nothing_is_sent(plan: Outcome) -> None:
    """A plan ends with exit status 0, sends nothing and leaves no evidence."""
    assert plan.status == 0, plan.stdout
    assert plan.sent == ()
    assert list(plan.folder.iterdir()) == []
    assert "none was sent" in plan.stdout


def test_every_request_is_listed(plan: Outcome, go: Outcome, calm: Deployment) -> None:
    """The plan lists what a run then sends, request by request, no more and no less."""
    listed = asked((), "")
    listed.update(row.asked for row in plan_rows(plan.stdout))
    assert listed == asked(go.sent, calm.token)


def test_every_request_names_credential_and_effect(plan: Outcome) -> None:
    """A request is listed with its credential by name and what it does to the deployment."""
    rows = plan_rows(plan.stdout)
    assert all(row.credential and row.effect for row in rows)
    credentials = {row.asked: row.credential for row in rows}
    assert credentials["GET", "/api/runtime/dependencies"] in ("none", "DASHBOARD_AUTH_TOKEN")
    assert {"none", "DASHBOARD_AUTH_TOKEN", "signature by INNGEST_SIGNING_KEY"} <= {
        r.credential for r in rows
    }
    effects = {row.effect for row in rows if row.method == "GET"}
    assert effects == {"none"}
    assert {row.effect for row in rows if row.asked == ("POST", "/login")} == {
        "counted; sent once, never retried"
    }
    assert not any("--allow-writes" in row.effect for row in rows)


def test_writing_requests_are_listed_when_allowed(ask: Ask, plan: Outcome, calm: Deployment) -> None:
    """With --allow-writes the plan lists the writing requests too, and still sends nothing."""
    outcome = ask("acceptance", "--plan", "--allow-writes", to=calm)
    assert (outcome.status, outcome.sent) == (0, ())
    writing = [row for row in plan_rows(outcome.stdout) if "--allow-writes" in row.effect]
    assert ("POST", "/login") in {row.asked for row in writing}
    beside = Counter(plan_rows(outcome.stdout)) - Counter(plan_rows(plan.stdout)) - Counter(writing)
    # What went out is looked at around the dry runs of two motions, and the page that a session opens.
    assert Counter(row.asked for row in beside.elements()) == {
        ("GET", "/api/operator/status"): 6,
        ("GET", "/sales"): 1,
    }


def test_no_secret_is_shown(plan: Outcome, calm: Deployment) -> None:
    """A plan shows no secret."""
    assert [key for key, value in calm.secrets.items() if value in plan.shown] == []


def test_a_plan_needs_no_workers(ask: Ask, calm: Deployment) -> None:
    """--plan with -n is a usage error of one line."""
    outcome = ask("acceptance", "--plan", "-n", "2", to=calm)
    assert (outcome.status, outcome.sent) == (4, ())
    assert outcome.stderr.strip().startswith("ERROR: --plan")


def test_lacking_inputs_are_listed(ask: Ask, calm: Deployment) -> None:
    """What cannot be asked for want of an input is listed with the input's name."""
    options = [option for option in calm.arguments if not option.startswith("--env-file")]
    outcome = ask("acceptance", "--plan", *options)
    assert outcome.status == 0
    tail = outcome.stdout.partition("Cannot be asked")[2]
    assert "AUTH-05: missing input: DASHBOARD_AUTH_TOKEN" in tail
    assert len(plan_rows(outcome.stdout)) > 100
