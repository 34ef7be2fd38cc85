"""The quality threshold: golden cases replayed against the swarm, which must answer them honestly."""

import math
from collections.abc import Callable

from pytest_caio import Environment, Mismatch, NotApplicable, cases, check, must, no
from pytest_caio.checks.words import word
from pytest_caio.gates.replay import Replay, ReplayFindings, golden_cases, golden_set, listed
from pytest_caio.gates.requirements import needs_baseline, needs_golden_set, needs_replay, needs_runner

GOLDEN = "Correct the golden set (`golden_set` of the profile's replay section): {wrong}."
QUALITY = (
    'Hand to the developer: "{missed} were not answered as expected: mend the agent, its tools or its sources." Then replay; do not '
    "release before."
)
MISSED = 'Hand to the developer: "The golden case {case} is missed: {wrong}."'
GROUND = (
    'Hand to the developer, today: "The agent claims what its sources do not say in {missed}: mend retrieval or the prompt." Then '
    "replay."
)
RUNNER = (
    "Start the runner by hand with one question, as `runner` and `cwd` of the profile's replay section say, and mend what it "
    "prints; it must answer with actual_output, tool_trace_log, rag_context_chunks and metadata as JSON."
)
RECORDED = (
    "Record the swarm's answer to each case of the golden set, with its `id`, in the file that `answers` of the profile's replay "
    "section names: actual_output, tool_trace_log, rag_context_chunks and metadata as JSON. Then run again."
)
AGAIN = "Run again when nobody writes to the golden set (`golden_set` of the profile's replay section)."
HONEST = (
    'Hand to the developer: "Have the runner answer from the question alone." Keep the golden set (`golden_set` of the profile) where '
    "the runner cannot read it."
)
FALLEN = 'Hand to the developer: "{missed} passed with the earlier release (`baseline` of the profile), and fail now: mend what changed."'


@check("RPL-01", wrong="The golden set is malformed, or has too few cases.", fix=GOLDEN)
@cases(needs_golden_set)
def test_golden_set_is_well_formed(environment: Environment) -> None:
    """The golden set is well formed and has enough cases."""
    problems = golden_set(environment).problems
    no("problems in the golden set", problems, wrong=word(problems[:1]))


@check("RPL-02", blocking=False, fix=MISSED)
@cases(golden_cases)
def test_golden_case(replay: ReplayFindings, case: str) -> None:
    """Each golden case is answered as expected."""
    result = replay.result
    if case not in replay.results:  # it was collected from what the file held then
        raise Mismatch("the case must be replayed", "the golden set was changed during the run", AGAIN)
    failed = "; ".join(one.why for one in replay.results[case] if not one.passed)
    told = f"{result.passed} of {result.asked} sample questions were answered as expected; {needed(result)} are needed. "
    must(not failed, "the answer must be as expected", f"{told}Missed: {case}, {failed}", wrong=failed)


def needed(result: Replay) -> int:
    """Return how many of the cases must pass for the threshold to be reached."""
    count = math.ceil(result.min_pass_rate * result.asked)
    # The product may be a little more than it should be, such as 55.00000000000001.
    return count - 1 if result.asked and (count - 1) / result.asked >= result.min_pass_rate else count


@check(
    "RPL-03",
    wrong="The pass rate does not reach the threshold, below which the build is blocked.",
    fix=QUALITY,
    fixes={"golden": GOLDEN},
)
@cases(needs_replay)
def test_pass_rate_is_enough(
    replay: ReplayFindings, environment: Environment, show_table: Callable[..., None]
) -> None:
    """The pass rate reaches the threshold, below which the build is blocked."""
    result = replay.result
    show_table("Scores of the golden set", ("case", "mean", "needed", "outcome"), result.scores)
    passed = sum(one.passed for one in result.cases)
    said = f"{passed} of {len(result.cases)} cases passed"
    missed = listed([one.id for one in result.cases if not one.passed])
    wanted = f"{result.min_pass_rate:.0%} of the cases must pass"
    usable(result)
    if result.block_build and len(result.unanswered) == len(result.cases) - passed:
        raise Mismatch(wanted, f"{said}; missed: {missed}; {unanswered(result)}", to_answer(environment))
    must(not result.block_build, wanted, f"{said}; missed: {missed}", missed=missed)


def usable(result: Replay) -> None:
    """Require that the golden set has a case to judge by."""
    wrong = "no case is usable"
    must(result.cases, "the golden set must have cases", wrong, "golden", wrong=wrong)


def to_answer(environment: Environment) -> str:
    """Return what to do where nothing is answered: a runner does, or answers were recorded."""
    section = environment.profile.replay
    return RECORDED if section is not None and section.answers else RUNNER


def unanswered(result: Replay) -> str:
    """Return how many cases got no answer, and why the first did not."""
    first = result.unanswered[0]
    return f"{len(result.unanswered)} got no answer, {first.id} because {first.failure}"


@check("RPL-04", wrong="An answer claims what its sources do not say.", fix=GROUND, fixes={"golden": GOLDEN})
@cases(needs_replay)
def test_answers_are_grounded(replay: ReplayFindings, environment: Environment) -> None:
    """No answer claims what its sources do not say."""
    result = replay.result
    usable(result)
    if len(result.unanswered) == len(result.cases):
        raise Mismatch("the cases must be answered", unanswered(result), to_answer(environment))
    if not any(answer.actual_output.strip() for answer in result.answers.values()):
        raise Mismatch("the cases must be answered", "every answer is empty", to_answer(environment))
    no("answers that claim what no source says", result.ungrounded, missed=listed(result.ungrounded))


@check("RPL-05", wrong="The runner is not shown to answer from the question alone.", fix=HONEST)
@cases(needs_runner)
def test_runner_is_honest(replay: ReplayFindings) -> None:
    """The runner answers from the question alone, without knowing what is expected."""
    honesty = replay.result.honesty
    if honesty.honest is None:
        raise Mismatch("the decoys must be answered", "; ".join(honesty.reasons), RUNNER)
    must(honesty.honest, "the runner must answer from the question alone", "; ".join(honesty.reasons))


@check("RPL-06", blocking=False, fix=FALLEN)
@cases(needs_baseline)
def test_no_case_fell(replay: ReplayFindings) -> None:
    """No case that passed with the baseline's answer fails now."""
    falls = replay.result.falls
    if not replay.result.compared:
        raise NotApplicable("no case of the golden set is passed by its earlier answer (baseline)")
    fallen = [f"{fall.id} ({fall.why})" for fall in falls or ()]
    no("cases that passed before and fail now", fallen, missed=listed([fall.id for fall in falls or ()]))
