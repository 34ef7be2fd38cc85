"""Reading golden sets: both forms, and every way in which one can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.errors import InputError
from pytest_caio.replay import GoldenSet, load_golden

CASE: dict[str, Any] = {
    "id": "A-1",
    "input_query": "Who is Dana?",
    "expected_tools": ["crm_lookup"],
    "positive_constraints": ["Names the company"],
    "negative_constraints": ["Do not guess"],
}


def test_the_demo_set_is_well_formed(demo_set: GoldenSet) -> None:
    """The demo's golden set has 50 cases and no problem."""
    assert (len(demo_set.cases), demo_set.problems) == (50, ())


def test_lines_read_as_the_array_does(demo_set: GoldenSet, demo_path: Path, tmp_path: Path) -> None:
    """The same cases as JSON lines, with a byte order mark, CRLF and blank lines, give the same set."""
    cases = json.loads(demo_path.read_text("utf-8"))
    lines = tmp_path / "set.jsonl"
    lines.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(map(json.dumps, cases)).encode())
    assert load_golden(lines, 50).cases == demo_set.cases
    assert not load_golden(lines, 50).problems


def test_further_fields_are_passed_over(tmp_path: Path) -> None:
    """A baseline as text or as an object, metadata of any shape and unknown fields do no harm."""
    path = tmp_path / "set.json"
    extra = {"metadata": [1], "owner": "ops", "baseline": {"actual_output": "earlier"}}
    path.write_text(json.dumps([CASE | extra, CASE | {"id": "A-2", "baseline": "text"}]), "utf-8")
    golden = load_golden(path)
    assert not golden.problems
    assert [case.baseline_text for case in golden.cases] == ["earlier", "text"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 7}, "field id: Expected `str`, got `int`"),
        ({"id": " "}, "field id: is blank"),
        ({"input_query": ""}, "field input_query: is blank"),
        ({"input_query": None}, "field input_query: Expected `str`"),
        ({"expected_tools": "crm_lookup"}, "field expected_tools: Expected `array`"),
        (
            {"positive_constraints": ["x", 1]},
            "field positive_constraints: Expected `str`, got `int` - at `$[1]`",
        ),
        ({"negative_constraints": ["x", ""]}, "field negative_constraints: entry 2 is blank"),
        ({"expected_tools": [], "positive_constraints": [], "negative_constraints": []}, "expects nothing"),
    ],
)
@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_wrong_field_is_named(tmp_path: Path, form: str, change: dict[str, Any], said: str) -> None:
    """A field at fault is named with its file and case or line, and the sound case is still there."""
    path = tmp_path / "set.json"
    cases = [CASE, CASE | {"id": "A-2"} | change]
    path.write_text(json.dumps(cases) if form == "array" else "\n".join(map(json.dumps, cases)), "utf-8")
    golden = load_golden(path)
    (problem,) = golden.problems
    assert problem.startswith("set.json, case 2" if form == "array" else "set.json, line 2")
    assert said in problem
    assert [case.id for case in golden.cases] == ["A-1"]


def test_every_field_at_fault_is_named(tmp_path: Path) -> None:
    """A case with two faults has two problems, not the first of them."""
    path = tmp_path / "set.json"
    path.write_text(
        json.dumps([{"id": 1, "input_query": "x", "expected_tools": [], "positive_constraints": []}]), "utf-8"
    )
    problems = load_golden(path, 0).problems
    assert [p.split(", field ")[1] for p in problems] == [
        "id: Expected `str`, got `int`",
        "negative_constraints: is missing",
    ]


def test_an_id_is_used_once(tmp_path: Path) -> None:
    """A second case with the same id is a problem that names the id."""
    path = tmp_path / "set.json"
    path.write_text(json.dumps([CASE, CASE]), "utf-8")
    assert load_golden(path).problems == (
        'set.json, case 2 ("A-1"), field id: already used by an earlier case',
    )


def test_too_few_cases_are_a_problem(tmp_path: Path) -> None:
    """A set with fewer usable cases than asked for says how many it has."""
    path = tmp_path / "set.json"
    path.write_text(json.dumps([CASE]), "utf-8")
    assert load_golden(path, 50).problems == ("set.json: 1 usable cases, at least 50 are needed",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'[\n{"id": "A"},\n{"id": ]', "set.json, line 3: the JSON is broken"),
        (b"[" * 50_000, "the JSON is broken"),
        (b'{"id": "A"', "line 1, the JSON is broken"),
        (b"[1]", "case 1, expected an object"),
        (b'[{"id": "\xff"}]', "set.json, "),
        (b"", "0 usable cases"),
    ],
)
def test_broken_files_are_problems(tmp_path: Path, text: bytes, said: str) -> None:
    """Broken JSON is a problem with its line, never an exception."""
    path = tmp_path / "set.json"
    path.write_bytes(text)
    golden = load_golden(path)
    assert said in golden.problems[0]
    assert golden.cases == ()


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """A golden set that is not there is input that cannot be used."""
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        load_golden(tmp_path / "none.json")
