"""The summary of a migration: one JSON object, which the state gate later compares with the file state."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.state.comparison import Comparison
from pytest_caio.system.atomicfile import write_atomically

__all__ = ["Summary", "dump_summary", "read_summary", "summary_faults", "write_summary"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration did; the numbers count records.

    `counts` are the records of the files by kind. `migrated` were written by this run, `overwritten` of them
    over other data; `already_equal` needed no write; `conflicts` have other data in Redis, which was left
    alone; `unconfirmed` were not read back as equal and without an expiry. `digest` is the SHA-256 over the
    sorted keys and their data; `seconds` is the duration of the run.
    """

    ok: bool
    dry_run: bool
    prefix: str
    counts: dict[str, int]
    migrated: int = 0
    overwritten: int = 0
    already_equal: int = 0
    conflicts: int = 0
    unconfirmed: int = 0
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = ""
    seconds: float = 0.0


def dump_summary(summary: Summary) -> str:
    """Return the summary as one line of ASCII JSON, since file names may not be valid Unicode."""
    return json.dumps(msgspec.to_builtins(summary))


def write_summary(path: Path, summary: Summary) -> None:
    """Write the summary atomically. Raises InputError when the path cannot be written."""
    try:
        write_atomically(path, f"{dump_summary(summary)}\n".encode())
    except OSError as error:
        raise InputError(f"summary {path}: cannot be written ({error.strerror})") from None


def read_summary(path: Path) -> Summary:
    """Read a migration's summary. Raises InputError saying what is wrong with it."""
    try:
        return msgspec.convert(json.loads(path.read_bytes()), Summary)
    except OSError as error:
        raise InputError(f"summary {path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"summary {path}: no summary of a migration ({error})") from None


def summary_faults(summary: Summary, there: Comparison | None) -> tuple[str, ...]:
    """Return the reasons why a summary does not prove the migration of the file state; empty if it does.

    `there` is the file state now, None if its files have been removed since the migration.
    """
    faults = []
    if not summary.ok:
        faults.append("the migration was not ok")
    if summary.dry_run:
        faults.append("it was a dry run, which writes nothing")
    if summary.errors:
        faults.append(f"it had {len(summary.errors)} error(s), the first: {summary.errors[0]}")
    if summary.conflicts or summary.unconfirmed:
        faults.append(f"it left {summary.conflicts} conflict(s), {summary.unconfirmed} unconfirmed record(s)")
    if there is None:
        return tuple(faults)
    for kind in sorted(summary.counts.keys() | there.counts.keys()):
        counted, found = summary.counts.get(kind, 0), there.counts.get(kind, 0)
        if counted != found:
            faults.append(f"it counted {counted} of {kind}, and the files hold {found}")
    if not faults and summary.digest != there.digest:
        faults.append("the files hold other data, or belong under another prefix, than when it ran")
    return tuple(faults)
