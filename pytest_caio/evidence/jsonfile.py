"""The evidence as JSON, format version 1; its JSON Schema is docs/evidence.schema.json."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from pytest_caio.evidence.file import write_whole
from pytest_caio.verdict.record import Record

__all__ = ["encoded", "schema", "write"]

_NOT_PLAIN_ASCII = re.compile(r"[^\n -~]")


def write(record: Record, path: Path) -> str:
    """Write `record` to `path`; return why it could not be written, empty on success."""
    return write_whole(path, encoded(record))


def schema() -> bytes:
    """Return the JSON Schema (2020-12) of the evidence, made from the models of the record."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Record)}
    return encoded(made)


def encoded(value: Any, indent: int = 1) -> bytes:
    """Return a value as JSON in UTF-8 with a line end, characters that are not printable escaped.

    An `indent` below 0 gives one line.
    """
    try:
        raw = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a path that is not of the locale's encoding, as any with LC_ALL=C
        raw = msgspec.json.encode(_encodable(msgspec.to_builtins(value)))
    text = msgspec.json.format(raw, indent=indent).decode()
    if not text.replace("\n", "").isprintable():  # most is, and to search a long text takes a while
        text = _NOT_PLAIN_ASCII.sub(_escaped, text)
    return f"{text}\n".encode()


def _encodable(value: Any) -> Any:
    """Return a value of JSON with lone surrogates escaped, which UTF-8 cannot encode."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


def _escaped(match: re.Match[str]) -> str:
    """Return the character, JSON-escaped when not printable: it could control a terminal or an editor."""
    if match[0].isprintable():
        return match[0]
    return re.sub("(....)", r"\\u\1", match[0].encode("utf-16-be").hex())
