"""How one test case ended, and why: decided here from what was raised or skipped, without pytest."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from pytest_caio.outcomes import Advice, MissingInput
from pytest_caio.verdict.expectation import failure_of

__all__ = ["NEEDS_WRITES", "NOT_APPLICABLE", "UNREACHABLE", "AdvisedBecause", "Decision", "Outcome", "decide"]

# What a skipped case says first, so that its outcome can be told from its text.
NOT_APPLICABLE = "not applicable: "
UNREACHABLE = "unreachable: "
NEEDS_WRITES = "did not run: the deployment acts on it; give --allow-writes"


class Outcome(enum.StrEnum):
    """How a case ended, from the worst; a check's outcome is the worst of its cases'."""

    FAILED = "failed"
    ERROR = "error"
    MISSING_INPUT = "missing-input"
    WAIVED = "waived"
    ADVISED = "advised"
    PASSED = "passed"
    NOT_RUN = "not-run"

    @property
    def bad(self) -> bool:
        """Whether it stands in the way of GO where the check blocks."""
        return self in (Outcome.FAILED, Outcome.ERROR, Outcome.MISSING_INPUT)

    @property
    def severity(self) -> int:
        """Its place among the outcomes, 0 for the worst."""
        return list(Outcome).index(self)


class AdvisedBecause(enum.StrEnum):
    """Why a case advised instead of blocking."""

    CHECK_ADVISES = "check-advises"  # it failed, and the check never blocks
    CHECK_SAID_SO = "check-said-so"  # the check could not tell, and said what to look at
    NEEDS_WRITES = "needs-writes"  # it was not asked, since the deployment would act on it


@dataclass(frozen=True)
class Decision:
    """The outcome of a case, and what it expected and observed in words.

    `applicable` is false where there was nothing to judge; `unreachable` says why no request was answered.
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

    `expected` is what its assertions say, `answers` what was answered; `skipped` is why it was skipped, and
    None where it was not; `error` is what it raised where it `failed`, `asserted` whether that is a failed
    assertion, and `comparison` the operator and both sides of the comparison that pytest saw fail last;
    `waived` says that a waiver answers for what it judged.
    """
    if skipped is not None:
        return _skipped(expected, skipped)
    if not failed:
        return Decision(Outcome.PASSED, expected, answers)
    outcome, because, observed = Outcome.ERROR, None, answers
    if isinstance(error, MissingInput):
        outcome, expected, observed = Outcome.MISSING_INPUT, "the input is given", str(error)
    elif asserted and error is not None:
        outcome = Outcome.FAILED
        expected, seen = failure_of(error, comparison)
        # The answer itself says most: it follows what the assertion saw.
        told = "" if seen in answers or answers in seen else f"; {answers}"
        observed = seen + told
    elif isinstance(error, Advice):
        outcome, because, observed = Outcome.ADVISED, AdvisedBecause.CHECK_SAID_SO, str(error)
    elif error is not None:
        observed = f"the check itself broke: {type(error).__name__}: {error}"
    # A check that broke judged nothing: that is a fault of the suite, and no advice.
    if not blocking and outcome not in (Outcome.ERROR, Outcome.ADVISED):
        outcome, because = Outcome.ADVISED, AdvisedBecause.CHECK_ADVISES
    # What lacked an input or broke was not judged: nobody can answer for it.
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
