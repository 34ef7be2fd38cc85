"""JSON text as data: strict reading, and one canonical spelling for equal data."""

from __future__ import annotations

import hashlib
import json
import math

__all__ = ["canonical", "fingerprint", "parse"]


def parse(text: bytes) -> object:
    """Return the data that UTF-8 JSON text stands for; a whole number is an int, however it is spelled.

    Stricter than the standard library where that would lose or invent data in silence: NaN, Infinity, a
    number beyond a double's range, and an object that names a field twice are refused.
    Raises ValueError with a reason that quotes nothing of the text, which may be a person's data.
    """
    try:
        return _DECODER.decode(text.decode("utf-8-sig"))  # editors on Windows write the mark
    except UnicodeDecodeError:
        reason = "not UTF-8 text"
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    except RecursionError:
        reason = "not usable JSON: nested too deeply"
    except ValueError as error:
        reason = f"not usable JSON: {error}"
    raise ValueError(reason)


def canonical(value: object) -> bytes:
    """Return the one spelling of what `parse` returned: fields sorted, no blanks, ASCII.

    1 and 1.0 are one number in JSON and have one spelling; true and 1 are not the same and have two.
    Raises ValueError when it is nested too deeply.
    """
    try:
        return _ENCODER.encode(value).encode("ascii")
    except RecursionError:
        raise ValueError("not usable JSON: nested too deeply") from None


def fingerprint(text: bytes) -> bytes:
    """Return the SHA-256 (32 bytes) of the canonical spelling of JSON text; raises ValueError as `parse`."""
    return hashlib.sha256(canonical(parse(text))).digest()


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("an object names a field twice")
    return fields


def _number(digits: str) -> int | float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() else number


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_constant)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
