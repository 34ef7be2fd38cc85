"""Checkouts in folders with difficult names, and terminals with the code page of Windows."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from pytest_caio.commands.cli import main
from pytest_caio.environments.envfile import EnvFile
from tests.support.places import CHECKOUT
from tests.support.suite_runs import Outcome, run_suite

# As in OneDrive: blanks, an ampersand, an apostrophe, a percent sign, letters that no one code page has.
FOLDER = "OneDrive - Ärzte & Co's 100% 漢 😀"
REDIS = "redis://default:Qm3vX8sT1zLw9RkYb2Np@redis.rail-7.net:6379/0"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in a folder with such a name."""
    folder = tmp_path_factory.mktemp("places") / FOLDER
    try:
        os.fsencode(folder)
    except UnicodeEncodeError:
        pytest.skip("the file names of this locale lack these letters")
    shutil.copytree(
        CHECKOUT / "acceptance", folder / "acceptance", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("conftest.py", "pytest.ini"):
        shutil.copy(CHECKOUT / name, folder)
    if sys.platform == "win32":  # a link takes a right there that few users have
        shutil.copytree(CHECKOUT / "pytest_caio", folder / "pytest_caio")
    else:
        (folder / "pytest_caio").symlink_to(CHECKOUT / "pytest_caio")
    (folder / "temporary").mkdir()
    return folder


def ask(odd: Path, *arguments: str, **variables: str) -> Outcome:
    """Run the suite in that checkout, with the evidence where it is by default."""
    evidence = odd / "reports"
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(odd / "temporary"))
    around = {"PYTHONPATH": str(odd), **temporary, **variables}
    asked = ("acceptance", "--env", "demo", *arguments)
    done = run_suite(*asked, folder=evidence, cwd=odd, environment=around)
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert done.status == 0, done.stdout + done.stderr
    return done


def test_a_command_in_a_folder_with_a_difficult_name(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command writes into such a folder; its summary is ASCII, which every code page passes on."""
    path = odd / ".env.staging"
    given = [
        "--set",
        f"REDIS_URL={REDIS}",
        "--set",
        "INNGEST_SIGNING_KEY=signkey-prod-9f2c7b1e5a8d4f60b3c1d7e9",
    ]
    given += ["--set", "INNGEST_EVENT_KEY=Hw7tZ2kPq9LxV4mRs8Yd", "--base-url", "https://staging.rail-7.net"]
    asked = ["bootstrap", "--env-file", str(path), "--mode", "staging", "--generate-secrets", *given]
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert json.loads(shown)["env_file"] == str(path)
    assert EnvFile.read(path).values["REDIS_URL"].reveal() == REDIS


def test_a_run_in_a_folder_with_a_difficult_name(odd: Path) -> None:
    """The gates that start processes, and the evidence, do with any name of the folder."""
    done = ask(odd, "-m", "pack or replay or state", PYTHONIOENCODING="cp1252")
    assert {done.checks[check] for check in ("PACK-01", "RPL-03", "RPL-05", "STATE-01")} == {"passed"}
    assert list((odd / "temporary").iterdir()) == []
    assert done.lines[-1] == "INCOMPLETE"
    assert done.evidence_path.parent == odd / "reports"
    assert done.html_path.parent == odd / "reports"
    if sys.platform != "win32":  # there the encoding of a terminal is not that of its output
        assert "\\u6f22" in done.stdout
