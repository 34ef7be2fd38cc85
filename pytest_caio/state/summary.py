"""The summary of a migration: one JSON object, which the state gate later compares with Redis."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state.comparison import Survey
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.strictjson import parse_json

__all__ = ["Summary", "dump_summary", "read_summary", "summary_faults", "write_summary"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration did; the numbers count records.

    `counts` are the records of the files by kind. `migrated` were written by this run, `overwritten` of them
    over other data; `already_equal` needed no write; `conflicts` have other data in Redis, which was left
    alone; `unconfirmed` were not read back as equal and without an expiry. `digest` is the SHA-256 over the
    sorted keys and their data, `digests` is that of each record's data by key; `seconds` is the duration of
    the run.
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
    digests: dict[str, str] = {}
    seconds: float = 0.0


def dump_summary(summary: Summary, *, digests: bool = False) -> str:
    """Return the summary as one line of ASCII JSON, since file names may not be valid Unicode.

    The digest of each record is left out unless asked for: they are for a file, not for people.
    """
    told = msgspec.to_builtins(summary)
    if not digests:
        del told["digests"]
    return json.dumps(told)


def write_summary(path: Path, summary: Summary) -> None:
    """Write the summary atomically. Raises InputError when the path cannot be written."""
    try:
        write_atomically(path, f"{dump_summary(summary, digests=True)}\n".encode())
    except OSError as error:
        raise InputError(f"summary {path}: cannot be written ({error.strerror})") from None


def read_summary(path: Path) -> Summary:
    """Read a migration's summary. Raises InputError saying what is wrong with it."""
    try:
        return msgspec.convert(parse_json(path.read_bytes()), Summary)
    except OSError as error:
        raise InputError(f"summary {path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"summary {path}: no summary of a migration ({error})") from None


def summary_faults(summary: Summary, prefix: str, found: Survey) -> tuple[str, ...]:
    """Return the reasons why a summary does not prove that the state is in Redis; empty if it does.

    `found` is what is under `prefix` now. What was migrated must still be there; more may have come.
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
    if summary.prefix != prefix:
        faults.append(f"it wrote under the prefix {summary.prefix}, and the deployment's is {prefix}")
        return tuple(faults)
    lost = sorted(summary.digests.keys() - found.records)
    if lost:
        faults.append(f"{len(lost)} of its records are not in Redis, the first: {mask_identifier(lost[0])}")
    else:
        for kind, counted in sorted(summary.counts.items()):
            if (there := found.counts.get(kind, 0)) < counted:
                faults.append(f"it counted {counted} of {kind}, and Redis holds {there}")
    return tuple(faults)
