"""Pages are read as browsers read them: their elements, each with its attributes."""

from __future__ import annotations

import time

import pytest

from pytest_caio.gates.markup import elements, is_page


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("<form action='/login?next=/' x='' y>", [("form", {"action": "/login?next=/", "x": "", "y": ""})]),
        ("""<INPUT Value="/' x='">""", [("input", {"value": "/' x='"})]),
        ('<a b=/" x=y>', [("a", {"b": '/"', "x": "y"})]),
        ("<a b = 'c&amp;d' b=e>", [("a", {"b": "c&d"})]),
        ("<script src=/a.js defer>i<n</script><p>", [("script", {"src": "/a.js", "defer": ""}), ("p", {})]),
        ("<!-- <a b> --><br/>1 < 2</p>", [("br", {})]),
        ("<title><a b></title>", [("title", {})]),
        ("<!-- <a b>", []),
        ("<script><a b>", [("script", {})]),
        ('<a href="x', [("a", {"href": "x"})]),
        ("no page", []),
    ],
)
def test_elements_are_those_of_a_browser(page: str, found: list[tuple[str, dict[str, str]]]) -> None:
    """Quotes, comments, scripts and texts are told apart; of attributes given twice the first counts."""
    assert list(elements(page)) == found


@pytest.mark.parametrize("part", ["<!--", "<a ", '<a x="', "<a x='y' ", "<", "<a =", "<script>", "<a b "])
def test_no_page_takes_long(part: str) -> None:
    """A page that is made to take long is read in a time that grows with its length alone."""

    def seconds(count: int) -> float:
        start = time.process_time()
        assert len(list(elements(part * count))) <= count
        return time.process_time() - start

    short = max(seconds(5_000), 0.005)
    assert seconds(50_000) < 100 * short


@pytest.mark.parametrize("begin", ["", "\ufeff", " \n", "<!-- a -->", "\ufeff<!-- <b>\n-->\n<!-- -->\n"])
@pytest.mark.parametrize("page", ["<!DOCTYPE html><title>CAIO</title>", "<html lang=en>", "<HTML><BODY>"])
def test_a_page_may_have_a_mark_and_comments_first(begin: str, page: str) -> None:
    """A page is one also with a byte order mark, blanks and comments before it."""
    assert is_page(begin + page)


@pytest.mark.parametrize(
    "text", ["", "A=1", "<!-- A=1", "<!-- a -->A=1", '{"html": 1}', "<htmlx>", "<!--" * 50_000, "A=<html>"]
)
def test_a_file_is_no_page(text: str) -> None:
    """What begins in another way is no page, whatever stands in it."""
    assert not is_page(text)
