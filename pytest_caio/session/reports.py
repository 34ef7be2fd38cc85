"""From pytest's report of a case to its redacted Result, which is then attached to the report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from pytest_caio.checks.check import Check
from pytest_caio.checks.shared import HEALTH
from pytest_caio.contract.reports import reported_commit
from pytest_caio.outcomes import Mismatch, MissingInput, NoAnswer
from pytest_caio.probing.causes import Cause
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.plan import Planned
from pytest_caio.session.run import Run
from pytest_caio.text import printable
from pytest_caio.verdict.exchanges import exchange_record
from pytest_caio.verdict.expectation import expected_of
from pytest_caio.verdict.outcome import OWN_FAULT, Outcome, decide
from pytest_caio.verdict.record import Result, Table

__all__ = ["attach_leaks", "observe"]

_LONGEST = 600  # characters of what was expected or observed


def observe(  # noqa: PLR0917 - what pytest and the plan know of one case
    run: Run,
    item: pytest.Function,
    call: pytest.CallInfo[None],
    report: pytest.TestReport,
    planned: Planned,
    answers: dict[str, Exchange],
    tables: list[Table],
) -> None:
    """Attach the case's result to `report`; mark a waived or advising case as an expected failure.

    The report of a passed setup or teardown gets no result.
    """
    if report.when != "call" and report.passed:
        return
    check, case, redact = planned.check, planned.case, run.redactor.redact
    waivers = run.options.waivers.covering(case.environment.name, check.id, case.name, run.today)
    waivable = check.may_be_waived(case.environment.expected_environment)
    # Retried answers come first, since a long summary is cut at its end.
    ordered = sorted(answers.items(), key=lambda one: not one[1].retries)
    error = call.excinfo.value if call.excinfo else None
    decision = decide(
        blocking=check.blocking,
        expected=expected_of(item.function),
        answers="; ".join(f"{label}: {answer.summary}" for label, answer in ordered),
        skipped=_reason(report) if report.skipped else None,
        failed=report.failed,
        error=error,
        asserted=isinstance(error, AssertionError | pytest.fail.Exception),
        comparison=run.comparison,
        # A waiver covers judgements only, not a missing response or a failed setup or teardown.
        waived=report.when == "call" and not isinstance(error, NoAnswer) and waivable and bool(waivers),
    )
    cause = _cause(error, list(answers.values())) if report.failed else None
    result = Result(
        environment=case.environment.name,
        check=check.id,
        gate=check.gate,
        title=check.title,
        wrong=check.wrong,
        fix=printable(redact((cause.fix if cause else "") or _fix(check, error, decision.outcome))),
        cause=cause.sentence if cause else "",
        missing=[printable(redact(n)) for n in error.names] if isinstance(error, MissingInput) else [],
        by=_by(check, error, decision.outcome, cause),
        blocking=check.blocking,
        name=redact(case.name),
        outcome=decision.outcome,
        nodeid=report.nodeid,
        duration_ms=round(call.duration * 1000, 1),
        expected=printable(redact(decision.expected))[:_LONGEST],
        observed=printable(redact(decision.observed))[:_LONGEST],
        advised_because=decision.because,
        applicable=decision.applicable,
        unreachable=decision.unreachable,
        of=case.of,
        waivable=waivable,
        waivers=[waiver.number for waiver in waivers],
        retried="; ".join(dict.fromkeys(a.retries for a in answers.values() if a.retries)),
        tables=[msgspec.convert(run.redactor.redact_all(msgspec.to_builtins(t)), Table) for t in tables],
    )
    if result.outcome is Outcome.WAIVED:
        report.outcome = "skipped"
        report.wasxfail = printable(redact(waivers[0].sentence))
    if result.outcome is Outcome.ADVISED:
        report.outcome = "skipped"
        report.wasxfail = f"advises: {result.observed}"
        if isinstance(report.longrepr, tuple):  # drop the skip's file and line, which are ours
            report.longrepr = result.observed
    for answer in answers.values():
        result.exchanges[answer.number] = exchange_record(answer, redact)
        if answer.request.target == HEALTH.target and answer.status_code == 200:
            result.commit = redact(_commit(answer))
    report.caio = _carried(result)  # type: ignore[attr-defined]


def _fix(check: Check, error: BaseException | None, outcome: Outcome) -> str:
    """Return what is to be done: to report a check that broke, and nothing where it was not asked."""
    if outcome is Outcome.ERROR:
        return OWN_FAULT
    own = str(getattr(error, "fix", ""))
    return own or ("" if outcome is Outcome.NOT_RUN else check.fix)


def _by(check: Check, error: BaseException | None, outcome: Outcome, cause: Cause | None) -> str:
    """Return who can do what the fix says: that of the suite, or of a cause outside, is for the operator."""
    if outcome is Outcome.ERROR or cause:
        return "you"
    return getattr(error, "by", "") or check.by


def _cause(error: BaseException | None, answers: Sequence[Exchange]) -> Cause | None:
    """Return the cause outside the check that made it fail, if its responses show one.

    All of them must show it, or else the one that was not as expected: where a firewall refuses some
    requests, another that got in is the check's own finding.
    """
    causes = {answer.cause for answer in answers if answer.cause}
    if len(causes) == 1 and all(answer.cause for answer in answers):
        return causes.pop()
    told = error.observed if isinstance(error, Mismatch) else ""
    return next((cause for cause in causes if cause.sentence in told), None)


def attach_leaks(report: pytest.TestReport, leaks: Sequence[Result]) -> None:
    """Attach further results, of the check that judges every response, to a case's report."""
    if leaks:
        report.caio_leaks = [_carried(leak) for leak in leaks]  # type: ignore[attr-defined]


def _carried(result: Result) -> Any:
    """Return a result as a report carries it: a worker's is sent to the controller."""
    return msgspec.to_builtins(result) if os.environ.get("PYTEST_XDIST_WORKER") else result


def _reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _commit(answer: Exchange) -> str:
    try:
        return reported_commit(answer.json(dict[str, Any]))
    except AssertionError:
        return ""
