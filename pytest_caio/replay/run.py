"""One replay: send the golden set and decoys to a runner, judge the answers, compare with a baseline.

Answers are judged as they arrive. What a runner answers is judged in this process: where a runner runs, no
expectation is. Recorded answers are judged in the executor, if there is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.replay.answers import Answer, Answered, Question
from pytest_caio.replay.decoys import Trial, make_decoys, mingled
from pytest_caio.replay.figures import Figures, Tally
from pytest_caio.replay.golden import GoldenSet
from pytest_caio.replay.honesty import CaseResult
from pytest_caio.replay.judge import MEAN_NEEDED, Judgement, judge
from pytest_caio.replay.recorded import Passed, judge_recorded
from pytest_caio.replay.runners import RecordedRunner, Runner

__all__ = ["Replay", "replay_each", "result_of", "run_replay"]

_SCORED = 500  # cases whose scores the report shows


class Replay(Figures, frozen=True, kw_only=True):
    """The outcome that the replay gate asserts on: the figures, and every result.

    `cases` are in the order of the golden set; `decoys` are separate.
    """

    cases: tuple[CaseResult, ...]
    decoys: tuple[CaseResult, ...]

    @property
    def scores(self) -> list[tuple[str, str, str, str]]:
        """For at most 500 cases, misses first: id, mean (1 to 5, 0 unanswered), mean needed, outcome."""
        return [
            (
                one.id,
                f"{one.judgement.mean if one.judgement else 0:.2f}",
                f"{MEAN_NEEDED:.2f}",
                "passed" if one.passed else "missed",
            )
            for one in sorted(self.cases, key=lambda one: one.passed)[:_SCORED]
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
    executor: Executor | None = None,
) -> Replay:
    """Replay as `replay_each` does, and return the figures with every result."""
    results: dict[int, CaseResult] = {}
    figures = replay_each(
        golden,
        runner,
        results.__setitem__,
        min_pass_rate=min_pass_rate,
        baseline=baseline,
        decoys=decoys,
        executor=executor,
    )
    ordered = [results[place] for place in sorted(results)]
    return Replay(
        cases=tuple(result for result in ordered if result.kind == "real"),
        decoys=tuple(result for result in ordered if result.kind != "real"),
        **msgspec.structs.asdict(figures),
    )


def replay_each(
    golden: GoldenSet,
    runner: Runner,
    each: Callable[[int, CaseResult], None] | None = None,
    *,
    min_pass_rate: float = 0.95,
    baseline: Mapping[str, Answer] | None = None,
    decoys: bool = True,
    executor: Executor | None = None,
) -> Figures:
    """Send every usable case, decoys among them, to the runner, judge the answers, and count the results.

    `each` is called with every result as it arrives, and its place among all, and decides what is kept of it;
    nothing else is, save of misses and decoys. Without it, recorded answers are only counted. `baseline` are
    an earlier release's answers by case id (`load_answers`): consistency is measured against them, and they
    are judged too, to find regressions. Recorded answers are judged in the `executor`, if one is given; it is
    not shut down. The duration is bounded only by the runner's timeouts. Raises InputError for a
    `min_pass_rate` outside 0 to 1; failures of the runner are results.
    """
    if not 0 <= min_pass_rate <= 1:
        raise InputError("replay.min_pass_rate: must be between 0 and 1")
    started = time.monotonic()
    before = baseline or {}
    # Recorded answers cannot answer newly made decoys.
    made = make_decoys(golden.cases) if decoys and runner.command else []
    tally = Tally({decoy.origin for decoy in made})
    if isinstance(runner, RecordedRunner):
        with closing(
            judge_recorded(golden.cases, runner.answers, before, executor, whole=each is not None)
        ) as judged:
            for one in judged:
                if isinstance(one, Passed):
                    tally.count_passed(one.cases, sound=one.sound)
                    continue
                place, name, why, grounded, sound, kept = one
                tally.count(place, name, why, grounded=grounded, sound=sound)
                if each is not None and kept is not None:
                    each(place, kept)
    else:
        # Where a runner runs, no expectation may be: its answers are judged here.
        with closing(_exchanges(mingled(golden.cases, made), runner, before)) as exchanges:
            for result in map(_judged, exchanges):
                tally.add(result.place, result.result, sound=result.sound)
                if each is not None:
                    each(result.place, result.result)
    duration = time.monotonic() - started
    return tally.figures(golden, runner, min_pass_rate, compared=baseline is not None, duration=duration)


class _Exchange(msgspec.Struct, frozen=True):
    """One answered trial; `earlier` and `then` are the baseline's answers, to compare with and to judge."""

    place: int
    trial: Trial
    answered: Answered
    earlier: str
    then: Answer | None


class _Result(msgspec.Struct, frozen=True):
    """A result, and whether its case passed with its baseline answer."""

    place: int
    result: CaseResult
    sound: bool


def _exchanges(trials: Iterable[Trial], runner: Runner, before: Mapping[str, Answer]) -> Generator[_Exchange]:
    """Yield the outcome of each trial as it arrives; those that were asked and not answered are held."""
    waiting: dict[int, Trial] = {}

    def questions() -> Iterator[Question]:
        for place, trial in enumerate(trials):
            waiting[place] = trial
            yield Question(trial.case.id, trial.case.input_query)

    with closing(runner.arrivals(questions())) as arrivals:
        for place, answered in arrivals:
            yield _exchange(place, waiting.pop(place), answered, before)


def _exchange(place: int, trial: Trial, answered: Answered, before: Mapping[str, Answer]) -> _Exchange:
    # A reworded decoy has its original's question, so it is compared with the original's baseline answer.
    known = before.get(trial.case.id if trial.kind == "swapped" else trial.origin) if before else None
    then = known if trial.kind == "real" else None
    return _Exchange(place, trial, answered, known.actual_output if known else "", then)


def _judged(exchange: _Exchange) -> _Result:
    case, outcome = exchange.trial.case, exchange.answered.outcome
    judgement = judge(case, outcome, exchange.earlier) if isinstance(outcome, Answer) else None
    sound = exchange.then is not None and judge(case, exchange.then).passed
    return _Result(exchange.place, _result(exchange.trial, exchange.answered, judgement), sound)


def result_of(trial: Trial, exchange: Answered, baseline: Mapping[str, Answer]) -> CaseResult:
    """Judge the outcome of one trial; `baseline` are earlier answers by id of the real case."""
    return _judged(_exchange(0, trial, exchange, baseline)).result


def _result(trial: Trial, exchange: Answered, judgement: Judgement | None) -> CaseResult:
    outcome = exchange.outcome
    return CaseResult(
        id=trial.case.id,
        input_query=trial.case.input_query,
        kind=trial.kind,
        origin=trial.origin,
        passed=judgement is not None and judgement.passed,
        judgement=judgement,
        answer=outcome if isinstance(outcome, Answer) else None,
        failure="" if isinstance(outcome, Answer) else outcome.reason,
        handed=exchange.handed,
        duration_ms=exchange.duration_ms,
    )
