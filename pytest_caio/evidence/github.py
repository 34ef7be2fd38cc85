"""What GitHub Actions shows of a run: the step summary, and an annotation for each cause and bad waiver.

Both follow GitHub's "Workflow commands": a summary of at most 1 MiB a step, appended to the file that
GITHUB_STEP_SUMMARY names; ten error annotations a step, each alone on its line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_caio.system.atomicfile import open_at_once
from pytest_caio.text import markdown, printable
from pytest_caio.verdict.record import Record

__all__ = ["append_summary", "error_lines"]

_MOST_BYTES = 1024 * 1024
_MOST_ANNOTATIONS = 10
_CUT = "\n\nThe rest is in the report: a step's summary is cut at 1 MiB.\n"


def error_lines(record: Record, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return a line for each of the first causes, then for each waiver that fails the run.

    There are ten at most, and none where GitHub Actions does not run this.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return []
    told = [(f"{cause.environment}: {cause.sentence}", cause.action) for cause in record.causes]
    told += [("A waiver fails this run", waiver.problem) for waiver in record.waivers if waiver.problem]
    return [_annotation(title, text) for title, text in told[:_MOST_ANNOTATIONS]]


def append_summary(record: Record, environment: Mapping[str, str] = os.environ) -> str:
    """Append the run to the step's summary, where there is one; return why it could not be, else empty."""
    given = environment.get("GITHUB_STEP_SUMMARY", "")
    if not given:
        return ""
    path = Path(given)
    try:
        left = _MOST_BYTES - (path.stat().st_size if path.exists() else 0)
        text = _bounded("".join(f"{line}\n" for line in _summary(record)), left)
        with open_at_once(path, os.O_APPEND | os.O_CREAT) as file:
            file.write(text)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or "its path cannot be used"
        return printable(f"the step summary {path} could not be written: {reason}")
    return ""


def _annotation(title: str, text: str) -> str:
    title = printable(title)
    for character, escaped in (("%", "%25"), (":", "%3A"), (",", "%2C")):
        title = title.replace(character, escaped)
    text = printable(text).replace("%", "%25")
    # `printable` leaves no CR or LF to escape, and no line that could begin another command.
    return f"::error title={title}::{text}"


def _summary(record: Record) -> Iterator[str]:
    names = " and ".join(environment.name for environment in record.environments)
    yield f"## CAIO acceptance of {markdown(names)}: {markdown(record.headline)}"
    yield ""
    for one in record.environments:
        commit = f", commit {one.commit}" if one.commit else ""
        yield f"- {markdown(f'{one.name}: {one.headline}, {one.base_url}{commit}')}"
    for reason in record.reasons:
        yield f"- {markdown(reason)}"
    if record.causes:
        yield ""
        yield "| environment | what is wrong | what to do | who | checks |"
        yield "|---|---|---|---|---|"
    for cause in record.causes:
        cells = (cause.environment, cause.sentence, cause.action, cause.who, ", ".join(cause.checks))
        yield f"| {' | '.join(map(markdown, cells))} |"
    yield ""


def _bounded(text: str, left: int) -> bytes:
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) <= left:
        return raw
    end = left - len(_CUT)
    return raw[:end].rpartition(b"\n")[0] + _CUT.encode() if end > 0 else b""
