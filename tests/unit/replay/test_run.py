"""A whole replay: its figures, its recordings, and its comparison with a baseline."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pytest_caio.reference.golden as demo
from pytest_caio.errors import InputError
from pytest_caio.replay import (
    Answer,
    CommandRunner,
    GoldenSet,
    RecordedRunner,
    load_answers,
    load_golden,
    run_replay,
    save_answers,
)

Make = Callable[..., CommandRunner]


def test_recorded_answers_stand_in_for_a_runner(agent: Make, demo_set: GoldenSet, tmp_path: Path) -> None:
    """Answers that were saved give the same verdicts again, and leave honesty unknown."""
    first = run_replay(demo_set, agent())
    path = tmp_path / "answers.jsonl"
    save_answers(path, first.answers)
    second = run_replay(demo_set, RecordedRunner(load_answers(path)))
    assert [(r.id, r.judgement) for r in second.cases] == [(r.id, r.judgement) for r in first.cases]
    assert second.honesty.honest is None
    assert second.decoys == ()
    assert second.falls is None


def test_cases_that_fell_are_named(agent: Make, demo_set: GoldenSet) -> None:
    """A case that passed with its baseline answer and fails now is a fall; one that failed before is not."""
    before = run_replay(demo_set, agent(), decoys=False).answers
    now = dict(before)
    now["OUT-101"] = Answer("No idea.", (), ())
    del now["OUT-102"]
    replay = run_replay(demo_set, RecordedRunner(now), baseline=before)
    assert replay.falls is not None
    assert [fall.id for fall in replay.falls] == ["OUT-101", "OUT-102"]
    assert "there is no recorded answer" in replay.falls[1].why
    steady = replay.cases[2].judgement
    assert steady is not None
    assert steady.consistency.value == 5


def test_figures_and_order(demo_set: GoldenSet) -> None:
    """Pass rate, block_build and the groundedness failures follow from the cases, in their order."""
    text = "Entirely made up sentences about purple elephants."
    answers = {case.id: Answer(text, case.expected_tools, ()) for case in demo_set.cases[:2]}
    replay = run_replay(demo_set, RecordedRunner(answers))
    assert [result.id for result in replay.cases] == [case.id for case in demo_set.cases]
    assert (replay.pass_rate, replay.block_build) == (0.0, True)
    assert replay.ungrounded == ("OUT-101", "OUT-102")
    assert replay.cases[0].why.startswith("groundedness 1: 0 of 1 claims")
    assert not run_replay(demo_set, RecordedRunner({}), min_pass_rate=0).block_build


def test_a_failing_runner_fails_its_cases_alone(misfit: Make, demo_set: GoldenSet) -> None:
    """A runner that crashes on everything leaves a whole result: nothing passed, each with its reason."""
    few = msgspec.structs.replace(demo_set, cases=demo_set.cases[:3])
    replay = run_replay(few, misfit("crash"))
    assert replay.pass_rate == 0
    assert all("the model key is missing" in result.why for result in replay.cases)
    assert len(msgspec.json.encode(replay)) > 100  # evidence takes it as it is


def test_an_empty_set_blocks(misfit: Make, demo_set: GoldenSet) -> None:
    """No case passed is no pass rate: an empty set blocks, and nothing is asked."""
    replay = run_replay(msgspec.structs.replace(demo_set, cases=()), misfit("crash"))
    assert (replay.pass_rate, replay.block_build, replay.honesty.honest) == (0.0, True, None)


def test_a_rate_is_a_share(demo_set: GoldenSet) -> None:
    """A threshold given in percent is refused, with the valid range."""
    with pytest.raises(InputError, match="between 0 and 1"):
        run_replay(demo_set, RecordedRunner({}), min_pass_rate=95)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": "A"}', r"a\.jsonl, line 1: no recorded answer: .*actual_output"),
        ("nonsense", r"a\.jsonl, line 1: no recorded answer"),
        ("[{]", r"a\.jsonl, line 1: the JSON is broken"),
        (
            '{"id": "A", "actual_output": "", "tool_trace_log": [], "rag_context_chunks": []}\n' * 2,
            r"a\.jsonl, line 2, field id: already used",
        ),
    ],
)
def test_a_broken_recording_is_an_input_error(tmp_path: Path, text: str, said: str) -> None:
    """Recorded answers that cannot be read are named by file, line and field."""
    path = tmp_path / "a.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=said):
        load_answers(path)


def test_the_demo_agent_is_light_and_knows_no_case() -> None:
    """The agent imports small parts of the standard library and itself, and never opens the golden set."""
    folder = Path(str(demo.__file__)).parent
    allowed = {"__future__", "json", "math", "re", "sys", "collections.abc", "pathlib", "typing"}
    for source in folder.glob("*.py"):
        text = source.read_text("utf-8")
        assert "golden_set" not in text
        for node in ast.walk(ast.parse(text)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert all(name in allowed or name.startswith("pytest_caio.reference.golden") for name in names)


def test_perfect_answers_pass_all_cases(demo_set: GoldenSet) -> None:
    """Perfect answers to fifty cases pass all of them, also where the tools have colons in their names."""
    cases = tuple(
        msgspec.structs.replace(
            case, expected_tools=tuple(f"Gateway.execute:crm.{tool}" for tool in case.expected_tools)
        )
        for case in demo_set.cases
    )
    answers = {}
    for case in cases:
        text = "\n".join(case.positive_constraints)
        answers[case.id] = Answer(text, case.expected_tools, (text,))
    outcome = run_replay(msgspec.structs.replace(demo_set, cases=cases), RecordedRunner(answers))
    assert [(result.id, result.why) for result in outcome.cases if not result.passed] == []
    assert (len(outcome.cases), outcome.pass_rate, outcome.ungrounded) == (50, 1.0, ())


# What the contract's golden sets hold: questions, tools (also with colons), demands and bans.
TEXTS = st.text(min_size=1, max_size=40).filter(str.strip)
TOOLS = st.one_of(
    st.sampled_from(["Gateway.execute:crm.read_contact", "crm_lookup", "send(email)", "GET /leads"]), TEXTS
)
DEMANDS = st.one_of(
    st.sampled_from(["Must mention that 3 of 12 leads replied", "Does not promise a date", "Names Ada"]),
    TEXTS,
)
CASES = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXTS,
            "input_query": TEXTS,
            "expected_tools": st.lists(TOOLS, max_size=3),
            "positive_constraints": st.lists(DEMANDS, max_size=3),
            "negative_constraints": st.just(["Do not disclose the xylophone's whereabouts"]),
        }
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda case: case["id"],
)


@settings(max_examples=100, deadline=None, database=None)
@given(CASES, st.booleans())
def test_perfect_answers_pass_any_golden_set(
    tmp_path_factory: pytest.TempPathFactory, cases: list[dict[str, Any]], lines: bool
) -> None:
    """Perfect answers pass all cases of any golden set of the contract's form, an array or JSON lines."""
    path = tmp_path_factory.getbasetemp() / "golden"
    path.write_text("\n".join(map(json.dumps, cases)) if lines else json.dumps(cases), "utf-8")
    golden = load_golden(path)
    answers = {}
    for case in cases:
        text = "\n".join(case["positive_constraints"])
        answers[case["id"]] = Answer(text, tuple(case["expected_tools"]), (text,))
    replay = run_replay(golden, RecordedRunner(answers))
    assert (golden.problems, len(replay.cases)) == ((), len(cases))
    assert [(result.id, result.why) for result in replay.cases if not result.passed] == []


def test_a_baseline_of_nothing_compares_nothing(demo_set: GoldenSet) -> None:
    """Earlier answers of which none passed show no fall, and nothing was compared."""
    outcome = run_replay(demo_set, RecordedRunner({}), baseline={"OUT-101": Answer("", (), ())})
    assert (outcome.falls, outcome.compared, len(outcome.unanswered)) == ((), 0, 50)
