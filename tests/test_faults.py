"""Every fault of the reference deployment that a gate can see turns its checks red, and so the verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.reference.deployment import COMMIT
from pytest_caio.reference.faults import FAULTS

CHECKOUT = Path(__file__).resolve().parents[1]
DECLARED = re.compile(r'@check\(\s*"([A-Z]+-\d\d)"')
IDS = frozenset(
    check
    for module in (CHECKOUT / "acceptance").glob("test_*.py")
    for check in DECLARED.findall(module.read_text("utf-8"))
)
# What no fault of a deployment on loopback over http can turn red: it has neither certificate nor TLS; and
# what is judged without asking it, or of two environments, which tests/gates turns red.
ELSEWHERE = {
    *("ENV-10", "PACK-01"),
    *(f"STATE-0{n}" for n in range(1, 6)),
    *(f"RPL-0{n}" for n in range(1, 7)),
}
OUT_OF_REACH = {"RDY-11"} | ELSEWHERE
VISIBLE = sorted(name for name, fault in FAULTS.items() if IDS & set(fault.reds))


def run(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the suite on the reference deployment, and return its exit status and evidence."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "acceptance", "-q", "-p", "pytest_base_url.plugin"),
            *("-p", "no:cacheprovider", "--allow-writes", "--evidence-dir", str(folder), *arguments),
        ],
        cwd=CHECKOUT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    written = list(folder.glob("*.json"))
    assert written, done.stdout + done.stderr
    evidence: dict[str, Any] = json.loads(written[0].read_text("utf-8"))
    return done.returncode, evidence


@pytest.mark.parametrize("name", VISIBLE)
def test_fault_turns_its_checks_red(name: str, tmp_path: Path) -> None:
    """A fault turns at least the checks it names red, each with a fix, and a blocking one makes it NO-GO."""
    fault = FAULTS[name]
    # RDY-13 judges only where a commit is expected.
    expected = ["--expect-commit", COMMIT] if "RDY-13" in fault.reds else []
    status, evidence = run(tmp_path, "--fault", name, *expected)
    checks = {check["id"]: check for check in evidence["environments"][0]["checks"]}
    red = {i for i, check in checks.items() if check["outcome"] in ("failed", "advised")}
    assert set(fault.reds) & IDS <= red
    assert all(checks[i]["fix"] for i in red)
    assert not [c for c in checks.values() for case in c["cases"] if case["outcome"] == "error"]
    blocked = any(checks[i]["blocking"] for i in red)
    assert (evidence["verdict"], status) == (("NO-GO", 1) if blocked else ("GO", 0))


def test_no_fault_is_go(tmp_path: Path) -> None:
    """Without a fault nothing is red, and the verdict is GO."""
    status, evidence = run(tmp_path, "--expect-commit", COMMIT)
    outcomes = {check["id"]: check["outcome"] for check in evidence["environments"][0]["checks"]}
    assert {i for i, outcome in outcomes.items() if outcome != "passed"} == {
        "ENV-10",
        "RDY-11",
        "RPL-02",
        "RPL-06",
    }
    assert set(outcomes) == IDS
    assert (status, evidence["verdict"]) == (0, "GO")


def test_every_check_has_a_fault() -> None:
    """Every check of the suite has a fault that turns it red."""
    reached = {check for name in VISIBLE for check in FAULTS[name].reds}
    assert sorted(IDS - reached - OUT_OF_REACH) == []
