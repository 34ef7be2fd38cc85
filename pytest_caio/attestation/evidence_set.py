"""The files that one run left: those that share the stem of its JSON file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

from pytest_caio.errors import InputError
from pytest_caio.system.paths import is_file, is_folder, is_missing, need_file

__all__ = ["LEDGER", "STATEMENT_SUFFIX", "EvidenceSet", "read"]

LEDGER = "ledger.jsonl"  # the ledger of the runs whose evidence is in the same folder
STATEMENT_SUFFIX = ".intoto.json"
_Value = TypeVar("_Value")
# The stem ends with the time of the run; a file name cannot hold two of them.
_NAME = re.compile(r"(?P<stem>.*-\d{8}T\d{6}Z(?:-2)?)\.[\w.]+")
_STAMP = re.compile(r"-(\d{8}T\d{6}Z)(?:-2)?$")


@dataclass(frozen=True)
class EvidenceSet:
    """The evidence of one run in `folder`; a file that is not written to its end is none of it."""

    folder: Path
    stem: str

    @classmethod
    def of(cls, paths: Sequence[Path]) -> EvidenceSet:
        """Return the set that files belong to, or the latest set of a folder.

        Raises InputError for a path that does not exist or is no evidence, and for files of several runs.
        """
        found = {cls._of(path) for path in paths}
        if len(found) != 1:
            stems = ", ".join(sorted(one.stem for one in found))
            raise InputError(f"files of several runs ({stems}): give those of one run")
        return found.pop()

    @classmethod
    def _of(cls, path: Path) -> EvidenceSet:
        if is_folder(path):
            names = (_NAME.fullmatch(file.name) for file in _listed(path))
            whole = [one for one in {cls(path, name["stem"]) for name in names if name} if is_file(one.json)]
            if not whole:
                raise InputError(f"{path}: there is no evidence in this folder")
            return cls._latest(whole)
        if is_missing(path):
            raise InputError(f"{path}: there is no such file or folder")
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise InputError(f"{path}: is no evidence; its name is ENVIRONMENT-TIME.json, .html and so on")
        return cls(path.parent, match["stem"])

    @classmethod
    def _latest(cls, whole: Sequence[EvidenceSet]) -> EvidenceSet:
        """Return the set with the latest time. Raises InputError if it is that of several runs."""
        times = {one.stem: _STAMP.search(one.stem)[1] for one in whole}  # type: ignore[index]
        latest = max(times.values())
        last = sorted(stem for stem, time in times.items() if time == latest)
        if not all(stem.startswith(last[0]) for stem in last):
            raise InputError(f"several runs are the latest ({', '.join(last)}): give the files of one run")
        return cls(whole[0].folder, last[-1])  # with -2 where there is one, which was written after the other

    @property
    def json(self) -> Path:
        """The file that holds the record."""
        return self.folder / f"{self.stem}.json"

    @property
    def statement(self) -> Path:
        """The file of the signed statement, which need not exist."""
        return self.folder / f"{self.stem}{STATEMENT_SUFFIX}"

    def files(self) -> list[Path]:
        """Return the files of the set, by name, without the statement. Raises InputError."""
        return [
            path
            for path in _listed(self.folder)
            if path.name.startswith(f"{self.stem}.") and path != self.statement and path.suffix != ".tmp"
        ]

    def digests(self) -> Mapping[str, str]:
        """Return the SHA-256 of each file of the set in hex, by name. Raises InputError."""
        return {path.name: _opened(path, _digest) for path in self.files()}


def read(path: Path, most: int = -1) -> bytes:
    """Return the content of an evidence file, up to `most` bytes. Raises InputError if it cannot be read."""
    return _opened(path, lambda file: file.read(most))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or 'cannot be read'}") from None


def _opened(path: Path, action: Callable[[BufferedReader], _Value]) -> _Value:
    """Return `action` of an open file. Raises InputError, also for what is no file."""
    try:
        need_file(path)
        with path.open("rb") as file:
            return action(file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from None


def _digest(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()
