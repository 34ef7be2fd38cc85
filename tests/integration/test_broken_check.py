"""A check whose own code raises: an error in the suite, on which no release may rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suite_runs import Ask, Deployment


@pytest.mark.parametrize(
    "change",
    [
        ("RDY-09", "response.must_answer(404)", "assert response.status == 404"),
        ("RDY-12", "sorted(answer.elapsed_ms", "sorted(answer.elapsed"),
        ("RDY-09", "@cases({path: get(path)", "@cases(lambda it: {path: get(it.path)"),
    ],
    ids=["blocking", "advisory", "cases"],
)
def test_a_check_that_breaks_is_no_go(
    change: tuple[str, str, str],
    ask: Ask,
    deployment: Deployment,
    installed: tuple[Path, ...],
    suite_copy: Path,
) -> None:
    """A check whose code raises is an error and NO-GO, blocking or advisory, in its function or in its cases.

    The error is shown, and the fix is to report it.
    """
    check, sound, broken = change
    gate = suite_copy / "acceptance" / "test_readiness.py"
    code = gate.read_text("utf-8")
    assert code.count(sound) == 1
    gate.write_text(code.replace(sound, broken), "utf-8")
    outcome = ask("acceptance/test_readiness.py", to=deployment, cwd=suite_copy, path=installed)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert {i: found for i, found in outcome.checks.items() if found == "error"} == {check: "error"}
    assert "the check itself broke: AttributeError" in outcome.shown
    assert "This is a fault of the suite, not of the deployment" in outcome.stdout


def test_an_input_that_cannot_be_used_is_no_fault_of_the_suite(
    ask: Ask, deployment: Deployment, installed: tuple[Path, ...], suite_copy: Path
) -> None:
    """A check that finds its input unusable, as a file that may not be read, lacks it: it did not break."""
    gate = suite_copy / "acceptance" / "test_readiness.py"
    code = gate.read_text("utf-8")
    raising = 'raise InputError("set.json: cannot be read (Permission denied)")'
    changed = code.replace("response.must_answer(404)", raising)
    gate.write_text(changed.replace("\n\n", "\n\nfrom pytest_caio.errors import InputError\n", 1), "utf-8")
    node = "acceptance/test_readiness.py::test_documents_are_off"
    outcome = ask(node, to=deployment, cwd=suite_copy, path=installed)
    assert outcome.checks == {"RDY-09": "missing-input"}, outcome.stdout + outcome.stderr
    assert "missing input: set.json: cannot be read (Permission denied)" in outcome.shown
    assert "broke" not in outcome.shown
