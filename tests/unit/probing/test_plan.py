"""The plan knows every request before one is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_caio.checks.check import Case, Check
from pytest_caio.checks.credentials import TOKEN, bearer, header, query_token
from pytest_caio.checks.probe import Credential, Effect, Probe, Request, get, post
from pytest_caio.environments.environment import Environment
from pytest_caio.outcomes import MissingInput, NotApplicable
from pytest_caio.probing.plan import COULD_CHANGE, Plan, scouts_first

SECRET = "hunter2-hunter2"


@pytest.fixture
def environment(make_environment: Callable) -> Environment:
    """An environment with a token."""
    return make_environment(DASHBOARD_AUTH_TOKEN=SECRET)


def plan_of(environment: Environment, *cases: tuple[Probe, ...], **details: object) -> Plan:
    """Return a plan of these cases, each a check of its own."""
    plan = Plan()
    for number, probes in enumerate(cases):
        made = Check(f"X-{number:02}", "Title", "Fix", **details)
        plan.add(f"node{number}", made, Case(environment, f"case {number}", probes))
    return plan


def test_each_request_is_planned_once(environment: Environment) -> None:
    """Checks that need the same answer share its request; one for each part comes first, then the others."""
    plan = plan_of(environment, (get("/b"), get("/a")), (get("/a"),), (get("/a", TOKEN), get("/c")))
    assert [(r.target, r.credential) for r in plan.ahead()] == [
        ("/b", "none"),
        ("/a", "none"),
        ("/c", "none"),
        ("/a", "DASHBOARD_AUTH_TOKEN"),
    ]


def test_samples_come_last(environment: Environment) -> None:
    """What measures time is not in the way of the rest, nor the rest in its."""
    plan = plan_of(environment, (get("/s", name="1", sample=1), get("/s", name="2", sample=2)), (get("/a"),))
    assert [(r.target, r.sample) for r in plan.ahead()] == [("/a", 0), ("/s", 1), ("/s", 2)]


def test_polls_are_the_first_of_two(environment: Environment) -> None:
    """What is sent again after a while is a poll, once, as it is sent first; what writes is none."""
    again = (get("/poll"), get("/poll", name="again", again_after=1.0))
    plan = plan_of(environment, (get("/a"), get("/b")), (get("/poll/all"),), again, again)
    assert [(r.target, r.again_after) for r in plan.polls()] == [("/poll", 0.0)]
    assert plan.polls()[0] in plan.ahead()
    assert plan_of(environment, again, writes=True).polls() == []


def test_a_renewed_plan_has_new_signatures(environment: Environment) -> None:
    """After a long wait all probes are resolved again, so that none carries a signature of before."""
    made = iter(("before", "after"))
    late = Credential("late", (), lambda request, _: request.carry("late", ("X-At", next(made))))
    plan = plan_of(environment, (get("/a", late),))
    assert plan.ahead()[0].headers == (("X-At", "before"),)
    plan.renew()
    assert [request.headers for request in plan.ahead()] == [(("X-At", "after"),)]


def test_nothing_that_writes_goes_ahead(environment: Environment) -> None:
    """A probe that the deployment acts on waits for its test, and so does all of a check that writes."""
    writing = post("/w", effect=Effect.WRITE)
    plan = plan_of(environment, (get("/a"), writing), (get("/b"),))
    assert [r.target for r in plan.ahead()] == ["/b"]
    assert plan.cases["node0"].writes
    assert not plan.cases["node1"].writes
    assert plan_of(environment, (get("/a"),), writes=True).ahead() == []


def test_what_counts_and_what_is_harmless_go_ahead(environment: Environment) -> None:
    """Requests that change nothing may go ahead, whatever their method."""
    plan = plan_of(environment, (post("/once", effect=Effect.ONCE), post("/harmless")))
    assert [r.target for r in plan.ahead()] == ["/harmless", "/once"]


def test_missing_inputs_are_kept(make_environment: Callable) -> None:
    """What a case lacks is all named once, and nothing of it is sent."""
    probes = (
        get("/a", TOKEN),
        get("/b", TOKEN),
        post("/c", bearer("WEBHOOK_BEARER_TOKEN")),
        get("/d"),
    )
    plan = plan_of(make_environment(), probes)
    planned = plan.cases["node0"]
    assert isinstance(planned.obstacle, MissingInput)
    assert planned.obstacle.names == ("DASHBOARD_AUTH_TOKEN", "WEBHOOK_BEARER_TOKEN")
    assert plan.ahead() == []


def test_an_obstacle_of_the_case_comes_first(environment: Environment) -> None:
    """A check that does not apply is not asked, whatever else it lacks."""
    plan = Plan()
    reason = NotApplicable("not here")
    plan.add("n", Check("X-01", "T", "F"), Case(environment, "", (get("/a"),), reason))
    assert plan.cases["n"].obstacle is reason
    assert plan.ahead() == []


def test_silence_may_be_tolerated(environment: Environment) -> None:
    """The labels of probes that may go unanswered are known."""
    plan = plan_of(environment, (get("/a", tolerates_silence=True, name="quiet"), get("/b")))
    assert plan.cases["node0"].tolerates_silence == {"quiet"}


def test_the_table_shows_each_request_and_no_secret(environment: Environment) -> None:
    """One row a request, with its checks, its credential by name, and what it does."""
    shared = get("/a", TOKEN)
    plan = plan_of(environment, (shared, get("/q", query_token())), (shared,))
    lines = plan.table(writes=False)
    assert SECRET not in "\n".join(lines)
    assert lines[0] == "2 requests (2 to demo); none was sent."
    titles, *rows = lines[-3:]
    assert titles.split() == ["environment", "method", "path", "credential", "effect", "checks"]
    assert rows[0].split() == ["demo", "GET", "/a", "DASHBOARD_AUTH_TOKEN", "none", "X-00", "X-01"]
    assert "/q?token=[DASHBOARD_AUTH_TOKEN]" in rows[1]
    assert len({line.find("GET") for line in rows}) == 1


def test_the_summary_counts_credentials_and_effects(environment: Environment) -> None:
    """The table begins with how many requests there are, their credentials, and what they could change."""
    wrong = header("X-Dashboard-Token", "guess", "a wrong token")
    plan = plan_of(
        environment, (get("/a"), get("/b")), (get("/a", TOKEN), get("/a", wrong, name="wrong"), post("/c"))
    )
    lines = plan.table(writes=False)
    summary = lines[: next(n for n, line in enumerate(lines) if line.startswith("environment"))]
    assert summary[0].startswith("5 requests")
    counted = [line.split(maxsplit=1) for line in summary if line.startswith("  ")]
    made_up = "made up for the check, or revoked"
    assert counted[:3] == [["3", "none"], ["1", "DASHBOARD_AUTH_TOKEN"], ["1", made_up]]
    assert [count for count, _ in counted[3:]] == ["4", "1"]


def test_every_effect_has_words() -> None:
    """The summary has words for each effect that a request may have."""
    assert COULD_CHANGE.keys() == set(Effect)


def test_the_table_is_in_the_order_of_gates_and_checks(environment: Environment) -> None:
    """Rows are sorted by gate, as the runbook has them, and by check, whatever was added first."""
    plan = Plan()
    for check_id, gate in (("OPS-01", "operator"), ("WH-02", "webhooks"), ("WH-01", "webhooks")):
        made = Check(check_id, "Title", "Fix", gate=gate)
        plan.add(check_id, made, Case(environment, "", (get(f"/{check_id}"), get("/shared"))))
        plan.add(f"{check_id} lacking", made, Case(environment, "", (get("/x", bearer("CLAY")),)))
    lines = plan.table(writes=False)
    targets = [line.split()[2] for line in lines if line.startswith("demo")]
    assert targets == ["/WH-01", "/shared", "/WH-02", "/OPS-01"]
    assert [line.split(":")[0].strip() for line in lines[-3:]] == ["WH-01", "WH-02", "OPS-01"]


def test_the_table_shows_writes_only_where_they_would_be_sent(environment: Environment) -> None:
    """Without permission a write would not be sent, and is not in the table."""
    plan = plan_of(environment, (post("/w", effect=Effect.WRITE),))
    assert plan.table(writes=False)[0] == "0 requests; none was sent."
    table = "\n".join(plan.table(writes=True))
    assert "1 requests (1 to demo); none was sent." in table
    assert "needs --allow-writes" in table


def test_the_table_shows_what_cannot_be_asked(make_environment: Callable) -> None:
    """What lacks an input is listed with it, at the end."""
    lines = plan_of(make_environment(), (get("/a", TOKEN),)).table(writes=False)
    assert lines[-2:] == ["Cannot be asked:", "  X-00 case 0: missing input: DASHBOARD_AUTH_TOKEN"]


def test_each_part_of_an_api_is_asked_early() -> None:
    """At each origin, one request for each part of its API comes first, larger parts before smaller."""
    targets = (
        *("/api/a/1", "/api/a/2", "/api/b", "/api?c", "/login?next=/", "/api/b/2", "/"),
        *("/hooks/a", "/hooks/b"),
    )
    origins = ("https://one.example", "https://two.example")
    asked = [(one, target, n) for one in origins for target in targets for n in (0, 1)]
    requests = [Request("GET", one, target, sample=n) for one, target, n in asked]
    ordered = scouts_first(requests)
    first = ["/api/a/1", "/login?next=/", "/", "/hooks/a", "/api/b", "/api?c", "/hooks/b"]
    for one in origins:
        assert [request.target for request in ordered if request.origin == one][:7] == first
    assert {request.sample for request in ordered[:14]} == {0}
    assert sorted(ordered, key=requests.index) == requests
