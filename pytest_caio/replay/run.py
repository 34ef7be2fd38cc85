"""One replay: send the golden set and decoys to a runner, judge the answers, compare with a baseline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Set

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.replay.answers import Answer, Answered, Question
from pytest_caio.replay.decoys import Trial, make_decoys, mingle
from pytest_caio.replay.golden import GoldenSet
from pytest_caio.replay.honesty import CaseResult, Honesty, assess_honesty
from pytest_caio.replay.judge import MEAN_NEEDED, judge
from pytest_caio.replay.runners import Runner

__all__ = ["Fall", "Replay", "result_of", "run_replay"]


class Fall(msgspec.Struct, frozen=True):
    """A regression: a case that passed with its baseline answer and fails now, and why."""

    id: str
    why: str


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome that the replay gate asserts on.

    `cases` are in the order of the golden set; `decoys` are separate and count in no figure. `pass_rate` is
    the share, 0 to 1, of the usable cases that passed, 0 if there are none; `block_build` is whether it is
    below `min_pass_rate`. `ungrounded` are the ids of cases that fail groundedness (each escalates the same
    day). `falls` are the regressions, None without a baseline, of the `compared` cases: those that pass with
    their baseline answer. `problems` are those of the golden set.
    """

    cases: tuple[CaseResult, ...]
    decoys: tuple[CaseResult, ...]
    pass_rate: float
    min_pass_rate: float
    block_build: bool
    ungrounded: tuple[str, ...]
    honesty: Honesty
    falls: tuple[Fall, ...] | None
    compared: int
    problems: tuple[str, ...]
    duration_s: float

    @property
    def scores(self) -> list[tuple[str, str, str, str]]:
        """For each case: id, mean score (1 to 5, 0 without an answer), mean needed, outcome."""
        return [
            (
                one.id,
                f"{one.judgement.mean if one.judgement else 0:.2f}",
                f"{MEAN_NEEDED:.2f}",
                "passed" if one.passed else "missed",
            )
            for one in self.cases
        ]

    @property
    def unanswered(self) -> tuple[CaseResult, ...]:
        """The cases that the runner did not answer."""
        return tuple(result for result in self.cases if result.answer is None)

    @property
    def answers(self) -> dict[str, Answer]:
        """The answers to the real cases by id, to be saved with `save_answers` as the next baseline."""
        return {result.id: result.answer for result in self.cases if result.answer is not None}


def run_replay(
    golden: GoldenSet,
    runner: Runner,
    *,
    min_pass_rate: float = 0.95,
    baseline: Mapping[str, Answer] | None = None,
    decoys: bool = True,
) -> Replay:
    """Send every usable case, decoys among them, to the runner, and judge the answers.

    `baseline` are an earlier release's answers by case id (`load_answers`): consistency is measured against
    them, and they are judged too, to find regressions. The duration is bounded only by the runner's timeouts.
    Raises InputError for a `min_pass_rate` outside 0 to 1; failures of the runner are results.
    """
    if not 0 <= min_pass_rate <= 1:
        raise InputError("replay.min_pass_rate: must be between 0 and 1")
    started = time.monotonic()
    before = baseline or {}
    # Recorded answers cannot answer newly made decoys.
    trials = mingle(golden.cases, make_decoys(golden.cases) if decoys and runner.command else [])
    exchanges = runner.ask([Question(trial.case.id, trial.case.input_query) for trial in trials])
    results = [result_of(trial, it, before) for trial, it in zip(trials, exchanges, strict=True)]
    cases = tuple(result for result in results if result.kind == "real")
    sound = {case.id for case in golden.cases if case.id in before and judge(case, before[case.id]).passed}
    pass_rate = sum(result.passed for result in cases) / len(cases) if cases else 0.0
    return Replay(
        cases=cases,
        decoys=tuple(result for result in results if result.kind != "real"),
        pass_rate=pass_rate,
        min_pass_rate=min_pass_rate,
        block_build=pass_rate < min_pass_rate,
        ungrounded=tuple(it.id for it in cases if it.judgement and not it.judgement.grounded),
        honesty=assess_honesty(results, command=runner.command, golden_set=golden.path),
        falls=None if baseline is None else _falls(sound, cases),
        compared=len(sound),
        problems=golden.problems,
        duration_s=round(time.monotonic() - started, 3),
    )


def result_of(trial: Trial, exchange: Answered, baseline: Mapping[str, Answer]) -> CaseResult:
    """Judge the outcome of one trial; `baseline` are earlier answers by id of the real case."""
    case, outcome = trial.case, exchange.outcome
    answer = outcome if isinstance(outcome, Answer) else None
    # A reworded decoy has its original's question, so it is compared with the original's baseline answer.
    earlier = baseline.get(case.id if trial.kind == "swapped" else trial.origin)
    judgement = judge(case, answer, earlier.actual_output if earlier else "") if answer else None
    return CaseResult(
        id=case.id,
        input_query=case.input_query,
        kind=trial.kind,
        origin=trial.origin,
        passed=judgement is not None and judgement.passed,
        judgement=judgement,
        answer=answer,
        failure="" if isinstance(outcome, Answer) else outcome.reason,
        handed=exchange.handed,
        duration_ms=exchange.duration_ms,
    )


def _falls(sound: Set[str], results: Iterable[CaseResult]) -> tuple[Fall, ...]:
    return tuple(
        Fall(result.id, result.why) for result in results if not result.passed and result.id in sound
    )
