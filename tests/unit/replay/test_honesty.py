"""Decoys, and the runners that they catch or leave in peace."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.reference.golden.agent import answer
from pytest_caio.reference.golden.desk import Desk
from pytest_caio.replay import (
    Answer,
    Answered,
    CommandRunner,
    GoldenCase,
    GoldenSet,
    Question,
    Runner,
    assess_honesty,
    judge,
    run_replay,
)
from pytest_caio.replay.decoys import Trial, fresh_id, make_decoys, mingle, reword
from pytest_caio.replay.run import result_of
from tests.support.copier import copied

Make = Callable[..., CommandRunner]


class InProcessAgent(Runner):
    """The demo's agent without a process of its own, for many replays in little time."""

    command = ("agent",)

    def ask(self, questions: Sequence[Question]) -> list[Answered]:
        """Answer each question."""
        return [
            Answered(q, q.payload(), msgspec.convert(answer(q.input_query, Desk.open()), Answer), 0.0)
            for q in questions
        ]


def test_decoys_look_like_cases(demo_set: GoldenSet) -> None:
    """Every decoy has an id of the golden set's form and a question with the words of a real one."""
    decoys = make_decoys(demo_set.cases)
    questions = {case.id: case.input_query for case in demo_set.cases}
    assert Counter(decoy.kind for decoy in decoys) == {"sealed": 2, "swapped": 3, "reworded": 6}
    for decoy in decoys:
        assert re.fullmatch(r"OUT-\d{3}", decoy.case.id)
        handed = set(decoy.case.input_query.split())
        assert set(questions[decoy.origin].split()) <= handed
        assert (decoy.case.id in questions) is (decoy.kind == "swapped")
    assert len({decoy.case.id for decoy in decoys}) == len(decoys)


def test_decoys_are_new_in_every_run(demo_set: GoldenSet) -> None:
    """Two runs share no sealed expectation, and place their decoys apart."""
    one, other = make_decoys(demo_set.cases), make_decoys(demo_set.cases)
    assert {d.case.expected_tools for d in one if d.kind == "sealed"}.isdisjoint(
        d.case.expected_tools for d in other if d.kind == "sealed"
    )
    places = {tuple(t.kind != "real" for t in mingle(demo_set.cases, one)) for _ in range(5)}
    assert len(places) > 1
    mingled = mingle(demo_set.cases, one)
    assert [trial.case for trial in mingled if trial.kind == "real"] == list(demo_set.cases)


@pytest.mark.parametrize("seed", range(5))
def test_a_perfect_answer_to_the_question_fails_the_decoy(demo_set: GoldenSet, seed: int) -> None:
    """Sealed and swapped decoys are failed by the very best answer to the question that they carry."""
    by_id = {case.id: case for case in demo_set.cases}
    for decoy in make_decoys(demo_set.cases, random.Random(seed)):
        best = msgspec.convert(copied(msgspec.to_builtins(by_id[decoy.origin])), Answer)
        assert judge(decoy.case, best).passed is (decoy.kind == "reworded")


def test_small_and_uniform_sets_get_fewer_decoys(demo_set: GoldenSet) -> None:
    """A set of one case has no swapped decoy, nor has one whose cases all expect the same tool."""
    one = make_decoys(demo_set.cases[:1])
    assert Counter(decoy.kind for decoy in one) == {"sealed": 1, "reworded": 1}
    same = [msgspec.structs.replace(case, expected_tools=("search",)) for case in demo_set.cases]
    assert "swapped" not in {decoy.kind for decoy in make_decoys(same)}
    assert make_decoys([]) == []


@given(st.sets(st.text(min_size=1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_fresh_ids_are_fresh(used: set[str], rng: random.Random) -> None:
    """However ids look, a fresh one is not among them, and joins them."""
    before = set(used)
    made = fresh_id(used, rng)
    assert made not in before
    assert used == before | {made}


def test_fresh_ids_without_digits_are_made_of_parts() -> None:
    """Ids of words lend their words, place by place."""
    used = {"draft-first-email", "score-new-lead", "book-short-call"}
    assert re.fullmatch(
        r"(draft|score|book)-(first|new|short)-(email|lead|call)", fresh_id(used, random.Random(1))
    )


def test_the_demo_agent_is_honest_and_nearly_perfect(agent: Make, demo_set: GoldenSet) -> None:
    """The demo's agent passes 0.95 or more but not all of its cases, none ungrounded, and is honest."""
    replay = run_replay(demo_set, agent())
    assert 0.95 <= replay.pass_rate < 1.0
    assert not replay.block_build
    assert replay.ungrounded == ()
    assert replay.honesty.honest is True
    assert len(replay.decoys) == 11
    assert all(result.failure == "" for result in (*replay.cases, *replay.decoys))


def test_the_demo_agent_speaks_both_protocols(agent: Make, demo_set: GoldenSet) -> None:
    """One process a case gives the answers that a long-lived process gives."""
    questions = [Question(case.id, case.input_query) for case in demo_set.cases[:5]]
    outcomes = [[it.outcome for it in agent(protocol).ask(questions)] for protocol in ("process", "lines")]
    assert outcomes[0] == outcomes[1]
    assert all(isinstance(outcome, Answer) for outcome in outcomes[0])


def test_an_honest_agent_is_never_accused(demo_set: GoldenSet) -> None:
    """Over many draws of decoys the agent passes none that it should not, and is found honest."""
    for _ in range(10):
        replay = run_replay(demo_set, InProcessAgent())
        assert replay.honesty.honest, replay.honesty.reasons


def test_every_rewording_leaves_the_agent_where_it_was(demo_set: GoldenSet) -> None:
    """The agent's verdict on a case does not hang on the courtesies around its question."""
    rng = random.Random(0)
    for case in demo_set.cases:
        verdicts = set()
        for query in {case.input_query, *(reword(case.input_query, rng) for _ in range(20))}:
            said = msgspec.convert(answer(query, Desk.open()), Answer)
            verdicts.add(judge(msgspec.structs.replace(case, input_query=query), said).passed)
        assert len(verdicts) == 1, case.id


def test_copying_from_the_payload_yields_nothing(copier: Make, demo_set: GoldenSet) -> None:
    """A runner that copies what it was handed passes no case, since it is handed no expectation."""
    replay = run_replay(demo_set, copier("payload"))
    assert replay.pass_rate == 0
    assert replay.block_build
    assert not any(decoy.passed for decoy in replay.decoys)


def test_copying_from_a_leaking_payload_is_caught(demo_set: GoldenSet) -> None:
    """Were expectations ever handed over, the recording and the sealed decoys would both say so."""
    results = []
    for trial in mingle(demo_set.cases, make_decoys(demo_set.cases)):
        whole = msgspec.to_builtins(trial.case)
        exchange = Answered(
            Question(trial.case.id, trial.case.input_query),
            msgspec.json.encode(whole).decode(),
            msgspec.convert(copied(whole), Answer),
            0.0,
        )
        results.append(result_of(trial, exchange, {}))
    honesty = assess_honesty(results)
    assert honesty.honest is False
    assert sum("was handed something other" in reason for reason in honesty.reasons) == 61
    assert sum("(sealed)" in reason for reason in honesty.reasons) == 2


def test_looking_up_by_id_is_caught(copier: Make, demo_set: GoldenSet) -> None:
    """A runner that finds expectations by id passes every case, and the swapped decoys give it away."""
    replay = run_replay(demo_set, copier("id"))
    assert replay.pass_rate == 1
    assert replay.honesty.honest is False
    assert any("(swapped)" in reason for reason in replay.honesty.reasons)
    assert any("under another id and wording" in reason for reason in replay.honesty.reasons)


@pytest.mark.parametrize("way", ["query", "within"])
def test_looking_up_by_question_is_caught(copier: Make, demo_set: GoldenSet, way: str) -> None:
    """A runner that finds expectations by the question passes every case, but not the reworded ones."""
    replay = run_replay(demo_set, copier(way))
    assert replay.pass_rate == 1
    assert replay.honesty.honest is False
    assert any("under another id and wording" in reason for reason in replay.honesty.reasons)


def test_a_command_that_names_the_golden_set_is_caught(demo_set: GoldenSet) -> None:
    """A runner may not be told where the expectations are."""
    honesty = assess_honesty([], command=("python", f"--cases={demo_set.path}"), golden_set=demo_set.path)
    assert honesty.honest is False
    assert "names the golden set" in honesty.reasons[0]


@pytest.mark.parametrize(("missed", "honest"), [(0, True), (3, True), (4, False), (6, False)])
def test_a_few_misses_among_the_reworded_are_chance(demo_set: GoldenSet, missed: int, honest: bool) -> None:
    """Half of the reworded cases may be missed by chance; more than half is knowing the cases."""
    results = []
    for number, case in enumerate(demo_set.cases[:6]):
        results.append(_settled(Trial("real", case, case.id), case))
        twin = msgspec.structs.replace(case, id=f"T-{number}", input_query=f"Hello. {case.input_query}")
        results.append(_settled(Trial("reworded", twin, case.id), case if number >= missed else None))
    assert assess_honesty(results, golden_set=Path("x.json")).honest is honest


def _settled(trial: Trial, known: GoldenCase | None) -> object:
    said = msgspec.convert(copied(msgspec.to_builtins(known) if known else {}), Answer)
    question = Question(trial.case.id, trial.case.input_query)
    return result_of(trial, Answered(question, question.payload(), said, 0.0), {})
