"""The replay gate: each way to miss the quality threshold turns its check red, and no other."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import pytest_caio.reference.golden as demo
from pytest_caio.commands.cli import main
from pytest_caio.environments.profiles import read_profiles
from pytest_caio.errors import InputError
from pytest_caio.gates.replay import ReplayFindings
from pytest_caio.outcomes import Mismatch
from pytest_caio.replay import RecordedRunner, load_golden, run_replay
from tests.support.gate_runs import Gate, ask_gate, gate_module, toml
from tests.support.places import CHECKOUT, SUPPORT

GOLDEN = Path(str(demo.__file__)).with_name("golden_set.json")
AGENT = "python -m pytest_caio.reference.golden.agent --lines"
CHECKS = tuple(f"RPL-0{n}" for n in range(1, 7))


def wayward(way: str, *ids: str) -> str:
    """Return the command of an agent that is led astray."""
    return f'python "{SUPPORT / "wayward_agent.py"}" {" ".join((way, *ids))}'


def profile(**section: object) -> Mapping[str, Mapping[str, object]]:
    """Return a profile whose replay is the demo's, save what is given."""
    usual = {
        "golden_set": str(GOLDEN),
        "runner": AGENT,
        "cwd": str(CHECKOUT),
        "protocol": "lines",
        "workers": 1,
    }
    kept = {key: value for key, value in {**usual, **section}.items() if value is not None}
    return {"": {"base_url": "http://127.0.0.1:9"}, "replay": kept}


def small(**section: object) -> Mapping[str, Mapping[str, object]]:
    """Return a profile whose golden set is small: the first twenty cases of the demo's, which all pass."""
    return profile(**{"golden_set": "small.json", "min_cases": 20, **section})


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo's agent answers, written by the command `replay`."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "profiles.toml").write_text(toml({"one": profile()}), "utf-8")
    path = folder / "answers.jsonl"
    options = ["--profiles", str(folder / "profiles.toml"), "--env", "one", "--write-baseline", str(path)]
    assert main(["replay", *options]) == 0
    return path


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, answers: Path) -> Gate:
    """One run of the gate for a profile of each kind."""
    folder = tmp_path_factory.mktemp("replay")
    cases = json.loads(GOLDEN.read_text("utf-8"))[:20]
    (folder / "small.json").write_text(json.dumps(cases), "utf-8")
    (folder / "twice.json").write_text(json.dumps([*cases, cases[0]]), "utf-8")
    (folder / "empty.json").write_text("[]", "utf-8")
    (folder / "wrapped.json").write_text(json.dumps({"cases": cases}), "utf-8")
    doubled = json.dumps(cases[1])[:-1] + ', "negative_constraints": []}'
    lines = [json.dumps(cases[0]), doubled, *map(json.dumps, cases[2:])]
    (folder / "doubled.jsonl").write_text("\n".join(lines), "utf-8")
    colons = [
        {**case, "expected_tools": [f"Gateway.execute:crm.{tool}" for tool in case["expected_tools"]]}
        for case in cases
    ]
    (folder / "colons.json").write_text(json.dumps(colons), "utf-8")
    first, *others = answers.read_text("utf-8").splitlines()
    (folder / "first.jsonl").write_text(first, "utf-8")
    said_nothing = [json.dumps({**json.loads(line), "actual_output": ""}) for line in (first, *others)]
    (folder / "hushed.jsonl").write_text("\n".join(said_nothing), "utf-8")
    (folder / "unreadable.jsonl").write_text("no answers\n", "utf-8")
    copier = SUPPORT / "copier.py"
    return ask_gate(
        "replay",
        folder,
        profiles={
            "healthy": profile(),
            "steady": small(baseline=str(answers)),
            "malformed": small(golden_set="twice.json"),
            "doubled": small(golden_set="doubled.jsonl", min_cases=19),
            "wrapped": small(golden_set="wrapped.json"),
            "lost": small(cwd="no-such-folder"),
            "few": small(min_cases=21),
            "empty": small(golden_set="empty.json", min_pass_rate=0.0),
            "dying": profile(runner=wayward("dies", "OUT-101", "OUT-102", "OUT-103"), baseline=str(answers)),
            "dead": small(runner='python -c "raise SystemExit(3)"'),
            "mute": small(runner=wayward("nothing", *(case["id"] for case in cases))),
            "silent": small(runner=wayward("nothing", "OUT-101")),
            "labelling": small(runner=wayward("labelling", "OUT-101")),
            "poor": profile(runner=wayward("nothing", "OUT-101", "OUT-102", "OUT-103")),
            "shapeless": small(runner=wayward("shapeless")),
            "unstartable": small(runner="./no-such-runner"),
            "colons": small(golden_set="colons.json", runner=wayward("colons")),
            "ungrounded": small(runner=wayward("ungrounded", "OUT-101")),
            "copier": small(runner=f'python "{copier}" id'),
            "recorded": small(runner=None, answers=str(answers)),
            "unrecorded": small(runner=None, answers="first.jsonl"),
            "hushed": small(runner=None, answers="hushed.jsonl"),
            "garbled": small(runner=None, answers="unreadable.jsonl"),
            "nothing": {"": {"base_url": "http://127.0.0.1:9"}},
            "absent": small(golden_set="not-there.json"),
            "unwritten": small(runner="python scripts/not_there.py"),
        },
        env={"COPIER_FILE": str(GOLDEN)},
    )


def test_healthy_replay_passes(gate: Gate) -> None:
    """An honest agent within its error budget passes, and its one miss is shown."""
    assert gate.apart("healthy") == {"RPL-02": "advised", "RPL-06": "not-run"}
    (check,) = [c for c in gate.environments["healthy"]["checks"] if c["id"] == "RPL-02"]
    assert len(check["cases"]) == 50
    assert [case["name"] for case in check["cases"] if case["outcome"] != "passed"] == ["OUT-144"]
    assert "constraints are met" in gate.observed("healthy", "RPL-02")
    assert gate.status == 1  # for the other profiles


@pytest.mark.parametrize(
    ("name", "red", "words"),
    [
        ("malformed", "RPL-01", "already used by an earlier case"),
        (
            "doubled",
            "RPL-01",
            "doubled.jsonl, line 2, the JSON is broken: not usable JSON: an object names a field",
        ),
        ("few", "RPL-01", "20 usable cases, at least 21 are needed"),
        ("dying", "RPL-03", "47 of 50 cases passed; missed: OUT-101, OUT-102, OUT-103"),
        ("poor", "RPL-03", "46 of 50 cases passed; missed: OUT-101, OUT-102, OUT-103, OUT-144"),
        ("ungrounded", "RPL-04", "OUT-101"),
        ("copier", "RPL-05", "it passed the decoy"),
    ],
)
def test_fault_turns_its_check_red(gate: Gate, name: str, red: str, words: str) -> None:
    """Each fault turns its blocking check red, and no other."""
    advised = ("advised", "not-run")
    assert gate.apart(name, *advised) == {red: "failed"}
    assert words in gate.observed(name, red)


def test_fallen_case_advises(gate: Gate) -> None:
    """A case that passed with the baseline's answer, as `replay` wrote it, and fails now is named."""
    assert gate.outcomes("steady")["RPL-06"] == "passed"
    assert gate.outcomes("dying")["RPL-06"] == "advised"
    assert "OUT-101" in gate.observed("dying", "RPL-06")
    assert gate.outcomes("copier")["RPL-06"] == "not-run"


def test_dead_runner_passes_nothing(gate: Gate) -> None:
    """A runner that never answers is below the threshold, and nothing is said to be grounded."""
    assert gate.outcomes("dead")["RPL-03"] == gate.outcomes("dead")["RPL-04"] == "failed"
    assert gate.outcomes("dead")["RPL-05"] == "failed"
    for check in ("RPL-03", "RPL-04", "RPL-05"):
        assert "(status 3)" in gate.observed("dead", check)
        assert "Start the runner by hand" in gate.fix("dead", check)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shapeless", "a shape that the suite does not know: it lacks actual_output"),
        ("unstartable", "the program './no-such-runner' was not found"),
        ("mute", "every answer is empty"),
    ],
)
def test_runner_that_gives_no_answer_is_told(gate: Gate, name: str, words: str) -> None:
    """A runner that does not start, or answers in another shape, or nothing, is told: nobody escalates it."""
    assert words in gate.observed(name, "RPL-04")
    assert "Escalate" not in gate.fix(name, "RPL-04")


def test_what_was_not_recorded_is_to_be_recorded(gate: Gate) -> None:
    """Where recorded answers lack a case, or all are empty, they are to be recorded: there is no runner."""
    assert "there is no recorded answer for this case" in gate.observed("unrecorded", "RPL-03")
    assert "every answer is empty" in gate.observed("hushed", "RPL-04")
    for fix in (gate.fix("unrecorded", "RPL-03"), gate.fix("hushed", "RPL-04")):
        assert "Record the swarm's answer to each case" in fix
        assert "Start the runner" not in fix


@pytest.mark.parametrize("name", ["silent", "labelling"])
def test_what_claims_nothing_is_within_the_error_budget(gate: Gate, name: str) -> None:
    """An answer that is empty, or a label alone, is a miss and claims nothing."""
    assert gate.apart(name, "not-run") == {"RPL-02": "advised"}
    assert "OUT-101" in gate.missed(name)


def test_tools_with_colons_are_tools(gate: Gate) -> None:
    """A golden set whose tools have colons in their names is passed as one whose tools have none."""
    assert gate.apart("colons", "not-run") == {}
    assert gate.missed("colons") == []


def test_nothing_replayed_passes_nothing(gate: Gate) -> None:
    """Without a usable case nothing passes, however low the threshold."""
    outcomes = gate.outcomes("empty")
    assert outcomes["RPL-01"] == outcomes["RPL-03"] == outcomes["RPL-04"] == "failed"
    assert "no case is usable" in gate.observed("empty", "RPL-03")


def test_another_form_of_the_set_is_told(gate: Gate) -> None:
    """Cases under a key are no golden set: RPL-01 says what the file is and what is wanted."""
    assert gate.outcomes("wrapped")["RPL-01"] == gate.outcomes("wrapped")["RPL-03"] == "failed"
    said = "wrapped.json, line 1: it is one object with the records under cases; keep that list alone"
    assert said in gate.observed("wrapped", "RPL-01")


def test_recorded_answers_prove_no_honesty(gate: Gate) -> None:
    """Recorded answers are judged, but whether they were honestly come by needs the runner."""
    assert gate.apart("recorded", "advised", "not-run") == {"RPL-05": "missing-input"}
    assert "runner of [recorded.replay]" in gate.observed("recorded", "RPL-05")


def test_answers_that_cannot_be_read_fail(gate: Gate) -> None:
    """A recording that cannot be read fails what is judged by it, and says where it is wrong."""
    assert gate.apart("garbled", "advised", "not-run") == {
        "RPL-03": "failed",
        "RPL-04": "failed",
        "RPL-05": "missing-input",
    }
    assert "unreadable.jsonl, line 1" in gate.observed("garbled", "RPL-03")


@pytest.mark.parametrize(
    ("name", "key"),
    [("nothing", "golden_set"), ("absent", "golden_set"), ("unwritten", "runner"), ("lost", "cwd")],
)
def test_lacking_input_is_named(gate: Gate, name: str, key: str) -> None:
    """Without golden set or runner the blocking checks are missing input, and name the profile's key."""
    lacking = (
        ("RPL-03", "RPL-04", "RPL-05") if key != "golden_set" else ("RPL-01", "RPL-03", "RPL-04", "RPL-05")
    )
    assert gate.apart(name, "advised", "not-run") == dict.fromkeys(lacking, "missing-input")
    assert f"{key} of [{name}.replay]" in gate.observed(name, "RPL-03")
    assert set(gate.outcomes(name)) == set(CHECKS)


def test_a_golden_set_that_changes_during_the_run_is_told() -> None:
    """A case that was collected, and is not in the golden set that was replayed, is no broken check."""
    judge: Callable[..., None] = inspect.unwrap(gate_module("replay").test_golden_case)
    found = ReplayFindings(run_replay(load_golden(GOLDEN), RecordedRunner({})))
    with pytest.raises(Mismatch, match="the golden set was changed during the run") as wrong:
        judge(found, "a case that was there before")
    assert "Run again when nobody writes to the golden set" in wrong.value.fix


def asked(log: Path) -> list[Any]:
    """Return the questions that a wayward agent noted."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def test_workers_share_one_replay(tmp_path: Path) -> None:
    """With workers the runner is asked each question once, and each result reaches the verdict."""
    log = tmp_path / "asked.jsonl"
    gate = ask_gate(
        "replay",
        tmp_path,
        "-n2",
        profiles={"one": profile(runner=wayward("honest"))},
        env={"WAYWARD_LOG": str(log)},
    )
    questions = [(question["id"], question["input_query"]) for question in asked(log)]
    assert len(questions) == len(set(questions)) == 50 + 11
    assert (gate.status, gate.apart("one", "not-run")) == (0, {"RPL-02": "advised"})


@pytest.mark.parametrize("narrowed", [("--plan",), ("--collect-only",), ("-k", "well_formed")])
def test_replay_runs_only_if_asked_for(tmp_path: Path, narrowed: tuple[str, ...]) -> None:
    """A plan, a collection, or a selection without a check of the answers starts no runner."""
    log = tmp_path / "asked.jsonl"
    gate = ask_gate(
        "replay",
        tmp_path,
        *narrowed,
        profiles={"one": profile(runner=wayward("honest"))},
        env={"WAYWARD_LOG": str(log)},
    )
    assert gate.status == 0, gate.shown
    assert not log.exists()


def test_run_that_ends_early_ends_the_runner(tmp_path: Path) -> None:
    """A run that stops at its first failure does not wait for a runner that hangs."""
    log = tmp_path / "asked.jsonl"
    gate = ask_gate(
        "replay",
        tmp_path,
        "-x",
        profiles={"one": profile(runner=wayward("idle"), min_cases=51)},
        env={"WAYWARD_LOG": str(log)},
    )
    assert gate.outcomes("one") == {"RPL-01": "failed"}
    assert gate.environments["one"]["verdict"] == "NO-GO"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("golden = 1", "line 3: [a.replay] unknown key golden; the keys are golden_set, runner, cwd"),
        ("min_pass_rate = 95", "line 3: [a.replay] the value must be 1 or less (key min_pass_rate)"),
        (
            'protocol = "http"',
            'line 3: [a.replay] the value has another form (key protocol); write "process" or "lines"',
        ),
        ("workers = 0", "line 3: [a.replay] the value must be 1 or more (key workers)"),
        ('runner = "a"\nanswers = "b"', "give runner or answers, not both"),
    ],
)
def test_section_that_cannot_be_used(tmp_path: Path, keys: str, words: str) -> None:
    """A section's error names the line, the section and the key."""
    path = tmp_path / "profiles.toml"
    path.write_text(f"[a]\n[a.replay]\n{keys}\n", "utf-8")
    with pytest.raises(InputError) as error:
        read_profiles(path)
    assert words in str(error.value)
