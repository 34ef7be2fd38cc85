"""Runs that are interrupted or killed, with every kind of child process, and what they leave behind."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from pytest_caio.reference import golden
from tests.support.forked import Process, finish
from tests.support.pace import wait_for, within
from tests.support.places import as_toml
from tests.support.suite_runs import start_suite

__all__ = ["EVIDENCE", "Broken", "hanging_profile"]

# The endings of the files that a run leaves, in the order of their names.
EVIDENCE = [".completion.txt", ".ctrf.json", ".html", ".json", ".junit.xml"]

_MARK = "CAIO_TEST_RUN"
_HANG = "import os, pathlib, time\npathlib.Path({started!r}).touch()\ntime.sleep(120)\n"


def hanging_profile(folder: Path) -> tuple[Path, Path]:
    """Return profiles with a demo whose replay hangs, and the file that its runner creates when it starts."""
    started, runner, profiles = folder / "started", folder / "hang.py", folder / "environments.toml"
    runner.write_text(_HANG.format(started=str(started)), "utf-8")
    replay = {
        "golden_set": str(Path(golden.__file__).with_name("golden_set.json")),
        "runner": f'python "{runner.as_posix()}"',
        "protocol": "process",
        "workers": 2,
    }
    lines = [f"{key} = {as_toml(value)}" for key, value in replay.items()]
    profiles.write_text("\n".join(["[demo]", "reference = true", "[demo.replay]", *lines, ""]), "utf-8")
    return profiles, started


@dataclass
class Broken:
    """One run. Its processes are recognized by a mark in the environment, which children inherit."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    process: Process | None = None
    stdout: str = ""
    stderr: str = ""

    @property
    def evidence(self) -> Path:
        """The folder of the run's evidence."""
        return self.folder / "evidence"

    @property
    def temporary(self) -> Path:
        """The folder of the run's temporary files."""
        return self.folder / "temporary"

    @property
    def left(self) -> list[str]:
        """The names of the suite's own temporary files and folders that are still there."""
        return [path.name for path in self.temporary.iterdir() if path.name.startswith("caio-")]

    def start(self, *arguments: str, fresh: bool = False) -> Broken:
        """Start pytest, with the run's folder on its path."""
        self.temporary.mkdir(exist_ok=True)
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.temporary))  # POSIX, and Windows
        own = {_MARK: self.mark, **temporary, "PYTHONDONTWRITEBYTECODE": "1"}
        how = {"environment": own, "path": [self.folder], "fresh": fresh}
        self.process = start_suite(arguments, self.evidence, **how)  # type: ignore[arg-type]
        return self

    def end(self) -> int:
        """Wait for the run's end and return its exit status; kill it after a time limit."""
        assert self.process is not None
        self.stdout, self.stderr = finish(self.process, 300)
        assert self.process.returncode is not None
        return self.process.returncode

    def run(self, *arguments: str) -> int:
        """Start the run, wait for its end and return its exit status."""
        return self.start(*arguments).end()

    def family(self) -> list[psutil.Process]:
        """Return every running process that the run started."""
        found = []
        for process in psutil.process_iter():
            try:
                # Redis overwrites its environment with its title; its working folder identifies it.
                ours = process.environ().get(_MARK) == self.mark or str(self.folder) in process.cwd()
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def named(self, *words: str) -> list[psutil.Process]:
        """Return the processes of the run whose command line contains all of these words."""
        found = []
        for one in self.family():
            with suppress(psutil.Error):  # it may have ended meanwhile
                if all(word in " ".join(one.cmdline()) for word in words):
                    found.append(one)
        return found

    def leaves_nothing(self, seconds: float = 5) -> bool:
        """Say whether all processes of the run end within `seconds`; kill those that do not end."""
        began = time.monotonic()
        try:
            wait_for(lambda: not self.family(), 60, pause=0.05)
        except AssertionError:
            self.kill()
            return False
        return within(time.monotonic() - began, seconds)

    def kill(self) -> None:
        """Kill the run and every process that it started, and close its output; say what was still there."""
        if self.process is not None:
            self.process.kill()
        for process in self.family():
            with suppress(psutil.Error):  # it may end meanwhile
                sys.stderr.write(f"still there: {process.cmdline()}\n")
                process.kill()
        if self.process is not None:
            finish(self.process, 60)

    def files(self) -> list[str]:
        """Return the names of the evidence files, without the ledger and what is beside it."""
        if not self.evidence.is_dir():
            return []
        return sorted(p.name for p in self.evidence.iterdir() if not p.name.startswith("ledger.jsonl"))

    @property
    def suffixes(self) -> list[str]:
        """The endings of the evidence files, as `.json` and `.ctrf.json`."""
        return ["".join(Path(name).suffixes) for name in self.files()]

    @property
    def record(self) -> dict[str, Any]:
        """The JSON evidence, of which there must be exactly one."""
        (path,) = self.evidence.glob("*Z.json")
        decoded: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return decoded

    @property
    def html(self) -> str:
        """The HTML report, of which there must be exactly one, and a complete one."""
        (path,) = self.evidence.glob("*.html")
        text = path.read_text("utf-8")
        assert text.rstrip().endswith("</html>")
        return text

    @property
    def lines(self) -> list[str]:
        """The lines of the terminal, without blank ones."""
        return [line for line in self.stdout.splitlines() if line.strip()]

    def says(self, reason: str, verdicts: Sequence[str] = ("NO-GO", "INCOMPLETE")) -> None:
        """Assert that terminal, JSON and HTML have the same verdict, not GO, and give this reason."""
        verdict = self.record["verdict"]
        assert verdict in verdicts, self.stdout
        assert verdict in self.lines[-2:]  # pytest may show a pytest.exit after it
        assert any(reason in line for line in self.record["reasons"]), self.record["reasons"]
        assert [line for line in self.lines if reason in line], self.stdout
        assert f">{verdict}<" in self.html
        assert reason in self.html
        assert self.suffixes == EVIDENCE
