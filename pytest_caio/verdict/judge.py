"""The verdict: the only place where outcomes become GO, NO-GO or INCOMPLETE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import ExchangeRecord, Result

__all__ = ["GO", "INCOMPLETE", "NO_GO", "Verdict", "judge"]

GO = "GO"
NO_GO = "NO-GO"
INCOMPLETE = "INCOMPLETE"
_ENOUGH_URLS = 5  # with fewer distinct URLs, one status code for all may be coincidence


@dataclass(frozen=True)
class Verdict:
    """GO, NO-GO or INCOMPLETE (`word`), and the reasons for it."""

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
    INCOMPLETE when the run was narrowed (`narrowed` says how), when a blocking check that applies did not
    run, or when no blocking check passed in one of the environments, or at all. GO otherwise.
    """
    results = list(results)
    unreachable = {result.environment: result.unreachable for result in results if result.unreachable}
    reached = [result for result in results if result.environment not in unreachable]
    blocking = [result for result in reached if result.blocking]
    broken = [result for result in reached if result.outcome is Outcome.ERROR]
    failed = sorted({result.check for result in (*blocking, *broken) if result.outcome.bad})
    reasons = [f"{name} could not be reached: {why}" for name, why in unreachable.items()]
    if failed:
        reasons.append(f"failed: {', '.join(failed)}")
        reasons += _causes(results)
    reasons += waivers
    if reasons:
        return Verdict(NO_GO, (*reasons, *narrowed))
    skipped = sorted({r.check for r in blocking if r.outcome is Outcome.NOT_RUN and r.applicable})
    gaps = [*narrowed, *([f"did not run: {', '.join(skipped)}"] if skipped else [])]
    vouched = {result.environment for result in blocking if result.outcome is Outcome.PASSED}
    unvouched = sorted({result.environment for result in results} - vouched)
    if (unvouched or not vouched) and not gaps:
        gaps.append(" for ".join(["no blocking check ran", *([", ".join(unvouched)] if unvouched else [])]))
    if gaps:
        return Verdict(INCOMPLETE, tuple(gaps))
    waived = {(result.environment, result.check) for result in blocking if result.outcome is Outcome.WAIVED}
    return Verdict(GO, (), len(waived))


def _causes(results: Sequence[Result]) -> list[str]:
    """Name for each environment what several checks failed for, if that is nothing that they judge."""
    lines = []
    for name in dict.fromkeys(result.environment for result in results):
        own = [result for result in results if result.environment == name]
        causes: dict[str, set[str]] = {}
        for result in own:
            if result.cause and result.outcome.bad:
                causes.setdefault(result.cause, set()).add(result.check)
        everything = _same_answer_to_everything(own)
        if everything:
            hint = next(iter(causes), "") if len(causes) == 1 else ""
            lines.append(f"{name} {everything}{hint and f': {hint}'}")
        else:
            lines += [f"{name}: {cause} ({', '.join(sorted(ids))})" for cause, ids in causes.items()]
    return lines


def _same_answer_to_everything(results: Iterable[Result]) -> str:
    """Return in words that an environment gave every request the same status, or an empty string."""
    own = [answer for result in results for answer in result.exchanges.values()]
    statuses = {answer.status for answer in own}
    if len(statuses) != 1 or None in statuses or len({answer.url for answer in own}) < _ENOUGH_URLS:
        return ""
    (status,) = statuses
    if status == 200 and all(map(_is_page, own)):
        return (
            "answers 200 with an HTML page to everything: is this the deployment, or a login page of the "
            "network in between?"
        )
    return f"answers {status} to everything"


def _is_page(answer: ExchangeRecord) -> bool:
    return any(name.lower() == "content-type" and "html" in value for name, value in answer.response_headers)
