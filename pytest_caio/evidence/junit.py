"""The evidence as JUnit XML: pytest's own, with the check, environment, outcome and fix of each test.

The only module that depends on pytest's writer of JUnit XML.
"""

from __future__ import annotations

import copy
import re
import tempfile
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from _pytest.junitxml import LogXML

from pytest_caio.evidence.file import write_whole
from pytest_caio.text import encodable, printable
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Record, Result, result_of

__all__ = ["JunitReport"]

_NOT_PLAIN_ASCII = re.compile(r"[^\n\t -~]")


class JunitReport(LogXML):
    """pytest's writer of JUnit XML beside --junitxml; `write` writes the file, after all other plugins.

    A waived failure is a passed test with the property `outcome` waived: `skipped` would say that it was not
    judged. Advice is `skipped` with a message that begins with `advises: `, and the property too.
    """

    def __init__(self) -> None:
        # xunit1 is the family whose test cases may have properties.
        super().__init__("unused", None, suite_name="caio", family="xunit1")

    def pytest_sessionfinish(self) -> None:
        """Leave the file to `write`, when the verdict is known."""

    def pytest_terminal_summary(self) -> None:  # type: ignore[override]
        """Leave the path to our summary."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a test with the properties of its result."""
        result = result_of(report)
        if result is not None:
            reporter = self.node_reporter(report)
            for name, value in _properties(result).items():
                reporter.add_property(name, printable(value))
            if result.outcome is Outcome.WAIVED:
                reporter.add_property("waived", printable(report.wasxfail))
                report = copy.copy(report)
                report.outcome = "passed"
                del report.wasxfail
        super().pytest_runtest_logreport(report)

    def write(self, record: Record, path: Path) -> str:
        """Write the file, with verdict and causes as its properties; return why it could not be written."""
        self.global_properties = []
        for name, value in (
            ("verdict", record.verdict),
            ("headline", record.headline),
            ("run", record.run.id),
            *(("reason", reason) for reason in record.reasons),
            *(("cause", f"{one.environment}: {one.sentence} Action: {one.action}") for one in record.causes),
        ):
            self.add_global_property(name, printable(value))
        for reporter in self.node_reporters_ordered:
            # pytest keeps the element alone once a test has ended; of a test that was cut short it makes one.
            case = reporter.to_xml()
            reporter.to_xml = partial(_as_it_is, case)  # type: ignore[method-assign]  # as pytest does
            for node in case.iter():
                _make_writable(node.attrib)
        try:
            with tempfile.TemporaryDirectory() as folder:
                self.logfile = str(Path(folder) / "junit.xml")
                super().pytest_sessionfinish()
                text = Path(self.logfile).read_text("utf-8")
        except OSError as error:
            return printable(f"the evidence {path} could not be written: {error.strerror}")
        return write_whole(path, _NOT_PLAIN_ASCII.sub(_reference, text).encode())


def _properties(result: Result) -> dict[str, str]:
    """Return the properties of a test; a check's fix only where something is to be done."""
    properties = {
        "check": result.check,
        "environment": result.environment,
        "outcome": str(result.outcome),
        "blocking": "yes" if result.blocking else "no, it advises",
    }
    return properties if result.outcome is Outcome.PASSED else {**properties, "fix": result.fix}


def _as_it_is(case: Element) -> Element:
    return case


def _make_writable(attributes: dict[str, str]) -> None:
    """Escape what pytest leaves in attributes and no file takes: bytes of a path that are no text."""
    for name, value in attributes.items():
        if not value.isascii():
            attributes[name] = encodable(value, "utf-8")


def _reference(match: re.Match[str]) -> str:
    """Return the character, as a reference when not printable: it could control a terminal or an editor."""
    return match[0] if match[0].isprintable() else f"&#x{ord(match[0]):x};"
