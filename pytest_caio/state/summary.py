"""The summary of a migration: one JSON object, which the state gate later compares with Redis."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state.comparison import Survey
from pytest_caio.state.documents import parse
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.diskmap import DiskMap
from pytest_caio.system.paths import need_file

__all__ = ["Summary", "dump_summary", "read_summary", "summary_faults", "write_summary"]


_DIGESTS = '"digests": {'
_PAIR = re.compile(rb'("(?:[^"\\\x00-\x1f\x80-\xff]|\\.)*"): "([0-9a-f]{64})"(, |\})')
_CHUNK = 2**20  # bytes read at once
_PAIRS = 10_000  # digests written at once


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
    digests: Mapping[str, str] = {}
    seconds: float = 0.0


def dump_summary(summary: Summary) -> str:
    """Return the summary as one line of ASCII JSON, since file names may not be valid Unicode.

    The digest of each record is left out: they are for a file, not for people.
    """
    told = msgspec.to_builtins(msgspec.structs.replace(summary, digests={}))
    del told["digests"]
    return json.dumps(told)


def write_summary(path: Path, summary: Summary) -> None:
    """Write the summary, one line of JSON, atomically. Raises InputError when the path cannot be written."""
    try:
        write_atomically(path, _parts(summary))
    except OSError as error:
        raise InputError(f"summary {path}: cannot be written ({error.strerror})") from None


def read_summary(path: Path) -> Summary:
    """Read a migration's summary. Raises InputError saying what is wrong with it.

    The digests of one as `write_summary` wrote it are read in parts, and kept on disk.
    """
    try:
        need_file(path)
        if (summary := _read_parts(path)) is not None:
            return summary
        return msgspec.convert(parse(path.read_bytes()), Summary)
    except OSError as error:
        raise InputError(f"summary {path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"summary {path}: no summary of a migration ({error})") from None


def _parts(summary: Summary) -> Iterator[bytes]:
    """Yield the text of a summary in parts of about a megabyte: of a million digests it is 100 MB."""
    bare = json.dumps(msgspec.to_builtins(msgspec.structs.replace(summary, digests={})))
    head, _, tail = bare.partition(f"{_DIGESTS}}}")  # in no text of it, where each quote has a backslash
    yield f"{head}{_DIGESTS}".encode()
    pairs = (f"{json.dumps(key)}: {json.dumps(digest)}" for key, digest in summary.digests.items())
    comma = ""
    while part := ", ".join(islice(pairs, _PAIRS)):
        yield f"{comma}{part}".encode()
        comma = ", "
    yield f"}}{tail}\n".encode()


def _read_parts(path: Path) -> Summary | None:
    """Return a summary that has the form of `_parts`, or None: what else it is, is not looked at here."""
    digests = DiskMap(bytes.decode, 32)
    with path.open("rb") as file:
        head, found, rest = file.read(_CHUNK).partition(_DIGESTS.encode())
        if not found:
            return None
        place, end = 0, b""
        while end != b"}":
            pair = _PAIR.match(rest, place)
            if pair is None:
                more = file.read(_CHUNK)
                if not more:
                    return None
                rest, place = rest[place:] + more, 0
                continue
            key, digest, end = pair.groups()
            if not digests.add(json.loads(key), digest):
                return None
            place = pair.end()
        tail = rest[place:] + file.read(_CHUNK)
        if file.read(1):
            return None
    bare = msgspec.convert(parse(head + found + b"}" + tail), Summary)
    return msgspec.structs.replace(bare, digests=digests)


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
        here = ", where no state is" if found.empty else ""
        faults.append(f"it wrote under {summary.prefix}, and STATE_REDIS_PREFIX is {prefix}{here}")
        return tuple(faults)
    lost, first = 0, ""
    for key in summary.digests:
        if key not in found.records:
            lost, first = lost + 1, min(first, key) if lost else key
    if lost:
        faults.append(f"{lost} of its records are not in Redis, the first: {mask_identifier(first)}")
    else:
        for kind, counted in sorted(summary.counts.items()):
            if (there := found.counts.get(kind, 0)) < counted:
                faults.append(f"it counted {counted} of {kind}, and Redis holds {there}")
    return tuple(faults)
