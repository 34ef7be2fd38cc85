"""What terminal and report both say of a run: its verdict for the release, what was seen, and not asked."""

from __future__ import annotations

from collections import Counter

from pytest_caio.outcomes import told
from pytest_caio.verdict.causes import once
from pytest_caio.verdict.judge import GO, INCOMPLETE
from pytest_caio.verdict.outcome import NEEDS_WRITES, Outcome
from pytest_caio.verdict.record import CauseRecord, EnvironmentRecord, Record

__all__ = ["not_asked", "seen", "what_to_do"]


def what_to_do(record: Record) -> str:
    """Return what the verdict means for the release: how many things to put right, and where.

    A cause that two environments share is one thing.
    """
    if record.verdict == GO:
        used = sorted(waiver.expires for waiver in record.waivers if waiver.used)
        if not used:
            return "The release may go ahead: no blocking check failed."
        those = f"{len(used)} waivers; the first" if len(used) > 1 else "a waiver, which"
        return f"The release may go ahead. It relies on {those} ends on {used[0]}."
    if record.verdict == INCOMPLETE:
        return "This is no release decision."
    things = once(record.causes)
    if not things:
        return "Do not release."
    count = f"{len(things)} thing{'s' if len(things) > 1 else ''} to put right"
    if len(record.environments) == 1:
        return f"Do not release. {count}."
    where = Counter(" and ".join(names) for _, names in things)
    return f"Do not release. {count}: {', '.join(f'{n} in {names}' for names, n in where.items())}."


def seen(cause: CauseRecord) -> list[str]:
    """Return the cases of a cause in lines: those with the same facts in one, and what had to hold once."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for case in cause.cases:
        alike.setdefault((case.check, case.expected, case.observed), []).append(case.name)
    lines, before = [], ""
    for (check, expected, observed), names in alike.items():
        which = " ".join(filter(None, (check, ", ".join(names))))
        lines.append(f"{which}: {told('' if expected == before else expected, observed)}")
        before = expected
    return lines


def not_asked(environment: EnvironmentRecord) -> list[tuple[str, list[str]]]:
    """Return why checks were not asked, each reason once, with their ids; first those that would write."""
    found: dict[str, list[str]] = {}
    for check in sorted(environment.checks, key=lambda check: not check.needs_writes):
        if check.needs_writes:
            part = any(case.outcome is Outcome.PASSED for case in check.cases)
            found.setdefault(NEEDS_WRITES, []).append(f"{check.id} (in part)" if part else check.id)
        elif check.outcome is Outcome.NOT_RUN:
            found.setdefault(check.cases[0].observed, []).append(check.id)
    return list(found.items())
