"""File state under a hive directory, read into records and problems; no file is silently skipped."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase as fnmatch  # as on the deployment, whatever this system is
from pathlib import Path, PurePosixPath

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state.documents import canonical, parse
from pytest_caio.state.keys import KINDS, Kind, record_key
from pytest_caio.system.diskmap import DiskMap
from pytest_caio.system.paths import is_file, is_folder

__all__ = ["Index", "IndexEntry", "Problem", "Progress", "Record", "read_index", "read_records", "read_text"]

# Called with the stage, the number done, and the total (None while it is unknown).
Progress = Callable[[str, int, int | None], None]

_STATE_FILE = "operator_state.json"
_FOLDERS: dict[Kind, tuple[str, str]] = {
    "operator_batch": ("operator_batches", "batch_*.json"),
    "cadence_lead": ("cadence_state", "*.json"),
}
_TOO_LARGE = "too large for the memory of this machine"
_BATCH_RECORDS = 500
_BATCH_BYTES = 8 * 2**20
_CACHE_MIB = 32  # of the records of a hive: their keys are digests, and so come in no order


class Record(msgspec.Struct, frozen=True):
    """One record of file state.

    `path` is relative to the hive directory, with forward slashes; `key` is its Redis key; `value` is the
    data; `text` is the file's JSON, which Redis gets unchanged; `data_sha256` is the digest of the canonical
    data; `mtime` is in seconds since the epoch.
    """

    kind: Kind
    path: str
    key: str
    value: dict[str, object]
    text: bytes
    data_sha256: bytes
    mtime: float


class Problem(msgspec.Struct, frozen=True):
    """A file that is not a valid record: its path (emails masked), the reason, and its key if it has one."""

    path: str
    reason: str
    key: str | None = None

    def __str__(self) -> str:
        """Return the one line to show."""
        return f"{self.path}: {self.reason}"


class IndexEntry(msgspec.Struct, frozen=True, gc=False):
    """A record without its data, since the data of all records may not fit into memory.

    `data_sha256` is the digest of the canonical data, `text_sha256` that of the file's text, and `size` the
    length of that text in bytes.
    """

    kind: Kind
    path: str
    mtime: float
    size: int
    text_sha256: bytes
    data_sha256: bytes


_ENTRY = msgspec.msgpack.Decoder(tuple[Kind, bytes, float, int, bytes, bytes])


def _encode_entry(found: Record) -> bytes:
    path = found.path.encode("utf-8", "surrogatepass")  # a file's name may be no valid Unicode
    digest = hashlib.sha256(found.text).digest()
    return msgspec.msgpack.encode((found.kind, path, found.mtime, len(found.text), digest, found.data_sha256))


def _decode_entry(raw: bytes) -> IndexEntry:
    kind, path, mtime, size, text_sha256, data_sha256 = _ENTRY.decode(raw)
    return IndexEntry(kind, path.decode("utf-8", "surrogatepass"), mtime, size, text_sha256, data_sha256)


class Index(msgspec.Struct, frozen=True):
    """The file state of a hive directory: entries by Redis key, problems, and files with other names.

    The entries are kept on disk, for hives of a million records.
    """

    entries: DiskMap[IndexEntry]
    problems: tuple[Problem, ...]
    ignored: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The number of records of each kind."""
        totals: dict[str, int] = dict.fromkeys(KINDS, 0)
        for entry in self.entries.values():
            totals[entry.kind] += 1
        return totals

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, over the sorted keys, each with the digest of its canonical data."""
        total = hashlib.sha256()
        for key, entry in self.entries.sorted_items():
            total.update(b"%s\0%s" % (key.encode(), entry.data_sha256))
        return total.hexdigest()

    def batches(self) -> Iterator[dict[str, IndexEntry]]:
        """Yield the entries in batches of at most 500 records and, unless one alone is larger, 8 MiB."""
        batch: dict[str, IndexEntry] = {}
        size = 0
        for key, entry in self.entries.items():
            if batch and (len(batch) == _BATCH_RECORDS or size + entry.size > _BATCH_BYTES):
                yield batch
                batch, size = {}, 0
            batch[key] = entry
            size += entry.size
        if batch:
            yield batch


def read_index(hive_dir: Path, prefix: str, progress: Progress | None = None) -> Index:
    """Read all file state once and return its index, without records that share a key.

    Raises InputError when `hive_dir` is not a hive directory.
    """
    entries = DiskMap(_decode_entry, _CACHE_MIB)
    problems: list[Problem] = []

    def first(key: str, path: str) -> str:
        return entries[key].path if key in entries else path

    for found in _each(hive_dir, prefix, first):
        if isinstance(found, Problem):
            problems.append(found)
        else:
            entries.add(found.key, _encode_entry(found))
        if progress:
            progress("files read", len(entries) + len(problems), None)
    for problem in problems:
        # We cannot know which of two files with one key is right, so neither counts.
        if problem.key is not None:
            entries.remove(problem.key)
    return Index(entries=entries, problems=tuple(problems), ignored=_ignored(hive_dir))


def read_records(hive_dir: Path, prefix: str) -> Iterator[Record | Problem]:
    """Yield every record and problem of the file state, one at a time, by kind and then in order of paths.

    The second and later files for one key are problems. Raises InputError when `hive_dir` is not a directory
    or holds no file or folder of file state.
    """
    seen = DiskMap(lambda raw: raw.decode("utf-8", "surrogatepass"), _CACHE_MIB)

    def first(key: str, path: str) -> str:
        return path if seen.add(key, path.encode("utf-8", "surrogatepass")) else seen[key]

    return _each(hive_dir, prefix, first)


def _each(hive_dir: Path, prefix: str, first: Callable[[str, str], str]) -> Iterator[Record | Problem]:
    """Yield what `read_records` does; `first` returns the path that was first read for a key."""
    _check(hive_dir)
    for kind in KINDS:
        try:
            paths = _paths(hive_dir, kind)
        except OSError as error:
            yield Problem(_FOLDERS[kind][0], f"unreadable: {error.strerror or 'the folder cannot be listed'}")
            continue
        for path in paths:
            found = _read_record(hive_dir, path, kind, prefix)
            if isinstance(found, Record) and (earlier := first(found.key, path)) != path:
                yield Problem(
                    mask_identifier(path),
                    f"claims the same key as {mask_identifier(earlier)}",
                    found.key,
                )
            else:
                yield found


def _check(hive_dir: Path) -> None:
    """Raise InputError if a path is no folder with a file or a folder of file state in it."""
    if not is_folder(hive_dir):
        what = "is a file; name the folder that holds it" if is_file(hive_dir) else "no such directory"
        raise InputError(f"hive directory {hive_dir}: {what}")
    try:
        names = {path.name for path in hive_dir.iterdir()}
    except OSError as error:
        raise InputError(f"hive directory {hive_dir}: cannot be read ({error.strerror})") from None
    wanted = (_STATE_FILE, *(folder for folder, _ in _FOLDERS.values()))
    if names.isdisjoint(wanted):
        hint = "; name the folder above it" if hive_dir.name in wanted else ""
        hint = f"; is it {hive_dir / '.hive-mind'}?" if ".hive-mind" in names else hint
        raise InputError(f"hive directory {hive_dir}: holds none of {', '.join(wanted)}{hint}")


def read_text(hive_dir: Path, path: str) -> tuple[bytes, float]:
    """Return a file's text, without byte order mark and outer whitespace, and its mtime.

    Raises ValueError with the reason when it cannot be read.
    """
    file = hive_dir / path
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ValueError("unreadable: a folder; the dashboard reads only the files beside it")
        if not stat.S_ISREG(status.st_mode):  # opening a named pipe would block forever
            raise ValueError("unreadable: not a regular file")
        text = file.read_bytes()
    except OSError as error:
        raise ValueError(f"unreadable: {error.strerror or type(error).__name__}") from None
    except MemoryError:
        raise ValueError(_TOO_LARGE) from None
    return text.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n"), status.st_mtime


def _read_record(hive_dir: Path, path: str, kind: Kind, prefix: str) -> Record | Problem:
    try:
        text, mtime = read_text(hive_dir, path)
        value = parse(text)
        digest = hashlib.sha256(canonical(value)).digest()
        if not isinstance(value, dict):
            return Problem(mask_identifier(path), "not a JSON object")
        key = record_key(prefix, kind, value, PurePosixPath(path).stem)
    except ValueError as error:
        return Problem(mask_identifier(path), str(error))
    except MemoryError:
        return Problem(mask_identifier(path), _TOO_LARGE)
    return Record(kind=kind, path=path, key=key, value=value, text=text, data_sha256=digest, mtime=mtime)


def _paths(hive_dir: Path, kind: Kind) -> Iterable[str]:
    if kind == "operator_state":
        return [_STATE_FILE] if os.path.lexists(hive_dir / _STATE_FILE) else []
    folder, pattern = _FOLDERS[kind]
    if not os.path.lexists(hive_dir / folder):
        return []
    return (
        f"{folder}/{name}"
        for name in _names(hive_dir / folder)
        if fnmatch(name, pattern) or _holds_json(hive_dir / folder / name)
    )


def _ignored(hive_dir: Path) -> tuple[str, ...]:
    strays = []
    for folder, pattern in _FOLDERS.values():
        with contextlib.suppress(OSError):  # the folder is missing, or already reported as a problem
            names = _names(hive_dir / folder)
            strays += [
                mask_identifier(f"{folder}/{name}")
                for name in names
                if not (fnmatch(name, pattern) or _holds_json(hive_dir / folder / name))
            ]
    return tuple(strays)


def _holds_json(folder: Path) -> bool:
    """Return whether a path is a folder with JSON files in it, which may be state that nobody reads."""
    return any(name.lower().endswith(".json") for _, _, names in os.walk(folder) for name in names)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
