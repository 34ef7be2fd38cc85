"""Each reading of a text leads back to the characters that it was read from."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.redaction.decoding import views

PARTS = st.sampled_from(
    ["a", "/", " ", "%61", "%2f", "%", "%0A  ", "\n    ", "\\n  ", "'\n E     - '", "\x1b[31m"]
)
quick = settings(derandomize=True, database=None, deadline=None)


@quick
@given(st.lists(PARTS).map("".join))
def test_characters_keep_their_place(text: str) -> None:
    """What stands in the text in a character's place is that character, or its code, broken or not."""
    for reading in views(text):
        places = [(reading.place(n), reading.end(n)) for n in range(len(reading.text))]
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
        for (start, end), character in zip(places, reading.text, strict=True):
            told = re.sub(r"\x1b\[31m|'?\s*(?:\n|\\n)[ \t]*(?:E +- ')?", "", text[start:end])
            assert character in (text[start:end], unquote(told))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("plain", ["plain"]),
        ("two\n    lines", ["two\n    lines", "twolines"]),
        ("%74wo", ["%74wo", "two"]),
        ("t%77\n  o", ["t%77\n  o", "t%77o", "two"]),
        ("two%0A%20%20lines", ["two%0A%20%20lines", "two\n  lines", "twolines"]),
    ],
)
def test_what_is_read(text: str, read: list[str]) -> None:
    """A text is read as it is, without breaks, and decoded, each where that is something else."""
    assert [reading.text for reading in views(text)] == read
