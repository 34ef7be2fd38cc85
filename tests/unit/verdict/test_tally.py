"""The tally collects results and makes the finished record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_caio.checks.check import GATES
from pytest_caio.verdict.outcome import AdvisedBecause, Outcome
from pytest_caio.verdict.record import ExchangeRecord, Record, Result, RunRecord
from pytest_caio.verdict.tally import Tally

RUN = RunRecord("id", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01+00:00", {}, "acceptance", {})


def result(nodeid: str, outcome: str = "passed", check: str = "AUTH-01", **details: Any) -> Result:
    """Return the result of a case."""
    given = {
        "environment": "demo",
        "gate": "auth",
        "title": "T",
        "fix": "F",
        "blocking": True,
        "name": nodeid,
    }
    return Result(check=check, outcome=Outcome(outcome), nodeid=nodeid, **{**given, **details})


def exchange(url: str) -> ExchangeRecord:
    """Return the record of an exchange."""
    return ExchangeRecord(0, "GET", url, 200, [], [], "", "", [], "", 1.0)


@pytest.fixture
def close(make_environment: Callable) -> Callable[..., Record]:
    """Add results and close the tally for the environments in `names`."""

    def make(*results: Result, names: tuple[str, ...] = ("demo",), narrowed: tuple[str, ...] = ()) -> Record:
        tally = Tally()
        for one in results:
            tally.add(one)
        return tally.close([make_environment(name=name) for name in names], RUN, narrowed)

    return make


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("passed", "error", "error"),
        ("failed", "error", "failed"),
        ("failed", "passed", "failed"),
        ("passed", "not-run", "passed"),
        ("advised", "failed", "failed"),
    ],
)
def test_of_two_results_the_worse_holds(first: str, second: str, kept: str) -> None:
    """Of two results of a case, such as from the test and its teardown, the worse one is kept."""
    ledger = Tally()
    ledger.add(result("n", first))
    ledger.add(result("n", second))
    assert [(one.nodeid, one.outcome) for one in ledger.results] == [("n", kept)]


def test_a_check_is_as_bad_as_its_worst_case(close: Callable[..., Record]) -> None:
    """The outcome of a check is that of its worst case, and its cases are sorted by node id."""
    record = close(result("b", "failed", name="B"), result("a", name="A"), result("c", "missing-input"))
    [check] = record.environments[0].checks
    assert (check.id, check.outcome, check.title, check.fix) == ("AUTH-01", "failed", "T", "F")
    assert [(case.name, case.outcome) for case in check.cases] == [
        ("A", "passed"),
        ("B", "failed"),
        ("c", "missing-input"),
    ]


def test_what_was_not_asked_is_not_the_advice_of_its_check(close: Callable[..., Record]) -> None:
    """A case that was not asked comes after those that were: its words are not what its check advises."""
    unasked = {"advised_because": AdvisedBecause.NEEDS_WRITES, "observed": "not asked", "fix": "Another."}
    asked = {"advised_because": AdvisedBecause.CHECK_ADVISES, "observed": "it is open", "fix": "Close it."}
    [check] = close(result("a", "advised", **unasked), result("b", "advised", **asked)).environments[0].checks
    assert (check.observed, check.fix) == ("it is open", "Close it.")
    assert [case.id for case in check.cases] == ["b", "a"]


@pytest.mark.parametrize(
    ("outcome", "counter"),
    [
        ("passed", "passed"),
        ("failed", "failed"),
        ("error", "failed"),
        ("missing-input", "missing"),
        ("waived", "waived"),
        ("advised", "advised"),
        ("not-run", "not_run"),
    ],
)
def test_gates_count_checks(close: Callable[..., Record], outcome: str, counter: str) -> None:
    """A gate counts each of its checks once, by outcome."""
    [gate] = close(result("a", outcome), result("b", outcome)).environments[0].gates
    counts = {name: getattr(gate, name) for name in gate.__struct_fields__ if name != "name"}
    assert counts == {**dict.fromkeys(counts, 0), counter: 1}


def test_gates_are_in_the_runbook_s_order(close: Callable[..., Record]) -> None:
    """Gates are in the runbook's order, whichever ran first, followed by others."""
    names = [*GATES[::-1], "other"]
    results = [result(gate, check=f"X-{n:02}", gate=gate) for n, gate in enumerate(names)]
    environment = close(*results).environments[0]
    assert [gate.name for gate in environment.gates] == [*GATES, "other"]
    assert [check.gate for check in environment.checks] == [*GATES, "other"]


def test_exchanges_are_numbered_once(close: Callable[..., Record]) -> None:
    """An exchange that several cases share is recorded once, and each of them refers to its number."""
    shared, own = exchange("/shared"), exchange("/own")
    record = close(
        result("a", exchanges={"1": shared}),
        result("b", check="WH-01", exchanges={"1": exchange("/shared"), "2": own}),
    )
    environment = record.environments[0]
    assert [(e.n, e.url) for e in environment.exchanges] == [(1, "/shared"), (2, "/own")]
    assert [case.exchanges for check in environment.checks for case in check.cases] == [[1], [1, 2]]


def test_environments_are_kept_apart(close: Callable[..., Record]) -> None:
    """Each environment has its own checks, exchanges and verdict; the run's verdict is the worst."""
    record = close(
        result("a", exchanges={"1": exchange("/a")}),
        result("b", "failed", environment="other", exchanges={"2": exchange("/b")}, commit="abc1234"),
        names=("demo", "other"),
    )
    assert record.verdict == "NO-GO"
    assert [(e.name, e.verdict, e.commit) for e in record.environments] == [
        ("demo", "GO", ""),
        ("other", "NO-GO", "abc1234"),
    ]
    assert [[x.n for x in e.exchanges] for e in record.environments] == [[1], [1]]


def test_an_unreachable_environment_says_so(close: Callable[..., Record]) -> None:
    """The record of an unreachable environment has the reason."""
    record = close(result("a", "not-run", unreachable="gone"))
    assert (record.verdict, record.environments[0].unreachable) == ("NO-GO", "gone")
    assert record.reasons == []
    assert [cause.sentence for cause in record.causes] == ["demo could not be reached: gone."]


def test_a_narrowed_run_is_incomplete_everywhere(close: Callable[..., Record]) -> None:
    """A run of some checks is INCOMPLETE in each environment."""
    record = close(result("a"), narrowed=("only single checks were asked",))
    assert (record.verdict, record.environments[0].verdict) == ("INCOMPLETE", "INCOMPLETE")
    assert record.reasons == ["only single checks were asked"]


def test_an_empty_run_makes_a_record(close: Callable[..., Record]) -> None:
    """A run in which no check ran has a record, which is INCOMPLETE."""
    record = close()
    assert record.verdict == "INCOMPLETE"
    assert (record.environments[0].checks, record.environments[0].gates) == ([], [])
    assert (record.format, record.version) == ("caio-acceptance-evidence", 1)
