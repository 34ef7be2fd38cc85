"""Email addresses are masked in every encoding; other text is unchanged."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.redaction.personal import mask_addresses
from pytest_caio.redaction.redactor import Redactor

quick = settings(derandomize=True, database=None, deadline=None, max_examples=100)
SIGNS = ("@", "%40", "%2540", "\\u0040", "\\\\u0040", "&#64;", "&#x40;")
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._+-]{1,12}", fullmatch=True)
HOSTS = st.from_regex(r"([a-z0-9-]{1,8}\.){1,3}[a-z]{2,6}", fullmatch=True)
ADDRESSES = st.tuples(NAMES, st.sampled_from(SIGNS), HOSTS).map("".join)
# Made of the characters of addresses, so that an address meets neighbours that could hide it.
AROUND = st.text("ab1.@%40\\u+-_ \"'<>:/=,*\n", max_size=12) | st.text(max_size=8)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lead: jane.doe+x@customer.example.com.", "lead: j***@customer.example.com."),
        ("?to=jane%40customer.example&x=1", "?to=j***%40customer.example&x=1"),
        ("?q=%22jane%40customer.example%22", "?q=%22j***%40customer.example%22"),
        ("next=%2Fleads%3Fto%3Djane%2540customer.example", "next=%2Fl***%2540customer.example"),
        ('{"to": "jane\\u0040customer.example"}', '{"to": "j***\\u0040customer.example"}'),
        ("<a>jane&#64;customer.example</a>", "<a>j***&#64;customer.example</a>"),
        ("<jane@customer.example>,<joe@b.io>", "<j***@customer.example>,<j***@b.io>"),
        ("Émile@bücher.example", "É***@bücher.example"),
        ("a@b.io@c.io", "a***@b***@c.io"),
    ],
)
def test_addresses_are_masked(text: str, shown: str) -> None:
    """Of an address, in plain text or escaped, the first character and the host are shown."""
    assert mask_addresses(text) == Redactor().redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        '@check("AUTH-01", fix="...")\n@get("/api/x", TOKEN)',
        "--token=@token.txt --revoked-tokens @revoked.txt",
        "pip install package@1.2 and user@localhost, x @ y",
        "at 40% of 4000 requests, 99.40.example, %40, \\u0040",
        "redis://127.0.0.1:6379/0",
        "",
    ],
)
def test_other_signs_stay(text: str) -> None:
    """An at sign that is not part of an address is unchanged."""
    assert mask_addresses(text) == text


@quick
@given(AROUND, ADDRESSES, AROUND)
def test_no_address_survives(before: str, address: str, after: str) -> None:
    """No address is shown whole, whatever surrounds it, and masking again changes nothing."""
    shown = mask_addresses(before + address + after)
    assert address not in shown
    assert mask_addresses(shown) == shown


@quick
@given(
    st.lists(ADDRESSES, min_size=2, max_size=5), st.sampled_from(["", ",", " ", ".", "/", "@", "%40", "+"])
)
def test_none_of_many_survives(addresses: list[str], between: str) -> None:
    """None of several addresses is shown, even if they follow each other without a gap."""
    shown = mask_addresses(between.join(addresses))
    assert not [address for address in addresses if address in shown]
    assert mask_addresses(shown) == shown


@quick
@given(st.tuples(NAMES, st.just("@"), HOSTS).map("".join), AROUND)
def test_encodings_of_an_address_go(address: str, around: str) -> None:
    """An address in a text that is encoded for a URL or as JSON is masked, too."""
    for encode in (quote, lambda text: json.dumps(text)[1:-1]):
        assert encode(address) not in mask_addresses(encode(around + " " + address))


@quick
@given(st.text())
def test_text_without_addresses_stays(text: str) -> None:
    """Text without an at sign, plain or encoded, is unchanged."""
    if "@" not in text and "40" not in text and "64;" not in text:
        assert mask_addresses(text) == text


def test_hard_text_takes_little_time() -> None:
    """Texts that are built to slow the search down take time in proportion to their length."""
    parts = (
        "a.",
        "a@",
        "a%40",
        "%40",
        "%25",
        "\\",
        "a\\u0040",
        "a@b.",
        "a@b.c1.",
        "%25" * 99 + "40",
        "x" * 500 + "@",
    )
    started = time.process_time()
    for part in parts:
        mask_addresses(part * (300_000 // len(part)))
        mask_addresses("a@" + part * (300_000 // len(part)) + "@b.example")
    assert time.process_time() - started < 10
