"""A run of only some checks is INCOMPLETE or NO-GO, never GO, and says so first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suite_runs import SHORT, Ask, Deployment, Outcome


@pytest.fixture(scope="module")
def one_gate(ask: Ask, deployment: Deployment) -> Outcome:
    """A run of one gate, selected by its marker."""
    return ask("acceptance", "-m", "cors", to=deployment)


def test_a_marker_is_incomplete(one_gate: Outcome) -> None:
    """A gate selected by its marker runs alone, is INCOMPLETE, and exits with 0."""
    assert one_gate.status == 0, one_gate.stdout
    assert one_gate.evidence["verdict"] == "INCOMPLETE"
    assert {check["gate"] for check in one_gate.evidence["environments"][0]["checks"]} == {"cors"}
    assert one_gate.lines[-1] == "INCOMPLETE"


def test_incompleteness_is_said_first(one_gate: Outcome) -> None:
    """Terminal, JSON and HTML say at their top that only a part was asked."""
    heading, decision, reason, *_ = one_gate.verdict_lines()
    assert "CAIO acceptance: INCOMPLETE" in heading
    assert decision == "This is no release decision."
    assert reason == "only a part was asked (-m cors)"
    assert any(line == reason for line in one_gate.evidence["reasons"])
    assert list(one_gate.evidence)[:3] == ["verdict", "headline", "reasons"]
    html = one_gate.html
    banner = html.index(">INCOMPLETE<")
    assert html.index("<body") < banner < html.index(reason, banner) < html.index('<table class="caio-gates')


@pytest.mark.parametrize(
    "selection",
    [
        ["acceptance", "-k", "near_misses"],
        ["acceptance/test_auth.py::test_status_needs_a_token"],
        ["acceptance/test_cors.py"],
        ["acceptance", "-m", "cors", "--deselect", "acceptance/test_cors.py::test_methods"],
        pytest.param(
            ["acceptance", "--deselect", "acceptance/test_auth.py::test_status_needs_a_token"],
            marks=pytest.mark.nightly,
        ),
    ],
    ids=["-k", "node id", "one file", "-m and --deselect", "--deselect"],
)
def test_other_narrowings(ask: Ask, deployment: Deployment, selection: list[str]) -> None:
    """A run of some checks, however they are selected, is INCOMPLETE with exit status 0 and a reason."""
    outcome = ask(*selection, to=deployment)
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout
    assert outcome.evidence["reasons"]
    assert outcome.evidence["environments"][0]["verdict"] == "INCOMPLETE"


def test_stopped_at_the_first_failure(ask: Ask, deployment: Deployment) -> None:
    """With -x a failure is NO-GO with exit status 1, and the evidence says that cases did not run."""
    outcome = ask("acceptance/test_auth.py", "-x", "--token=a-wrong-token-altogether", to=deployment)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert "did not run" in " ".join(outcome.evidence["reasons"])


GO_ON = "--continue-on-collection-errors"


@pytest.mark.parametrize(
    "arguments",
    [
        ["test_cors.py", "acceptance"],
        ["test_extra.py", "{file}", *SHORT, GO_ON],
        ["test_extra.py", "acceptance/test_extra.py", "acceptance/test_cors.py", GO_ON, "-n", "1"],
    ],
    ids=["a gate", "another file", "on workers"],
)
def test_collection_errors(
    ask: Ask, deployment: Deployment, installed: tuple[Path, ...], suite_copy: Path, arguments: list[str]
) -> None:
    """A file that cannot be collected prevents GO and exit status 0, even if the run goes on."""
    name, *options = arguments
    broken = suite_copy / "acceptance" / name
    broken.write_text("raise RuntimeError('broken')\n", "utf-8")
    given = [option.format(file=broken) for option in options]
    outcome = ask(*given, to=deployment, cwd=suite_copy, path=installed)
    assert outcome.status == (1 if GO_ON in options else 2), outcome.stdout
    assert outcome.evidence["verdict"] == "INCOMPLETE"
    assert outcome.lines[-1] == "INCOMPLETE"
    assert f"{name} could not be collected" in " ".join(outcome.evidence["reasons"])
