"""The evidence files of real runs: the same causes in the same words, what changed, and the ledger."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from docs.evidence_schema import SCHEMA
from pytest_caio.commands.cli import main
from pytest_caio.evidence.ledger import read_ledger
from tests.support.ctrf import CTRF
from tests.support.suite_runs import SHORT, Deployment, Outcome, run_suite

CORS = "acceptance/test_cors.py"
# One for the operator, with a value, and one for the developer.
FAULTS = ("origin-missing", "refusal-redirects")
CHANGED = b'{"n":1}\n'  # no line that a run writes


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome, Path]:
    """Two runs with one ledger, to which a line was added by hand before.

    The first is of one gate. The second is complete and NO-GO, as in CI, and compared with the first.
    """
    base = tmp_path_factory.mktemp("evidence")
    path = base / "ledger.jsonl"
    path.write_bytes(CHANGED)
    healthy = Deployment(environment="demo")
    broken = Deployment(faults=FAULTS, environment="demo")
    with healthy.reference:
        first = run_suite(CORS, f"--ledger={path}", folder=base / "first", to=healthy)
    around = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(base / "summary.md")}
    against = f"--against={first.evidence_path}"
    options = (*SHORT, f"--ledger={path}", against)
    with broken.reference:
        second = run_suite(*options, folder=base / "second", to=broken, environment=around)
    assert (first.status, second.status) == (0, 1), second.stdout
    return first, second, base


def file(outcome: Outcome, ending: str) -> str:
    """Return the text of the evidence file with this ending."""
    (path,) = outcome.folder.glob(f"*Z{ending}")
    return path.read_text("utf-8")


def unescaped(markdown: str) -> str:
    """Return the text that Markdown shows: without escapes, and without what keeps an @ from mentioning."""
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", markdown).replace("@\u2060", "@")


def test_all_name_the_same_causes(
    runs: tuple[Outcome, Outcome, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is left by a complete NO-GO has each cause of the JSON, in its order, word for word."""
    _, run, base = runs
    assert {check for cause in run.evidence["causes"] for check in cause["checks"]} >= {"CORS-01", "AUTH-01"}
    name_the_same_causes(run, base / "summary.md", capsys)


@pytest.mark.nightly
def test_all_name_the_same_causes_of_the_whole_suite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for a NO-GO of the whole suite with more causes."""
    summary = tmp_path / "summary.md"
    around = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    faults = ("extra-method", "double-slash", "docs-served", "secret-short", "empty-signature")
    options = ("acceptance", *(f"--fault={name}" for name in faults))
    run = run_suite(*options, folder=tmp_path / "evidence", environment=around)
    assert (run.status, len(run.evidence["causes"]) >= len(faults)) == (1, True), run.stdout
    name_the_same_causes(run, summary, capsys)


def name_the_same_causes(run: Outcome, step: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that each place names each cause of the JSON, in its order; `step` is the step's summary."""
    assert run.evidence["verdict"] == "NO-GO"
    causes = run.evidence["causes"]
    assert {cause["who"] for cause in causes} == {"you", "developer"}
    to = ["attach", "--to", "github:acme/desk#7", "--dry-run", "--unverified", str(run.evidence_path)]
    assert main(to) == 0
    ctrf = json.loads(file(run, ".ctrf.json"))
    assert ctrf["results"]["extra"]["causes"] == causes
    suite = ElementTree.fromstring(file(run, ".junit.xml"))
    junit = [one.get("value", "") for one in suite.iter("property") if one.get("name") == "cause"]
    annotations = [line for line in run.lines if line.startswith("::error title=")]
    assert len(junit) == len(annotations) == len(causes)
    terminal = [line for line in run.verdict_lines() if not line.startswith("::error")]
    texts = {
        "the terminal": "\n".join(terminal),
        "the completion message": file(run, ".completion.txt"),
        "the step summary": unescaped(step.read_text("utf-8")),
        "the comment": unescaped(capsys.readouterr().out),
        "JUnit XML": "\n".join(junit),
        "the annotations": "\n".join(
            one.replace("%2C", ",").replace("%3A", ":").replace("%25", "%") for one in annotations
        ),
        "the report": html.unescape(re.sub(r"<[^>]+>", "", run.html)),
    }
    for place, text in texts.items():
        found = [(text.find(cause["sentence"]), text.find(cause["action"])) for cause in causes]
        assert -1 not in {at for both in found for at in both}, (place, found)
        assert found == sorted(found), place


def test_the_files_follow_their_schemas(runs: tuple[Outcome, Outcome, Path]) -> None:
    """JSON and CTRF of real runs are valid, and JUnit XML counts the tests and failures of the record."""
    for run in runs[:2]:
        Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(run.evidence)
        ctrf = json.loads(file(run, ".ctrf.json"))
        Draft7Validator(CTRF).validate(ctrf)
        (suite,) = ElementTree.fromstring(file(run, ".junit.xml"))
        counts = ctrf["results"]["summary"]
        assert (int(suite.get("tests", "")), int(suite.get("failures", ""))) == (
            counts["tests"],
            counts["failed"],
        )
        named = {one.get("value") for one in suite.iter("property") if one.get("name") == "check"}
        assert named == set(run.checks)


def test_what_changed_is_told(runs: tuple[Outcome, Outcome, Path]) -> None:
    """The run after says in terminal and JSON which checks fail newly since the run of --against."""
    first, run, _ = runs
    (since,) = run.evidence["since"]
    failed = sorted(check for check in first.checks if run.checks.get(check) == "failed")
    assert since["run"] == first.evidence["run"]["id"]
    assert since["newly_failing"] == failed
    assert any(f"newly failing {', '.join(failed)}" in line for line in run.lines)
    assert first.evidence["since"] == []


def test_both_runs_are_in_the_ledger(runs: tuple[Outcome, Outcome, Path]) -> None:
    """The ledger has both runs, in order, after the line that was added, which each run tells and keeps."""
    path = runs[2] / "ledger.jsonl"
    ledger = read_ledger(path)
    assert ledger.fault == f"{path}, line 1: was changed after it was written"
    assert path.read_bytes().startswith(CHANGED + b'{"run":')
    # The first run finds no .head beside the ledger either.
    for run, more in zip(runs[:2], (" (and 1 more)", ""), strict=True):
        assert [line for line in run.lines if "was changed" in line] == [f"caio: {ledger.fault}{more}"]
    assert [one.run for one in ledger.entries] == [run.evidence["run"]["id"] for run in runs[:2]]
    assert ledger.entries[1].environments[0].outcomes == runs[1].checks
    assert [one.whole for one in ledger.entries] == [False, True]


def test_an_unusable_option_is_refused(tmp_path: Path) -> None:
    """An unusable --against or --ledger is refused in one line, before anything is sent."""
    for option in ("--against={}/none.json", "--ledger={}", "--ledger="):
        done = run_suite(CORS, option.format(tmp_path), folder=tmp_path / "evidence")
        assert done.status == 4, option
        assert len(done.stderr.strip().splitlines()) == 1
        assert option.partition("=")[0] in done.stderr
