"""--plan shows every request and sends none."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pytest_caio.contract.providers import PROVIDERS
from tests.support.forked import skip_workers
from tests.support.places import CHECKOUT
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
    effects = {row.effect: row.asked for row in rows if row.method == "GET"}
    assert effects.pop("the server's log keeps the credential")[1].startswith("/api/operator/status?token=")
    queue = [row.asked for row in rows if row.effect.startswith("the queue")]
    assert queue == [("GET", "/api/pending-emails")] * 2  # the second poll is one of its own
    assert {effect for effect in effects if not effect.startswith("the queue")} == {"none"}
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


def test_a_plan_opens_with_its_summary(plan: Outcome) -> None:
    """What is sent, with whose credentials and to what end, is said before the first request is listed."""
    rows = plan_rows(plan.stdout)
    lines = plan.stdout.partition("environment  ")[0].splitlines()
    summary = [line for line in lines if line.strip()]
    start = summary.index(f"{len(rows)} requests ({len(rows)} to production); none was sent.")
    counts = {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in summary[start:] if line[:2] == "  "}
    assert counts["none"] == sum(row.credential == "none" for row in rows)
    assert {"DASHBOARD_AUTH_TOKEN", "signature by CLAY_WEBHOOK_SECRET"} <= counts.keys()
    assert counts["nothing: they only read"] == sum(row.effect == "none" for row in rows)
    assert sum(counts.values()) == 2 * len(rows)  # each once by its credential, and once by what it could do


def listed(plan: Outcome) -> list[str]:
    """Return the lines of a plan that are requests."""
    return [line for line in plan.stdout.splitlines() if line.startswith("production ")]


def test_a_plan_is_in_the_order_of_the_checks(plan: Outcome) -> None:
    """The requests are sorted by gate, in the order of the runbook, and by check."""
    firsts = [re.split(r"\s{2,}", line)[-1].split()[0] for line in listed(plan)]
    order = ("AUTH", "WH", "RDY", "CORS", "STATE", "OPS")
    assert firsts == sorted(firsts, key=lambda check: (order.index(check.partition("-")[0]), check))
    assert len(set(firsts)) > 30


@pytest.mark.parametrize("order", ["--randomly-seed=7", "--numprocesses=2"])
def test_a_plan_is_the_same_in_every_order(order: str, ask: Ask, plan: Outcome, calm: Deployment) -> None:
    """Tests that are shuffled, or spread over workers, change nothing about a plan, which has no workers."""
    if order.startswith("--numprocesses"):
        skip_workers(["-n2", str(CHECKOUT)])
    outcome = ask("acceptance", "--plan", order, to=calm, plugins=True)
    assert (outcome.status, outcome.sent) == (0, ())
    assert listed(outcome) == listed(plan)


def test_credentials_are_kept_out_of_logs_where_the_profile_says_so(
    ask: Ask, plan: Outcome, calm: Deployment, tmp_path: Path
) -> None:
    """With `probe_query_token = false`, neither the token nor a bearer is sent where a log keeps it."""
    kept = [row.credential for row in plan_rows(plan.stdout) if "log keeps" in row.effect]
    bearers = sorted(one.bearer_key for one in PROVIDERS.values() if one.bearer_key)
    assert sorted(kept) == ["DASHBOARD_AUTH_TOKEN as ?token=", *(f"{key} in the query" for key in bearers)]
    profiles = tmp_path / "profiles.toml"
    own = calm.reference.profiles_file.read_text("utf-8")
    profiles.write_text(own.replace("\n", "\nprobe_query_token = false\n", 1), "utf-8")
    options = [option for option in calm.arguments if not option.startswith("--profiles")]
    outcome = ask("acceptance", "--plan", *options, f"--profiles={profiles}")
    rows = plan_rows(outcome.stdout)
    assert len(rows) == len(plan_rows(plan.stdout)) - len(kept)
    assert [row for row in rows if "log keeps" in row.effect] == []


def test_lacking_inputs_are_listed(ask: Ask, calm: Deployment) -> None:
    """What cannot be asked for want of an input is listed with the input's name."""
    options = [option for option in calm.arguments if not option.startswith("--env-file")]
    outcome = ask("acceptance", "--plan", *options)
    assert outcome.status == 0
    tail = outcome.stdout.partition("Cannot be asked")[2]
    assert "AUTH-05: missing input: DASHBOARD_AUTH_TOKEN" in tail
    assert len(plan_rows(outcome.stdout)) > 100
