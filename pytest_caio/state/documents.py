"""JSON as data: a strict parser, and a canonical encoding that is the same for equal data."""

from __future__ import annotations

import hashlib
import json
import math

from pytest_caio.system.strictjson import parse_json

__all__ = ["canonical", "fingerprint", "parse"]


def parse(text: bytes) -> object:
    """Parse UTF-8 JSON; a whole number becomes an int, however it is written (`1.0`, `1e3`).

    Stricter than the standard library where that would silently lose or invent data: NaN, Infinity, a number
    outside a double's range, and an object with a duplicate field are refused. Raises ValueError with a
    reason that quotes nothing of the text, which may be personal data.
    """
    return parse_json(text, _number)


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


def _number(digits: str) -> int | float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() else number


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
