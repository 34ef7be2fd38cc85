"""The proof: every check has a fault that turns it red, exactly, and without a fault nothing is red."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from proof_runs import ASKING, CHECKOUT, DIFFERENT, ELSEWHERE, USUAL, Case, ask, reds, run

from pytest_caio.reference.faults import FAULTS

DECLARED = re.compile(r'@check\(\s*"([A-Z]+)-(\d\d)"')
IDS = frozenset(
    "-".join(declared)
    for module in (CHECKOUT / "acceptance").glob("test_*.py")
    for declared in DECLARED.findall(module.read_text("utf-8"))
)
# The catalogue: how many checks a gate has, and which of them advise; all others block.
CATALOGUE = {
    "ENV": (14, {7, 14}),
    "AUTH": (18, {14, 17, 18}),
    "WH": (12, {9, 10}),
    "RDY": (15, {12, 13, 14}),
    "CORS": (6, set[int]()),
    "STATE": (6, set[int]()),
    "RPL": (6, {2, 6}),
    "OPS": (10, {1, 2, 6, 8, 9}),
    "PACK": (1, set[int]()),
}
CATALOGUED = {
    f"{gate}-{n:02}": n not in advise
    for gate, (most, advise) in CATALOGUE.items()
    for n in range(1, most + 1)
}
# A run against a deployment that is not its own migrates nothing.
UNMIGRATED = {"STATE-05": "not-run"}
# OPS-04 asks twice, a second apart, what OPS-05 and OPS-06 ask too.
WAITS = "--deselect=acceptance/test_operator.py::test_queue_is_fresh"
VISIBLE = sorted(name for name, fault in FAULTS.items() if IDS & set(fault.reds))


@pytest.mark.parametrize("name", VISIBLE)
def test_fault_turns_its_checks_red(name: str, tmp_path: Path) -> None:
    """A fault turns its checks and their consequences red and no other, and its fix says where."""
    fault = FAULTS[name]
    suite = ASKING if "OPS-04" in fault.reds else (*ASKING, WAITS)
    if "STATE-05" in fault.reds + fault.consequences:  # the run itself migrates the demo's state alone
        status, evidence = run(tmp_path, f"--fault={name}", suite=suite)
    else:
        status, evidence = ask(tmp_path, fault=name, suite=suite)
    checks = {check["id"]: check for check in evidence["environments"][0]["checks"]}
    changed = {
        i: check["outcome"]
        for i, check in checks.items()
        if check["outcome"] not in ("passed", USUAL.get(i), UNMIGRATED.get(i))
    }
    assert sorted(changed) == sorted(checks.keys() & {*fault.reds, *fault.consequences})
    # Red, which is more than not asked: a check that did not run says nothing of the fault.
    own = {i: changed[i] for i in changed if i in fault.reds}
    assert own == {i: "failed" if CATALOGUED[i] else "advised" for i in own}
    # Where a fault takes an input away, who needed it says so, and blocks.
    assert set(changed.values()) <= {"failed", "advised", "missing-input"}
    assert not [c for c in checks.values() for case in c["cases"] if case["outcome"] == "error"]
    first = next(red for red in fault.reds if red in IDS)
    assert fault.place
    assert fault.place in checks[first]["fix"]
    blocked = any(CATALOGUED[i] for i in changed)
    assert (evidence["verdict"], status) == (("NO-GO", 1) if blocked else ("INCOMPLETE", 0))


@pytest.mark.parametrize(
    "case", DIFFERENT, ids=lambda case: f"{case.fault} {case.profile}{' '.join(case.options)}"
)
def test_fault_of_another_deployment_is_found(case: Case, tmp_path: Path) -> None:
    """A fault is found as exactly where the deployment, or what its profile expects, is not the usual one."""
    status, evidence = ask(tmp_path, *case.options, fault=case.fault, profile=case.profile, suite=ASKING)
    assert set(reds(evidence)) == case.reds
    assert (evidence["verdict"], status) == ("NO-GO", 1)


def test_no_fault_is_go(tmp_path: Path) -> None:
    """Without a fault nothing is red, the verdict is GO, and checks block as the catalogue says."""
    status, evidence = run(tmp_path)
    checks = evidence["environments"][0]["checks"]
    assert {c["id"]: c["outcome"] for c in checks if c["outcome"] != "passed"} == USUAL
    assert {c["id"]: c["blocking"] for c in checks} == {i: CATALOGUED[i] for i in IDS}
    assert (status, evidence["verdict"]) == (0, "GO")


def test_the_suite_is_the_catalogue() -> None:
    """Each gate of the suite declares the catalogue's checks, none missing and none besides."""
    gates = {i.partition("-")[0] for i in IDS}
    assert sorted(IDS) == sorted(i for i in CATALOGUED if i.partition("-")[0] in gates)


def test_every_check_has_a_fault() -> None:
    """Every check of the suite has a fault that turns it red, or a test of its own that says so."""
    reached = {check for name in VISIBLE for check in FAULTS[name].reds}
    assert sorted(IDS - reached - set(ELSEWHERE)) == []


@pytest.mark.parametrize("check", ELSEWHERE)
def test_what_is_proved_elsewhere_is_named_there(check: str) -> None:
    """A check that no fault turns red stands in the tests that are said to prove it."""
    place = CHECKOUT / ELSEWHERE[check]
    told = "".join(path.read_text("utf-8") for path in (place, *place.rglob("*.py")) if path.is_file())
    assert re.search(rf"\b{check}\b", told)


def test_there_are_faults_enough() -> None:
    """There are ninety faults or more that the suite sees, each said in its own words."""
    assert len(VISIBLE) >= 90
    assert len({FAULTS[name].says for name in VISIBLE}) == len(VISIBLE)


def test_the_page_is_current() -> None:
    """docs/detection.md is what `python docs/detection.py` writes."""
    docs = CHECKOUT / "docs"
    assert (docs / "detection.md").read_text("utf-8") == runpy.run_path(str(docs / "detection.py"))["page"]()
