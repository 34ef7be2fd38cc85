"""Atomic writing where a file that another program has open cannot be replaced, as on Windows."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pytest_caio.bootstrap.privatefile import put_in_place
from pytest_caio.errors import InputError
from pytest_caio.evidence.file import spare_of, write_whole
from pytest_caio.system.atomicfile import once_free, write_atomically
from tests.support.windows_files import LINUX_ONLY, refuse_open_files

pytestmark = LINUX_ONLY


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with content, on a system with the rules of Windows."""
    refuse_open_files(monkeypatch)
    file = tmp_path / "report.html"
    file.write_bytes(b"before")
    return file


def test_a_file_that_is_open_for_a_moment(path: Path) -> None:
    """A file that another program (a virus scanner, a reader) has open for a moment is replaced then."""
    reader = path.open("rb")
    threading.Timer(0.1, reader.close).start()
    write_atomically(path, b"after")
    assert reader.closed
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [(path.name, b"after")]


def test_a_file_that_stays_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that stays open is left as it is; the wait has an end, and no temporary file is left."""
    monkeypatch.setattr("pytest_caio.system.atomicfile._PATIENCE", 0.1)
    with path.open("rb"), pytest.raises(PermissionError):
        write_atomically(path, b"after")
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [(path.name, b"before")]


def test_another_error_is_not_waited_for() -> None:
    """An error that waiting cannot mend is raised at once."""
    tries: list[int] = []

    def full() -> None:
        tries.append(1)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        once_free(full)
    assert tries == [1]


def test_an_env_file_that_an_editor_has_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An env file that another program has open is written once it is closed; else one line says why not."""
    with path.open("rb") as reader:
        threading.Timer(0.1, reader.close).start()
        assert put_in_place(path, b"before", b"after")
    assert path.read_bytes() == b"after"
    monkeypatch.setattr("pytest_caio.system.atomicfile._PATIENCE", 0.1)
    with path.open("rb"), pytest.raises(InputError, match=r"cannot be written \(The file is being"):
        put_in_place(path, b"after", b"later")
    assert path.read_bytes() == b"after"


def test_evidence_of_an_earlier_run_that_stays_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence that cannot replace an earlier run's, open in another program, has a free name beside it."""
    monkeypatch.setattr("pytest_caio.system.atomicfile._PATIENCE", 0.1)
    with path.open("rb"):
        said = write_whole(path, b"after")
    assert "another program has it open; this run's is report-2.html" in said
    assert "\n" not in said
    assert write_whole(spare_of(path), b"after") == ""
    assert path.read_bytes() == b"before"


def test_a_link_is_followed(tmp_path: Path) -> None:
    """What a link names is replaced, also where it is not there yet, and the link stays."""
    (tmp_path / "kept").mkdir()
    link = tmp_path / "link"
    link.symlink_to(Path("kept", "file"))
    for content in (b"first", b"second"):
        write_atomically(link, content)
        assert link.is_symlink()
        assert [one.read_bytes() for one in (tmp_path / "kept").iterdir()] == [content]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """A pipe is written to, and refused at once without a reader; so is a folder."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path()):
        with pytest.raises(OSError, match=r"No such device|Is a directory"):
            write_atomically(path, b"text")
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        write_atomically(pipe, b"text")
        assert reader.read() == b"text"
    assert list(tmp_path.iterdir()) == [pipe]
    assert pipe.is_fifo()
