"""The command line: outputs that nobody reads, as with `| head`, and options that are not there."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_caio.attestation.keys import load_private
from pytest_caio.commands.cli import main
from tests.support.evidence_sets import Written, record_of, write_set


@pytest.fixture
def evidence(tmp_path: Path) -> Written:
    """The evidence of a NO-GO, which is not signed."""
    return write_set(tmp_path / "reports", record_of("NO-GO"), None)


def unread(*words: object, errors: bool = False, out: int | None = None) -> tuple[int, str]:
    """Run a command whose output nobody reads, nor its errors with `errors`; return status and errors."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest_caio", *map(str, words)],
            stdout=writing if out is None else out,
            stderr=writing if errors else subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("errors", [False, True])
def test_a_closed_pipe_is_no_fault(evidence: Written, tmp_path: Path, errors: bool) -> None:
    """A command whose output is closed does its work, says nothing, and ends with its own status."""
    tracker = tmp_path / "tracker.md"
    given = ("attach", "--to", f"markdown:{tracker}", "--unverified", evidence.json)
    assert unread(*given, errors=errors) == (0, "")
    assert "NO-GO" in tracker.read_text("utf-8")
    assert unread(*given, "--dry-run", errors=errors) == (0, "")
    assert unread("attach", "--help", errors=errors) == (0, "")
    status, said = unread("verify", evidence.json, "--key", tmp_path / "none.pub", errors=errors)
    assert status == 2
    assert ("none.pub" in said) is not errors


@pytest.mark.skipif(os.name == "nt", reason="the shell of Windows closes no streams")
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(evidence: Written, tmp_path: Path, closed: str) -> None:
    """A command that is started without standard streams does its work, and writes into no file of it."""

    def ended(*words: object) -> tuple[int, str]:
        line = f"{shlex.join([sys.executable, '-m', 'pytest_caio', *map(str, words)])} {closed}"
        done = subprocess.run(
            ["sh", "-c", line], capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    tracker, folder = tmp_path / "tracker.md", tmp_path / "keys"
    assert ended("attach", "--to", f"markdown:{tracker}", "--unverified", evidence.json) == (0, "")
    assert tracker.read_text("utf-8").count("NO-GO") == 1
    assert ended("keygen", "--out", folder) == (0, "")
    assert load_private(folder / "caio-evidence.key", "--sign")
    assert ended("verify", evidence.json, "--key", folder / "caio-evidence.pub")[0] == 2
    assert ended("attach", "--help") == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_a_full_output_is_told(evidence: Written) -> None:
    """An output that is full is told in one line, which names no fault of the tool."""
    with Path("/dev/full").open("wb") as full:
        given = ("attach", "--to", "slack:", "--unverified", evidence.json, "--dry-run")
        assert unread(*given, out=full.fileno()) == (
            0,
            "standard output takes no more (No space left on device)\n",
        )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--redis_url=rediss://u:hunter2hunter2@h/0"], "there is no --redis_url; "),
        (["--redis_url", "rediss://u:hunter2hunter2@h/0"], "there is no --redis_url; "),
        (["hunter2hunter2"], "there is no place for a further argument; "),
    ],
)
def test_an_unknown_option_is_told_without_its_value(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelled option is told by its name alone, with the command whose help has the right one."""
    with pytest.raises(SystemExit) as left:
        main(["verify", "evidence", "--key=caio-evidence.pub", *words])
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert told + "python -m pytest_caio verify --help" in err
    assert "hunter2" not in err
