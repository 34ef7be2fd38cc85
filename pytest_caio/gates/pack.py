"""The product's critical tests: run in its checkout in a separate process, their results read from JUnit."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import holds_runtime_key
from pytest_caio.environments.profiles import PackSection
from pytest_caio.redaction.secret import names_secret
from pytest_caio.system.child import Child, ChildError
from pytest_caio.system.watchdog import Watchdog
from pytest_caio.text import beginning

__all__ = ["PackFindings", "PackJob", "read_junit"]

_LARGEST = 32 << 20  # bytes of a JUnit file
_TAIL = 2000  # bytes of output
_SHOWN = 200
_RULES = re.compile(r"[=_-]{4,}")  # horizontal rules in pytest's output
_NAMED = 3
# pytest's exit statuses (pytest.ExitCode) that mean that there is no result.
_STATUSES = {
    2: "they were interrupted, or could not be collected",
    3: "pytest itself broke",
    4: "pytest could not use its options or did not find the tests",
    5: "no test was collected",
}


class PackFindings(msgspec.Struct, frozen=True):
    """The results of the critical tests: counts, names of failures, and `trouble` with the run itself."""

    passed: int = 0
    skipped: int = 0
    failed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the release cannot rely on the critical tests; empty when it can."""
        ran = self.passed + len(self.failed) + len(self.broken)
        found = [
            _named(word, tests) for word, tests in (("failed", self.failed), ("broke", self.broken)) if tests
        ]
        if not (ran or self.trouble):
            found.append(f"no test ran ({self.skipped} were skipped)")
        return (*found, *([self.trouble] if self.trouble else []))


def _named(word: str, tests: tuple[str, ...]) -> str:
    more = ", ..." if len(tests) > _NAMED else ""
    return f"{len(tests)} {word}: {', '.join(tests[:_NAMED])}{more}"


class PackJob:
    """The run of an environment's critical tests; call it once. Another thread may `end` it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._section = environment.profile.pack or PackSection()
        self._ended = threading.Event()

    def end(self) -> None:
        """End the tests."""
        self._ended.set()

    def __call__(self) -> PackFindings:
        """Run the tests and return the findings; a failure of the run as a whole is their `trouble`."""
        made = tempfile.TemporaryDirectory(prefix="caio-pack-", ignore_cleanup_errors=True)
        with made as folder, closing(Watchdog()) as watchdog:
            return self._run(Path(folder) / "junit.xml", watchdog)

    def _run(self, junit: Path, watchdog: Watchdog) -> PackFindings:
        section = self._section
        try:
            child = Child(
                [_python(section), "-m", "pytest", *section.tests, f"--junitxml={junit}"],
                cwd=Path(section.cwd),
                env=_without_secrets(os.environ, self._environment),
                stopped=self._ended.is_set,
                tail=_TAIL,
                watchdog=watchdog,
            )
        except OSError as error:
            return PackFindings(trouble=f"{section.python or 'pytest'} cannot be started: {error.strerror}")
        try:
            child.send(b"", last=True)
            status, output = child.finish(time.monotonic() + section.seconds)
        except ChildError:
            return PackFindings(trouble=f"the tests did not end within {section.seconds:g} s, and were ended")
        finally:
            child.close()
        try:
            findings = read_junit(junit)
        except ValueError as error:
            return PackFindings(trouble=f"{error}; {_ending(status, output)}")
        if status and not findings.failed and not findings.broken:
            return msgspec.structs.replace(findings, trouble=_ending(status, output))
        return findings


def _python(section: PackSection) -> str:
    if section.python:
        return shutil.which(section.python) or section.python
    own = Path(section.cwd, ".venv", *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    return str(own) if own.is_file() else sys.executable


def _without_secrets(process: Mapping[str, str], environment: Environment) -> dict[str, str]:
    """Return a process environment without runtime keys, secrets and the variables of this pytest run."""
    values = {key: value.reveal() for key, value in environment.values.items()}
    secrets = {value for key, value in values.items() if value and names_secret(key, value)}
    return {
        name: value
        for name, value in process.items()
        if not name.startswith("PYTEST_") and value not in secrets and not holds_runtime_key(name)
    }


def _ending(status: int, output: str) -> str:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    why = f", {_STATUSES[status]}" if status in _STATUSES else ""
    words = " ".join(_RULES.sub(" ", output).split())[-_SHOWN:]
    return f"they ended with {how}{why}" + (f": ...{words}" if words else "")


def read_junit(path: Path) -> PackFindings:
    """Count the test cases of a JUnit file. Raises ValueError when it is missing, too large or not JUnit."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"the tests' result is larger than {_LARGEST >> 20} MiB")
        root = ET.fromstring(path.read_bytes())  # noqa: S314 - our own pytest wrote it, and expat bounds entities
    except OSError:
        raise ValueError("the tests left no result") from None
    except ET.ParseError as error:
        raise ValueError(f"the tests' result is no JUnit file ({error})") from None
    if root.tag not in ("testsuites", "testsuite"):
        raise ValueError("the tests' result is no JUnit file")
    passed = skipped = 0
    failed: list[str] = []
    broken: list[str] = []
    for case in root.iter("testcase"):
        kinds = {part.tag: part for part in case}
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        if bad := [kinds[kind] for kind in ("failure", "error") if kind in kinds]:
            why = beginning(" ".join((bad[0].get("message") or "").split()), 120)
            (failed if "failure" in kinds else broken).append(f"{name} ({why})" if why else name)
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return PackFindings(passed, skipped, tuple(failed), tuple(broken))
