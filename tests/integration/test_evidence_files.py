"""The evidence files of real runs: the same causes in the same words, what changed, and the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from docs.evidence_schema import SCHEMA
from pytest_caio.evidence.ledger import read_ledger
from tests.support.ctrf import CTRF
from tests.support.suite_runs import Outcome, run_suite

CORS = ("acceptance/test_cors.py", "--fault=extra-method")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome, Path]:
    """Two runs of one gate with one ledger, the second broken and compared with the first, as in CI."""
    base = tmp_path_factory.mktemp("evidence")
    ledger = f"--ledger={base / 'ledger.jsonl'}"
    first = run_suite(CORS[0], ledger, folder=base / "first")
    around = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(base / "summary.md")}
    against = f"--against={first.evidence_path}"
    second = run_suite(*CORS, ledger, against, folder=base / "second", environment=around)
    assert (first.status, second.status) == (0, 1), second.stdout
    return first, second, base


def file(outcome: Outcome, ending: str) -> str:
    """Return the text of the evidence file with this ending."""
    (path,) = outcome.folder.glob(f"*Z{ending}")
    return path.read_text("utf-8")


def test_all_files_name_the_same_causes(runs: tuple[Outcome, Outcome, Path]) -> None:
    """Each file of a NO-GO has every cause of the JSON, its sentence and its action, word for word."""
    _, run, base = runs
    causes = run.evidence["causes"]
    assert causes
    ctrf = json.loads(file(run, ".ctrf.json"))
    suite = ElementTree.fromstring(file(run, ".junit.xml"))
    junit = [one.get("value", "") for one in suite.iter("property") if one.get("name") == "cause"]
    completion, summary = file(run, ".completion.txt"), (base / "summary.md").read_text("utf-8")
    annotations = [line for line in run.lines if line.startswith("::error title=")]
    assert ctrf["results"]["extra"]["causes"] == causes
    assert len(junit) == len(annotations) == len(causes)
    for cause, xml, annotation in zip(causes, junit, annotations, strict=True):
        for said in (cause["sentence"], cause["action"]):
            assert said in xml
            assert said in completion
            assert said in summary.replace("\\", "")
            assert said in annotation.replace("%2C", ",").replace("%3A", ":").replace("%25", "%")


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
    failed = sorted(check for check, outcome in run.checks.items() if outcome == "failed")
    assert since["run"] == first.evidence["run"]["id"]
    assert since["newly_failing"] == failed
    assert any(f"newly failing {', '.join(failed)}" in line for line in run.lines)
    assert first.evidence["since"] == []


def test_both_runs_are_in_the_ledger(runs: tuple[Outcome, Outcome, Path]) -> None:
    """The ledger has both runs, in order, with their outcomes."""
    ledger = read_ledger(runs[2] / "ledger.jsonl")
    assert ledger.fault == ""
    assert [one.run for one in ledger.entries] == [run.evidence["run"]["id"] for run in runs[:2]]
    assert ledger.entries[1].environments[0].outcomes == runs[1].checks
    assert not any(one.whole for one in ledger.entries)


def test_a_changed_ledger_is_told(tmp_path: Path) -> None:
    """A run with a ledger that was changed says so, keeps what is there, and adds itself."""
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(b'{"n":1}\n')
    done = run_suite(CORS[0], "-k", "wildcard", folder=tmp_path)
    assert done.status == 0, done.stdout
    (line,) = [line for line in done.lines if "was changed" in line]
    assert line == f"caio: {ledger}, line 1: was changed after it was written"
    assert ledger.read_bytes().startswith(b'{"n":1}\n{"run":')


@pytest.mark.parametrize("option", ["--against={}/none.json", "--ledger={}", "--ledger="])
def test_an_unusable_option_is_refused(tmp_path: Path, option: str) -> None:
    """An unusable --against or --ledger is refused in one line, before anything is sent."""
    done = run_suite(CORS[0], option.format(tmp_path), folder=tmp_path / "evidence")
    assert done.status == 4
    assert len(done.stderr.strip().splitlines()) == 1
    assert option.partition("=")[0] in done.stderr
