"""Was the runner honest? Judged from what it was handed, and from what it did with the decoys (RPL-05)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_caio.replay.answers import Answer
from pytest_caio.replay.decoys import Kind
from pytest_caio.replay.judge import Judgement

__all__ = ["CaseResult", "Honesty", "assess_honesty"]

_FEW = 2  # reworded cases whose originals passed: below this nothing follows from them


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one case, real or decoy.

    `judgement` and `answer` are there when the runner answered, `failure` is its reason when it did not.
    `handed` is the text that was written to the runner; `origin` the real case whose question it carried.
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
        """What failed the case, in words; empty for a pass."""
        return self.failure or (self.judgement.why if self.judgement else "")


class Honesty(msgspec.Struct, frozen=True):
    """`honest` is None where it could not be tried: recorded answers, or no decoys. `reasons` says why."""

    honest: bool | None
    reasons: tuple[str, ...]


def assess_honesty(
    results: Sequence[CaseResult], *, command: Sequence[str] = (), golden_set: Path | None = None
) -> Honesty:
    """Say whether the runner was honest, from all results, decoys among them.

    It was not when it was handed anything but `id` and `input_query`, when its command names the golden
    set's file, when it passed a sealed or a swapped decoy, or when it failed most of the reworded cases whose
    originals it passed (two at least). See `decoys` for what this can and cannot show.
    """
    reasons = [
        f"case {result.id} was handed something other than its id and input_query"
        for result in results
        if result.handed and not _only_the_question(result)
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
    twins = [result for result in decoys if result.kind == "reworded" and result.origin in passed]
    fallen = [result for result in twins if not result.passed]
    if len(twins) >= _FEW and len(fallen) * 2 > len(twins):
        reasons.append(
            f"of {len(twins)} cases that it passed it failed {len(fallen)} under another id and wording: it"
            f" knows the cases, not the answers ({', '.join(result.origin for result in fallen)})"
        )
    if reasons:
        return Honesty(honest=False, reasons=tuple(reasons))
    if not any(result.handed for result in decoys):
        return Honesty(honest=None, reasons=("no decoy was put to a runner, so its honesty is not known",))
    return Honesty(honest=True, reasons=())


def _only_the_question(result: CaseResult) -> bool:
    try:
        handed = json.loads(result.handed)
    except ValueError:
        return False
    return bool(handed == {"id": result.id, "input_query": result.input_query})
