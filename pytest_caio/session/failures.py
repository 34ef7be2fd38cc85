"""Which failures pytest makes tracebacks of, and shows in its own sections of the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_caio.outcomes import Advice, MissingInput, NoAnswer
from pytest_caio.session.pytest_options import asks_for_tracebacks
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import result_of

__all__ = ["without_judged", "without_traceback"]

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


@contextmanager
def without_traceback(config: pytest.Config, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Let pytest make no traceback of a check that was judged meanwhile, unless one is asked for.

    For each traceback pytest parses the whole modules of its frames, which takes longer than the check.
    """
    error = call.excinfo.value if call.excinfo else None
    judged = isinstance(error, AssertionError | Advice | MissingInput | NoAnswer)
    option = config.option  # whose parts are missing with -p no:terminal or no:debugging
    if not judged or getattr(option, "usepdb", False) or asks_for_tracebacks(config):
        yield
        return
    style = getattr(option, "tbstyle", "short")
    option.tbstyle = "no"
    try:
        yield
    finally:
        option.tbstyle = style
