"""Records of a file that is one JSON array or JSON lines; the content shows which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.system.paths import need_file
from pytest_caio.system.strictjson import NotJson, parse_json
from pytest_caio.system.textfile import decode_text

__all__ = ["JsonRecord", "read_records"]

_MARK = b"\xef\xbb\xbf"
_COMMENT = re.compile(r"\s*(?://|#|/\*|--|<!--)")
_HAS_NO_COMMENTS = "this is a comment, and JSON has none: remove it"
_WANTED = "write one list, [{...}, {...}], or one whole {...} on each line"


class JsonRecord(NamedTuple):
    """One record: its position in words (`case 3`, `line 12`), and its JSON, not yet decoded."""

    where: str
    raw: bytes


def read_records(path: Path, field: str) -> tuple[Iterable[JsonRecord], list[str]]:
    """Return the file's records, or none and one line of text that says what the file is and what is wanted.

    A file that begins with `[` is an array, any other is JSON lines; blank lines and a byte order mark are
    skipped. `field` is one that every record has: an object with it is a record, not what holds the records.
    JSON lines are read one at a time, and so can be iterated only once; an array is held whole. Raises
    InputError, naming the file, if it cannot be read.
    """
    try:
        need_file(path)
        if _is_text_of_lines(path, field):
            return _each_line(path), []
        raw = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise _unreadable(path, error) from error
    try:
        data = decode_text(raw, path.name).encode()
    except InputError as error:
        return [], [str(error)]
    if data.lstrip().startswith(b"["):
        return _array(data, path.name)
    lines = [(number, line.strip()) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    if lines and (problem := _unlike_lines(data, lines, field)):
        return [], [f"{path.name}, {problem}; {_WANTED}"]
    return [JsonRecord(f"line {number}", line) for number, line in lines], []


def _is_text_of_lines(path: Path, field: str) -> bool:
    """Return whether a file is text whose first line is a record; what else it may be is not yet known."""
    with path.open("rb") as file:
        lines = (line.removeprefix(_MARK) if not number else line for number, line in enumerate(file))
        first = next((line for line in lines if line.strip()), b"")
        if not (isinstance(found := _parsed(first), dict) and field in found):
            return False
        file.seek(0)
        try:
            return not any("\0" in line.decode() for line in file)
        except UnicodeDecodeError:
            return False


def _each_line(path: Path) -> Iterator[JsonRecord]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if record := (line.removeprefix(_MARK) if number == 1 else line).strip():
                    yield JsonRecord(f"line {number}", record)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or "its path has a NUL in it"
    return InputError(f"{path}: cannot be read ({reason})")


def _array(data: bytes, name: str) -> tuple[list[JsonRecord], list[str]]:
    try:
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    except RecursionError:
        return [], [f"{name}: the JSON is broken: it is nested too deeply"]
    except msgspec.DecodeError:
        return [], [f"{name}{_broken(data)}"]
    return [JsonRecord(f"case {number}", bytes(item)) for number, item in enumerate(items, 1)], []


def _broken(data: bytes) -> str:
    """Return where an array is broken, and why."""
    try:
        parse_json(data)
    except NotJson as error:
        if not error.line:
            return f": the JSON is broken: {error}"
        comment = _COMMENT.match(data.split(b"\n")[error.line - 1].decode())
        return f", line {error.line}: the JSON is broken: {_HAS_NO_COMMENTS if comment else error.told}"
    return ": the JSON is broken"


def _unlike_lines(data: bytes, lines: list[tuple[int, bytes]], field: str) -> str:
    """Return where and why a text is not JSON lines at all, or an empty string.

    A line that is broken among others is the reader's to report, with its number.
    """
    number, first = lines[0]
    if _COMMENT.match(first.decode()):
        return f"line {number}: {_HAS_NO_COMMENTS}"
    whole = _parsed(data)
    if isinstance(whole, dict) and (field not in whole or len(lines) > 1):
        lists = [key for key, value in whole.items() if _holds_objects(value)]
        if lists and field not in whole:
            return f"line {number}: it is one object with the records under {lists[0]}; keep that list alone"
        if len(lines) > 1:
            return f"line {number}: it is one object, over several lines"
    if len(lines) > 1 and all(_parsed(line) is None for _, line in lines):
        return f"line {number}: no line of it is JSON"
    return ""


def _holds_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _parsed(raw: bytes) -> object:
    """Return parsed JSON, or None if it is broken; the reasons are the reader's to find."""
    try:
        return parse_json(raw)
    except NotJson:
        return None
