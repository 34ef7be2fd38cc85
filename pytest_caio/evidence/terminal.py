"""The summary at the end of the terminal output, short enough to paste into a chat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_caio.evidence import since
from pytest_caio.text import beginning, printable
from pytest_caio.verdict.causes import once
from pytest_caio.verdict.outcome import Outcome, word_of
from pytest_caio.verdict.record import CauseRecord, CheckRecord, EnvironmentRecord, Record, WaiverRecord
from pytest_caio.verdict.summary import not_asked, seen, what_to_do

__all__ = ["write"]

_COLOURS = {"GO": "green", "NO-GO": "red", "INCOMPLETE": "yellow"}
_LINE = 240
_MOST_IDS = 24
# What became of the checks that did not pass, in the order in which it is shown.
_COUNTED = (
    (Outcome.FAILED, "failed"),
    (Outcome.ERROR, "broke"),
    (Outcome.MISSING_INPUT, "lacked an input"),
    (Outcome.WAIVED, "waived"),
    (Outcome.ADVISED, "advised"),
)


def write(record: Record, paths: Sequence[Path], terminal: Any) -> None:
    """Write the verdict through pytest's terminal reporter, which handles colours and NO_COLOR.

    First what to do, in the order in which to do it; then what was not the reason; `paths` are the evidence
    files, listed after the waivers.
    """
    colour = {_COLOURS[record.verdict]: True}
    terminal.write_sep("=", f"CAIO acceptance: {record.headline}", bold=True, **colour)
    terminal.write_line(printable(what_to_do(record)), bold=True)
    for reason in record.reasons:
        terminal.write_line(printable(reason))
    causes = once(record.causes)
    for number, (cause, names) in enumerate(causes, 1):
        _cause(
            cause, number if len(causes) > 1 else 0, names if len(record.environments) > 1 else (), terminal
        )
    for environment in record.environments:
        told = {
            check
            for cause in record.causes
            if cause.environment == environment.name
            for check in cause.checks
        }
        _environment(environment, told, bool(causes), terminal)
    for waiver in record.waivers:
        if waiver.days_left is not None:  # a malformed one is already among the reasons
            terminal.write_line(printable(_waiver(waiver)), red=bool(waiver.problem), yellow=waiver.used)
    for line in since.lines(record.since):
        terminal.write_line(line)
    for line in _files(paths):
        terminal.write_line(f"evidence: {line}")
    terminal.write_line(record.headline, bold=True, **colour)


def _cause(cause: CauseRecord, number: int, names: Sequence[str], terminal: Any) -> None:
    mark = f"{number}. " if number else ""
    terminal.write_line(printable(f"{mark}{_for(cause.who, cause.action)}"), red=True)
    where = f" (in {' and '.join(names)})" if names else ""
    terminal.write_line(printable(f"   {cause.sentence}{where}"))
    terminal.write_line(f"   {_listed('check', cause.checks)}")
    for line in seen(cause):
        terminal.write_line(beginning(printable(f"   {line}"), _LINE))


def _for(who: str, action: str) -> str:
    """Return an action, with who is to act if that is not the reader, and the action does not say so."""
    return f"For the developer: {action}" if who == "developer" and "developer" not in action else action


def _listed(noun: str, ids: Sequence[str]) -> str:
    return f"{noun}{'s' if len(ids) > 1 else ''} {_ids(ids)}"


def _ids(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_IDS
    return ", ".join(ids[:_MOST_IDS]) + (f" and {more} more" if more > 0 else "")


def _files(paths: Sequence[Path]) -> list[str]:
    """Return the evidence files, in a line those that differ only in their endings."""
    named: dict[Path, list[str]] = {}
    for path in paths:
        stem = path.name.partition(".")[0]
        named.setdefault(path.with_name(stem), []).append(path.name.removeprefix(stem))
    return [
        f"{stem}{first}" + (f" (also {', '.join(others)})" if others else "")
        for stem, (first, *others) in named.items()
    ]


def _environment(environment: EnvironmentRecord, told: set[str], brief: bool, terminal: Any) -> None:
    """Write how many checks passed, and what was not the reason: `told` are the checks of the causes.

    Below causes it is `brief`: ids, so that nothing stands between the reader and what is to be done.
    """
    terminal.write_line(
        printable(f"{environment.name} at {environment.base_url}: {_counts(environment)}"), bold=True
    )
    if environment.unreachable:
        return
    if environment.retried:
        terminal.write_line(f"  retried: {environment.retried}", yellow=True)
    advice = [
        check
        for check in environment.checks
        if check.outcome is Outcome.ADVISED and not check.needs_writes and check.id not in told
    ]
    silent = not_asked(environment)
    if brief:
        for what, ids in (
            ("Does not block", [check.id for check in advice]),
            ("Not asked", [one for _, those in silent for one in those]),
        ):
            if ids:
                terminal.write_line(f"  {what}: {_ids(ids)}; the report says why.")
        return
    for check in advice:
        _advice(check, terminal)
    for why, ids in silent:
        terminal.write_line(beginning(printable(f"  Not asked: {', '.join(ids)}: {why}"), _LINE))


def _counts(environment: EnvironmentRecord) -> str:
    """Return how many checks passed, and what became of each other one."""
    checks = environment.checks
    asked = Counter(check.outcome for check in checks if not check.needs_writes)
    counts = [f"{asked[outcome]} {word}" for outcome, word in _COUNTED if asked[outcome]]
    silent = len(checks) - sum(asked.values()) + asked[Outcome.NOT_RUN]
    counts += [f"{silent} {'was' if silent == 1 else 'were'} not asked"] if silent else []
    return "; ".join([f"{asked[Outcome.PASSED]} of {len(checks)} passed", *counts])


def _advice(check: CheckRecord, terminal: Any) -> None:
    seen, *more = (
        case for case in check.cases if word_of(case.outcome, case.advised_because) == Outcome.ADVISED
    )
    also = f" (and {len(more)} more)" if more else ""
    terminal.write_line(
        beginning(printable(f"  Does not block: {check.id} {check.title}: {seen.observed}{also}"), _LINE),
        yellow=True,
    )
    terminal.write_line(printable(f"    {_for(check.by, check.fix)}"))


def _waiver(waiver: WaiverRecord) -> str:
    case = "all cases" if waiver.case == "*" else f"case {waiver.case}"
    became = "fails the run" if waiver.problem else "in use" if waiver.used else "not needed this time"
    left = waiver.days_left or 0
    until = f"{waiver.expires} (expired)" if left < 0 else f"{waiver.expires} (days left: {left})"
    what = f"{waiver.check}, {case}, in {waiver.environment} until {until}, {became}"
    return beginning(f"waiver {waiver.number}: {what}; {waiver.owner}: {waiver.reason}", 2 * _LINE)
