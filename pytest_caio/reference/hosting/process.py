"""The reference deployment as a separate process, started and stopped by its user."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pytest_caio.environments.keys import holds_runtime_key
from pytest_caio.errors import InputError
from pytest_caio.reference.dashboard.settings import FORMER_ORIGIN, MIGRATION
from pytest_caio.system.child import utf8_environment
from pytest_caio.system.watchdog import NEW_GROUP

__all__ = ["REPLAY", "ReferenceProcess", "lean_python"]

_HERE = Path(__file__).parents[1]
_GLANCE = 0.02  # seconds for a connection over loopback; Windows tries one that is refused for longer
_ERRORS = "errors.txt"  # in its folder: what it writes to standard error
# The replay section of its profile; it works without a running deployment.
REPLAY: Mapping[str, object] = {
    "golden_set": str(_HERE / "golden" / "golden_set.json"),
    "runner": "python -m pytest_caio.reference.golden.agent --lines",
    "cwd": str(_HERE.parents[1]),  # where Python finds the package, installed or in a checkout
    "protocol": "lines",
    "workers": 2,
}


def lean_python(folder: Path) -> str:
    """Return an interpreter, made in `folder`, whose pytest loads no installed plugin, if that can be done.

    To load those that happen to be installed takes longer than the reference deployment's critical tests.
    """
    path = folder / "python"
    if os.name != "nt":
        lines = ("#!/bin/sh", f'PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 exec {shlex.quote(sys.executable)} "$@"', "")
        path.write_bytes(os.fsencode("\n".join(lines)))
        path.chmod(0o755)
    # Some systems let no program run from temporary folders.
    return str(path) if os.name != "nt" and os.access(path, os.X_OK) else sys.executable


class ReferenceProcess:
    """`python -m pytest_caio serve` with these options, as a context manager.

    Its start takes three steps, between which its user may do something else: `begin` starts the process,
    `locate` waits until its address is known and its env file is written, and `wait_until_ready` until it
    answers requests and its state is in Redis. `start`, like the context manager, takes all three.

    `options` are passed on as written (for instance `"--latency-ms", "50"`), `environment` is the environment
    that it reports, `faults` are the names of its faults. Its files are in a temporary folder, which `stop`
    removes. `profiles_file` is for `--profiles`, `env_file` for `--env-file`: the file has one profile, named
    like `environment`, with everything that a run needs. `start_seconds` is the timeout of the start.
    """

    def __init__(
        self,
        *options: str,
        environment: str = "production",
        faults: Sequence[str] = (),
        access_log: bool = True,
        start_seconds: float = 30.0,
    ) -> None:
        self._options = [
            "--environment",
            environment,
            *options,
            *(part for fault in faults for part in ("--fault", fault)),
        ]
        self._environment = environment
        self._start_seconds = start_seconds
        self._logging = access_log
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ready = False
        self.base_url = ""
        self.env_file = Path()
        self.revoked_file = Path()
        self.hive_dir = Path()
        self.profiles_file = Path()
        self.access_log = Path()

    def start(self) -> Self:
        """Start the process, and wait until it answers requests. Raises what the three steps raise."""
        self.begin()
        self.locate()
        self.wait_until_ready()
        return self

    def begin(self) -> None:
        """Start the process without waiting for anything."""
        self.base_url, self._ready = "", False
        self._folder = tempfile.TemporaryDirectory(prefix="caio-demo-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self.access_log = folder / "access.jsonl"
        options = ["--env-file", str(folder / "caio.env"), *self._options]
        if self._logging:
            options += ["--access-log", str(self.access_log)]
        self._begin(options, folder)

    def locate(self) -> None:
        """Wait until the process has an address and has written its env file; may be called again.

        Raises InputError if the process cannot use its options, and RuntimeError, with its error output, if
        it does not start for another reason.
        """
        if self.base_url:
            return
        assert self._folder is not None
        folder = Path(self._folder.name)
        summary = self._summary()
        self.base_url = summary["base_url"]
        self.env_file = Path(summary["env_file"])
        self.revoked_file = Path(summary["revoked_file"])
        self.hive_dir = Path(summary["hive_dir"])
        self.profiles_file = folder / "environments.toml"
        # A path has the bytes that the system gave, also where the locale has no such letters.
        self.profiles_file.write_bytes(os.fsencode(self._profile(folder)))

    def answers(self) -> bool:
        """Return at once whether the process, which was located, already answers requests."""
        address = urlsplit(self.base_url)
        with suppress(OSError), socket.create_connection((address.hostname, address.port), _GLANCE):
            return True
        return False

    def wait_until_ready(self) -> None:
        """Wait, after `locate`, until the process answers requests; may be called again. Raises like it."""
        if not self._ready:
            self._summary()
            self._ready = True

    def begin_stop(self) -> None:
        """Tell the process to stop, without waiting; `stop` still has to be called."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):  # `stop` ends a process whose input cannot be closed
                self._process.stdin.close()  # `serve` stops when its input ends, also if we are killed

    def stop(self) -> None:
        """Stop the process and remove its files; may be called again."""
        self.begin_stop()
        self._finish()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _begin(self, options: Sequence[str], folder: Path) -> None:
        """Start `serve` with these options."""
        with (folder / _ERRORS).open("w", encoding="utf-8") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest_caio", "serve", "--watch-stdin", "--place-first", *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=utf8_environment(_own_environment(os.environ)),
                # In its own process group: Ctrl-C reaches only the run, which then stops its deployment.
                start_new_session=True,
                creationflags=NEW_GROUP,
            )

    def _summary(self) -> dict[str, str]:
        """Return the next summary that the process prints: of its place, and again once it answers."""
        assert self._process is not None
        assert self._folder is not None
        line = self._next_line()
        try:
            summary: dict[str, str] = json.loads(line)
        except ValueError:
            tail = Path(self._folder.name, _ERRORS).read_text("utf-8", "replace")[-2000:].strip()
            status = self._process.wait(timeout=10)
            self.stop()
            if status == 2:
                raise InputError(tail.rpartition("pytest_caio serve: ")[2]) from None
            raise RuntimeError(
                f"the reference deployment did not start: {tail or 'it said nothing'}"
            ) from None
        return summary

    def _finish(self) -> None:
        """Stop the process that `_begin` started; may be called again."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdout is not None
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            _end(process)
        process.stdout.close()

    def _profile(self, folder: Path) -> str:
        profile: dict[str, Mapping[str, object]] = {
            "": {"base_url": self.base_url, "inngest_functions": 5, "former_origins": [FORMER_ORIGIN]},
            ".state": {
                "hive_dir": str(self.hive_dir),
                "cutover": datetime.now(UTC).isoformat(),
                "summary": str(self.hive_dir / MIGRATION),
            },
            ".replay": REPLAY,
            ".operator": {"daily_limit": 5},
            ".pack": {
                "cwd": str(_HERE / "pack"),
                "tests": ["test_critical.py"],
                "min_tests": 14,
                "python": lean_python(folder),
                "seconds": 120,
            },
        }
        # JSON and TOML write numbers, strings and lists of strings in the same way, but for characters beyond
        # the basic plane, which JSON would escape as two halves.
        write = partial(json.dumps, ensure_ascii=False)
        return "".join(
            f"[{write(self._environment)}{section}]\n"
            + "".join(f"{key} = {write(value)}\n" for key, value in keys.items())
            for section, keys in profile.items()
        )

    def _next_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        # Reading a pipe has no timeout, and Windows cannot select on one: a timer ends the process instead.
        timer = threading.Timer(self._start_seconds, _end, [self._process])
        timer.start()
        try:
            return self._process.stdout.readline()
        finally:
            timer.cancel()

    def __enter__(self) -> Self:
        """Start the process."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop the process."""
        self.stop()


def _end(process: subprocess.Popen[str]) -> None:
    # Terminate it first: a killed process cannot stop its Redis server.
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _own_environment(parent: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without the runtime keys, plain or with a prefix (`STAGING_…`)."""
    return {name: value for name, value in parent.items() if not holds_runtime_key(name)}
