"""JSON that decides something, decoded strictly: text that two readers may take in two ways is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec

from pytest_caio.system.textfile import is_utf16

__all__ = ["REPEATED", "NotJson", "decode_json", "in_words", "kind_of", "misfit", "parse_json"]

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
    "Illegal trailing comma": "a comma stands before the end",
}
# Kinds of values, by the names that msgspec has for them.
_KINDS = {
    "bool": "true or false",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "null": "nothing",
    "datetime": "a time with its day",
    "date": "a day alone",
    "time": "a time without its day",
}
_LIMITS = {">=": "{} or more", "<=": "{} or less", ">": "above {}", "<": "below {}"}
_PYTHON = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    type(None): "null",
    list: "array",
    dict: "object",
}


class NotJson(ValueError):
    """Text that is not usable JSON; the reason quotes nothing of it, since it may be personal data.

    `end` is where the JSON ended, in characters, if nothing but further text after it is wrong, else None.
    `line` (from 1) is that of a mistake in the grammar, and `told` what it is, else 0 and the whole reason.
    """

    def __init__(self, reason: str, end: int | None = None, line: int = 0, told: str = "") -> None:
        super().__init__(reason)
        self.end = end
        self.line = line
        self.told = told or reason


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
        raise _malformed(error) from None
    except RecursionError:
        reason = "not usable JSON: nested too deeply"
    except ValueError as error:
        # The interpreter refuses whole numbers of more than 4,300 digits, and names a function of its own.
        long = "Exceeds the limit" in str(error)
        reason = f"not usable JSON: {'a number has too many digits' if long else error}"
    raise NotJson(reason)


def _malformed(error: json.JSONDecodeError) -> NotJson:
    """Return a mistake in the grammar in words, with its place."""
    before = error.doc[: error.pos].rstrip()
    if before.endswith(",") and error.doc[error.pos : error.pos + 1] in ("]", "}"):  # Python 3.13 says so
        error = json.JSONDecodeError("Illegal trailing comma", error.doc, len(before) - 1)
    end = error.pos if error.msg == "Extra data" else None
    told = next((told for said, told in _MALFORMED.items() if error.msg.startswith(said)), "it is malformed")
    line = f"line {error.lineno}, " if "\n" in error.doc else ""
    return NotJson(f"not JSON: {told} ({line}column {error.colno})", end, error.lineno, told)


def decode_json(raw: bytes, model: type[_Model]) -> _Model:
    """Return UTF-8 JSON as `model`. Raises NotJson, or msgspec.ValidationError if it has another shape."""
    parse_json(raw)
    try:
        return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"), type=model)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError) as error:
        half = re.search(rb"\\u[dD][89a-fA-F]", raw)
        deep = "nested too deeply" if isinstance(error, RecursionError) else "it is malformed"
        reason = "half of a surrogate pair is missing" if half else deep
        raise NotJson(f"not usable JSON: {reason}") from None


def in_words(error: NotJson | msgspec.ValidationError) -> str:
    """Return why a text could not be decoded: which field is missing, or is not what it must be."""
    told = str(error)
    if isinstance(error, NotJson):
        return f"it is {told}"
    if isinstance(error.__cause__, ValueError):  # what a model of ours refuses, in its own words
        return str(error.__cause__)
    path = re.search(r"at `\$\.?([^`]*)`", told)
    field = path[1].replace("[...]", "") if path else ""
    missing = re.match(r"Object missing required field `([^`]*)`", told)
    if missing:
        return f"it lacks {'.'.join(filter(None, (field, missing[1])))}"
    return f"{field or 'it'} {misfit(told)}"


def misfit(message: str) -> str:
    """Return what a value must be and what it is, the end of a sentence, from a message of msgspec."""
    wrong = re.match(r"Expected `([^`]*)`, got `([^`]*)`", message)
    if wrong:
        wanted, found = (" or ".join(map(_kind, kinds.split(" | "))) for kinds in wrong.groups())
        return f"must be {wanted}, and is {found}"
    if "RFC3339" in message:
        return "must be day, time and offset, as in 2026-02-24T18:00:00Z"
    if "of length >= 1" in message:
        return "must not be empty"
    limit = re.match(r"Expected `[^`]*` ([<>]=?) (-?\d+)(?:\.0)?(?!\.?\d)", message)
    return f"must be {_LIMITS[limit[1]].format(limit[2])}" if limit else "has another form"


def kind_of(value: object) -> str:
    """Return in words what kind of value was parsed."""
    return _kind(_PYTHON[type(value)])


def _kind(name: str) -> str:
    return _KINDS.get(name, f"{'an' if name[:1] in 'aeiou' else 'a'} {name}")


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
