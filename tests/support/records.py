"""Records of runs, for the tests of the evidence's writers."""

from __future__ import annotations

from typing import Any

from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import (
    CaseRecord,
    CauseRecord,
    CheckRecord,
    EnvironmentRecord,
    Record,
    RunRecord,
    WaiverRecord,
)

__all__ = ["HOSTILE", "check", "record"]

# Text that would break out of a format: lines, terminals, XML, workflow commands, Markdown, and very long.
HOSTILE = "a]]>\r\n::error title=x::y\n\x1b[31m\x00\u202e\u2028%0A:,<script>|`@all` " + "z" * 2**20
_STARTED = "2026-02-24T03:17:00+00:00"


def check(id: str, outcome: str, text: str = "as seen") -> CheckRecord:  # noqa: A002 - the field's name
    """Return a check with one case of this outcome."""
    case = CaseRecord(f"acceptance/test_a.py::test[{id}]", "case", Outcome(outcome), text, text, 12.3, [])
    return CheckRecord(id, "auth", f"title of {id}", True, Outcome(outcome), f"fix {text}", None, [case])


def record(*checks: CheckRecord, verdict: str = "NO-GO", text: str = "as seen", **details: Any) -> Record:
    """Return the record of a run of production, with one cause for each check that failed."""
    run = RunRecord(
        "0123456789abcdef0123456789abcdef",
        details.pop("started", _STARTED),
        "2026-02-24T03:18:00+00:00",
        {"name": "pytest-caio", "version": "1"},
        "acceptance",
        {},
    )
    causes = [
        CauseRecord("production", f"{one.title} {text}", one.fix, "you", [one.id], [])
        for one in checks
        if one.outcome.bad
    ]
    own = EnvironmentRecord("production", "https://x.example", verdict, verdict, "", "", [], list(checks), [])
    waivers = [
        WaiverRecord(1, 3, one.id, "*", "production", "Ann", f"late {text}", "2026-03-01", 5, used, "")
        for one in checks
        if (used := one.outcome is Outcome.WAIVED)
    ]
    return Record(verdict, verdict, [f"failed {text}"], run, [own], causes, waivers=waivers, **details)
