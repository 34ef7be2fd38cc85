"""The ledger: whole or absent, locked, and every change of it noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.evidence.ledger import Entry, EnvironmentEntry, Ledger, append, read_ledger
from pytest_caio.verdict.outcome import Outcome
from tests.support.places import CHECKOUT
from tests.support.windows_files import LINUX_ONLY

RUNS = 5
APPENDING = """
import itertools, sys
from pathlib import Path
from pytest_caio.evidence.ledger import Entry, append
for number in itertools.islice(itertools.count(), int(sys.argv[2])):
    now = "2026-01-01T00:00:00+00:00"
    trouble = append(Path(sys.argv[1]), Entry(f"{sys.argv[3]}-{number}", now, now, "GO", "GO", True, []))
    assert not trouble, trouble
    print(number, flush=True)
"""


def entry(run: str = "run", **details: object) -> Entry:
    """Return a run that was GO in production."""
    own = EnvironmentEntry("production", "https://x.example", "GO", "c0ffee", {Outcome.PASSED: ["AUTH-01"]})
    return Entry(run, "2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00+00:00", "GO", "GO", True, [own])


def filled(path: Path, runs: int = RUNS) -> Path:
    """Return the path of a new ledger with this many runs."""
    for number in range(runs):
        assert append(path, entry(f"run {number}")) == ""
    return path


WRITTEN = filled(Path(tempfile.mkdtemp()) / "ledger.jsonl")
RAW, HEAD = WRITTEN.read_bytes(), WRITTEN.with_name("ledger.jsonl.head").read_bytes()


def start(path: Path, runs: int, name: str) -> subprocess.Popen[str]:
    """Start a process that appends runs, and prints a line after each."""
    words = [sys.executable, "-c", APPENDING, str(path), str(runs), name]
    around = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.Popen(words, env=around, stdout=subprocess.PIPE, encoding="utf-8")


def fault(raw: bytes, folder: Path) -> str:
    """Return what is said of a ledger with this content and the head of WRITTEN."""
    path = folder / "ledger.jsonl"
    path.write_bytes(raw)
    path.with_name("ledger.jsonl.head").write_bytes(HEAD)
    return read_ledger(path).fault


def test_runs_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A ledger has each run once, in order, and no fault; one without a run has none either."""
    ledger = read_ledger(WRITTEN)
    assert [one.run for one in ledger.entries] == [f"run {n}" for n in range(RUNS)]
    assert [one.n for one in ledger.entries] == [1, 2, 3, 4, 5]
    assert (ledger.fault, read_ledger(tmp_path / "none.jsonl").fault) == ("", "")
    assert fault(RAW, tmp_path) == ""


@given(at=st.integers(0, len(RAW) - 1), value=st.integers(1, 255))
def test_a_changed_byte_is_noticed(at: int, value: int) -> None:
    """No byte of a ledger can be changed unnoticed."""
    changed = bytearray(RAW)
    changed[at] ^= value
    with tempfile.TemporaryDirectory() as folder:
        assert fault(bytes(changed), Path(folder))


@given(st.lists(st.sampled_from(RAW.splitlines(keepends=True)), max_size=RUNS + 1))
def test_other_lines_are_noticed(lines: list[bytes]) -> None:
    """No line can be removed, repeated or moved unnoticed, at the end neither."""
    raw = b"".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        assert bool(fault(raw, Path(folder))) is (raw != RAW)


@given(st.integers(0, len(RAW) - 1))
def test_a_cut_is_noticed(length: int) -> None:
    """A ledger cut at any byte is noticed; so is one that is gone."""
    with tempfile.TemporaryDirectory() as folder:
        told = fault(RAW[:length], Path(folder))
    assert told
    assert "\n" not in told


@pytest.mark.parametrize("kept", [0, 3], ids=["missing", "cut"])
def test_a_gap_stays_visible(tmp_path: Path, kept: int) -> None:
    """A run after a loss is kept, with the next number, and does not hide that runs are missing."""
    path = filled(tmp_path / "ledger.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    assert append(path, entry("after")) == ""
    ledger = read_ledger(path)
    assert (ledger.entries[-1].run, ledger.entries[-1].n) == ("after", RUNS + 1)
    assert f"run {RUNS + 1} follows run {kept}" in ledger.fault


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-01T00:00:00+00:00", "2026-01-01T00:00:00"])
def test_a_time_that_no_run_writes_is_noticed(tmp_path: Path, time: str) -> None:
    """A line with a right hash, and a time that is none or has no zone, was not written by a run."""
    path = tmp_path / "ledger.jsonl"
    made = entry()
    made.finished = time
    assert append(path, made) == append(path, entry()) == ""
    ledger = read_ledger(path)
    assert "line 1: was changed after it was written" in ledger.fault
    assert [one.n for one in ledger.entries] == [2]


def test_a_replaced_ledger_is_noticed(tmp_path: Path) -> None:
    """Another ledger, whole in itself, in the place of the one that was written is noticed."""
    own, other = filled(tmp_path / "ledger.jsonl"), filled(tmp_path / "other.jsonl", RUNS + 1)
    own.write_bytes(other.read_bytes().replace(b"run 0", b"run 9"))
    assert "was changed" in read_ledger(own).fault
    third = tmp_path / "third.jsonl"
    assert append(third, entry("another")) == ""
    own.write_bytes(third.read_bytes())
    assert f"run {RUNS}, the last that was written, is not in it" in read_ledger(own).fault


@pytest.mark.parametrize("content", [None, b"", b"{}"], ids=["missing", "emptied", "unusable"])
def test_a_lost_head_is_noticed(tmp_path: Path, content: bytes | None) -> None:
    """Without its head a ledger could be cut unnoticed, so that a missing or unusable one is told."""
    path = filled(tmp_path / "ledger.jsonl", 2)
    head = path.with_name("ledger.jsonl.head")
    head.unlink()
    if content is not None:
        head.write_bytes(content)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    what = "cannot be used" if content else "is missing"
    assert read_ledger(path).fault == f"{head} {what}: put it back; runs may be missing"


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    """Two processes that append at once leave every run of both, in one unbroken chain."""
    path = tmp_path / "ledger.jsonl"
    both = [start(path, 20, name) for name in ("a", "b")]
    assert [one.communicate(timeout=60) and one.returncode for one in both] == [0, 0]
    ledger = read_ledger(path)
    assert ledger.fault == ""
    assert {one.run for one in ledger.entries} == {f"{name}-{n}" for name in ("a", "b") for n in range(20)}


@pytest.mark.nightly  # test_verify.py kills a process that leaves evidence and ledger
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """A process that is killed while it appends leaves each of its runs whole or absent."""
    path, known = tmp_path / "ledger.jsonl", 0
    for number in range(3):
        process = start(path, 10_000, str(number))
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.003 * number)
        process.send_signal(signal.SIGKILL)
        written = 1 + len(process.communicate(timeout=60)[0].splitlines())
        ledger = read_ledger(path)
        assert ledger.fault == ""
        # The run that was under way may be in the ledger without having been reported.
        assert known + written <= len(ledger.entries) <= known + written + 1
        known = len(ledger.entries)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk(tmp_path: Path) -> None:
    """Where a file can grow no further, the ledger keeps its runs, whole, and one line says so."""
    import resource  # noqa: PLC0415 - not on Windows

    path = filled(tmp_path / "ledger.jsonl", 2)
    before, (soft, hard) = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 1, len(before), len(before) + 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            told = append(path, entry("lost"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert told == f"the ledger {path} could not be written: File too large; this run is not in it"
        assert path.read_bytes() == before
        assert [one.name for one in tmp_path.glob("*.tmp")] == []
    assert append(path, entry("next")) == ""
    assert (read_ledger(path).fault, len(read_ledger(path).entries)) == ("", 3)


def test_hostile_text_stays_on_its_line(tmp_path: Path) -> None:
    """Line ends, control characters, surrogates and a megabyte in a field are kept on one printable line."""
    path = tmp_path / "ledger.jsonl"
    hostile = 'a\r\n\u2028\x1b[31m\u202e\ud800","hash":"' + "0" * 64 + '"}'
    assert append(path, entry(hostile)) == ""
    assert append(path, entry("x" * 2**20)) == ""
    text = path.read_text("utf-8")
    assert all(character.isprintable() or character == "\n" for character in text)
    ledger = read_ledger(path)
    assert (ledger.fault, len(text.splitlines()), len(ledger.entries[1].run)) == ("", 2, 2**20)


def test_a_ledger_is_read_again_only_if_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has read the ledger does not read it again to append, unless another run came between."""
    path = filled(tmp_path / "ledger.jsonl", 2)
    known, readings = read_ledger(path), []

    def read(one: Path) -> Ledger:
        readings.append(one)
        return read_ledger(one)

    monkeypatch.setattr("pytest_caio.evidence.ledger.read_ledger", read)
    assert append(path, entry("own"), known) == ""
    assert readings == []
    assert append(path, entry("late"), known) == ""
    assert readings == [path]
    ledger = read_ledger(path)
    assert (ledger.fault, [one.run for one in ledger.entries][2:]) == ("", ["own", "late"])


def test_a_ledger_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder in the ledger's place, or an unusable path, is told in one line."""
    (tmp_path / "ledger.jsonl").mkdir()
    assert "this run is not in it" in append(tmp_path / "ledger.jsonl", entry())
    assert "this run is not in it" in append(tmp_path / "a\0b", entry())


@LINUX_ONLY
def test_a_ledger_behind_a_link(tmp_path: Path) -> None:
    """A link to a ledger stays one: the run is in the ledger itself, whose head and lock are beside it."""
    kept, link = tmp_path / "kept", tmp_path / "ledger.jsonl"
    link.symlink_to(filled(kept / "runs.jsonl"))
    assert append(link, entry("behind the link")) == ""
    assert link.is_symlink()
    assert {*tmp_path.iterdir()} == {kept, link}
    for path in (link, kept / "runs.jsonl"):
        ledger = read_ledger(path)
        assert (ledger.fault, ledger.entries[-1].run) == ("", "behind the link")


@LINUX_ONLY
def test_a_ledger_that_is_no_file(tmp_path: Path) -> None:
    """A device or a pipe cannot be a ledger: it is left as it is, without a lock beside it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert append(pipe, entry()) == (
        f"the ledger {pipe} could not be written: is no file; this run is not in it"
    )
    assert list(tmp_path.iterdir()) == [pipe]
