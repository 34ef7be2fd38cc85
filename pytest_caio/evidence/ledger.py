"""The ledger: one line for each run, each with the hash of the line before, so that changes are noticed.

A line is a JSON object whose last field, `hash`, is the SHA-256 of the object without that field; `previous`
is the hash of the line before. A small file beside the ledger, `NAME.head`, has the number and the hash of
the last run: it shows that lines at the end are missing, or the whole ledger, and must not be missing itself.
Nothing is ever repaired: a run after a loss continues the numbers of the head, so that the gap stays visible.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from pytest_caio.evidence.jsonfile import encoded
from pytest_caio.system.atomicfile import once_free, write_atomically
from pytest_caio.system.paths import need_file
from pytest_caio.text import printable
from pytest_caio.verdict.outcome import Outcome

__all__ = ["Entry", "EnvironmentEntry", "Ledger", "append", "read_ledger"]

_PATIENCE = 10.0  # seconds: another run holds the lock for some milliseconds
_SEALED = re.compile(rb'(\{[^\n]+),"hash":"([0-9a-f]{64})"\}')


class EnvironmentEntry(Struct, omit_defaults=True):
    """One environment in a run: `checks` are the ids of its checks by outcome.

    `ready_p95_ms` is the 95th percentile of readiness; `clean_days` are the supervised days that were clean
    by the deployment's own count, and those required. Either is None if it was not asked.
    """

    name: str
    base_url: str
    verdict: str
    commit: str
    checks: dict[Outcome, list[str]]
    ready_p95_ms: float | None = None
    clean_days: tuple[int, int] | None = None

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each check by its id."""
        return {check: outcome for outcome, checks in self.checks.items() for check in checks}


class Entry(Struct, omit_defaults=True):
    """One run; times are ISO 8601, UTC. `whole` is false for a run of a part of the suite, or a broken one.

    `n` is its number in the ledger, and `previous` the hash of the line before, empty for the first.
    """

    run: str
    started: str
    finished: str
    verdict: str
    headline: str
    whole: bool
    environments: list[EnvironmentEntry]
    n: int = 0
    previous: str = ""

    def environment(self, name: str) -> EnvironmentEntry | None:
        """Return the part about an environment; None if the run did not check it."""
        return next((one for one in self.environments if one.name == name), None)


class _Head(Struct):
    n: int
    hash: str


@dataclass
class Ledger:
    """The runs of a ledger that can be read, oldest first; `fault` says in one line what happened to it.

    `last` is what the next run follows: the last run, or the head if runs are missing. `raw` and `state` are
    its content, and what tells whether its files are still those that were read.
    """

    path: Path
    entries: list[Entry] = field(default_factory=list)
    fault: str = ""
    last: _Head = field(default_factory=lambda: _Head(0, ""))
    raw: bytes = field(default=b"", repr=False)
    state: object = None


def read_ledger(path: Path) -> Ledger:
    """Read a ledger and its head, and find out whether all of its lines are as they were written.

    A missing ledger that never had a run is empty and has no fault. Raises OSError if it cannot be read.
    """
    state = _state(path)  # first: what another run writes meanwhile must show
    head = _head(path)  # before the ledger, which another run writes first: it may be ahead of its head
    raw = _read(path)
    ledger = _parsed(path, raw, _head(path) if head is None and raw else head)
    ledger.state = state
    return ledger


def append(path: Path, entry: Entry, known: Ledger | None = None) -> str:
    """Append a run under the ledger's lock; return why it could not be, empty on success.

    The ledger is replaced as a whole: killed at any moment, it has the run or it does not. `known` is the
    ledger as this run read it, which is not read again unless another run wrote to it since.
    """
    kept = "; this run is not in it"
    try:
        need_file(path)  # before the lock, which is a file beside it
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_beside(path, "lock"), timeout=_PATIENCE):
            ledger = known if known and known.state == _state(path) else read_ledger(path)
            raw, last = ledger.raw, ledger.last
            if not raw and last.n == 0:  # from its first line on, a ledger without its head is noticed
                write_atomically(_beside(path, "head"), encoded(last, indent=-1))
            entry.n, entry.previous = last.n + 1, last.hash
            line, sealed = _seal(entry)
            # A line that was cut keeps its place, and shows as changed.
            separator = b"\n" if raw and not raw.endswith(b"\n") else b""
            write_atomically(path, raw + separator + line)
            # Killed before this, the ledger is ahead of its head by one run, which is no fault.
            kept = "; the run is in the ledger, and the next one brings the head up to date"
            write_atomically(_beside(path, "head"), encoded(_Head(entry.n, sealed), indent=-1))
    except Timeout:
        return printable(
            f"the ledger {path} could not be written: another run holds it; this run is not in it"
        )
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or "it is in use"
        return printable(f"the ledger {path} could not be written: {reason}{kept}")
    return ""


def _beside(path: Path, what: str) -> Path:
    """Return a file beside the ledger itself, where its path is a link."""
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}.{what}")


def _state(path: Path) -> object:
    """Return what changes with each writing of the ledger or its head, since both are replaced as a whole."""
    found: list[object] = []
    for one in (path, _beside(path, "head")):
        try:
            seen = one.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
    return found


def _read(path: Path) -> bytes:
    need_file(path)
    try:
        return once_free(path.read_bytes)
    except FileNotFoundError:
        return b""


def _head(path: Path) -> _Head | None:
    """Return the head of a ledger; None without one, and one that fits no run if it cannot be used."""
    raw = _read(_beside(path, "head"))
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw, type=_Head)
    except msgspec.DecodeError:
        return _Head(0, "unusable")


def _seal(entry: Entry) -> tuple[bytes, str]:
    """Return the line of an entry, and its hash."""
    body = encoded(entry, indent=-1).rstrip(b"\n")
    sealed = hashlib.sha256(body).hexdigest()
    return body[:-1] + f',"hash":"{sealed}"}}\n'.encode(), sealed


def _parsed(path: Path, raw: bytes, head: _Head | None) -> Ledger:
    ledger, faults = Ledger(path, raw=raw), []
    last = _Head(0, "")
    known = head is not None and head.n == 0
    for number, line in enumerate(raw.split(b"\n")[:-1] if raw.endswith(b"\n") else raw.split(b"\n"), 1):
        if not raw:
            break
        sealed = _SEALED.fullmatch(line)
        entry = _entry(sealed)
        where = f"{path}, line {number}"
        if sealed is None or entry is None:
            faults.append(f"{where}: was changed after it was written")
            continue
        own = sealed[2].decode()
        if entry.n != last.n + 1:
            faults.append(
                f"{where}: run {entry.n} follows run {last.n}: lines before it were removed, added or moved"
            )
        elif entry.previous != last.hash:
            faults.append(f"{where}: run {entry.n} does not follow from the line before, which was replaced")
        ledger.entries.append(entry)
        last = _Head(entry.n, own)
        known = known or (head is not None and head == last)
    if raw and not raw.endswith(b"\n"):
        faults.append(f"{path}: its last line was cut")
    if (head is None and raw) or (head is not None and head.hash == "unusable"):
        what = "is missing" if head is None else "cannot be used"
        faults.append(f"{_beside(path, 'head')} {what}: put it back; runs may be missing")
    elif head is not None and not known:
        if not raw:
            faults.append(
                f"{path} is missing, and had {head.n} runs: put it back, or give its place with --ledger"
            )
        else:
            faults.append(f"{path}: run {head.n}, the last that was written, is not in it as it was")
        last = head if head.n >= last.n else last
    if faults:
        more = f" (and {len(faults) - 1} more)" if faults[1:] else ""
        ledger.fault = printable(f"{faults[0]}{more}")
    ledger.last = last
    return ledger


def _entry(sealed: re.Match[bytes] | None) -> Entry | None:
    if sealed is None or hashlib.sha256(sealed[1] + b"}").hexdigest() != sealed[2].decode():
        return None
    try:
        entry = msgspec.json.decode(sealed[1] + b"}", type=Entry)
        times = datetime.fromisoformat(entry.started), datetime.fromisoformat(entry.finished)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return entry if all(time.tzinfo for time in times) else None
