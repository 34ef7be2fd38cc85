"""The evidence as JUnit XML: each case of a check from the record, and ordinary tests as pytest has them.

The only module that depends on pytest's writer of JUnit XML.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from _pytest.junitxml import LogXML, mangle_test_address

from pytest_caio.checks.check import MARK
from pytest_caio.evidence.file import write_whole
from pytest_caio.outcomes import told
from pytest_caio.text import encodable, printable
from pytest_caio.verdict.outcome import NOT_ASKED, Outcome, word_of
from pytest_caio.verdict.record import CaseRecord, CheckRecord, EnvironmentRecord, Record

__all__ = ["JunitReport"]

_NOT_PLAIN_ASCII = re.compile(r"[^\n\t -~]")
# A waived failure is a passed test: `skipped` would say that it was not judged.
_KINDS = {
    Outcome.FAILED: "failure",
    Outcome.MISSING_INPUT: "failure",
    Outcome.ERROR: "error",
    Outcome.ADVISED: "skipped",
    Outcome.NOT_RUN: "skipped",
}


class JunitReport(LogXML):
    """pytest's writer of JUnit XML beside --junitxml, for ordinary tests and for what cannot be collected.

    `write` writes the file, after all other plugins, with each case of a check as the record has it.
    """

    def __init__(self) -> None:
        # xunit1 is the family whose test cases may have properties.
        super().__init__("unused", None, suite_name="caio", family="xunit1")

    def pytest_sessionfinish(self) -> None:
        """Leave the file to `write`, when the verdict is known."""

    def pytest_terminal_summary(self) -> None:  # type: ignore[override]
        """Leave the path to our summary."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add an ordinary test."""
        if MARK not in report.keywords:
            super().pytest_runtest_logreport(report)

    def write(self, record: Record, path: Path) -> str:
        """Write the file, with verdict and causes as its properties; return why it could not be written."""
        # pytest keeps the element alone once a test has ended; of a test that was cut short it makes one.
        tests = [reporter.to_xml() for reporter in self.node_reporters_ordered]
        for node in (node for test in tests for node in test.iter()):
            _make_writable(node.attrib)
        tests += [_case(*case) for case in record.cases]
        kinds = Counter(child.tag for test in tests for child in test)
        run = record.run
        suites = Element("testsuites", name="pytest tests")
        suite = SubElement(
            suites,
            "testsuite",
            name=self.suite_name,
            tests=str(len(tests)),
            failures=str(kinds["failure"]),
            errors=str(kinds["error"]),
            skipped=str(kinds["skipped"]),
            time=str(run.seconds),
            timestamp=run.started,
            hostname="localhost",  # some schemas require one, and it is nobody's business
        )
        causes = (f"{one.environment}: {one.sentence} Action: {one.action}" for one in record.causes)
        _add_properties(
            suite,
            ("verdict", record.verdict),
            ("headline", record.headline),
            ("run", run.id),
            *(("reason", reason) for reason in record.reasons),
            *(("cause", cause) for cause in causes),
        )
        suite.extend(tests)
        text = f'<?xml version="1.0" encoding="utf-8"?>{tostring(suites, "unicode")}'
        return write_whole(path, _NOT_PLAIN_ASCII.sub(_reference, text).encode())


def _case(environment: EnvironmentRecord, check: CheckRecord, case: CaseRecord) -> Element:
    *names, name = map(printable, mangle_test_address(case.id))
    test = Element(
        "testcase",
        classname=".".join(names),
        name=name,
        file=printable(case.id.partition("::")[0]),
        time=f"{case.duration_ms / 1000:.3f}",
    )
    _add_properties(
        test,
        ("check", check.id),
        ("environment", environment.name),
        ("outcome", case.outcome),
        ("blocking", "yes" if check.blocking else "no, it advises"),
        *([("fix", case.fix)] if case.fix and case.outcome is not Outcome.PASSED else []),
        *([("waived", check.waiver.sentence)] if case.outcome is Outcome.WAIVED and check.waiver else []),
    )
    if kind := _KINDS.get(case.outcome):
        message = printable(_message(case))
        SubElement(test, kind, message=message).text = message
    return test


def _message(case: CaseRecord) -> str:
    if word_of(case.outcome, case.advised_because) == NOT_ASKED:
        return f"{NOT_ASKED}: {case.observed}"
    return (
        f"advises: {case.observed}" if case.outcome is Outcome.ADVISED else told(case.expected, case.observed)
    )


def _add_properties(element: Element, *pairs: tuple[str, str]) -> None:
    properties = SubElement(element, "properties")
    for name, value in pairs:
        SubElement(properties, "property", name=name, value=printable(value))


def _make_writable(attributes: dict[str, str]) -> None:
    """Escape what pytest leaves in attributes and no file takes: bytes of a path that are no text."""
    for name, value in attributes.items():
        if not value.isascii():
            attributes[name] = encodable(value, "utf-8")


def _reference(match: re.Match[str]) -> str:
    """Return the character, as a reference when not printable: it could control a terminal or an editor."""
    return match[0] if match[0].isprintable() else f"&#x{ord(match[0]):x};"
