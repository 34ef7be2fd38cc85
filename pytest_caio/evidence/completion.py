"""The message to leadership: the verdict, what it rests on, and what is left to do; plain text.

Its form is the template in docs/runbook.md, "What goes on the tracker". A part of which there is nothing is
left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_caio.evidence.file import write_whole
from pytest_caio.text import printable
from pytest_caio.verdict.judge import GO, INCOMPLETE
from pytest_caio.verdict.record import Record

__all__ = ["write"]

_DECISIONS = {
    GO: "The release may go live.",
    INCOMPLETE: "This is no release decision: only a part was checked, or the run did not end.",
}
_DO_NOT_RELEASE = "Do not release."


def write(record: Record, path: Path) -> str:
    """Write the message to `path`; return why it could not be written, empty on success."""
    text = "".join(f"{line}\n" for line in _lines(record, path))
    return write_whole(path, text.encode("utf-8", "backslashreplace"))


def _lines(record: Record, path: Path) -> Iterator[str]:
    names = " and ".join(environment.name for environment in record.environments)
    yield printable(f"CAIO Alpha Swarm dashboard, {names}: {record.headline}")
    yield f"Decision: {_DECISIONS.get(record.verdict, _DO_NOT_RELEASE)}"
    run = record.run
    yield f"Checked: {_minute(run.started)} to {_minute(run.finished)} UTC, run {run.id}"
    yield "Deployments:"
    for one in record.environments:
        commit = f", commit {one.commit}" if one.commit else ""
        yield printable(f"- {one.name}: {one.headline}, {one.base_url}{commit}")
    if record.causes:
        yield "To put right:"
    for cause in record.causes:
        yield printable(f"- {cause.environment}: {cause.sentence}")
        yield printable(f"  {cause.who}: {cause.action}")
    used = [waiver for waiver in record.waivers if waiver.used]
    if used:
        yield "Accepted for a limited time:"
    for waiver in used:
        until = f"until {waiver.expires}, {waiver.owner}"
        yield printable(f"- {waiver.check} in {waiver.environment} {until}: {waiver.reason}")
    if record.reasons:
        yield "Reasons:"
    for reason in record.reasons:
        yield printable(f"- {reason}")
    yield printable(
        f"Evidence: {path.name.removesuffix('.completion.txt')}, .html for people, .json for machines"
    )


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
