"""JSON as data: a strict parser, and a canonical encoding that is the same for equal data."""

from __future__ import annotations

import hashlib
import json
import math

__all__ = ["canonical", "fingerprint", "parse"]


def parse(text: bytes) -> object:
    """Parse UTF-8 JSON; a whole number becomes an int, however it is written (`1.0`, `1e3`).

    Stricter than the standard library where that would silently lose or invent data: NaN, Infinity, a number
    outside a double's range, and an object with a duplicate field are refused. Raises ValueError with a
    reason that quotes nothing of the text, which may be personal data.
    """
    try:
        return _DECODER.decode(text.decode("utf-8-sig"))  # editors on Windows write a byte order mark
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
    """Return the canonical encoding of what `parse` returned: fields sorted, no whitespace, ASCII.

    1 and 1.0 are the same number in JSON and have the same encoding; true and 1 differ.
    Raises ValueError when the data is nested too deeply.
    """
    try:
        return _ENCODER.encode(value).encode("ascii")
    except RecursionError:
        raise ValueError("not usable JSON: nested too deeply") from None


def fingerprint(text: bytes) -> bytes:
    """Return the SHA-256 (32 bytes) of JSON text's canonical encoding. Raises ValueError, as `parse` does."""
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
