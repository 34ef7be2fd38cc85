"""Each decoded view of a text maps its characters to their places in the text."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.redaction.decoding import views

PARTS = st.sampled_from(
    [
        "a",
        "/",
        " ",
        "%61",
        "\\u0061",
        "\\x2f",
        "&#97;",
        "&#x2F;",
        "%2f",
        "%",
        "%0A  ",
        "\n    ",
        "\\n  ",
        "'\n E     - '",
        "\x1b[31m",
    ]
)
CODES = {"\\u0061": "a", "\\x2f": "/", "&#97;": "a", "&#x2f;": "/"}
quick = settings(derandomize=True, database=None, deadline=None)


@quick
@given(st.lists(PARTS).map("".join))
def test_characters_keep_their_place(text: str) -> None:
    """The text at a character's place in a view is that character or its code, broken or not."""
    for reading in views(text):
        places = [(reading.place(n), reading.end(n)) for n in range(len(reading.text))]
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
        for (start, end), character in zip(places, reading.text, strict=True):
            told = re.sub(r"\x1b\[31m|'?\s*(?:\n|\\n)[ \t]*(?:E +- ')?", "", text[start:end])
            assert character in (text[start:end], unquote(told), CODES.get(told.lower()))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("plain", ["plain"]),
        ("two\n    lines", ["two\n    lines", "twolines"]),
        ("%74wo", ["%74wo", "two"]),
        ("t%77\n  o", ["t%77\n  o", "t%77o", "two"]),
        ("two%0A%20%20lines", ["two%0A%20%20lines", "two\n  lines", "twolines"]),
        (r"\u0074\x77\\u006fx", [r"\u0074\x77\\u006fx", "twox"]),
        ("&#116;&#x77;&#0111;s", ["&#116;&#x77;&#0111;s", "twos"]),
    ],
)
def test_the_views_of_a_text(text: str, read: list[str]) -> None:
    """The views are the text, without line breaks, and decoded, each only if it differs."""
    assert [reading.text for reading in views(text)] == read
