"""Evidence that cannot be written: the run says so, leaves no partial file, and never exits with 0."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_caio.evidence.file import write_whole
from tests.support.broken_runs import EVIDENCE, Broken
from tests.support.evidence_sets import Keys
from tests.support.suite_runs import SHORT, Deployment
from tests.support.windows_files import LINUX_ONLY

CORS = "acceptance/test_cors.py"
posix = pytest.mark.skipif(sys.platform == "win32", reason="limits and mounts of POSIX")
LIMIT = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))\n"
LATE = (
    "def pytest_runtest_logfinish():\n    {late}\nimport pathlib, shutil\nfolder = pathlib.Path({folder!r})\n"
)


def plugin(broken: Broken, source: str) -> tuple[str, ...]:
    """Write a plugin; return the options that load it."""
    (broken.folder / "breaks.py").write_text(source, "utf-8")
    return ("-p", "breaks")


def told(broken: Broken) -> str:
    """Assert that the run ended as one without complete evidence; return the lines that say so."""
    assert broken.lines[-1] == "INCOMPLETE", broken.stdout + broken.stderr
    assert "Traceback" not in broken.stdout + broken.stderr
    lines = [line for line in broken.lines if "could not be written" in line]
    assert lines, broken.stdout
    return "\n".join(lines)


@posix
def test_no_space_for_any_file(broken: Broken, deployment: Deployment) -> None:
    """With space for the short message alone, a run that passed is INCOMPLETE, and signs nothing."""
    options = plugin(broken, LIMIT.format(bytes=20_000))
    signed = f"--sign={Keys.made(broken.folder / 'keys').private}"
    assert broken.run(*SHORT, *deployment.arguments, signed, *options) == 1, broken.stdout
    assert "File too large" in told(broken)
    assert broken.suffixes == [".completion.txt"]


@posix
def test_space_for_the_json_only(broken: Broken, deployment: Deployment) -> None:
    """With space for all files but the HTML report, they say that it could not be written."""
    options = plugin(broken, LIMIT.format(bytes=30_000))
    node = "acceptance/test_auth.py::test_status_needs_a_token"  # pytest-html's own part exceeds the limit
    assert broken.run(node, *deployment.arguments, *options) == 1, broken.stdout
    assert ".html could not be written: File too large" in told(broken)
    assert broken.suffixes == [name for name in EVIDENCE if name != ".html"]
    assert broken.record["verdict"] == "INCOMPLETE"
    assert any(".html could not be written" in reason for reason in broken.record["reasons"])


@posix
def test_a_full_disk(broken: Broken, deployment: Deployment) -> None:
    """On a full disk only whole files are left, and the run says that the disk is full."""
    broken.evidence.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(broken.evidence)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        assert broken.run(CORS, *deployment.arguments) == 1, broken.stdout
        assert "No space left on device" in told(broken)
        assert set(broken.suffixes) <= {".completion.txt"}  # which fits, and says INCOMPLETE
    finally:
        subprocess.run(["umount", str(broken.evidence)], check=True)


def test_the_folder_vanishes(broken: Broken, deployment: Deployment) -> None:
    """An evidence folder that is removed during the run is created again."""
    options = plugin(
        broken, LATE.format(late="shutil.rmtree(folder, ignore_errors=True)", folder=str(broken.evidence))
    )
    assert broken.run(CORS, *deployment.arguments, *options) == 0, broken.stdout
    assert broken.record["verdict"] == "INCOMPLETE"
    assert ">INCOMPLETE<" in broken.html


def test_a_file_in_the_place_of_the_folder(broken: Broken, deployment: Deployment) -> None:
    """Where the evidence folder has been replaced by a file, the run says so and exits with 1."""
    late = "shutil.rmtree(folder, ignore_errors=True); folder.touch()"
    options = plugin(
        broken, LATE.format(late=f"if not folder.is_file(): {late}", folder=str(broken.evidence))
    )
    assert broken.run(CORS, *deployment.arguments, *options) == 1, broken.stdout
    assert told(broken)
    assert broken.evidence.read_bytes() == b""


@pytest.mark.parametrize(
    ("option", "says"),
    [("--html={folder}", "is a folder; name a file"), ("--html={file}/report.html", "cannot be written to")],
)
def test_a_report_that_cannot_be(broken: Broken, option: str, says: str) -> None:
    """A --html path that cannot be used is refused in one line, before any request is sent."""
    (broken.folder / "file").touch()
    given = option.format(folder=broken.folder, file=broken.folder / "file")
    assert broken.run(CORS, given) == 4
    assert says in broken.stderr
    assert "Traceback" not in broken.stdout + broken.stderr
    assert broken.leaves_nothing()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder in which nobody may write is /proc")
def test_a_folder_that_cannot_be_written(broken: Broken) -> None:
    """An --evidence-dir in which no file can be created is refused before any request is sent."""
    assert broken.run(CORS, "--evidence-dir=/proc") == 4
    assert "--evidence-dir: /proc cannot be written to" in broken.stderr


def test_the_report_where_html_says(broken: Broken, deployment: Deployment) -> None:
    """With --html the complete report is written to that path, and an earlier one is replaced."""
    path = broken.folder / "own.html"
    path.write_text("GO", "utf-8")
    assert broken.run(CORS, *deployment.arguments, f"--html={path}") == 0, broken.stdout
    assert ">INCOMPLETE<" in path.read_text("utf-8")
    assert broken.suffixes == [name for name in EVIDENCE if name != ".html"]
    assert sorted(p.name for p in broken.folder.iterdir()) == ["evidence", "own.html", "temporary"]


@LINUX_ONLY
def test_a_report_that_another_program_has_open(broken: Broken, deployment: Deployment) -> None:
    """Where another program holds the file of --html open, as on Windows, the evidence is kept beside it.

    The run says so in one line, and is INCOMPLETE: the file of that name is an earlier run's.
    """
    path = broken.folder / "own.html"
    path.write_text("GO", "utf-8")
    with path.open("rb"):
        asked = ("acceptance/test_cors.py", *deployment.arguments, f"--html={path}")
        assert broken.run(*asked, "-p", "tests.support.windows_files") == 1, broken.stdout
    lines = told(broken).splitlines()
    assert any("another program has it open; this run's is own-2.html" in line for line in lines)
    assert next(line for line in broken.lines if line.startswith("evidence: ")).endswith("own-2.html")
    assert "another program has it open" in path.with_name("own-2.html").read_text("utf-8")
    assert path.read_text("utf-8") == "GO"
    assert broken.record["verdict"] == "INCOMPLETE"


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    """Where a folder has the file's name, it stays, no temporary file is left, and an error is returned."""
    (tmp_path / "evidence.json").mkdir()
    assert "evidence.json could not be written" in write_whole(tmp_path / "evidence.json", b"{}")
    assert [left.name for left in tmp_path.iterdir()] == ["evidence.json"]


@posix
def test_earlier_evidence_is_removed_when_writing_fails(tmp_path: Path) -> None:
    """Where this run's file cannot be written, an earlier run's file is removed from that path."""
    path = tmp_path / "report.html"
    path.write_text("GO", "utf-8")
    code = (
        "import pathlib, sys\nfrom pytest_caio.evidence.file import write_whole\n"
        "sys.stdout.write(write_whole(pathlib.Path(sys.argv[1]), b'x' * 2000))\n"
    )
    # Without -B the limit may leave half of a module's bytecode behind, which no later run could import.
    done = subprocess.run(
        [sys.executable, "-B", "-c", LIMIT.format(bytes=1000) + code, str(path)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "could not be written: File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []
