"""The product's critical tests: run in its checkout in a separate process, their results read from JUnit."""

from __future__ import annotations

import os
import re
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
from pytest_caio.system.atomicfile import once_free
from pytest_caio.system.child import Child, ChildError, why_not_started
from pytest_caio.system.paths import is_file
from pytest_caio.system.program import find_program
from pytest_caio.system.watchdog import Watchdog
from pytest_caio.text import beginning

__all__ = ["PackFindings", "PackJob", "read_junit"]

_LARGEST = 32 << 20  # bytes of a JUnit file
_TAIL = 2000  # bytes of output
_SHOWN = 200
_RULES = re.compile(r"[=_-]{4,}")  # horizontal rules in pytest's output
_NAMED = 3
# The checkout's own options could deselect tests; this form of JUnit names the file of each test.
_WHOLE = ("-o", "addopts=", "-o", "junit_family=xunit1")
_DESELECTED = re.compile(r"\b(\d+) deselected\b(?=[^\n]* in [\d.]+s)")
# Variables that change how this run goes, not how the product is tested, begin with these words.
_THIS_RUN = ("PYTEST_", "PYTHONWARNINGS")
# pytest's exit statuses (pytest.ExitCode) that mean that there is no result.
_STATUSES = {
    2: "they were interrupted, or could not be collected",
    3: "pytest itself broke",
    4: "pytest could not use its options or did not find the tests",
    5: "no test was collected",
}


class PackFindings(msgspec.Struct, frozen=True):
    """The results of the critical tests: counts, names of failures, and `trouble` with the run itself.

    `files` are those of the tests that passed. `unproved` are the files and folders named in the profile of
    which no test passed, `deselected` counts the tests that the checkout's own configuration left out, and
    `needed` is how many must run.
    """

    passed: int = 0
    skipped: int = 0
    failed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()
    deselected: int = 0
    needed: int = 1
    trouble: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the release cannot rely on the critical tests; empty when it can."""
        ran = self.passed + len(self.failed) + len(self.broken)
        found = [
            _named(word, tests) for word, tests in (("failed", self.failed), ("broke", self.broken)) if tests
        ]
        if self.trouble:
            return (*found, self.trouble)
        if ran < self.needed:
            count = f"{ran} tests" if ran else "no test"
            found.append(f"{count} ran, {self.needed} must ({self.skipped} were skipped)")
        if self.unproved:
            found.append(f"no test passed of {', '.join(self.unproved)}")
        if self.deselected:
            found.append(f"{self.deselected} were left out by the checkout's own configuration")
        return tuple(found)


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
        python = _python(section)
        try:
            child = Child(
                [python, "-m", "pytest", *_WHOLE, *section.tests, f"--junitxml={junit}"],
                cwd=Path(section.cwd),
                env=_without_secrets(os.environ, self._environment),
                stopped=self._ended.is_set,
                tail=_TAIL,
                watchdog=watchdog,
            )
        except OSError as error:
            reason = why_not_started(python, Path(section.cwd), error)
            return PackFindings(trouble=f"the tests did not start: {reason}")
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
        left_out = _DESELECTED.search(output)
        return msgspec.structs.replace(
            findings,
            unproved=_unproved(section, findings.files),
            deselected=int(left_out[1]) if left_out else 0,
            needed=section.min_tests,
        )


def _python(section: PackSection) -> str:
    if section.python:
        return find_program(section.python, Path(section.cwd)) or section.python
    own = Path(section.cwd, ".venv", *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    return str(own) if is_file(own) else sys.executable


def _without_secrets(process: Mapping[str, str], environment: Environment) -> dict[str, str]:
    """Return a process environment without runtime keys, secrets and what is about this pytest run."""
    values = {key: value.reveal() for key, value in environment.values.items()}
    secrets = {value for key, value in values.items() if value and names_secret(key, value)}
    return {
        name: value
        for name, value in process.items()
        if not name.startswith(_THIS_RUN) and value not in secrets and not holds_runtime_key(name)
    }


def _unproved(section: PackSection, files: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files and folders of the section's tests without a test that passed."""
    checkout = Path(section.cwd).resolve()
    # The names in JUnit are relative to pytest's root, which is the checkout or a folder above it.
    roots = (checkout, *checkout.parents)
    proved: set[Path] = set()
    for file in files:
        path = next((root / file for root in roots if is_file(root / file)), checkout / file).resolve()
        proved |= {path, *path.parents}
    named = dict.fromkeys(test.partition("::")[0] for test in section.tests)
    return tuple(name for name in named if (checkout / name).resolve() not in proved)


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
        root = ET.fromstring(once_free(path.read_bytes))  # noqa: S314 - our own pytest wrote it, and expat bounds entities
    except OSError:
        raise ValueError("the tests left no result") from None
    except ET.ParseError as error:
        raise ValueError(f"the tests' result is no JUnit file ({error})") from None
    if root.tag not in ("testsuites", "testsuite"):
        raise ValueError("the tests' result is no JUnit file")
    passed = skipped = 0
    failed: list[str] = []
    broken: list[str] = []
    files: dict[str, None] = {}
    for case in root.iter("testcase"):
        kinds = {part.tag: part for part in case}
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        if bad := [kinds[kind] for kind in ("failure", "error") if kind in kinds]:
            why = beginning(_why(bad[0]), _SHOWN)
            (failed if "failure" in kinds else broken).append(f"{name} ({why})" if why else name)
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
            files[case.get("file", "")] = None
    return PackFindings(passed, skipped, tuple(failed), tuple(broken), tuple(filter(None, files)))


def _why(part: ET.Element) -> str:
    """Return the message of a failure or an error, and the last line that says what went wrong."""
    message = " ".join((part.get("message") or "").split())
    lines = [" ".join(line.split()) for line in (part.text or "").splitlines() if line.strip()]
    last = next((line[2:] for line in reversed(lines) if line.startswith("E ")), lines[-1] if lines else "")
    return message if part.tag == "failure" or last in message else f"{message}: {last}".removeprefix(": ")
