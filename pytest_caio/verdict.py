"""The one place where outcomes become GO, NO-GO or INCOMPLETE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_caio.record import Result

__all__ = ["GO", "INCOMPLETE", "NO_GO", "Verdict", "judge"]

GO = "GO"
NO_GO = "NO-GO"
INCOMPLETE = "INCOMPLETE"
_BAD = frozenset({"failed", "error", "missing-input"})


@dataclass(frozen=True)
class Verdict:
    """The answer, and the reasons for it in words. Exit status 1 for NO-GO, else 0."""

    word: str
    reasons: tuple[str, ...]
    waived: int = 0  # checks that GO rests on a waiver for, each environment's counted

    @property
    def headline(self) -> str:
        """The word as it is shown: a GO that rests on waivers says on how many."""
        return f"{self.word} ({self.waived} waived)" if self.waived else self.word

    @property
    def exit_status(self) -> int:
        """The status that a run which pytest itself carried through exits with."""
        return 1 if self.word == NO_GO else 0


def judge(results: Iterable[Result], narrowed: Sequence[str] = (), waivers: Sequence[str] = ()) -> Verdict:
    """Judge the results of one or more environments.

    NO-GO when a blocking check failed, broke or lacked an input, a deployment could not be reached, or a
    waiver should not be there (`waivers` says which and why);
    INCOMPLETE when the run was narrowed (`narrowed` says how), or a blocking check did not run although it
    applies; GO otherwise, and only when something was asked at all.
    """
    results = list(results)
    unreachable = {result.environment: result.unreachable for result in results if result.unreachable}
    blocking = [result for result in results if result.blocking and result.environment not in unreachable]
    failed = sorted({result.check for result in blocking if result.outcome in _BAD})
    reasons = [f"{name} could not be reached: {why}" for name, why in unreachable.items()]
    if failed:
        reasons.append(f"failed: {', '.join(failed)}")
    reasons += waivers
    if reasons:
        return Verdict(NO_GO, (*reasons, *narrowed))
    skipped = sorted({r.check for r in blocking if r.outcome == "not-run" and r.applicable})
    gaps = [*narrowed, *([f"did not run: {', '.join(skipped)}"] if skipped else [])]
    vouched = {result.environment for result in blocking if result.outcome == "passed"}
    unvouched = sorted({result.environment for result in results} - vouched)
    if (unvouched or not vouched) and not gaps:
        gaps.append(" for ".join(["no blocking check ran", *([", ".join(unvouched)] if unvouched else [])]))
    if gaps:
        return Verdict(INCOMPLETE, tuple(gaps))
    waived = {(result.environment, result.check) for result in blocking if result.outcome == "waived"}
    return Verdict(GO, (), len(waived))
