"""File state read into records and problems."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_caio.errors import InputError
from pytest_caio.state import Problem, Record, read_index, read_records, records
from tests.support.places import encoded_name

MakeHive = Callable[..., Path]


def test_every_kind_is_read(make_hive: MakeHive) -> None:
    """A record has its kind, path, key, data, and the file's own text and time."""
    hive = make_hive(leads=1, batches=1)
    records = [found for found in read_records(hive, "caio") if isinstance(found, Record)]
    assert [(r.kind, r.path) for r in records] == [
        ("operator_state", "operator_state.json"),
        ("operator_batch", "operator_batches/batch_0.json"),
        ("cadence_lead", "cadence_state/lead0.json"),
    ]
    assert records[0].key == "caio:operator:state:2026-02-24"
    assert records[0].value == {"date": "2026-02-24", "sent": 3}
    assert records[0].text == (hive / "operator_state.json").read_bytes()
    assert records[0].mtime == (hive / "operator_state.json").stat().st_mtime


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b'{"email": "a@b.example"', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"{}", "lacks its email"),
        (b'{"email": "a@b.example", "score": NaN}', "NaN"),
        (b"\x00\xff", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_record_is_a_problem(make_hive: MakeHive, content: bytes, reason: str) -> None:
    """A spoiled file is reported with its masked path and the reason, and the others are still read."""
    hive = make_hive(leads=2, batches=0)
    (hive / "cadence_state/jane@customer.example.json").write_bytes(content)
    index = read_index(hive, "caio")
    assert [problem.path for problem in index.problems] == ["cadence_state/j***@customer.example.json"]
    assert reason in str(index.problems[0])
    assert index.counts == {"operator_state": 1, "operator_batch": 0, "cadence_lead": 2}


@pytest.mark.parametrize("step", ["read_text", "parse", "canonical"])
def test_a_file_too_large_for_the_memory_is_a_problem(
    make_hive: MakeHive, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A file that does not fit into memory is reported by name, and the others are still read."""
    hive = make_hive(leads=3, batches=0)
    original, calls = getattr(records, step), iter(range(10))

    def failing(*given: object) -> object:
        if next(calls) == 1:
            raise MemoryError
        return original(*given)

    monkeypatch.setattr(records, step, failing)
    index = read_index(hive, "caio")
    (problem,) = index.problems
    assert str(problem) == "cadence_state/lead0.json: too large for the memory of this machine"
    assert sum(index.counts.values()) == 3


def test_what_cannot_be_opened_is_a_problem(make_hive: MakeHive) -> None:
    """A directory in a file's place, a dangling link and a file in a folder's place are problems."""
    hive = make_hive(leads=0, batches=0)
    (hive / "operator_batches/batch_d.json").mkdir()
    (hive / "cadence_state").rmdir()
    (hive / "cadence_state").write_text("x", encoding="utf-8")
    (hive / "operator_state.json").unlink()
    expected = {"operator_batches/batch_d.json", "cadence_state"}
    if os.name == "posix":
        (hive / "operator_state.json").symlink_to(hive / "nowhere")
        os.mkfifo(hive / "operator_batches/batch_pipe.json")
        expected |= {"operator_state.json", "operator_batches/batch_pipe.json"}
    problems = read_index(hive, "caio").problems
    assert {problem.path for problem in problems} == expected
    assert all(problem.reason.startswith("unreadable") for problem in problems)


def test_two_files_for_one_key_count_for_neither(make_hive: MakeHive) -> None:
    """Of files that claim one key none is taken for right: the problem names both."""
    hive = make_hive(leads=1, batches=0)
    for name in ("second", "third"):
        (hive / f"cadence_state/{name}.json").write_text(
            '{"email": " LEAD0@customer.example"}', encoding="utf-8"
        )
    index = read_index(hive, "caio")
    assert [p.path for p in index.problems] == ["cadence_state/second.json", "cadence_state/third.json"]
    assert all("cadence_state/lead0.json" in p.reason for p in index.problems)
    assert index.counts["cadence_lead"] == 0


def test_files_that_are_no_state_by_name_are_told(make_hive: MakeHive) -> None:
    """A left-over beside the state is no problem, but it is named."""
    hive = make_hive()
    (hive / "operator_batches/draft.json").write_text("{}", encoding="utf-8")
    (hive / "cadence_state/jane@customer.example.json.tmp").write_text("{", encoding="utf-8")
    index = read_index(hive, "caio")
    assert index.ignored == ("operator_batches/draft.json", "cadence_state/j***@customer.example.json.tmp")
    assert not index.problems


def test_a_byte_order_mark_is_no_part_of_the_record(make_hive: MakeHive) -> None:
    """A file saved with a byte order mark is read, and its text goes on without it."""
    hive = make_hive(leads=0, batches=0)
    (hive / "operator_state.json").write_bytes(b'\xef\xbb\xbf{"date": "2026-02-25"}\r\n')
    (record,) = read_records(hive, "caio")
    assert isinstance(record, Record)
    assert record.text == b'{"date": "2026-02-25"}'


def test_a_directory_that_is_no_hive_is_an_input_error(tmp_path: Path) -> None:
    """A missing directory, and one without any file state, is refused: it would migrate nothing, ok."""
    with pytest.raises(InputError, match="no such directory"):
        read_index(tmp_path / "none", "caio")
    with pytest.raises(InputError, match=r"operator_state\.json, operator_batches, cadence_state"):
        read_index(tmp_path, "caio")


def test_a_path_beside_the_hive_is_an_input_error_with_a_hint(make_hive: MakeHive, tmp_path: Path) -> None:
    """A folder of leads, a file where a folder is expected, the checkout: one line with what to name."""
    hive = make_hive()
    for path, words in (
        (hive / "cadence_state", "name the folder above it"),
        (hive / "operator_state.json", "is a file; name the folder that holds it"),
        (Path("a\0b"), "no such directory"),
    ):
        with pytest.raises(InputError, match=words):
            read_index(path, "caio")
    hive.rename(tmp_path / ".hive-mind")
    with pytest.raises(InputError, match=r"is it .*\.hive-mind"):
        read_index(tmp_path, "caio")


def test_leads_in_a_folder_are_told(make_hive: MakeHive) -> None:
    """A folder of leads beside leads is a problem: the dashboard reads none of them; one without is none."""
    hive = make_hive(leads=1, batches=0)
    (hive / "cadence_state/archive/2025").mkdir(parents=True)
    (hive / "operator_batches/empty").mkdir()
    (hive / "cadence_state/archive/2025/LEAD9.JSON").write_text("{}", encoding="utf-8")
    index = read_index(hive, "caio")
    (problem,) = index.problems
    assert problem.path == "cadence_state/archive"
    assert "a folder; the dashboard reads only the files beside it" in problem.reason
    assert index.ignored == ("operator_batches/empty",)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_that_lead_in_a_circle_are_problems(make_hive: MakeHive) -> None:
    """Symlink loops, of a file, of a folder or of the hive directory itself, are told and never followed."""
    hive = make_hive(leads=1, batches=0)
    for name in ("operator_state.json", "operator_batches", "cadence_state/again.json", "cadence_state/loop"):
        path = hive / name
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.symlink_to(path)
    (hive / "cadence_state/up").symlink_to(hive)
    problems = {problem.path: problem.reason for problem in read_index(hive, "caio").problems}
    told = {"operator_state.json", "operator_batches", "cadence_state/again.json"}
    assert told <= problems.keys()
    assert all(problems[name].startswith("unreadable") for name in told)
    (hive / "itself").symlink_to(hive / "itself")
    with pytest.raises(InputError, match="no such directory"):
        read_index(hive / "itself", "caio")


def test_what_this_user_may_not_read_is_a_problem(
    make_hive: MakeHive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and folders without the right to read them are problems, and so is the hive directory."""
    hive = make_hive(leads=2, batches=1)
    hidden = {hive / "cadence_state/lead0.json", hive / "operator_batches"}
    read, listed = Path.read_bytes, Path.iterdir

    def refuse(path: Path, do: Callable[[Path], object]) -> object:
        if path in hidden:
            raise PermissionError(13, "Permission denied", str(path))
        return do(path)

    monkeypatch.setattr(Path, "read_bytes", lambda path: refuse(path, read))
    monkeypatch.setattr(Path, "iterdir", lambda path: refuse(path, listed))
    problems = [str(problem) for problem in read_index(hive, "caio").problems]
    assert problems == [
        "operator_batches: unreadable: Permission denied",
        "cadence_state/lead0.json: unreadable: Permission denied",
    ]
    hidden.add(hive)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\)"):
        read_index(hive, "caio")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"date": "2026-02-24", "date": "2026-02-25"}', "an object names a field twice"),
        (b'{"date": NaN}', "NaN is no JSON number"),
        (b'{"date": 1e999}', "a number is too large"),
        (b'{"date": ' + b"9" * 5000 + b"}", "not usable JSON"),
        (b"[" * 5000, "nested too deeply"),
        (b'{"date": {"a": 1}}', "its date is no text"),
        (b'{"date": "yesterday"}', "its date is no day"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_state_that_cannot_be_used_is_a_problem(make_hive: MakeHive, content: bytes, reason: str) -> None:
    """JSON with duplicate fields, NaN or wrong types, a date that is no day: a problem with the reason."""
    hive = make_hive(leads=0, batches=0)
    (hive / "operator_state.json").write_bytes(content)
    (problem,) = read_index(hive, "caio").problems
    assert reason in str(problem)


def test_names_with_odd_characters_are_told_in_one_line(make_hive: MakeHive) -> None:
    """Names with line ends, control characters or bytes that are no text make one line each."""
    hive = make_hive(leads=0, batches=0)
    turned = encoded_name("e\u202ef.json")
    names = ["a\nb.json", "c\x1b[31md.json", turned] if os.name == "posix" else [turned]
    for name in names:
        (hive / "cadence_state" / name).write_text("{}", encoding="utf-8")
    if os.name == "posix":
        (hive / "cadence_state" / os.fsdecode(b"g\xffh.json")).write_text("{}", encoding="utf-8")
    problems = [str(problem) for problem in read_index(hive, "caio").problems]
    assert len(problems) == len(names) + (os.name == "posix")
    assert all(problem.isprintable() for problem in problems)


def test_the_digest_is_of_keys_and_data_alone(make_hive: MakeHive) -> None:
    """Another spelling or file name leaves the digest as it is; other data or another prefix does not."""
    hive = make_hive()
    before = read_index(hive, "caio").digest
    lead = hive / "cadence_state/lead1.json"
    data = json.loads(lead.read_bytes())
    lead.unlink()
    lead = hive / "cadence_state/a.json"
    lead.write_text(json.dumps(data, sort_keys=True), encoding="utf-8")
    assert read_index(hive, "caio").digest == before
    assert read_index(hive, "other").digest != before
    lead.write_text(json.dumps({**data, "step": 9}), encoding="utf-8")
    assert read_index(hive, "caio").digest != before


def test_batches_are_small_in_bytes_too(make_hive: MakeHive) -> None:
    """Few large records make as many batches as they need; every record is in exactly one."""
    hive = make_hive(leads=5, batches=0, padding=3 * 2**20)
    index = read_index(hive, "caio")
    batches = list(index.batches())
    assert len(batches) == 3
    assert [key for batch in batches for key in batch] == list(index.entries)


def test_problems_read_as_one_line(make_hive: MakeHive) -> None:
    """A problem's text is its path and its reason."""
    assert str(Problem("a.json", "lacks its email")) == "a.json: lacks its email"
