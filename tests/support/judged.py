"""Recorded answers of a folder, judged here or in an executor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from pytest_caio.replay import Figures, RecordedRunner, load_answers, load_golden, replay_each
from pytest_caio.replay.honesty import CaseResult

__all__ = ["judged"]


def judged(
    folder: Path,
    executor: Executor | None,
    *,
    kept: bool = True,
    arrived: Callable[[int], None] = lambda _: None,
) -> tuple[Figures, dict[int, CaseResult]]:
    """Judge the recorded answers of a folder; return the figures and, if `kept`, each result, once.

    `arrived` is called with the number of results so far, after each.
    """
    results: dict[int, CaseResult] = {}

    def keep(place: int, result: CaseResult) -> None:
        assert place not in results
        results[place] = result
        arrived(len(results))

    answers = load_answers(folder / "answers.jsonl")
    golden = load_golden(folder / "golden.jsonl")
    figures = replay_each(
        golden, RecordedRunner(answers), keep if kept else None, baseline=answers, executor=executor
    )
    return msgspec.structs.replace(figures, duration_s=0.0), results
