"""The rules by which the outcomes of all cases become one verdict."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.verdict.judge import GO, INCOMPLETE, NO_GO, judge
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Result


def result(outcome: str = "passed", check: str = "AUTH-01", **details: Any) -> Result:
    """Return the result of a case."""
    given = {"environment": "demo", "gate": "auth", "title": "T", "fix": "F", "blocking": True, "name": ""}
    return Result(check=check, outcome=Outcome(outcome), **{"nodeid": check, **given, **details})


def test_all_blocking_checks_passed_is_go() -> None:
    """If every blocking check passed, the verdict is GO, without a reason."""
    verdict = judge([result(), result(check="WH-01")])
    assert (verdict.word, verdict.reasons) == (GO, ())


@pytest.mark.parametrize("outcome", ["failed", "error", "missing-input"])
def test_one_failure_is_no_go(outcome: str) -> None:
    """A blocking check that failed, raised or lacked an input is NO-GO; its cause says why, not a reason."""
    verdict = judge(
        [result(), result(outcome, "WH-02"), result(outcome, "CORS-01"), result(outcome, "WH-02")]
    )
    assert verdict.word == NO_GO
    assert verdict.reasons == ()


@pytest.mark.parametrize("outcome", ["failed", "missing-input", "advised", "not-run"])
def test_advice_is_never_no_go(outcome: str) -> None:
    """A check that only advises never prevents GO, whether it failed, lacked an input or did not run."""
    assert judge([result(), result(outcome, "RDY-12", blocking=False)]).word == GO


def test_a_check_that_broke_is_no_go() -> None:
    """A check whose own code raised is NO-GO even if it only advises, since it judged nothing."""
    verdict = judge([result(), result("error", "RDY-12", blocking=False)])
    assert (verdict.word, verdict.reasons) == (NO_GO, ())


def test_a_waived_failure_is_go() -> None:
    """A waived failure does not prevent GO."""
    assert judge([result(), result("waived", "WH-08")]).word == GO


def test_go_says_how_many_checks_it_waived() -> None:
    """The headline of GO counts waived checks, once for each environment, and not their cases."""
    waived = [result("waived", "WH-08", nodeid=str(n), environment="staging") for n in range(3)]
    verdict = judge([result(), result(environment="staging"), result("waived", "WH-08"), *waived])
    assert (verdict.word, verdict.headline) == (GO, "GO (2 waived)")
    assert judge([result()]).headline == "GO"


def test_only_go_counts_waived_checks() -> None:
    """NO-GO and INCOMPLETE mention no waived checks."""
    waived = result("waived", "WH-08")
    assert judge([result(), waived, result("failed")]).headline == NO_GO
    assert judge([result(), waived], ["only a part was asked"]).headline == INCOMPLETE
    assert judge([waived]).headline == INCOMPLETE  # a waived check does not count as passed


@pytest.mark.parametrize("narrowed", [[], ["only a part was asked"]])
def test_an_invalid_waiver_is_no_go(narrowed: list[str]) -> None:
    """An invalid waiver is NO-GO, in a whole run or a part, and is a reason beside the causes."""
    verdict = judge([result()], narrowed, ["waiver 1: expired"])
    assert verdict.word == NO_GO
    assert verdict.reasons == ("waiver 1: expired", *narrowed)
    assert judge([result("failed")], (), ["w"]).reasons == ("w",)


def test_a_check_that_does_not_apply_is_go() -> None:
    """A blocking check that does not apply does not prevent GO."""
    assert judge([result(), result("not-run", "AUTH-12", applicable=False)]).word == GO


def test_a_check_that_did_not_run_is_incomplete() -> None:
    """A blocking check that applies and did not run is INCOMPLETE, and is named once."""
    verdict = judge([result(), result("not-run", "WH-03"), result("not-run", "WH-03")])
    assert verdict.word == INCOMPLETE
    assert verdict.reasons == ("not asked: WH-03",)


def test_a_narrowed_run_is_incomplete() -> None:
    """A run of some checks is INCOMPLETE if they passed, and the reason is how it was narrowed."""
    verdict = judge([result()], ["only a part was asked (-k)"])
    assert verdict.word == INCOMPLETE
    assert verdict.reasons == ("only a part was asked (-k)",)


def test_a_failure_of_a_narrowed_run_is_no_go() -> None:
    """A run of some checks is NO-GO if one of them failed."""
    verdict = judge([result("failed")], ["only a part was asked (-k)"])
    assert verdict.word == NO_GO
    assert verdict.reasons == ("only a part was asked (-k)",)


@pytest.mark.parametrize(
    "results",
    [
        [],
        [result(blocking=False)],
        [result("not-run", applicable=False)],
        [result("advised", blocking=False)],
    ],
    ids=["nothing", "advice alone", "nothing applies", "advised"],
)
def test_a_run_without_a_blocking_check_is_incomplete(results: list[Result]) -> None:
    """A run in which no blocking check ran is INCOMPLETE."""
    verdict = judge(results)
    where = " for demo" if results else ""
    assert (verdict.word, verdict.reasons) == (INCOMPLETE, (f"no blocking check ran{where}",))


def test_each_environment_needs_a_blocking_check() -> None:
    """If no blocking check ran for one of two environments, the verdict is INCOMPLETE."""
    other = result("not-run", applicable=False)
    other.environment = "staging"
    verdict = judge([result(), other])
    assert (verdict.word, verdict.reasons) == (INCOMPLETE, ("no blocking check ran for staging",))


def test_an_unreachable_deployment_is_no_go() -> None:
    """An unreachable deployment is NO-GO; its cause says why, not a reason."""
    why = "cannot connect: the connection was refused"
    silent = [result("not-run", f"AUTH-0{n}", unreachable=why) for n in range(3)]
    missing = result("missing-input", "WH-06")
    verdict = judge([*silent, missing])
    assert verdict.word == NO_GO
    assert verdict.reasons == ()


def test_unreachable_is_no_go_even_for_advice() -> None:
    """An unreachable deployment is NO-GO even if only advisory checks sent requests."""
    assert judge([result(), result("not-run", blocking=False, unreachable="gone")]).word == NO_GO


def test_each_environment_counts() -> None:
    """The verdict of two environments is the worse of both."""
    here, there = result(environment="staging"), result("failed", "WH-01", environment="production")
    assert judge([here, there]).word == NO_GO
    gone = result("not-run", environment="production", unreachable="gone")
    assert judge([result(environment="staging"), gone]).word == NO_GO


RESULTS = st.lists(
    st.builds(
        result,
        st.sampled_from(list(Outcome)),
        st.sampled_from(["AUTH-01", "WH-01"]),
        environment=st.sampled_from(["demo", "demo", "staging"]),
        blocking=st.booleans(),
        applicable=st.booleans(),
        unreachable=st.sampled_from(["", "", "", "gone"]),
    )
)
NARROWED = st.lists(st.just("narrowed"), max_size=1)
QUICK = settings(derandomize=True, database=None, deadline=None)


@QUICK
@given(RESULTS, NARROWED)
def test_go_needs_all_blocking_checks(results: list[Result], narrowed: list[str]) -> None:
    """Whatever the outcomes, GO means that all blocking checks ran and held, and at least one passed."""
    verdict = judge(results, narrowed)
    blocking = [r for r in results if r.blocking]
    bad = any(r.outcome in ("failed", "missing-input") for r in blocking)
    bad = bad or any(r.outcome == "error" for r in results)
    if verdict.word == GO:
        assert not narrowed
        assert not bad
        assert not any(r.unreachable for r in results)
        assert not any(r.outcome == "not-run" and r.applicable for r in blocking)
        assert any(r.outcome == "passed" for r in blocking)
    if bad or any(r.unreachable for r in results):
        assert verdict.word == NO_GO
    assert bool(verdict.reasons) is (bool(narrowed) or verdict.word == INCOMPLETE)
    assert judge(results[::-1], narrowed).word == verdict.word


@QUICK
@given(RESULTS, NARROWED, st.integers(0, 100))
def test_a_failure_is_always_no_go(results: list[Result], narrowed: list[str], place: int) -> None:
    """Whatever the other outcomes and the order, a failed blocking check is NO-GO."""
    results.insert(place, result("failed", "WH-02", environment="production"))
    assert judge(results, narrowed).word == NO_GO


@QUICK
@given(RESULTS, NARROWED, st.randoms(use_true_random=False))
def test_order_does_not_matter(results: list[Result], narrowed: list[str], random: Random) -> None:
    """The order of results changes neither verdict nor headline nor, apart from their order, the reasons."""
    first = judge(results, narrowed)
    random.shuffle(results)
    again = judge(results, narrowed)
    assert (again.word, again.headline, sorted(again.reasons)) == (
        first.word,
        first.headline,
        sorted(first.reasons),
    )


@QUICK
@given(RESULTS, NARROWED)
def test_a_waiver_is_no_better_than_a_pass(results: list[Result], narrowed: list[str]) -> None:
    """Waiving failures gives no better verdict than passing would, and NO-GO exactly if passing does."""
    failed = [r for r in results if r.blocking and r.outcome == "failed"]
    for one in failed:
        one.outcome = Outcome.WAIVED
    waived = judge(results, narrowed)
    for one in failed:
        one.outcome = Outcome.PASSED
    passed = judge(results, narrowed)
    ranks = [NO_GO, INCOMPLETE, GO]
    assert ranks.index(waived.word) <= ranks.index(passed.word)
    assert (waived.word == NO_GO) is (passed.word == NO_GO)


@QUICK
@given(RESULTS, st.just(["narrowed"]), st.lists(st.just("waiver"), max_size=1))
def test_a_part_is_never_go(results: list[Result], narrowed: list[str], waivers: list[str]) -> None:
    """A run of some checks is never GO, and is NO-GO if a waiver is invalid."""
    verdict = judge(results, narrowed, waivers)
    assert verdict.word != GO
    assert not waivers or verdict.word == NO_GO
