"""Compare file state with Redis, record by record, and survey the keys under the state's names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import msgspec
import redis

from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state.documents import fingerprint, parse
from pytest_caio.state.keys import KINDS, Kind, family, lead_key, record_key
from pytest_caio.state.records import Index, IndexEntry, Problem, Progress, read_index
from pytest_caio.state.server import expiries, fetch, scan
from pytest_caio.system.diskmap import DiskList, DiskMap

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


_MISSING = "is missing in Redis, or no string"


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

    `counts` are the records by kind. `unequal` are the records that differ in Redis or, from the cutover on,
    are gone there or were not migrated as they are; `late` are those whose file changed after the cutover.
    `problems` are files that are not a valid record; `ignored` are files whose name is not a state file's.
    """

    counts: dict[str, int]
    unequal: Sequence[Unequal]
    problems: tuple[Problem, ...]
    late: Sequence[Late]
    ignored: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is neither a record nor a file that should be one."""
        return not (self.problems or any(self.counts.values()))


class Survey(msgspec.Struct, frozen=True):
    """The Redis keys under a prefix that have one of the state's names.

    `counts` are keys by kind. `expiring` are state keys with an expiry, `everlasting` locks without one,
    `foreign` keys of neither a record nor a lock; emails are masked in all three. `records` are the keys of
    all records, `leads` those of leads.
    """

    counts: dict[str, int]
    expiring: tuple[str, ...]
    everlasting: tuple[str, ...]
    foreign: tuple[str, ...]
    records: Set[str]
    leads: Set[str]

    @property
    def empty(self) -> bool:
        """Whether there is neither a record nor anything that should not be there."""
        return not (self.records or self.everlasting or self.foreign)


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
    migrated: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare every record with its value in Redis, as data, and every file's mtime with the cutover, if any.

    From the cutover on Redis moves on while the files rest: its value need only be there, and the file must
    be the one that was `migrated` (see `Summary.digests`), where that is known. A cutover without a time zone
    is UTC. Raises InputError when `hive_dir` is not a hive directory, and StoreError when Redis does not
    answer.
    """
    index = read_index(hive_dir, prefix, progress)
    moment = _utc(cutover)
    after = moment is not None and moment <= datetime.now(UTC)

    def differ(key: str, entry: IndexEntry, value: bytes | None) -> str:
        return _gone(key, entry, value, prefix, migrated or {}) if after else unlike(entry, value)

    return _comparison(index, _unequal(index, client, differ), cutover)


def look_at_files(hive_dir: Path, prefix: str, *, cutover: datetime | None = None) -> Comparison:
    """Return the comparison without Redis: all that concerns the files alone; `unequal` is empty.

    Raises InputError when `hive_dir` is not a hive directory.
    """
    return _comparison(read_index(hive_dir, prefix), (), cutover)


def _unequal(
    index: Index, client: redis.Redis, differ: Callable[[str, IndexEntry, bytes | None], str]
) -> Sequence[Unequal]:
    unequal = DiskList(msgspec.msgpack.Decoder(Unequal).decode)
    for batch in index.batches():
        for (key, entry), value in zip(batch.items(), fetch(client, list(batch)), strict=True):
            if reason := differ(key, entry, value):
                found = Unequal(mask_identifier(entry.path), mask_identifier(key), reason)
                unequal.append(msgspec.msgpack.encode(found))
    return unequal


def _comparison(index: Index, unequal: Sequence[Unequal], cutover: datetime | None) -> Comparison:
    return Comparison(
        counts=index.counts,
        unequal=unequal,
        problems=index.problems,
        late=_late(index, cutover),
        ignored=index.ignored,
    )


def unlike(entry: IndexEntry, value: bytes | None) -> str:
    """Return how a Redis value differs from its record; empty when they are equal as data."""
    if value is None:
        return _MISSING
    if hashlib.sha256(value).digest() == entry.text_sha256:  # the same text, as migrated
        return ""
    try:
        return "" if fingerprint(value) == entry.data_sha256 else "holds other data in Redis"
    except ValueError as error:
        return f"holds in Redis what is {error}"


def _gone(key: str, entry: IndexEntry, value: bytes | None, prefix: str, migrated: Mapping[str, str]) -> str:
    """Return why a record is not to be found in Redis since the cutover, or was not migrated as it is."""
    if value is None:
        return _MISSING
    try:
        twin = parse(value)
    except ValueError as error:
        return f"holds in Redis what is {error}"
    if not (isinstance(twin, dict) and _names(prefix, key, entry, twin)):
        return "holds in Redis what is no record of that name"
    if not migrated or migrated.get(key) == entry.data_sha256.hex():
        return ""
    return "was migrated from other data than its file holds" if key in migrated else "was not migrated"


def _names(prefix: str, key: str, entry: IndexEntry, twin: Mapping[str, object]) -> bool:
    try:
        return record_key(prefix, entry.kind, twin, PurePosixPath(entry.path).stem) == key
    except ValueError:
        return False


def survey(client: redis.Redis, prefix: str) -> Survey:
    """Survey every key under the prefix's state names, by SCAN page by page. Raises StoreError."""
    counts: dict[str, int] = dict.fromkeys(KINDS, 0)
    records = DiskMap(bytes.decode, 32)
    expiring: set[str] = set()
    everlasting: set[str] = set()
    foreign: set[str] = set()
    for page in scan(client, f"{prefix}:"):
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
                counts[families[raw]] += records.add(key, families[raw].encode())
                if expiry >= 0:
                    expiring.add(key)
    return Survey(
        counts=counts,
        expiring=_shown(expiring),
        everlasting=_shown(everlasting),
        foreign=_shown(foreign),
        records=records.keys(),
        leads=_OfKind(records, "cadence_lead", counts["cadence_lead"]),
    )


class _OfKind(Set[str]):
    """The keys of one kind."""

    def __init__(self, records: DiskMap[str], kind: Kind, count: int) -> None:
        self._records, self._kind, self._count = records, kind, count

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._records.get(key) == self._kind

    def __iter__(self) -> Iterator[str]:
        return (key for key, kind in self._records.items() if kind == self._kind)

    def __len__(self) -> int:
        return self._count


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
    unseen = sorted(key for key in found.leads if key not in listed)
    return LeadView(unseen=tuple(unseen), unknown=tuple(sorted(unknown)))


def _late(index: Index, cutover: datetime | None) -> Sequence[Late]:
    late = DiskList(msgspec.msgpack.Decoder(Late).decode)
    moment = _utc(cutover)
    if moment is None:
        return late
    for entry in index.entries.values():
        if entry.mtime > moment.timestamp():
            found = Late(mask_identifier(entry.path), datetime.fromtimestamp(entry.mtime, UTC))
            late.append(msgspec.msgpack.encode(found))
    return late


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _shown(keys: set[str]) -> tuple[str, ...]:
    return tuple(sorted(mask_identifier(key) for key in keys))
