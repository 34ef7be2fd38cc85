"""The causes of a NO-GO: what is wrong with a deployment, each with one action."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_caio.verdict.record import CauseCase, CauseRecord, EnvironmentRecord

__all__ = ["causes_of"]

_MOST_CASES = 3


def causes_of(environments: Iterable[EnvironmentRecord]) -> list[CauseRecord]:
    """Return the causes of each environment's failed checks."""
    found = []
    for environment in environments:
        for check in environment.checks:
            if check.blocking and check.outcome.bad:
                cases = [
                    CauseCase(check.id, case.name, case.expected, case.observed)
                    for case in check.cases
                    if case.outcome.bad
                ]
                found.append(
                    CauseRecord(
                        environment.name, check.title, check.fix, "you", [check.id], cases[:_MOST_CASES]
                    )
                )
    return found
