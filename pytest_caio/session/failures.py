"""Which failures pytest's own sections of the terminal show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import result_of

__all__ = ["without_judged"]

_JUDGED = (Outcome.FAILED, Outcome.MISSING_INPUT)


@contextmanager
def without_judged(stats: dict[str, list[Any]], *, everything: bool) -> Iterator[None]:
    """Leave checks that were judged out of pytest's failures meanwhile, unless `everything` is wanted."""
    failed = stats.get("failed", [])
    if not everything:
        stats["failed"] = [
            report for report in failed if not (result := result_of(report)) or result.outcome not in _JUDGED
        ]
    try:
        yield
    finally:
        if failed:
            stats["failed"] = failed
        else:
            stats.pop("failed", None)
