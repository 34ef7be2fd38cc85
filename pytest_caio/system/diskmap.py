"""A mapping and a list that are kept in a temporary file, for more records than memory should hold."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from itertools import chain
from typing import Any, Generic, TypeAlias, TypeVar, overload

from pytest_caio.errors import InputError

__all__ = ["DiskList", "DiskMap"]

_Value = TypeVar("_Value")
_Row: TypeAlias = tuple[int, bytes, bytes]  # place, key and value
_PAGE = 500  # rows that an iteration holds


class DiskMap(Mapping[str, _Value], Generic[_Value]):
    """Values by key, as bytes in a private temporary database of SQLite, in the order of their places.

    What fits into `cache_mib` MiB never leaves memory; the file is gone with the mapping. `decode` makes a
    value of its bytes at every look. Threads may share it, if one of them adds. Every method raises
    InputError where the folder for temporary files is full or cannot be written.
    """

    def __init__(self, decode: Callable[[bytes], _Value], cache_mib: int = 2) -> None:
        self._decode = decode
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._rows.close)
        self._length = 0
        for statement in (
            f"PRAGMA cache_size = {-1024 * cache_mib}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE kept (place INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL)",
            "BEGIN",
        ):
            self._run(statement)

    def add(self, key: str, raw: bytes, place: int | None = None) -> bool:
        """Keep the bytes of a value, by default after all others; return False if the key has one already."""
        inserted = self._run("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", place, _bytes(key), raw).rowcount
        self._length += inserted
        return inserted == 1

    def remove(self, key: str) -> None:
        """Remove a key, if it is there."""
        self._length -= self._run("DELETE FROM kept WHERE key = ?", _bytes(key)).rowcount

    def nth(self, number: int) -> _Value:
        """Return the value that was added as the given one, from 0; nothing may have been removed."""
        row = self._run("SELECT value FROM kept WHERE place = ?", number + 1).fetchone()
        if row is None:
            raise IndexError(number)
        return self._decode(row[0])

    def raw(self, key: str) -> bytes | None:
        """Return the bytes of a key's value, None if there is none."""
        row = self._run("SELECT value FROM kept WHERE key = ?", _bytes(key)).fetchone()
        return row[0] if row else None

    def in_turn(self) -> Callable[[Sequence[str]], list[bytes | None]]:
        """Return a function like `raw` of several keys, quicker where they are asked for in their order."""
        last = 0

        def each(keys: Sequence[str]) -> list[bytes | None]:
            nonlocal last
            ahead = {_text(key): (place, raw) for place, key, raw in self._page("place", last, len(keys))}
            found = list(map(ahead.get, keys))
            last = max((row[0] for row in found if row), default=last)
            return [row[1] if row else self.raw(key) for key, row in zip(keys, found, strict=True)]

        return each

    def raw_pages(self, most: int) -> Iterator[list[tuple[str, bytes]]]:
        """Yield keys and the bytes of their values, in order, at most so many at once."""
        return ([(_text(key), raw) for _, key, raw in page] for page in self._pages("place", most))

    def raw_items(self) -> Iterator[tuple[str, bytes]]:
        """Yield keys and the bytes of their values, in order."""
        return chain.from_iterable(self.raw_pages(_PAGE))

    def raw_values(self) -> Iterator[bytes]:
        """Yield the bytes of all values, in order."""
        return (raw for _, raw in self.raw_items())

    def sorted_items(self) -> Iterator[tuple[str, _Value]]:
        """Yield keys and values in the order of the keys, by code points."""
        return ((_text(key), self._decode(raw)) for page in self._pages("key", _PAGE) for _, key, raw in page)

    def items(self) -> ItemsView[str, _Value]:
        """Return keys and values, read page by page."""
        return _Items(self)

    def values(self) -> ValuesView[_Value]:
        """Return the values, read page by page."""
        return _Values(self)

    def pairs(self) -> Iterator[tuple[str, _Value]]:
        """Yield keys and values, in order."""
        return ((key, self._decode(raw)) for key, raw in self.raw_items())

    def __getitem__(self, key: str) -> _Value:
        raw = self.raw(key)
        if raw is None:
            raise KeyError(key)
        return self._decode(raw)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a key's value, or `default`; quicker than what a mapping does by itself."""
        raw = self.raw(key)
        return default if raw is None else self._decode(raw)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        return self._run("SELECT 1 FROM kept WHERE key = ?", _bytes(key)).fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.raw_items())

    def __len__(self) -> int:
        return self._length

    def _pages(self, column: str, most: int) -> Iterator[list[_Row]]:
        """Yield all rows by `column`; what is added or removed meanwhile may be among them or not."""
        first: object = 0  # SQLite orders numbers before bytes
        while page := self._page(column, first, most):
            yield page
            first = page[-1][0 if column == "place" else 1]

    def _page(self, column: str, after: object, most: int) -> list[_Row]:
        order = f"WHERE {column} > ? ORDER BY {column} LIMIT ?"
        statement = f"SELECT place, key, value FROM kept {order}"  # noqa: S608 - the column is ours
        return self._run(statement, after, most).fetchall()

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._rows.execute(statement, values)
        except sqlite3.Error as error:
            raise InputError(
                f"temporary files cannot be written ({error}): free space, or name another folder in TMPDIR "
                "(TEMP on Windows)"
            ) from None


class DiskList(Sequence[_Value], Generic[_Value]):
    """Values in order, kept as those of a DiskMap; equal to every sequence of the same values."""

    def __init__(self, decode: Callable[[bytes], _Value]) -> None:
        self._kept = DiskMap(decode)

    def append(self, raw: bytes, key: str | None = None) -> bool:
        """Keep the bytes of a value; return False if the key, which no two values share, has one already."""
        return self._kept.add(str(len(self)) if key is None else key, raw)

    def raw_pages(self, most: int) -> Iterator[list[tuple[str, bytes]]]:
        """Yield keys and the bytes of their values, in order, at most so many at once."""
        return self._kept.raw_pages(most)

    @overload
    def __getitem__(self, index: int) -> _Value: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[_Value]: ...

    def __getitem__(self, index: int | slice) -> _Value | Sequence[_Value]:
        if isinstance(index, slice):
            return tuple(self._kept.nth(number) for number in range(*index.indices(len(self))))
        return self._kept.nth(index + len(self) if index < 0 else index)

    def __iter__(self) -> Iterator[_Value]:
        return iter(self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class _Items(ItemsView[str, _Value]):
    _mapping: DiskMap[_Value]

    def __iter__(self) -> Iterator[tuple[str, _Value]]:
        return self._mapping.pairs()


class _Values(ValuesView[_Value]):
    _mapping: DiskMap[_Value]

    def __iter__(self) -> Iterator[_Value]:
        return (value for _, value in self._mapping.pairs())


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")
