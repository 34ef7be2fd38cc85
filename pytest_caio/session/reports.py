"""Turns what pytest reports of a check's test case into a redacted Result."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest

from pytest_caio.checks.shared import HEALTH
from pytest_caio.contract.reports import reported_commit
from pytest_caio.outcomes import Advice, MissingInput, NoAnswer
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.plan import Planned
from pytest_caio.session.run import Run
from pytest_caio.text import printable
from pytest_caio.verdict.expectation import expected_of, failure_of
from pytest_caio.verdict.record import WRITES, Result, Table, exchange_record

__all__ = ["NOT_APPLICABLE", "UNREACHABLE", "observe"]

NOT_APPLICABLE = "not applicable: "
UNREACHABLE = "unreachable: "
_LONGEST = 600


def observe(  # noqa: PLR0917 - what pytest and the plan know of one case
    run: Run,
    item: pytest.Function,
    call: pytest.CallInfo[None],
    report: pytest.TestReport,
    planned: Planned,
    answers: dict[str, Exchange],
    tables: list[Table],
) -> None:
    """Attach the case's result to `report`, and make a case that only advises an expected failure.

    A passed setup or teardown says nothing and carries nothing.
    """
    if report.when != "call" and report.passed:
        return
    check, case, redact = planned.check, planned.case, run.redactor.text
    waivers = run.options.waivers.covering(case.environment.name, check.id, case.name, run.today)
    told = sorted(answers.items(), key=lambda one: not one[1].retries)  # a long text is cut, but not at these
    result = Result(
        environment=case.environment.name,
        check=check.id,
        gate=_gate(item),
        title=check.title,
        fix=check.fix,
        blocking=check.blocking,
        name=case.name,
        outcome="passed",
        nodeid=report.nodeid,
        duration_ms=round(call.duration * 1000, 1),
        expected=expected_of(item.function),
        observed="; ".join(f"{label}: {answer.summary}" for label, answer in told),
        of=case.of,
        waivable=check.waivable,
        waivers=[waiver.number for waiver in waivers],
        retried="; ".join(dict.fromkeys(a.retries for a in answers.values() if a.retries)),
    )
    if report.skipped:
        _skipped(result, report)
    elif report.failed:
        _failed(run, result, call)
    result.expected = printable(redact(result.expected))[:_LONGEST]
    result.observed = printable(redact(result.observed))[:_LONGEST]
    # What broke, lacked an input, had no answer or failed around the check was not judged: nobody can
    # answer for it.
    judged = report.when == "call" and not (call.excinfo and isinstance(call.excinfo.value, NoAnswer))
    if result.outcome == "failed" and judged and check.waivable and waivers:
        result.outcome = "waived"
        report.outcome = "skipped"
        report.wasxfail = printable(redact(waivers[0].sentence))
    if result.outcome == "advised":
        report.outcome = "skipped"
        report.wasxfail = f"advises: {result.observed}"
        if isinstance(report.longrepr, tuple):  # a skip names the file that skipped; here that says nothing
            report.longrepr = result.observed
    result.name = redact(result.name)
    result.tables = [msgspec.convert(run.redactor.tree(msgspec.to_builtins(t)), Table) for t in tables]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    for answer in answers.values():
        result.exchanges[f"{worker}{id(answer)}"] = exchange_record(answer, redact)
        if answer.request.target == HEALTH.target and answer.status_code == 200:
            result.commit = redact(_commit(answer))
    report.caio = msgspec.to_builtins(result) if worker else result  # type: ignore[attr-defined]  # travels with it


def _gate(item: pytest.Function) -> str:
    return item.path.stem.removeprefix("test_")


def _commit(answer: Exchange) -> str:
    try:
        return reported_commit(answer.json(dict[str, Any]))
    except AssertionError:
        return ""


def _skipped(result: Result, report: pytest.TestReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    result.outcome, result.observed = "not-run", reason
    if reason.startswith(NOT_APPLICABLE):
        result.applicable, result.observed = False, reason.removeprefix(NOT_APPLICABLE)
    elif reason.startswith(UNREACHABLE):
        result.unreachable = reason.removeprefix(UNREACHABLE)
    elif reason == WRITES:
        result.outcome = "advised"


def _failed(run: Run, result: Result, call: pytest.CallInfo[None]) -> None:
    error = call.excinfo.value if call.excinfo else None
    result.outcome = "error"
    if isinstance(error, MissingInput):
        result.outcome, result.expected, result.observed = "missing-input", "the input is given", str(error)
    elif isinstance(error, AssertionError | pytest.fail.Exception):
        result.outcome = "failed"
        expected, observed = failure_of(error, run.comparison)
        # The answer itself says most: it follows what the assertion saw.
        seen = "" if observed in result.observed or result.observed in observed else f"; {result.observed}"
        result.expected, result.observed = expected, observed + seen
    elif isinstance(error, Advice):
        result.outcome, result.observed = "advised", str(error)
    elif error is not None:
        result.observed = f"the check itself broke: {type(error).__name__}: {error}"
    # A check that broke judged nothing: that is a fault of the suite, and no advice.
    if not result.blocking and result.outcome != "error":
        result.outcome = "advised"
