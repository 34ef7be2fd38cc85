"""Every check has a fault that turns exactly it and its consequences red; without a fault nothing is red."""

from __future__ import annotations

import functools
import itertools
import json
import re
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from docs.checks_table import declared
from docs.detection import CAUSES, shown
from pytest_caio.reference.faults import AREAS, FAULTS, Fault
from tests.support.catalogue import BLOCKS, WAIVABLE
from tests.support.keeper import in_turn
from tests.support.plain_words import not_plain
from tests.support.proof_groups import APART, LEAKING_INTO, fault_groups, seed, touched
from tests.support.proof_runs import (
    CHECKOUT,
    DIFFERENT,
    ELSEWHERE,
    USUAL,
    Case,
    ask,
    prove_together,
    reds,
    run,
)
from tests.support.suite_runs import ASKING

SUITE = {check.id: check for check in declared(CHECKOUT / "acceptance")}
# OPS-04 sends the requests of OPS-05 and OPS-06 twice, a second apart.
WAITS = "--deselect=acceptance/test_operator.py::test_queue_is_fresh"
SEED = seed()
GROUPS = fault_groups(AREAS, SEED)


def prove(
    names: Sequence[str], folder: Path, *, narrowed: bool = False, turn: int | None = None
) -> dict[str, Any]:
    """Assert that faults of one deployment turn their checks and consequences red and no other check.

    A blocking check must fail, another one advise. The fix of each fault's first check says where to mend it.
    A `narrowed` run asks these checks alone, which does not show that no other turns red. With a `turn`, the
    other checks are asked with a part of their cases.
    """
    faults = [FAULTS[name] for name in names]
    own = {red for fault in faults for red in fault.reds}
    red = own.union(*(fault.consequences for fault in faults))
    suite = ASKING if "OPS-04" in own else (*ASKING, WAITS)
    everywhere = "RDY-10" in red  # it judges the responses of all checks
    if narrowed and not everywhere:
        suite = (*suite, "-k", " or ".join(sorted(red)))
    whole = red.union(*(LEAKING_INTO.get(name, ()) for name in names))
    status, evidence = ask(folder, faults=names, suite=suite, whole=whole, turn=turn)
    checks = {check["id"]: check for check in evidence["environments"][0]["checks"]}
    # A check that had nothing to judge because of a fault is not run, and so not red.
    changed = {
        i: check["outcome"]
        for i, check in checks.items()
        if check["outcome"] not in ("passed", "not-run", USUAL.get(i))
    }
    assert own <= checks.keys()
    assert not_plain(evidence) == []
    assert sorted(changed) == sorted(checks.keys() & red), reds(evidence)
    # Missing input would not be enough: a check that did not run does not detect the fault.
    assert {i: changed[i] for i in own} == {i: "failed" if BLOCKS[i] else "advised" for i in own}
    # A consequence may be a missing input, where the fault removes one.
    assert set(changed.values()) <= {"failed", "advised", "missing-input"}
    assert not [c for c in checks.values() for case in c["cases"] if case["outcome"] == "error"]
    assert [i for i in changed if not any(case["observed"] for case in checks[i]["cases"])] == []
    blocking = {i for i, outcome in changed.items() if BLOCKS[i] and outcome != "advised"}
    assert blocking <= {check for cause in evidence["causes"] for check in cause["checks"]} <= {*changed}
    for fault in faults:
        must_have_its_causes(fault, checks, evidence["causes"])
    must_be_in_order(evidence["causes"])
    # No cause mixes the checks of two faults.
    assert [
        c["checks"] for c in evidence["causes"] if not any(touched(f) >= {*c["checks"]} for f in faults)
    ] == []
    # A blocking check advises where it could not judge, for example a locked login.
    blocked = any(BLOCKS[i] and outcome != "advised" for i, outcome in changed.items())
    assert (evidence["verdict"], status) == (("NO-GO", 1) if blocked else ("INCOMPLETE", 0))
    return evidence


def must_be_in_order(causes: Sequence[Mapping[str, Any]]) -> None:
    """Assert the order of causes: missing inputs, the environment file, then by how many checks each has."""

    def rank(cause: Mapping[str, Any]) -> tuple[int, int]:
        if cause["sentence"].startswith("An input "):
            return (0, -len(cause["checks"]))
        door = cause["sentence"].startswith("Anyone gets in")  # ENV-11 may be part of it
        return (1 if cause["checks"][0].startswith("ENV-") and not door else 2, -len(cause["checks"]))

    ranks = [rank(cause) for cause in causes]
    assert ranks == sorted(ranks), [(cause["sentence"], cause["checks"]) for cause in causes]


def must_have_its_causes(
    fault: Fault, checks: Mapping[str, Any], causes: Sequence[Mapping[str, Any]]
) -> None:
    """Assert that a fault has one cause, whose action names its place, and those declared as separate.

    A fault that only leads to advice has none; the fix of its first check then names the place.
    """
    own = [cause for cause in causes if touched(fault) & {*cause["checks"]}]
    told = [(cause["checks"], cause["sentence"], cause["action"]) for cause in own]
    assert fault.place
    if own:
        first, *others = own
        assert fault.place in first["action"], (fault.name, told)
        assert len(others) == len(fault.separate), (fault.name, told)
        assert all(any(check in cause["checks"] for cause in others) for check in fault.separate), told
    else:
        assert fault.place in checks[fault.reds[0]]["fix"]


# By day half of the groups, in which each case of each check is asked; at night all.
BY_DAY = len(GROUPS) // 2
NUMBERS = [
    pytest.param(turn, id=f"{SEED}-{turn:02}", marks=[] if turn < BY_DAY else [pytest.mark.nightly])
    for turn in range(len(GROUPS))
]


@pytest.mark.parametrize("number", NUMBERS)
def test_faults_turn_their_checks_red(number: int, tmp_path: Path) -> None:
    """Faults of one deployment turn exactly their checks and consequences red, and fixes say where.

    All cases are asked of the checks that a fault of the group concerns. Of the others a group asks a part,
    and the groups together ask all: each case is asked beside dozens of faults that may not turn it red.
    """
    prove_together(GROUPS[number], functools.partial(prove, turn=number), tmp_path, may_hide=True)


@pytest.mark.nightly
@pytest.mark.parametrize("group", GROUPS, ids=[f"{SEED}-{number:02}" for number in range(len(GROUPS))])
def test_no_fault_of_a_group_hides_another(group: Sequence[str], tmp_path: Path) -> None:
    """The faults of a group are all seen together; those that cannot be are listed in APART."""
    prove_together(group, prove, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", FAULTS)
def test_fault_alone_turns_its_checks_red(name: str, tmp_path: Path) -> None:
    """A fault turns its checks and their consequences red and no other, and shows its documented cause."""
    evidence = prove([name], tmp_path)
    assert shown(FAULTS[name], evidence) == json.loads(CAUSES.read_text("utf-8"))[name]


@pytest.mark.nightly
@pytest.mark.parametrize(
    "pair", [pair for group in GROUPS for pair in itertools.pairwise(group)], ids=" and ".join
)
def test_two_faults_have_their_own_causes(pair: tuple[str, str], tmp_path: Path) -> None:
    """Two unrelated faults are told as the causes of each, in order, and nothing else is."""
    evidence = prove(pair, tmp_path, narrowed=True)
    own = sum(1 + len(FAULTS[name].separate) for name in pair)
    assert len(evidence["causes"]) <= own


@pytest.mark.nightly
def test_every_way_in_is_told_where_redis_is_down(tmp_path: Path) -> None:
    """Two ways past the guard to one path are told as these, though both end at a state that is missing."""
    evidence = prove(("static-in-query", "real-ip-believed", "redis-down"), tmp_path)
    assert len(evidence["causes"]) == 3


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.nightly) if case.longer else case for case in DIFFERENT],
    ids=lambda case: " ".join([*case.faults, *case.profile, *case.options]),
)
def test_fault_of_another_deployment_is_found(case: Case, tmp_path: Path) -> None:
    """Faults turn exactly their checks red on a deployment, or with a profile, other than the usual one.

    Among them is an SDK ≤ 0.5.18 with another signing key, with an empty one, and in dev mode: RDY-05.
    """
    how = {"faults": case.faults, "profile": case.profile, "suite": ASKING}
    status, evidence = ask(tmp_path, *case.options, **how, whole=case.reds, turn=DIFFERENT.index(case))
    assert set(reds(evidence)) == case.reds
    assert (evidence["verdict"], status) == ("NO-GO", 1)


@pytest.mark.parametrize(
    "names",
    [
        ("signature-without-secret", "inngest-empty-key", "bearer-empty", "answers-silent"),
        pytest.param(("empty-bearer", "answers-named-twice"), marks=pytest.mark.nightly),
        pytest.param(("credentials-refused",), marks=pytest.mark.nightly),
        pytest.param(("origin-twice", "credentials-unsaid"), marks=pytest.mark.nightly),
    ],
    ids=" and ".join,
)
def test_what_was_once_not_asked_is_asked(names: Sequence[str], tmp_path: Path) -> None:
    """A signature made with an empty key, a bare `Authorization: Bearer`, and CORS headers are asked.

    `Authorization: Bearer` with nothing after it opens nothing, CORS headers are neither twice nor missing on
    the answer itself, and credentials are allowed there.
    """
    wanted = {red for name in names for red in FAULTS[name].reds}
    suite = (*ASKING, "-k", " or ".join(wanted))
    _, evidence = ask(tmp_path, faults=names, suite=suite)
    assert reds(evidence).keys() == wanted


def test_no_fault_is_go(tmp_path: Path) -> None:
    """Without a fault nothing is red, the verdict is GO, and the catalogue's blocking checks block."""
    status, evidence = run(tmp_path)
    checks = evidence["environments"][0]["checks"]
    assert {c["id"]: c["outcome"] for c in checks if c["outcome"] != "passed"} == USUAL
    assert {c["id"]: c["blocking"] for c in checks} == BLOCKS
    assert (status, evidence["verdict"]) == (0, "GO")


def test_the_suite_is_the_catalogue() -> None:
    """The suite declares exactly the checks of the catalogue, blocking and waivable as it says."""
    assert {i: check.blocking for i, check in SUITE.items()} == BLOCKS
    assert {i for i, check in SUITE.items() if check.waivable} == WAIVABLE


def test_every_check_has_a_fault() -> None:
    """Every check of the suite has a fault that turns it red, or another test that does."""
    reached = {check for fault in FAULTS.values() for check in fault.reds}
    assert sorted(BLOCKS.keys() - reached - ELSEWHERE.keys()) == []


@pytest.mark.parametrize("check", ELSEWHERE)
def test_what_is_proved_elsewhere_is_named_there(check: str) -> None:
    """A check that no fault turns red is named in the tests that prove it."""
    place = CHECKOUT / ELSEWHERE[check]
    told = "".join(path.read_text("utf-8") for path in (place, *place.rglob("*.py")) if path.is_file())
    assert re.search(rf"\b{check}\b", told)


@pytest.mark.parametrize("seed", ["1", "2", "3", SEED])
def test_groups_are_sound(seed: str) -> None:
    """Each fault is in one group, without another of its file or another that turns one of its checks red."""
    groups = fault_groups(AREAS, seed)
    assert sorted(name for group in groups for name in group) == sorted(FAULTS)
    for group in groups:
        files = [file for file, area in enumerate(AREAS) for fault in area if fault.name in group]
        red = [check for name in group for check in touched(FAULTS[name])]
        assert len(set(files)) == len(files)
        assert len(set(red)) == len(red)
    assert groups == fault_groups(AREAS, seed)


def test_turns_of_the_groups_leave_no_case_out() -> None:
    """The groups of the day ask every case of every check, however many it has, and each asks one."""
    for count in range(1, 200):
        turns = [in_turn(range(count), turn) for turn in range(BY_DAY)]
        assert all(turns)
        assert {case for turn in turns for case in turn} == set(range(count))


@pytest.mark.parametrize(
    ("masked", "told"),
    [({"b"}, "b by itself: AssertionError"), ({"a", "c"}, "all are without one of: a, c\n")],
)
def test_a_group_names_what_fails(masked: set[str], told: str, tmp_path: Path) -> None:
    """A group that fails names what fails by itself too, or those that fail only together."""

    def fails(names: Sequence[str], folder: Path) -> None:
        assert folder.is_dir()
        assert not masked <= set(names)

    with pytest.raises(pytest.fail.Exception) as failure:
        prove_together("abcd", fails, tmp_path)
    assert told in str(failure.value)


def test_faults_kept_apart_exist() -> None:
    """APART names existing faults, and each is kept apart from existing faults or checks."""
    assert APART.keys() | LEAKING_INTO.keys() <= FAULTS.keys()
    assert {check for checks in LEAKING_INTO.values() for check in checks} <= BLOCKS.keys()
    assert {name for names in APART.values() for name in names} <= FAULTS.keys() | BLOCKS.keys()


def test_there_are_enough_faults() -> None:
    """There are at least ninety faults, each with a sentence of its own."""
    assert len(FAULTS) >= 90
    assert len({fault.says for fault in FAULTS.values()}) == len(FAULTS)


def test_what_a_fault_needs_is_said_in_few_words() -> None:
    """What stands unfolded under "What to change" is under sixty words, for half of the faults."""
    shown = json.loads(CAUSES.read_text("utf-8"))
    told = [" ".join([*shown[name], *touched(fault)]).split() for name, fault in FAULTS.items()]
    assert median(map(len, told)) < 60


def test_the_page_is_current() -> None:
    """docs/detection.md has the content that `python docs/detection.py` writes."""
    docs = CHECKOUT / "docs"
    assert (docs / "detection.md").read_text("utf-8") == runpy.run_path(str(docs / "detection.py"))["page"]()
