"""No part of a secret is left by redaction, in nested encodings, cut anywhere, or written in pieces."""

from __future__ import annotations

import contextlib
import io
import pprint
import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.streams import Streams
from tests.support.echo import ENCODINGS
from tests.support.planted import HEADER
from tests.support.scanner import Scanner

ALPHABETS = (HEADER, f"{string.ascii_letters}\u00e9", "0123456789abcdef", string.ascii_lowercase)


def in_pieces(redactor: Redactor, text: str, size: int) -> str:
    """Return the output of a redacted stream for a text that is written in pieces."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(stream):
        guard = Streams(redactor)
        guard.install()
        for start in range(0, len(text), size):
            stream.write(text[start : start + size])
            stream.flush()
        guard.close()
    return stream.buffer.getvalue().decode()


@pytest.mark.parametrize(
    "secret",
    [
        "....Zk3vQ81pLx",
        "Zk3v....Q81pLx",
        "Zk3vQ81pLx....",
        "Z..k...3....v.....Q",
        "...Zk3vQ81pLx",
        "Zk3v.Q81pLx.",
    ],
)
def test_dots_of_a_secret_are_not_those_of_passed_tests(secret: str) -> None:
    """A secret with dots is redacted among the dots that pytest writes one at a time."""
    redactor, scanner = Redactor({"S": secret}), Scanner([secret])
    for dots in range(9):
        row = "." * dots
        shown = in_pieces(redactor, f"{row}{secret}{row} [ 50%]\n{row}{secret}", 1)
        assert scanner.leaks(shown) == []
        assert "[redacted: S]" in shown
    assert in_pieces(redactor, "." * 200, 1) == "." * 200


SHOWN = {
    **ENCODINGS,
    "a dict, line by line": lambda text: pprint.pformat({"a": text, "b": [text]}),
    "a diff": lambda text: "\n".join(
        f"E     {'+-?'[n % 3]} {line}" for n, line in enumerate(text.split("\n"))
    ),
}


ODD_TEXTS = given(
    seed=st.integers(0, 2**32),
    alphabet=st.sampled_from(ALPHABETS),
    forms=st.tuples(st.sampled_from(sorted(ENCODINGS)), st.sampled_from(sorted(SHOWN))),
    cut=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    size=st.integers(1, 9),
)


def leaves_nothing(seed: int, alphabet: str, forms: tuple[str, str], cut: tuple[int, int], size: int) -> None:
    """Assert that nothing is shown of a secret in two nested encodings, cut at both ends."""
    secret = "".join(random.Random(seed).choices(alphabet, k=32))
    text = f"Cpw{secret}Cpw"
    for form in forms:
        text = SHOWN[form](text)
    text = text[cut[0] : len(text) - cut[1]]
    redactor, scanner = Redactor({"S": secret}), Scanner([secret])
    assert scanner.leaks(redactor.redact(text)) == []
    assert scanner.leaks(in_pieces(redactor, text, size)) == []


@settings(max_examples=200, deadline=None, database=None)
@ODD_TEXTS
def test_redaction_leaves_no_part_of_a_secret(**odd: Any) -> None:
    """No part of a secret in nested encodings, cut at both ends, is shown, at once or in pieces."""
    leaves_nothing(**odd)


@pytest.mark.nightly
@settings(max_examples=10_000, deadline=None, database=None)
@ODD_TEXTS
def test_redaction_leaves_no_part_of_ten_thousand_secrets(**odd: Any) -> None:
    """The same holds for ten thousand random texts."""
    leaves_nothing(**odd)
