"""JSON as data: what is refused, and what counts as equal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.state.documents import canonical, fingerprint, parse

# Every text JSON can escape, lone surrogates included.
_TEXT = st.text(st.characters(exclude_categories=()))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(_JSON, st.sampled_from([None, 2]), st.booleans())
def test_any_value_survives_reading(value: object, indent: int | None, ordered: bool) -> None:
    """What JSON text stands for is read as it was written, and its spelling does not matter."""
    text = json.dumps(value, indent=indent, sort_keys=ordered).encode()
    assert parse(text) == value
    assert fingerprint(text) == fingerprint(b"\xef\xbb\xbf" + json.dumps(value).encode())
    assert parse(canonical(parse(text))) == value


@given(_JSON, _JSON)
def test_fingerprints_differ_as_the_data_does(one: object, other: object) -> None:
    """Equal fingerprints mean equal data; true is not 1."""
    if fingerprint(json.dumps(one).encode()) == fingerprint(json.dumps(other).encode()):
        assert one == other


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
        ('"\\u00e9"', '"é"', True),
        ("1.0", "1", True),
        ("1e2", "100", True),
        ("true", "1", False),
        ("null", "0", False),
        ('"1"', "1", False),
        ("[1, 2]", "[2, 1]", False),
        ("12345678901234567890123", "12345678901234567890124", False),
    ],
)
def test_equality_is_that_of_the_data(one: str, other: str, equal: bool) -> None:
    """Order of fields, blanks, escapes and a number's point are spelling; types and items' order are data."""
    assert (fingerprint(one.encode()) == fingerprint(other.encode())) is equal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b'{"a": ', "not JSON"),
        (b"{} {}", "not JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b"1e999", "a number is too large"),
        (b'{"jane@customer.example": 1, "jane@customer.example": 2}', "names a field twice"),
        (b"\xff\xfe{\x00", "not UTF-8"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b"1" * 10_000, "not usable JSON"),
    ],
)
def test_what_would_lose_data_is_refused(text: bytes, reason: str) -> None:
    """Text that is no JSON, or that a lenient reader would change, is refused with a reason, unquoted."""
    with pytest.raises(ValueError, match=reason) as refusal:
        fingerprint(text)
    assert "jane" not in str(refusal.value)
