"""The outcome of one test case, decided from its exception or skip reason; independent of pytest."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from pytest_caio.outcomes import Advice, Mismatch, MissingInput
from pytest_caio.verdict.expectation import failure_of

__all__ = [
    "NEEDS_WRITES",
    "NOT_APPLICABLE",
    "NOT_ASKED",
    "OWN_FAULT",
    "UNREACHABLE",
    "AdvisedBecause",
    "Decision",
    "Outcome",
    "decide",
    "word_of",
]

# A skipped case's outcome is recognised by the beginning of its skip reason.
NOT_APPLICABLE = "not applicable: "
UNREACHABLE = "unreachable: "
# What to do about a check that broke, whatever it was to judge.
OWN_FAULT = (
    "This is a fault of the suite, not of the deployment: report the check's id, what was observed and the "
    "version of pytest-caio to the developer who maintains the suite. The release has to wait for it."
)
NOT_ASKED = "not asked"
NEEDS_WRITES = "asking would change something; add --allow-writes to ask"


class Outcome(enum.StrEnum):
    """How a case ended, worst first; a check's outcome is the worst of its cases."""

    FAILED = "failed"
    ERROR = "error"
    MISSING_INPUT = "missing-input"
    WAIVED = "waived"
    ADVISED = "advised"
    PASSED = "passed"
    NOT_RUN = "not-run"

    @property
    def bad(self) -> bool:
        """Whether this outcome of a blocking check prevents GO."""
        return self in (Outcome.FAILED, Outcome.ERROR, Outcome.MISSING_INPUT)

    @property
    def severity(self) -> int:
        """The rank of this outcome, 0 for the worst."""
        return _RANKS[self]


_RANKS = {outcome: rank for rank, outcome in enumerate(Outcome)}


class AdvisedBecause(enum.StrEnum):
    """Why a case only advised."""

    CHECK_ADVISES = "check-advises"  # it failed, and the check never blocks
    CHECK_SAID_SO = "check-said-so"  # the check raised Advice: it could not decide
    NEEDS_WRITES = "needs-writes"  # not sent without --allow-writes, since the deployment would act on it


def word_of(outcome: Outcome, because: AdvisedBecause | None = None) -> str:
    """Return what became of a case in one word; `because` is why it advised: what was not asked did not."""
    unsent = outcome is Outcome.ADVISED and because is AdvisedBecause.NEEDS_WRITES
    return NOT_ASKED if unsent or outcome is Outcome.NOT_RUN else outcome.replace("-", " ")


@dataclass(frozen=True)
class Decision:
    """The outcome of a case, and what it expected and observed in words.

    `because` is why it only advised, else None. `applicable` is false when there was nothing to judge.
    `unreachable` is why the deployment could not be reached, empty when it could.
    """

    outcome: Outcome
    expected: str
    observed: str
    because: AdvisedBecause | None = None
    applicable: bool = True
    unreachable: str = ""


def decide(
    *,
    blocking: bool,
    expected: str,
    answers: str,
    skipped: str | None = None,
    failed: bool = False,
    error: BaseException | None = None,
    asserted: bool = False,
    comparison: tuple[str, Any, Any] | None = None,
    waived: bool = False,
) -> Decision:
    """Decide how a case of a check ended.

    `expected` is what it requires, its title, and `answers` a summary of the responses. `skipped` is the skip
    reason, None for a case that ran. When the case `failed`, `error` is the exception and `asserted` whether
    that is a failed assertion. `comparison` is the operator, the left and the right side of the last
    comparison that pytest saw fail. `waived` is whether a waiver covers the case.
    """
    if skipped is not None:
        return _skipped(expected, skipped)
    if not failed:
        return Decision(Outcome.PASSED, expected, answers)
    outcome, because, observed = Outcome.ERROR, None, answers
    if isinstance(error, MissingInput):
        outcome, expected, observed = Outcome.MISSING_INPUT, "what it judges by must be given", str(error)
    elif asserted and error is not None:
        outcome = Outcome.FAILED
        wanted, observed = failure_of(error, comparison)
        expected = wanted or expected
        # The whole response explains more than a bare value, so it is appended.
        if not isinstance(error, Mismatch) and observed not in answers and answers not in observed:
            observed = f"{observed}; {answers}"
    elif isinstance(error, Advice):
        outcome, because, observed = Outcome.ADVISED, AdvisedBecause.CHECK_SAID_SO, str(error)
    elif error is not None:
        observed = f"the check itself broke: {type(error).__name__}: {error}"
    # A check that broke judged nothing: a defect of the suite is never mere advice.
    if not blocking and outcome not in (Outcome.ERROR, Outcome.ADVISED):
        outcome, because = Outcome.ADVISED, AdvisedBecause.CHECK_ADVISES
    # A waiver accepts a known failure; a case that broke or lacked an input was not judged at all.
    if outcome is Outcome.FAILED and waived:
        outcome = Outcome.WAIVED
    return Decision(outcome, expected, observed, because)


def _skipped(expected: str, reason: str) -> Decision:
    if reason.startswith(NOT_APPLICABLE):
        return Decision(Outcome.NOT_RUN, expected, reason.removeprefix(NOT_APPLICABLE), applicable=False)
    if reason == NEEDS_WRITES:
        return Decision(Outcome.ADVISED, expected, reason, AdvisedBecause.NEEDS_WRITES)
    unreachable = reason.removeprefix(UNREACHABLE) if reason.startswith(UNREACHABLE) else ""
    return Decision(Outcome.NOT_RUN, expected, reason, unreachable=unreachable)
