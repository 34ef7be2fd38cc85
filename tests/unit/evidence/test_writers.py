"""Each writer of evidence: its form, and what becomes of hostile text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from docs.evidence_schema import SCHEMA
from pytest_caio.evidence import completion, ctrf, jsonfile
from pytest_caio.evidence.github import append_summary, error_lines
from pytest_caio.evidence.junit import JunitReport
from pytest_caio.verdict.outcome import AdvisedBecause
from pytest_caio.verdict.record import CaseRecord, Record
from tests.support.ctrf import CTRF
from tests.support.places import CHECKOUT
from tests.support.records import HOSTILE, check, record

OUTCOMES = ("passed", "failed", "error", "missing-input", "waived", "advised", "not-run")
ALL = record(*(check(f"AUTH-0{n}", outcome) for n, outcome in enumerate(OUTCOMES)))
ACTIONS = {"GITHUB_ACTIONS": "true"}


def text_of(write: Callable[[Record, Path], str], of: Record, path: Path) -> str:
    """Return what a writer writes; assert that it is printable and has no trouble."""
    assert write(of, path) == ""
    text = path.read_text("utf-8")
    assert all(character.isprintable() or character in "\n\t" for character in text)
    return text


def test_the_schema_is_that_of_the_models() -> None:
    """docs/evidence.schema.json is made from the models: `python -m docs.evidence_schema` writes it."""
    assert SCHEMA.read_bytes() == jsonfile.schema()
    Draft202012Validator.check_schema(json.loads(jsonfile.schema()))


@pytest.mark.parametrize("text", ["as seen", HOSTILE], ids=["plain", "hostile"])
def test_json_follows_its_schema(tmp_path: Path, text: str) -> None:
    """The JSON is valid against the schema, and keeps every text as it was."""
    made = json.loads(text_of(jsonfile.write, record(check("AUTH-01", "failed", text)), tmp_path / "a.json"))
    Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(made)
    assert made["causes"][0]["action"] == f"fix {text}"


@pytest.mark.parametrize("text", ["as seen", HOSTILE], ids=["plain", "hostile"])
def test_ctrf_follows_its_schema(tmp_path: Path, text: str) -> None:
    """CTRF is valid against the specification's schema, and has the causes word for word."""
    of = record(check("AUTH-01", "failed", text), check("AUTH-02", "waived"), text=text)
    made = json.loads(text_of(ctrf.write, of, tmp_path / "a.ctrf.json"))
    Draft7Validator(CTRF).validate(made)
    (cause,) = made["results"]["extra"]["causes"]
    assert cause["sentence"] == of.causes[0].sentence


def test_ctrf_tells_outcomes_apart(tmp_path: Path) -> None:
    """Waived and advised are `other`, each with its own rawStatus; the summary counts every status."""
    made = json.loads(text_of(ctrf.write, ALL, tmp_path / "a.ctrf.json"))["results"]
    assert {test["rawStatus"]: test["status"] for test in made["tests"]} == {
        "passed": "passed",
        "failed": "failed",
        "error": "failed",
        "missing-input": "failed",
        "waived": "other",
        "advised": "other",
        "not-run": "skipped",
    }
    counts = [made["summary"][name] for name in ("tests", "passed", "failed", "skipped", "other", "pending")]
    assert counts == [7, 1, 3, 1, 2, 0]


def test_each_file_names_the_fix_of_the_case(tmp_path: Path) -> None:
    """CTRF and JUnit XML have the fix of each case, if it has one: not that of the check's worst case."""
    one = check("AUTH-01", "failed")
    one.cases[0].fix = "fix of this case"
    made = json.loads(text_of(ctrf.write, record(one), tmp_path / "a.ctrf.json"))["results"]
    assert made["tests"][0]["labels"]["fix"] == "fix of this case"
    suite = ElementTree.fromstring(text_of(JunitReport().write, record(one), tmp_path / "a.junit.xml"))
    told = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert told["fix"] == "fix of this case"
    one.cases[0].fix = ""
    made = json.loads(text_of(ctrf.write, record(one), tmp_path / "b.ctrf.json"))["results"]
    assert "fix" not in made["tests"][0]["labels"]
    suite = ElementTree.fromstring(text_of(JunitReport().write, record(one), tmp_path / "b.junit.xml"))
    assert [each for each in suite.iter("property") if each.get("name") == "fix"] == []


def test_ctrf_names_a_flake(tmp_path: Path) -> None:
    """A case that passed only on retry is flaky."""
    one = check("AUTH-01", "passed")
    one.cases = [CaseRecord("a::b", "", one.outcome, "", "", 1.0, [], retried="502, then 200")]
    made = json.loads(text_of(ctrf.write, record(one), tmp_path / "a.ctrf.json"))["results"]
    assert (made["tests"][0]["flaky"], made["summary"]["flaky"]) == (True, 1)


def labels(text: str) -> list[str]:
    """Return the labels of a completion message: what comes before a colon at the beginning of a line."""
    return [found[1] for line in text.splitlines() if (found := re.match(r"([A-Z][a-z ]+):", line))]


def test_completion_has_the_form_of_the_runbook(tmp_path: Path) -> None:
    """The message has the labels of the runbook's template in its order, and each cause with its action."""
    runbook = (CHECKOUT / "docs" / "runbook.md").read_text("utf-8")
    (template,) = re.findall(r"```text\n(CAIO .*?)```", runbook, re.DOTALL)
    text = text_of(completion.write, ALL, tmp_path / "run.completion.txt")
    assert labels(text) == labels(template)
    assert "- production: title of AUTH-01 as seen\n  you: fix as seen\n" in text
    assert "- AUTH-04 in production until 2026-03-01, Ann: late as seen\n" in text
    assert "Decision: Do not release.\n" in text


@pytest.mark.parametrize(
    ("verdict", "decision"), [("GO", "may go live"), ("INCOMPLETE", "is no release decision")]
)
def test_completion_says_what_is_decided(tmp_path: Path, verdict: str, decision: str) -> None:
    """The decision follows from the verdict alone."""
    text = text_of(completion.write, record(verdict=verdict), tmp_path / "run.completion.txt")
    assert decision in text.splitlines()[1]


def test_completion_leaves_out_what_there_is_nothing_of(tmp_path: Path) -> None:
    """Without causes, waivers in use or other reasons, the message does not name them."""
    alone = {"To put right", "Accepted for a limited time", "Reasons"}
    for of, kept in (
        (record(check("AUTH-01", "failed")), {"To put right"}),
        (record(check("AUTH-01", "waived"), verdict="GO"), {"Accepted for a limited time"}),
        (record(), {"Reasons"}),
    ):
        of.reasons = of.reasons if "Reasons" in kept else []
        text = text_of(completion.write, of, tmp_path / "run.completion.txt")
        assert set(labels(text)) & alone == kept
        assert "nothing" not in text


def test_completion_keeps_hostile_text_on_its_line(tmp_path: Path) -> None:
    """Text with line ends adds no line to the message."""
    plain = text_of(completion.write, record(check("AUTH-01", "failed")), tmp_path / "a")
    hostile = record(check("AUTH-01", "failed", HOSTILE), text=HOSTILE)
    text = text_of(completion.write, hostile, tmp_path / "b")
    assert len(text.splitlines()) == len(plain.splitlines())


def test_junit_is_valid_xml_with_hostile_causes(tmp_path: Path) -> None:
    """JUnit XML stays well formed, and has the causes in its properties."""
    junit = JunitReport()
    junit.pytest_sessionstart()
    of = record(check("AUTH-01", "failed", HOSTILE), text=HOSTILE)
    text = text_of(junit.write, of, tmp_path / "a.junit.xml")
    properties = ElementTree.fromstring(text).iter("property")
    cause = next(one.get("value", "") for one in properties if one.get("name") == "cause")
    assert "production: title of AUTH-01 a]]>" in cause
    assert "\n" not in cause


def test_junit_tells_outcomes_apart(tmp_path: Path) -> None:
    """A waived failure is a passed test with its waiver; advice and what was not run are skipped."""
    of = record(*(check(f"AUTH-0{n}", outcome) for n, outcome in enumerate(OUTCOMES)))
    of.environments[0].checks[OUTCOMES.index("waived")].waiver = ALL.waivers[0]
    (suite,) = ElementTree.fromstring(text_of(JunitReport().write, of, tmp_path / "a.junit.xml"))
    became, properties = {}, {}
    for case in suite.iter("testcase"):
        told = {one.get("name"): one.get("value", "") for one in case.iter("property")}
        became[told["outcome"]] = [child.tag for child in case if child.tag != "properties"]
        properties[told["outcome"]] = told
    assert became == {
        "passed": [],
        "failed": ["failure"],
        "error": ["error"],
        "missing-input": ["failure"],
        "waived": [],
        "advised": ["skipped"],
        "not-run": ["skipped"],
    }
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["7", "2", "1", "2"]
    assert properties["waived"]["waived"].startswith("waived until 2026-03-01 by Ann: late")
    assert "fix" not in properties["passed"]
    (advice,) = [one.get("message", "") for one in suite.iter("skipped") if "advises" in str(one.text)]
    assert advice.startswith("advises: ")


def test_junit_says_what_was_not_asked(tmp_path: Path) -> None:
    """What was not sent, since it would change something, does not advise: it was not asked."""
    unsent, left = check("OPS-02", "advised"), check("ENV-10", "not-run")
    unsent.cases[0].advised_because = AdvisedBecause.NEEDS_WRITES
    suite = ElementTree.fromstring(
        text_of(JunitReport().write, record(unsent, left), tmp_path / "a.junit.xml")
    )
    assert [one.get("message") for one in suite.iter("skipped")] == ["not asked: as seen"] * 2


def test_annotations_are_one_line_each() -> None:
    """There is an annotation for each of ten causes, escaped, each on its own line."""
    of = record(*(check(f"AUTH-{n}", "failed", HOSTILE[: 2**20 >> n]) for n in range(12)), text=HOSTILE[:999])
    found = error_lines(of, ACTIONS)
    assert len(found) == 10
    for line in found:
        assert line.isprintable()
        title, action = re.fullmatch(r"::error title=([^:,]*)::(.*)", line).groups()  # type: ignore[union-attr]
        assert title.startswith("production%3A title of AUTH-")
        assert "%250A" in action
    assert error_lines(of, {}) == []


def test_a_waiver_that_fails_the_run_is_annotated() -> None:
    """A NO-GO for a waiver alone has an annotation too, escaped as the others are."""
    of = record(check("AUTH-01", "waived"))
    of.waivers[0].problem = f"waiver 1: remove it{HOSTILE[:99]}"
    (line,) = error_lines(of, ACTIONS)
    assert line.startswith("::error title=A waiver fails this run::waiver 1: remove ita]]>")
    assert line.isprintable()
    assert "%250A" in line


def test_the_step_summary_is_appended(tmp_path: Path) -> None:
    """The summary is appended, its text without effect in Markdown, and is at most 1 MiB a step."""
    path = tmp_path / "summary.md"
    path.write_text("before\n", "utf-8")
    given = {"GITHUB_STEP_SUMMARY": str(path)}
    assert append_summary(record(check("AUTH-01", "failed")), given) == ""
    text = path.read_text("utf-8")
    assert text.startswith("before\n## CAIO acceptance of production: NO-GO\n")
    assert "| production | title of AUTH-01 as seen | fix as seen | you | AUTH-01 |\n" in text
    short = HOSTILE[:100]
    assert append_summary(record(check("AUTH-01", "failed", short), text=short), given) == ""
    added = path.read_text("utf-8").removeprefix(text)
    assert "<script>" not in added
    assert [line for line in added.splitlines() if line.startswith("::")] == []
    assert append_summary(record(check("AUTH-01", "failed", HOSTILE), text=HOSTILE), given) == ""
    assert path.stat().st_size <= 2**20
    assert "cut at 1 MiB" in path.read_text("utf-8")


def test_a_step_summary_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder in its place is told in one line; without the variable nothing is written."""
    assert "could not be written" in append_summary(ALL, {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert append_summary(ALL, {}) == ""


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Each writer says in one line that a folder has the name of its file, and leaves nothing else."""
    junit = JunitReport()
    junit.pytest_sessionstart()
    writers: list[Any] = [jsonfile.write, ctrf.write, completion.write, junit.write]
    (tmp_path / "taken").mkdir()
    for write in writers:
        told = write(ALL, tmp_path / "taken")
        assert "taken could not be written" in told
        assert "\n" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
