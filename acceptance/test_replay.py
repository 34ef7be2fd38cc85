"""The quality threshold: golden cases replayed against the swarm, which must answer them honestly."""

from collections.abc import Callable

from pytest_caio import Environment, Mismatch, NotApplicable, cases, check
from pytest_caio.gates.replay import Replay, ReplayFindings, golden_cases, golden_set
from pytest_caio.gates.requirements import needs_baseline, needs_golden_set, needs_replay, needs_runner

GOLDEN = "Mend the golden set (`golden_set` of the profile's replay section) where the message says; each case needs every field."
QUALITY = "Look at the cases that RPL-02 shows, mend the agent, its tools or its sources, and replay; do not release."
GROUND = "Escalate today: the agent claims what its sources do not say. Mend retrieval or the prompt for the cases named, then replay."
RUNNER = (
    "Start the runner by hand with one question, as `runner` and `cwd` of the profile's replay section say, and mend what it "
    "prints; it must answer with actual_output, tool_trace_log, rag_context_chunks and metadata as JSON."
)
HONEST = (
    "Have the runner (`runner` of the profile's replay section) answer from the question alone, and keep the golden set "
    "where it cannot read it."
)
FALLEN = "Compare these answers with the earlier release's (`baseline` of the profile's replay section), and mend what changed."


@check("RPL-01", fix=GOLDEN)
@cases(needs_golden_set)
def test_golden_set_is_well_formed(environment: Environment) -> None:
    """The golden set is well formed and has cases enough."""
    problems = golden_set(environment).problems
    assert not problems, f"{len(problems)} problems, the first: {problems[0]}"


@check("RPL-02", by="developer", blocking=False, fix=QUALITY)
@cases(golden_cases)
def test_golden_case(replay: ReplayFindings, case: str) -> None:
    """Each golden case is answered as expected; misses within the error budget are shown."""
    results = replay.results[case]
    failed = [result.why for result in results if not result.passed]
    assert not failed, "; ".join(failed)


@check("RPL-03", by="developer", fix=QUALITY)
@cases(needs_replay)
def test_pass_rate_is_enough(replay: ReplayFindings, show_table: Callable[..., None]) -> None:
    """The pass rate reaches the threshold, below which the build is blocked."""
    result = replay.result
    show_table("Scores of the golden set", ("case", "mean", "needed", "outcome"), result.scores)
    passed = sum(one.passed for one in result.cases)
    said = f"{passed} of {len(result.cases)} cases passed, and {result.min_pass_rate:.0%} must"
    missed = ", ".join(one.id for one in result.cases if not one.passed)
    assert result.cases, "no case is usable"
    if result.block_build and len(result.unanswered) == len(result.cases) - passed:
        raise Mismatch("answers", f"{said}; missed: {missed}; {unanswered(result)}", RUNNER)
    assert not result.block_build, f"{said}; missed: {missed}"


def unanswered(result: Replay) -> str:
    """Return how many cases got no answer, and why the first did not."""
    first = result.unanswered[0]
    return f"{len(result.unanswered)} got no answer, {first.id} because {first.failure}"


@check("RPL-04", by="developer", fix=GROUND)
@cases(needs_replay)
def test_answers_are_grounded(replay: ReplayFindings) -> None:
    """No answer claims what its sources do not say."""
    result = replay.result
    assert result.cases, "no case is usable"
    if len(result.unanswered) == len(result.cases):
        raise Mismatch("answers", unanswered(result), RUNNER)
    if not any(answer.actual_output.strip() for answer in result.answers.values()):
        raise Mismatch("answers", "every answer is empty", RUNNER)
    assert not result.ungrounded, f"ungrounded: {', '.join(result.ungrounded)}"


@check("RPL-05", by="developer", fix=HONEST)
@cases(needs_runner)
def test_runner_is_honest(replay: ReplayFindings) -> None:
    """The runner answers from the question alone: it passes no decoy and was handed no expectation."""
    honesty = replay.result.honesty
    if honesty.honest is None:
        raise Mismatch("answers to the decoys", "; ".join(honesty.reasons), RUNNER)
    assert honesty.honest, "; ".join(honesty.reasons)


@check("RPL-06", by="developer", blocking=False, fix=FALLEN)
@cases(needs_baseline)
def test_no_case_fell(replay: ReplayFindings) -> None:
    """No case that passed with the baseline's answer fails now."""
    falls = replay.result.falls
    if not replay.result.compared:
        raise NotApplicable("no case of the golden set is passed by its earlier answer (baseline)")
    assert falls == (), "fallen: " + ", ".join(f"{fall.id} ({fall.why})" for fall in falls or ())
