"""Compare file state with Redis, record by record, and survey the keys under the state's names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import redis

from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state.documents import fingerprint
from pytest_caio.state.keys import KINDS, family, lead_key
from pytest_caio.state.records import Index, IndexEntry, Problem, Progress, read_index
from pytest_caio.state.server import expiries, fetch, scan

__all__ = [
    "Comparison",
    "Late",
    "LeadView",
    "Survey",
    "Unequal",
    "compare",
    "compare_leads",
    "look_at_files",
    "survey",
    "unlike",
]


class Unequal(msgspec.Struct, frozen=True):
    """A record that differs in Redis: its file and key (emails masked), and how its value differs."""

    path: str
    key: str
    reason: str

    def __str__(self) -> str:
        """Return the one line to show."""
        return f"{self.path}: {self.key} {self.reason}"


class Late(msgspec.Struct, frozen=True):
    """A record whose file (emails masked) changed after the cutover, and when (UTC)."""

    path: str
    changed: datetime

    def __str__(self) -> str:
        """Return the one line to show."""
        return f"{self.path}: changed {self.changed.isoformat(timespec='seconds')}"


class Comparison(msgspec.Struct, frozen=True):
    """The records of a hive directory, compared with Redis.

    `counts` are the records by kind and `digest` is the SHA-256 over all of them, both as in a migration's
    summary. `unequal` are the records that differ in Redis, `late` those whose file changed after the
    cutover. `problems` are files that are not a valid record; `ignored` are files whose name is not a state
    file's.
    """

    counts: dict[str, int]
    digest: str
    unequal: tuple[Unequal, ...]
    problems: tuple[Problem, ...]
    late: tuple[Late, ...]
    ignored: tuple[str, ...]


class Survey(msgspec.Struct, frozen=True):
    """The Redis keys under a prefix that have one of the state's names.

    `counts` are keys by kind. `expiring` are state keys with an expiry, `everlasting` locks without one,
    `foreign` keys of neither a record nor a lock; emails are masked in all three. `leads` are all lead keys.
    """

    counts: dict[str, int]
    expiring: tuple[str, ...]
    everlasting: tuple[str, ...]
    foreign: tuple[str, ...]
    leads: frozenset[str]


class LeadView(msgspec.Struct, frozen=True):
    """Leads on one side only: `unseen` keys are only in Redis, `unknown` addresses (masked) only listed."""

    unseen: tuple[str, ...]
    unknown: tuple[str, ...]


def compare(
    hive_dir: Path,
    client: redis.Redis,
    prefix: str,
    *,
    cutover: datetime | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare every record with its value in Redis, as data, and every file's mtime with the cutover, if any.

    A cutover without a time zone is UTC. Raises InputError when `hive_dir` is not a hive directory, and
    StoreError when Redis does not answer.
    """
    index = read_index(hive_dir, prefix, progress)
    return _comparison(index, _unequal(index, client), cutover)


def look_at_files(hive_dir: Path, prefix: str, *, cutover: datetime | None = None) -> Comparison:
    """Return the comparison without Redis: all that concerns the files alone; `unequal` is empty.

    Raises InputError when `hive_dir` is not a hive directory.
    """
    return _comparison(read_index(hive_dir, prefix), [], cutover)


def _unequal(index: Index, client: redis.Redis) -> list[Unequal]:
    unequal: list[Unequal] = []
    for batch in index.batches():
        for (key, entry), value in zip(batch.items(), fetch(client, list(batch)), strict=True):
            if reason := unlike(entry, value):
                unequal.append(
                    Unequal(
                        mask_identifier(entry.path),
                        mask_identifier(key),
                        reason,
                    )
                )
    return unequal


def _comparison(index: Index, unequal: list[Unequal], cutover: datetime | None) -> Comparison:
    return Comparison(
        counts=index.counts,
        digest=index.digest,
        unequal=tuple(unequal),
        problems=index.problems,
        late=_late(index, cutover),
        ignored=index.ignored,
    )


def unlike(entry: IndexEntry, value: bytes | None) -> str:
    """Return how a Redis value differs from its record; empty when they are equal as data."""
    if value is None:
        return "is missing in Redis, or no string"
    if hashlib.sha256(value).digest() == entry.text_sha256:  # the same text, as migrated
        return ""
    try:
        return "" if fingerprint(value) == entry.data_sha256 else "holds other data in Redis"
    except ValueError as error:
        return f"holds in Redis what is {error}"


def survey(client: redis.Redis, prefix: str) -> Survey:
    """Survey every key under the prefix's state names, by SCAN page by page. Raises StoreError."""
    kinds: dict[str, set[str]] = {kind: set() for kind in KINDS}
    expiring: set[str] = set()
    everlasting: set[str] = set()
    foreign: set[str] = set()
    for page in scan(client, prefix):
        families = {}
        for raw in page:
            if found := family(prefix, raw.decode("utf-8", "backslashreplace")):
                families[raw] = found
        for raw, expiry in zip(families, expiries(client, list(families)), strict=True):
            key = raw.decode("utf-8", "backslashreplace")
            if families[raw] == "foreign":
                foreign.add(key)
            elif families[raw] == "lock":
                if expiry == -1:
                    everlasting.add(key)
            elif expiry != -2:  # -2: deleted since SCAN returned it
                kinds[families[raw]].add(key)
                if expiry >= 0:
                    expiring.add(key)
    return Survey(
        counts={kind: len(keys) for kind, keys in kinds.items()},
        expiring=_shown(expiring),
        everlasting=_shown(everlasting),
        foreign=_shown(foreign),
        leads=frozenset(kinds["cadence_lead"]),
    )


def compare_leads(emails: Iterable[str], found: Survey, prefix: str) -> LeadView:
    """Compare the leads that a deployment lists, by email address, with the surveyed keys in Redis."""
    listed: dict[str, str] = {}
    unknown: list[str] = []
    for email in emails:
        try:
            listed[lead_key(prefix, email)] = email
        except ValueError:
            unknown.append(mask_identifier(email))
    unknown += [mask_identifier(email) for key, email in listed.items() if key not in found.leads]
    return LeadView(unseen=tuple(sorted(found.leads - listed.keys())), unknown=tuple(sorted(unknown)))


def _late(index: Index, cutover: datetime | None) -> tuple[Late, ...]:
    if cutover is None:
        return ()
    moment = (cutover if cutover.tzinfo else cutover.replace(tzinfo=UTC)).timestamp()
    return tuple(
        Late(mask_identifier(entry.path), datetime.fromtimestamp(entry.mtime, UTC))
        for entry in index.entries.values()
        if entry.mtime > moment
    )


def _shown(keys: set[str]) -> tuple[str, ...]:
    return tuple(sorted(mask_identifier(key) for key in keys))
