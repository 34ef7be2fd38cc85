"""Text of a deployment is escaped and cut so that it can be shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.text import beginning, encodable, explained, markdown, printable

quick = settings(derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, äöü, 日本", "plain text, äöü, 日本"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("line\u2028para\u2029next\x85", "line\\u2028para\\u2029next\\x85"),
        ("\ud800", "\\ud800"),
        ("no\u00a0break", "no\\xa0break"),
        ("\0\x7f\x9b", "\\x00\\x7f\\x9b"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    """Control, format, separator and surrogate characters are shown as escapes; letters are unchanged."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("NO-GO of AUTH-01 (1.5 s)!", "NO-GO of AUTH-01 (1.5 s)!"),
        ("[a](https://b) `c` *d* _e_ ~f~", "\\[a\\](https://b) \\`c\\` \\*d\\* \\_e\\_ \\~f\\~"),
        ("<b> | # &lt; $x$", "\\<b\\> \\| \\# \\&lt; \\$x\\$"),
        ("- a\n+ b", "\\- a\\\\n+ b"),
        ("@ann, a@example.com, @ 5", "@\u2060ann, a@\u2060example.com, @ 5"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str) -> None:
    """Text has no effect in Markdown and mentions nobody, and is readable where it has no markup."""
    assert markdown(text) == shown


@quick
@given(st.text())
def test_printable_text_is_one_line(text: str) -> None:
    """Any text becomes one line without control characters, and escaping it again changes nothing."""
    shown = printable(text)
    assert all(character == " " or unicodedata.category(character)[0] not in "CZ" for character in shown)
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    shown.encode("utf-8")


def test_text_is_cut_between_words() -> None:
    """Text is cut before a word that does not fit, so that no part of a secret is left."""
    assert beginning("short", 5) == "short"
    assert beginning('{"a": "one", "token": "abcdefghij"}', 28) == '{"a": "one", "token": "…'
    assert beginning("aaa bbb ccc", 8) == "aaa bbb …"
    assert beginning("x" * 1000, 500) == "x" * 300 + "…"


@quick
@given(st.text("ab \"',", max_size=80), st.integers(1, 60))
def test_cut_text_is_a_beginning_with_an_ellipsis(text: str, length: int) -> None:
    """Cut text is a beginning of at most the given length, with an ellipsis exactly if it was cut."""
    shown = beginning(text, length)
    assert text.startswith(shown.removesuffix("…"))
    assert len(shown.removesuffix("…")) <= length
    assert (shown == text) is (len(text) <= length)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a card\n  GO\n\x1b[2J lacks it", "a card\\n  GO\\n\\x1b[2J lacks it"),
        ("a\r\n  GO\nassert not ['a']", "a\\r\\n  GO\nassert not ['a']"),
        ("a\n  assert b\nassert x\nassert not ['a']", "a\\n  assert b\\nassert x\nassert not ['a']"),
        ("assert 'a' == 'b'\n  \n  - b\x1b\n  + a\r", "assert 'a' == 'b'\n  \n  - b\\x1b\n  + a\\r"),
    ],
)
def test_an_explained_assertion_keeps_pytests_lines(said: str, shown: str) -> None:
    """A check's message becomes one line, pytest's explanation keeps its lines, and both are escaped."""
    assert explained(said) == shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("cp850", "dämö \\u2026 \\u6f22 \\udcff"),
        ("cp1252", "dämö … \\u6f22 \\udcff"),
        ("ascii", "d\\xe4m\\xf6 \\u2026 \\u6f22 \\udcff"),
        (None, "dämö … 漢 \\udcff"),
    ],
)
def test_a_code_page_lacks_characters(encoding: str | None, shown: str) -> None:
    """What a stream cannot encode is escaped, so that printing it never ends a run."""
    assert encodable("dämö … 漢 \udcff", encoding) == shown
