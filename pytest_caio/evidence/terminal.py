"""The summary at the end of the terminal output, short enough to paste into a chat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_caio.evidence import since
from pytest_caio.text import beginning, printable
from pytest_caio.verdict.outcome import AdvisedBecause, Outcome
from pytest_caio.verdict.record import CheckRecord, EnvironmentRecord, Record, WaiverRecord

__all__ = ["write"]

_COLOURS = {"GO": "green", "NO-GO": "red", "INCOMPLETE": "yellow"}
_SHOWN_CASES = 3
_LINE = 240
_BAD = tuple(outcome for outcome in Outcome if outcome.bad)


def write(record: Record, paths: Sequence[Path], terminal: Any) -> None:
    """Write the verdict through pytest's terminal reporter, which handles colours and NO_COLOR.

    `paths` are the evidence files, listed after the waivers.
    """
    colour = {_COLOURS[record.verdict]: True}
    terminal.write_sep("=", f"CAIO acceptance: {record.headline}", bold=True, **colour)
    for reason in record.reasons:
        terminal.write_line(printable(reason))
    for environment in record.environments:
        _environment(environment, terminal)
    for waiver in record.waivers:
        if waiver.days_left is not None:  # a malformed one is already among the reasons
            terminal.write_line(printable(_waiver(waiver)), red=bool(waiver.problem), yellow=waiver.used)
    for line in since.lines(record.since):
        terminal.write_line(line)
    for path in paths:
        terminal.write_line(f"evidence: {path}")
    terminal.write_line(record.headline, bold=True, **colour)


def _environment(environment: EnvironmentRecord, terminal: Any) -> None:
    terminal.write_line(f"{environment.name} at {environment.base_url}: {environment.headline}", bold=True)
    if environment.unreachable:
        terminal.write_line(
            "  fix: see that the URL is right, that the deployment runs, and that this machine can reach it "
            "directly: the checks use no proxy of the environment (HTTPS_PROXY)."
        )
        return
    for gate in environment.gates:
        shown = [f"{n} {word}" for word, n in gate.counts.items() if n or word in ("passed", "failed")]
        terminal.write_line(f"  {gate.name:<12} {', '.join(shown)}", red=gate.bad)
    for outcomes, mark in ((_BAD, "FAILED"), ((Outcome.WAIVED,), "waived"), ((Outcome.ADVISED,), "advice")):
        for check in environment.checks:
            if check.outcome in outcomes and not _waits_for_permission(check):
                _check(check, mark, outcomes, terminal)
    if environment.retried:
        terminal.write_line(f"  retried: {environment.retried}", yellow=True)
    waiting = [check.id for check in environment.checks if _waits_for_permission(check)]
    if waiting:
        terminal.write_line(f"  not run {', '.join(waiting)}: the deployment acts on them (--allow-writes)")
    for check in environment.checks:
        if check.outcome is Outcome.NOT_RUN:
            terminal.write_line(f"  not run {check.id}: {printable(check.cases[0].observed)}")


def _waiver(waiver: WaiverRecord) -> str:
    case = "" if waiver.case == "*" else f" case {waiver.case}"
    became = "fails the run" if waiver.problem else "used" if waiver.used else "not called for in this run"
    left = waiver.days_left or 0
    until = f"{waiver.expires} (expired)" if left < 0 else f"{waiver.expires} (days left: {left})"
    what = f"{waiver.check}{case} in {waiver.environment} until {until}, {became}"
    return beginning(f"waiver {waiver.number}: {what}; {waiver.owner}: {waiver.reason}", 2 * _LINE)


def _waits_for_permission(check: CheckRecord) -> bool:
    return all(case.advised_because is AdvisedBecause.NEEDS_WRITES for case in check.cases)


def _check(check: CheckRecord, mark: str, outcomes: Sequence[str], terminal: Any) -> None:
    terminal.write_line(f"  {mark} {check.id} {check.title}", red=mark == "FAILED", yellow=mark != "FAILED")
    cases = [case for case in check.cases if case.outcome in outcomes]
    for case in cases[:_SHOWN_CASES]:
        where = f"{case.name}: " if case.name else ""
        expected = f"expected {case.expected}; " if case.expected and mark == "FAILED" else ""
        terminal.write_line(printable(f"    {where}{expected}observed {case.observed}")[:_LINE])
    if len(cases) > _SHOWN_CASES:
        terminal.write_line(f"    and {len(cases) - _SHOWN_CASES} more cases")
    terminal.write_line(f"    fix: {check.fix}")
