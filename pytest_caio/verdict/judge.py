"""The verdict: the only place where outcomes become GO, NO-GO or INCOMPLETE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Result

__all__ = ["GO", "INCOMPLETE", "NO_GO", "Verdict", "judge"]

GO = "GO"
NO_GO = "NO-GO"
INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True)
class Verdict:
    """GO, NO-GO or INCOMPLETE (`word`), and the reasons for it beside the causes of failed checks."""

    word: str
    reasons: tuple[str, ...]
    waived: int = 0  # failed checks that a waiver covers; a check counts once per environment

    @property
    def headline(self) -> str:
        """The verdict as it is shown; a GO that relies on waivers shows their number."""
        return f"{self.word} ({self.waived} waived)" if self.waived else self.word


def judge(results: Iterable[Result], narrowed: Sequence[str] = (), waivers: Sequence[str] = ()) -> Verdict:
    """Judge the results of one or more environments.

    NO-GO when a blocking check failed or lacked an input, when any check broke (a defect of the suite), when
    a deployment could not be reached, or when a waiver is invalid or unused (`waivers` are the reasons).
    The failed checks and what cannot be reached are told by the causes (see `causes_of`), not by the reasons.
    INCOMPLETE when the run was narrowed (`narrowed` says how), when a blocking check that applies did not
    run, or when no blocking check passed in one of the environments, or at all. GO otherwise.
    """
    results = list(results)
    unreachable = {result.environment for result in results if result.unreachable}
    reached = [result for result in results if result.environment not in unreachable]
    blocking = [result for result in reached if result.blocking]
    broken = [result for result in reached if result.outcome is Outcome.ERROR]
    failed = any(result.outcome.bad for result in (*blocking, *broken))
    if unreachable or failed or waivers:
        return Verdict(NO_GO, (*waivers, *narrowed))
    skipped = sorted({r.check for r in blocking if r.outcome is Outcome.NOT_RUN and r.applicable})
    gaps = [*narrowed, *([f"not asked: {', '.join(skipped)}"] if skipped else [])]
    vouched = {result.environment for result in blocking if result.outcome is Outcome.PASSED}
    unvouched = sorted({result.environment for result in results} - vouched)
    if (unvouched or not vouched) and not gaps:
        gaps.append(" for ".join(["no blocking check ran", *([", ".join(unvouched)] if unvouched else [])]))
    if gaps:
        return Verdict(INCOMPLETE, tuple(gaps))
    waived = {(result.environment, result.check) for result in blocking if result.outcome is Outcome.WAIVED}
    return Verdict(GO, (), len(waived))
