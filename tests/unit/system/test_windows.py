"""Rules of Windows that this project must keep, injected here: names, paths, and other machines."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_caio.errors import InputError
from pytest_caio.evidence.file import ready_folder
from pytest_caio.redaction.secret import names_path
from pytest_caio.state.records import Record, read_records
from pytest_caio.system.child import utf8_environment
from pytest_caio.system.jobs import Jobs


class Found(msgspec.Struct):
    """What a job found."""

    of: str


@pytest.mark.parametrize("value", [r"\\server\share", "//server/share", r"\\?\C:\x", "//b64/secret=="])
def test_no_other_machine_is_asked_for_a_value(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a value is a path is not found out where Windows would ask another machine for it."""
    monkeypatch.setattr(os.path, "exists", lambda _: pytest.fail("asked for the path"))
    assert not names_path("SOME_SECRET", value)
    assert names_path("SOME_FILE", value)


def test_state_is_read_as_the_deployment_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose ending has capitals is no state, also where the system does not distinguish them."""
    monkeypatch.setattr(os.path, "normcase", str.lower)
    folder = tmp_path / "operator_batches"
    folder.mkdir()
    for name in ("batch_1.json", "BATCH_2.JSON"):
        (folder / name).write_text(json.dumps({"batch_id": Path(name).stem}), "utf-8")
    found = [one.path for one in read_records(tmp_path, "caio") if isinstance(one, Record)]
    assert found == ["operator_batches/batch_1.json"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory"), "its path is too long for this system"),
        (PermissionError(13, "Access is denied"), "Access is denied"),
    ],
)
def test_a_path_that_is_too_long_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    """A folder in which evidence would have more than 260 characters is refused before anything is sent."""

    def refuse(**asked: Any) -> None:
        longest = Path(asked["dir"], f"{asked['prefix']}12345678{asked['suffix']}")
        assert len(longest.name) == len("evidence.html.12345678.tmp")  # as `write_atomically` names it
        raise error

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(InputError, match=f"--evidence-dir: .* cannot be written to: {said}"):
        ready_folder(tmp_path, "--evidence-dir", "evidence.html")


def test_a_name_that_is_too_long_is_refused_at_the_start(tmp_path: Path) -> None:
    """A name of evidence that the file system does not take is refused before anything is sent."""
    with pytest.raises(InputError, match=r"--html x: .* cannot be written to: .+"):
        ready_folder(tmp_path, "--html x", "x" * 250)


def test_jobs_whose_names_differ_in_capitals() -> None:
    """Two environments whose names differ in capitals have results of their own on any file system."""
    with closing(Jobs(lambda _: None)) as controller:
        worker = Jobs(lambda _: None, controller.share())
        for name in ("state of Staging", "state of staging"):
            controller.start(name, lambda name=name: Found(name))  # type: ignore[misc]
            assert worker.result(name, Found).of == name
        names = [path.name.lower() for path in Path(controller.share()).glob("*.json")]
        assert len(set(names)) == len(names) == 2


def test_children_speak_utf8() -> None:
    """Children get UTF-8 streams, also where the parent has cp1252; how they read files may be chosen."""
    assert utf8_environment({"A": "b"}) == {"A": "b", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
    asked = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    assert utf8_environment(asked) == {"PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8"}
    assert utf8_environment()["PATH"] == os.environ["PATH"]
