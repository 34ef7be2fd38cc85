"""JSON that decides something, decoded strictly: text that two readers may take in two ways is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec

from pytest_caio.system.textfile import is_utf16

__all__ = ["REPEATED", "NotJson", "decode_json", "parse_json"]

_Model = TypeVar("_Model")
REPEATED = "an object names a field twice"
"""The reason for text that one reader takes for one value and another for another."""


# What the standard library's messages begin with, as people say it.
_MALFORMED = {
    "Extra data": "more text follows",
    "Expecting value": "a value is expected",
    "Expecting property name": "a name in double quotes is expected",
    "Expecting ','": "a comma or the end is expected",
    "Expecting ':'": "a colon is expected",
    "Unterminated string": "a text does not end",
    "Invalid control character": "a control character stands in a text",
    "Invalid \\": "a backslash has no meaning there",
}


class NotJson(ValueError):
    """Text that is not usable JSON; the reason quotes nothing of it, since it may be personal data.

    `end` is where the JSON ended, in characters, if nothing but further text after it is wrong, else None.
    """

    def __init__(self, reason: str, end: int | None = None) -> None:
        super().__init__(reason)
        self.end = end


def parse_json(raw: bytes, number: Callable[[str], object] = float) -> Any:
    """Parse UTF-8 JSON, with or without a byte order mark; `number` converts numbers with a fraction.

    Stricter than the standard library where that would silently lose or invent data: NaN, Infinity and an
    object that names a field twice are refused. Raises NotJson.
    """
    try:
        return _decoder(number).decode(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        reason = "not UTF-8 text, but UTF-16" if is_utf16(raw) else "not UTF-8 text"
    except json.JSONDecodeError as error:
        more = error.msg == "Extra data"
        line = f"line {error.lineno}, " if b"\n" in raw else ""
        at = f"({line}column {error.colno})"
        told = next(
            (told for said, told in _MALFORMED.items() if error.msg.startswith(said)), "it is malformed"
        )
        reason = f"not JSON: {told} {at}"
        raise NotJson(reason, error.pos if more else None) from None
    except RecursionError:
        reason = "not usable JSON: nested too deeply"
    except ValueError as error:
        # The interpreter refuses whole numbers of more than 4,300 digits, and names a function of its own.
        long = "Exceeds the limit" in str(error)
        reason = f"not usable JSON: {'a number has too many digits' if long else error}"
    raise NotJson(reason)


def decode_json(raw: bytes, model: type[_Model]) -> _Model:
    """Return UTF-8 JSON as `model`. Raises NotJson, or msgspec.ValidationError if it has another shape."""
    parse_json(raw)
    try:
        return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"), type=model)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError) as error:
        half = re.search(rb"\\u[dD][89a-fA-F]", raw)
        reason = "half of a surrogate pair is missing" if half else str(error)
        raise NotJson(f"not usable JSON: {reason}") from None


@cache
def _decoder(number: Callable[[str], object]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_fields, parse_float=number, parse_constant=_constant)


def _fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(REPEATED)
    return fields


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")
