"""Migrate file state to Redis: other data is overwritten only on request, and every write is read back."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis

from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state.comparison import unlike
from pytest_caio.state.records import Index, IndexEntry, Progress, read_index, read_text
from pytest_caio.state.server import (
    StoreError,
    expiries,
    fetch,
    insert,
    inspect_server,
    keep,
    replace,
    see_transactions,
    write_refusals,
)
from pytest_caio.state.summary import Summary
from pytest_caio.system.diskmap import DiskMap

__all__ = ["migrate", "unfinished"]

_ERRORS_SHOWN = 100
_NO_KEY = -2  # what Redis says in place of a missing key's time to live
_NO_STRING = "holds something that is no string: delete it first"


@dataclass
class _Tally:
    """What a migration has done so far; `settled` are the keys that already have an error.

    Of the errors the first are kept, and how many there are.
    """

    notes: list[str]
    errors: list[str] = field(default_factory=list)
    failed: int = 0
    migrated: int = 0
    overwritten: int = 0
    already_equal: int = 0
    conflicts: int = 0
    unexpired: int = 0
    confirmed: int = 0
    settled: DiskMap[bytes] = field(default_factory=lambda: DiskMap(bytes))

    def error(self, said: str) -> None:
        self.failed += 1
        if self.failed <= _ERRORS_SHOWN:
            self.errors.append(said)

    def fail(self, key: str, entry: IndexEntry, reason: str) -> None:
        self.error(f"{mask_identifier(entry.path)}: {reason}")
        self.settled.add(key, b"")

    def conflict(self, key: str, entry: IndexEntry, reason: str) -> None:
        self.conflicts += 1
        self.fail(key, entry, f"conflict: {mask_identifier(key)} {reason}")


def migrate(
    hive_dir: Path,
    client: redis.Redis,
    prefix: str,
    *,
    dry_run: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Copy every record of the hive directory to Redis and return a summary.

    Idempotent, and safe to kill at any point: each record is one write, made only if its key does not exist.
    Other data under a key is a conflict; with `overwrite` it is replaced, unless another client wrote to the
    key meanwhile. Nothing is written to a server that could lose data, or in a dry run. Raises InputError
    when `hive_dir` is not a hive directory; every other failure is in the summary's errors.
    """
    started = time.monotonic()
    server = inspect_server(client)
    index = read_index(hive_dir, prefix, progress)
    tally = _Tally(notes=list(server.notes))
    for said in (*server.faults, *map(str, index.problems)):
        tally.error(said)
    if not server.faults:
        run = _Run(hive_dir, client, prefix, index, tally, dry_run, overwrite, progress)
        try:
            run.move()
            run.confirm()
        except StoreError as failure:
            tally.error(f"{failure}: stopped when at least {tally.migrated} record(s) were written")
    if index.ignored:
        tally.notes.append(
            f"{len(index.ignored)} file(s) are no state by name, the first: {index.ignored[0]}"
        )
    if tally.unexpired:
        done = "would be" if dry_run else "was"
        tally.notes.append(f"{tally.unexpired} key(s) had an expiry, which {done} taken off")
    unconfirmed = len(index.entries) - tally.confirmed
    if unconfirmed and not dry_run and not tally.failed:
        tally.error(f"{unconfirmed} record(s) are not confirmed")
    return Summary(
        ok=not tally.failed,
        dry_run=dry_run,
        prefix=prefix,
        counts=index.counts,
        migrated=tally.migrated,
        overwritten=tally.overwritten,
        already_equal=tally.already_equal,
        conflicts=tally.conflicts,
        unconfirmed=unconfirmed,
        errors=_shortened(tally.errors, tally.failed),
        notes=tuple(tally.notes),
        digest=index.digest,
        digests=_Digests(index),
        seconds=round(time.monotonic() - started, 3),
    )


def unfinished(prefix: str, *, dry_run: bool) -> Summary:
    """Return the summary of a migration that has only started: it remains if the process is killed."""
    return Summary(
        ok=False, dry_run=dry_run, prefix=prefix, counts={}, errors=("the migration did not finish",)
    )


@dataclass(frozen=True)
class _Run:
    hive_dir: Path
    client: redis.Redis
    prefix: str
    index: Index
    tally: _Tally
    dry_run: bool
    overwrite: bool
    progress: Progress | None

    def move(self) -> None:
        """Write every record that is not yet equal in Redis, batch by batch."""
        done = 0
        for batch in self.index.batches():
            values = dict(zip(batch, fetch(self.client, list(batch)), strict=True))
            unequal = {key: reason for key, entry in batch.items() if (reason := unlike(entry, values[key]))}
            self._keep_equal([key for key in batch if key not in unequal])
            self._insert({key: batch[key] for key in unequal if values[key] is None})
            different = {key: batch[key] for key in unequal if values[key] is not None}
            if self.overwrite:
                self._replace(different, values)
            else:
                for key, entry in different.items():
                    self.tally.conflict(key, entry, unequal[key])
            done += len(batch)
            self._report("records written", done)

    def confirm(self) -> None:
        """Read every key back: it must be equal and have no expiry. A dry run has nothing to read back."""
        if self.dry_run:
            self.tally.confirmed = self.tally.already_equal
            return
        done = 0
        for whole in self.index.batches():
            batch = {key: entry for key, entry in whole.items() if key not in self.tally.settled}
            keys = list(batch)
            answers = (
                zip(keys, fetch(self.client, keys), expiries(self.client, keys), strict=True) if keys else ()
            )
            for key, value, expiry in answers:
                if reason := unlike(batch[key], value):
                    self.tally.fail(key, batch[key], f"read back, {mask_identifier(key)} {reason}")
                elif expiry >= 0:
                    self.tally.fail(key, batch[key], f"read back, {mask_identifier(key)} has an expiry")
                else:
                    self.tally.confirmed += 1
            done += len(whole)
            self._report("records read back", done)

    def _keep_equal(self, keys: list[str]) -> None:
        self.tally.already_equal += len(keys)
        left = expiries(self.client, keys) if keys else []
        expiring = [key for key, milliseconds in zip(keys, left, strict=True) if milliseconds >= 0]
        if expiring and not self.dry_run:
            keep(self.client, expiring)
        self.tally.unexpired += len(expiring)

    def _insert(self, batch: dict[str, IndexEntry]) -> None:
        texts = self._texts(batch)
        if not texts:
            return
        if self.dry_run:
            self._see_that_writes_are_taken()
            for key, left in zip(texts, expiries(self.client, list(texts)), strict=True):
                if left != _NO_KEY:  # it is there, and has no text to be compared
                    self.tally.conflict(key, batch[key], _NO_STRING)
            return
        written, failure = insert(self.client, texts)
        self.tally.migrated += len(written)
        if failure:
            raise failure
        self._settle({key: batch[key] for key in texts if key not in written})

    def _replace(self, batch: dict[str, IndexEntry], seen: dict[str, bytes | None]) -> None:
        texts = self._texts(batch)
        if not texts:
            return
        see_transactions(self.client)
        if self.dry_run:
            self._see_that_writes_are_taken()
            return
        replaced = replace(self.client, {key: (seen[key], text) for key, text in texts.items()})
        self.tally.migrated += len(replaced)
        self.tally.overwritten += len(replaced)
        self._settle({key: batch[key] for key in texts if key not in replaced})

    def _see_that_writes_are_taken(self) -> None:
        """Raise StoreError where Redis would refuse the records of a dry run; nothing is written."""
        (refusal,) = write_refusals(self.client, [self.prefix])
        if refusal:
            raise StoreError(refusal)

    def _settle(self, taken: dict[str, IndexEntry]) -> None:
        """Read again what was not written: another client was first, or the reply to our write was lost."""
        values = fetch(self.client, list(taken)) if taken else []
        for (key, entry), value in zip(taken.items(), values, strict=True):
            if value is None:
                self.tally.conflict(key, entry, _NO_STRING)
            elif unlike(entry, value):
                self.tally.conflict(key, entry, "was given other data by somebody else meanwhile")
            else:
                self.tally.already_equal += 1

    def _texts(self, batch: dict[str, IndexEntry]) -> dict[str, bytes]:
        """Read the batch's files again: only the index, not the data of a hive, must fit into memory."""
        texts = {}
        for key, entry in batch.items():
            try:
                text, _ = read_text(self.hive_dir, entry.path)
            except ValueError as error:
                self.tally.fail(key, entry, f"{error}, since it was first read")
                continue
            if hashlib.sha256(text).digest() == entry.text_sha256:
                texts[key] = text
            else:
                self.tally.fail(key, entry, "changed while it was migrated: run again")
        return texts

    def _report(self, stage: str, done: int) -> None:
        if self.progress:
            self.progress(stage, done, len(self.index.entries))


def _shortened(errors: list[str], count: int) -> tuple[str, ...]:
    more = count - len(errors)
    return (*errors, *([f"and {more} more"] if more else ()))


class _Digests(Mapping[str, str]):
    """The digest of each record's data, in hex, by key: a view of the index, which is on disk."""

    def __init__(self, index: Index) -> None:
        self._entries = index.entries

    def __getitem__(self, key: str) -> str:
        return self._entries[key].data_sha256.hex()

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
