"""The evidence in the Common Test Report Format (https://ctrf.io), one test for each case of a check."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from pytest_caio.evidence.file import write_whole
from pytest_caio.evidence.jsonfile import encoded
from pytest_caio.outcomes import told
from pytest_caio.verdict.judge import GO
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import CaseRecord, CheckRecord, EnvironmentRecord, Record

__all__ = ["write"]

_SPEC_VERSION = "0.0.0"  # the published schema has no numbered release yet
# What the format has no word for is `other`; the outcome itself is the `rawStatus`.
_STATUSES = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "failed",
    Outcome.MISSING_INPUT: "failed",
    Outcome.WAIVED: "other",
    Outcome.ADVISED: "other",
    Outcome.NOT_RUN: "skipped",
}


def write(record: Record, path: Path) -> str:
    """Write `record` to `path`; return why it could not be written, empty on success."""
    return write_whole(path, encoded(_report(record)))


def _report(record: Record) -> dict[str, Any]:
    tests = [_test(*case) for case in record.cases]
    counts = Counter(test["status"] for test in tests)
    statuses = ("passed", "failed", "skipped", "pending", "other")
    run = record.run
    return {
        "reportFormat": "CTRF",
        "specVersion": _SPEC_VERSION,
        "reportId": str(uuid.UUID(run.id)),
        "timestamp": run.finished,
        "generatedBy": run.tool["name"],
        "results": {
            "tool": {"name": run.tool["name"], "version": run.tool["version"]},
            "summary": {
                "tests": len(tests),
                **{status: counts[status] for status in statuses},
                "flaky": sum(test.get("flaky", False) for test in tests),
                "start": _milliseconds(run.started),
                "stop": _milliseconds(run.finished),
            },
            "tests": tests,
            "environment": {
                "appName": "CAIO Alpha Swarm dashboard",
                "testEnvironment": " + ".join(environment.name for environment in record.environments),
                "healthy": record.verdict == GO,
            },
            "extra": {
                "verdict": record.verdict,
                "headline": record.headline,
                "reasons": record.reasons,
                "causes": msgspec.to_builtins(record.causes),
                "waivers": msgspec.to_builtins(record.waivers),
            },
        },
    }


def _test(environment: EnvironmentRecord, check: CheckRecord, case: CaseRecord) -> dict[str, Any]:
    where = f"{environment.name} {case.name}".rstrip()
    test: dict[str, Any] = {
        "name": f"{check.id} {check.title} [{where}]",
        "status": _STATUSES[case.outcome],
        "rawStatus": case.outcome,
        "duration": round(case.duration_ms),
        "suite": [environment.name, check.gate],
        "filePath": case.id.partition("::")[0],
        "tags": [check.id, check.gate, "blocks" if check.blocking else "advises"],
        "labels": {"check": check.id, "environment": environment.name},
    }
    if case.outcome is not Outcome.PASSED:
        test["message"] = told(case.expected, case.observed)
        test["labels"] |= {"fix": case.fix} if case.fix else {}
    elif case.retried:
        test["flaky"] = True
    return test


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)
