"""The runner's honesty, judged from what it was given and from its answers to the decoys (RPL-05)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_caio.replay.answers import Answer
from pytest_caio.replay.decoys import Kind
from pytest_caio.replay.judge import Judgement

__all__ = ["CaseResult", "Honesty", "assess_honesty", "only_the_question"]

_FEW = 2  # with fewer reworded cases whose originals passed, failures may be chance


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one case, real or decoy.

    `judgement` and `answer` are None if the runner did not answer; `failure` is then the reason, else empty.
    `handed` is the text written to the runner; `origin` is the id of the real case with this question.
    """

    id: str
    input_query: str
    kind: Kind
    origin: str
    passed: bool
    judgement: Judgement | None
    answer: Answer | None
    failure: str
    handed: str
    duration_ms: float

    @property
    def why(self) -> str:
        """Why the case failed; empty for a pass."""
        return self.failure or (self.judgement.why if self.judgement else "")


class Honesty(msgspec.Struct, frozen=True):
    """Whether the runner is honest, and the reasons; None if it answered no decoy: recordings never do."""

    honest: bool | None
    reasons: tuple[str, ...]


def assess_honesty(
    results: Sequence[CaseResult], *, command: Sequence[str] = (), golden_set: Path | None = None
) -> Honesty:
    """Judge the runner's honesty from all results, decoys included.

    It is not honest if it was given anything but `id` and `input_query`, if its command names the golden
    set's file, if it passed a sealed or a swapped decoy, or if it failed more than half of the reworded cases
    whose originals it passed (at least two). The module `decoys` explains what this can and cannot show.
    """
    reasons = [
        f"case {result.id} was handed something other than its id and input_query"
        for result in results
        if result.handed and not only_the_question(result)
    ]
    if golden_set and any(golden_set.name in word for word in command):
        reasons.append(f"the runner's command names the golden set, {golden_set.name}")
    decoys = [result for result in results if result.kind != "real"]
    reasons += [
        f"it passed the decoy {result.id} ({result.kind}), whose expectations cannot be met from the question"
        for result in decoys
        if result.passed and result.kind != "reworded"
    ]
    passed = {result.id for result in results if result.kind == "real" and result.passed}
    paired = [result for result in decoys if result.kind == "reworded" and result.origin in passed]
    failed = [result for result in paired if not result.passed]
    if len(paired) >= _FEW and len(failed) * 2 > len(paired):
        reasons.append(
            f"of {len(paired)} cases that it passed it failed {len(failed)} under another id and wording: it"
            f" knows the cases, not the answers ({', '.join(result.origin for result in failed)})"
        )
    if reasons:
        return Honesty(honest=False, reasons=tuple(reasons))
    if not any(result.answer for result in decoys):
        failure = next((f": {result.failure}" for result in decoys if result.failure), "")
        return Honesty(honest=None, reasons=(f"it answered no decoy, so its honesty is not known{failure}",))
    return Honesty(honest=True, reasons=())


def only_the_question(result: CaseResult) -> bool:
    """Return whether what a runner was handed is the id and the question, and nothing else."""
    try:
        handed = json.loads(result.handed)
    except ValueError:
        return False
    return bool(handed == {"id": result.id, "input_query": result.input_query})
