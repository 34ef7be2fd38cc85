"""Golden sets: the cases of a replay, read and validated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_caio.system.diskmap import DiskList
from pytest_caio.system.jsonlines import JsonRecord, read_records
from pytest_caio.system.strictjson import NotJson, decode_json, in_words, kind_of, misfit, parse_json

__all__ = ["GoldenCase", "GoldenSet", "load_golden"]


class GoldenCase(msgspec.Struct, frozen=True, kw_only=True):
    """One case: a question and the expectations of its answer. Unknown fields are ignored.

    `baseline` is an earlier answer to compare with: its text, or an object with `actual_output`.
    """

    id: str
    input_query: str
    expected_tools: tuple[str, ...]
    positive_constraints: tuple[str, ...]
    negative_constraints: tuple[str, ...]
    baseline: str | dict[str, Any] | None = None
    metadata: Any = None

    @property
    def baseline_text(self) -> str:
        """The text of the baseline answer, empty without one."""
        if isinstance(self.baseline, dict):
            return str(self.baseline.get("actual_output", ""))
        return self.baseline or ""


class GoldenSet(msgspec.Struct, frozen=True):
    """The usable cases of a file, in file order, and one line for each problem of the file."""

    path: Path
    cases: Sequence[GoldenCase]
    problems: tuple[str, ...]


def load_golden(path: Path, min_cases: int = 1) -> GoldenSet:
    """Read a golden set, a JSON array or JSON lines, and report its problems (RPL-01).

    JSON lines are read one at a time.

    Every problem names the file, the case or line (with its id, if it has one) and the field. A case with a
    problem is left out of `cases`, so that the others can still be replayed. Problems are broken JSON,
    missing, mistyped or blank fields, a duplicate id, a case without expectations, and fewer usable cases
    than `min_cases`. Raises InputError for an unreadable file.
    """
    records, problems = read_records(path, "input_query")
    cases = DiskList(msgspec.json.Decoder(GoldenCase).decode)
    for record in records:
        case, wrong = _read_case(record)
        if case is not None and not wrong and not cases.append(record.raw, case.id):
            wrong = ["field id: already used by an earlier case"]
        if wrong:
            name = f"{path.name}, {record.where}" + (f' ("{case.id}")' if case and case.id else "")
            problems += [f"{name}, {text}" for text in wrong]
    if len(cases) < min_cases:
        problems.append(f"{path.name}: {len(cases)} usable cases, at least {min_cases} are needed")
    return GoldenSet(path=path, cases=cases, problems=tuple(problems))


def _read_case(record: JsonRecord) -> tuple[GoldenCase | None, list[str]]:
    """Return the decoded case, None if that fails, and the problems of all its fields, not just the first."""
    try:
        case = decode_json(record.raw, GoldenCase)
    except msgspec.ValidationError as error:
        return None, _field_errors(record.raw) or [in_words(error)]
    except NotJson as error:
        return None, [f"the JSON is broken: {error}"]
    wrong = [f"field {name}: is blank" for name in ("id", "input_query") if not getattr(case, name).strip()]
    for name in ("expected_tools", "positive_constraints", "negative_constraints"):
        blank = [str(number) for number, text in enumerate(getattr(case, name), 1) if not text.strip()]
        wrong += [f"field {name}: entry {number} is blank" for number in blank]
    if not (case.expected_tools or case.positive_constraints or case.negative_constraints):
        wrong.append("field expected_tools: the case expects nothing, so any answer would do")
    return case, wrong


def _field_errors(raw: bytes) -> list[str]:
    data = parse_json(raw)
    if not isinstance(data, dict):
        return [f"expected an object with id and input_query, and it is {kind_of(data)}"]
    wrong = []
    for field in msgspec.structs.fields(GoldenCase):
        if field.encode_name in data:
            try:
                msgspec.convert(data[field.encode_name], field.type)
            except msgspec.ValidationError as error:
                entry = re.search(r"`\$\[(\d+)\]", str(error))
                at = f"entry {int(entry[1]) + 1} " if entry else ""
                wrong.append(f"field {field.encode_name}: {at}{misfit(str(error))}")
            except UnicodeEncodeError:  # of a text where another type is expected
                wrong.append(f"field {field.encode_name}: half of a surrogate pair is missing")
        elif field.required:
            wrong.append(f"field {field.encode_name}: is missing")
    return wrong
