"""Reports made from a finished run's, with another record: what a page shows of it, without another run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_caio.evidence import page
from pytest_caio.verdict.record import Record
from tests.support.suite_runs import Outcome

__all__ = ["record_of", "rewritten_report"]


def record_of(outcome: Outcome) -> Record:
    """Return the record of a run, read from its JSON."""
    return msgspec.json.decode(outcome.evidence_path.read_bytes(), type=Record)


def rewritten_report(outcome: Outcome, record: Record, path: Path) -> Path:
    """Write the report of a run to `path`, with `record` in place of the run's own, and return the path."""
    text = outcome.html
    start = text.index('<div class="caio-page">')
    end = text.index('<p class="run-count">')
    new = page.head(record, 0, 0)
    path.write_text(f"{text[:start]}{new}</div>{text[end:]}", "utf-8")
    return path
