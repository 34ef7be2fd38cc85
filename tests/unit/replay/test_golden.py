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
        ({"id": 7}, "field id: must be text, and is a whole number"),
        ({"id": " "}, "field id: is blank"),
        ({"input_query": ""}, "field input_query: is blank"),
        ({"input_query": None}, "field input_query: must be text, and is nothing"),
        ({"expected_tools": "crm_lookup"}, "field expected_tools: must be an array, and is text"),
        (
            {"positive_constraints": ["x", 1]},
            "field positive_constraints: entry 2 must be text, and is a whole number",
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
        "id: must be text, and is a whole number",
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
        (b"[" * 50_000, "set.json: the JSON is broken: it is nested too deeply"),
        (b'{"id": "A"', "line 1, the JSON is broken"),
        (b"[1]", "case 1, expected an object with id and input_query, and it is a whole number"),
        (b"[null]", "case 1, expected an object with id and input_query, and it is nothing"),
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


@pytest.mark.parametrize("form", ["lines", "array"])
@pytest.mark.parametrize("field", ["negative_constraints", "id", "baseline"])
def test_a_field_twice_is_a_problem(tmp_path: Path, form: str, field: str) -> None:
    """A golden case with `negative_constraints` twice, the second empty, is an error, as any field."""
    whole = {**CASE, "baseline": "before"}
    text = json.dumps(whole)[:-1] + f', "{field}": {json.dumps(type(whole[field])())}}}'
    path = tmp_path / "set.json"
    path.write_text(f"[{text}]" if form == "array" else text, "utf-8")
    golden = load_golden(path)
    assert "an object names a field twice" in golden.problems[0]
    assert golden.problems[0].startswith("set.json, ")
    assert golden.cases == ()


LINES = f"{json.dumps(CASE)}\n{json.dumps({**CASE, 'id': 'A-2'})}\n"
FORMS = {
    "under a key": (
        json.dumps({"version": 1, "cases": [CASE]}).encode(),
        "line 1: it is one object with the records under cases; keep that list alone; write one list",
    ),
    "under a key, indented": (json.dumps({"cases": [CASE]}, indent=2).encode(), "the records under cases"),
    "one case over several lines": (json.dumps(CASE, indent=2).encode(), "one object, over several lines"),
    "a comment first": (f"// golden set\n[{json.dumps(CASE)}]".encode(), "line 1: this is a comment"),
    "a comment in the list": (b"[\n# first\n{}]", "line 2: the JSON is broken: this is a comment"),
    "UTF-16": (json.dumps([CASE]).encode("utf-16"), "set.json: is UTF-16; save it as UTF-8"),
    "UTF-16 without a mark": (LINES.encode("utf-16-le"), "set.json: is UTF-16; save it as UTF-8"),
    "Latin-1": (b'[\n{"id": "\xe9"}]', "set.json, line 2: is not UTF-8 text"),
    "a trailing comma": (f"[{json.dumps(CASE)},\n]".encode(), "line 1: the JSON is broken: a comma stands"),
    "a comma before the end": (b"[{},]", "line 1: the JSON is broken: a comma stands before the end"),
    "a comma, two lines above the end": (b"[\n{},\n{}, \n\n]", "line 3: the JSON is broken: a comma stands"),
    "a comma before a brace": (b'[{"id": "A",\n}]', "the JSON is broken: a comma stands before the end"),
    "an empty list": (b"[]", "set.json: 0 usable cases, at least 1 are needed"),
    "YAML": (b"- id: A-1\n  input_query: What?\n", "line 1: no line of it is JSON; write one list"),
    "a NUL": (b'[{"id": "A"},\n"\0"]', "set.json, line 2: has a NUL character"),
    "single quotes": (b"[{'id': 'A'}]", "line 1: the JSON is broken: a name in double quotes is expected"),
    "cut off": (json.dumps([CASE])[:-9].encode(), "line 1: the JSON is broken: a text does not end"),
    "wrong type, then broken": (b'{"id": 1, ]', "the JSON is broken"),
    "half a character": (b'[{"id": "\\ud83d"}]', "the JSON is broken"),
    "half a character, and no list": (b'{"id": [], "expected_tools": "\\ud800"}', "field id: must be text"),
    "a number out of range": (b'{"id": 1e999}', "field id: must be text"),
    "a number alone": (b"1e999", "expected an object with id and input_query"),
    "a list, with half a character": (b'{}\n["\\ud800"]', "field id: is missing"),
    "a long number": (b'{"id": %s}' % (b"9" * 4301), "a number has too many digits"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_another_form_is_told(tmp_path: Path, name: str) -> None:
    """A set as `{"cases": […]}`, with a comment first or otherwise says what it is and what is wanted."""
    text, said = FORMS[name]
    path = tmp_path / "set.json"
    path.write_bytes(text)
    golden = load_golden(path)
    assert said in golden.problems[0]
    assert golden.problems[0].startswith("set.json")
    assert golden.cases == ()


@pytest.mark.parametrize("text", [LINES, f"\n{LINES}\n\n", LINES.replace("\n", "\r\n")])
def test_forms_that_do_no_harm(tmp_path: Path, text: str) -> None:
    """A byte order mark, blank lines and Windows line ends do no harm."""
    path = tmp_path / "set.jsonl"
    path.write_bytes(text.encode("utf-8-sig"))
    golden = load_golden(path)
    assert golden.problems == ()
    assert [case.id for case in golden.cases] == [CASE["id"], "A-2"]


def test_one_case_with_objects_in_it_is_a_case(tmp_path: Path) -> None:
    """A file of one line, one case whose metadata is a list of objects, is read as that case."""
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps({**CASE, "metadata": [{"a": 1}]}), "utf-8")
    assert load_golden(path).problems == ()


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """A golden set that is not there is input that cannot be used."""
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        load_golden(tmp_path / "none.json")
