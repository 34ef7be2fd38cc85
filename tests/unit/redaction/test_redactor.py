"""Every known secret is redacted in every encoding, and other text is unchanged."""

from __future__ import annotations

import base64
import html
import json
import time
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.redaction.encodings import COMMON_WORDS
from pytest_caio.redaction.redactor import Redactor

quick = settings(derandomize=True, database=None, deadline=None, max_examples=60)
TOKEN = "t0ken+with/odd=chars&\"quotes'<x>\\ \u00e9!*"
PLAIN = "abcdefgh-0123456789"


def lowered(text: str) -> str:
    """Return percent-encoded text with lower-case hex digits."""
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


FORMS = {
    "itself": lambda s: s,
    "URL": lambda s: quote(s, safe=""),
    "URL, slashes kept": quote,
    "URL form": quote_plus,
    "URL, lower case": lambda s: lowered(quote(s, safe="")),
    "URL, slashes kept, lower case": lambda s: lowered(quote(s)),
    "URL form, lower case": lambda s: lowered(quote_plus(s)),
    "encodeURIComponent": lambda s: quote(s, safe="!~*'()"),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "JSON": lambda s: json.dumps(s)[1:-1],
    "JSON as UTF-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "HTML": html.escape,
    "HTML text": lambda s: html.escape(s, quote=False),
    "HTML of Jinja": lambda s: html.escape(s).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "repr": lambda s: repr(s)[1:-1],
    "repr of bytes": lambda s: repr(s.encode())[2:-1],
}


@pytest.mark.parametrize("secret", [TOKEN, PLAIN])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_encoding_is_redacted(form, secret: str) -> None:
    """A secret is replaced by its name in each encoding, wherever it is in the text."""
    redactor = Redactor({"MY_TOKEN": secret})
    text = f"before {form(secret)} after|{form(secret)}"
    assert redactor.redact(text) == "before [redacted: MY_TOKEN] after|[redacted: MY_TOKEN]"
    assert redactor.secrets_in(text) == ["MY_TOKEN"]


# The report's own words are never redacted, and hypothesis finds those words in the sources.
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=8, max_size=40).filter(
    lambda text: text.casefold() not in COMMON_WORDS.casefold()
)


@quick
@given(SECRETS, st.binary(max_size=12), st.binary(max_size=12), st.booleans())
def test_base64_of_a_longer_text_is_redacted(secret: str, before: bytes, after: bytes, urlsafe: bool) -> None:
    """Wherever a secret is in a base64-encoded text, no part of it can be decoded after redaction."""
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    raw = secret.encode()
    shown = Redactor({"S": secret}).redact(encode(before + raw + after).decode())
    assert "[redacted: S]" in shown
    # Only characters that encode the text before and after the secret may be left.
    left, _, right = shown.partition("[redacted: S]")
    assert len(left) <= -(-len(before) * 4 // 3) + 1
    assert len(right) <= -(-len(after) * 4 // 3) + 4


@quick
@given(SECRETS, st.sampled_from(sorted(FORMS)), st.text(max_size=30), st.text(max_size=30))
def test_any_secret_is_redacted_in_any_encoding(secret: str, form: str, before: str, after: str) -> None:
    """Any secret, in any encoding, is found and redacted in any text."""
    told = FORMS[form](secret)
    redactor = Redactor({"S": secret})
    assert "S" in redactor.secrets_in(before + told + after)
    assert told not in redactor.redact(before + told + after).replace("[redacted: S]", "")


@quick
@given(st.integers(0, 24), st.integers(0, 5), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_base64_of_a_part_is_redacted(start: int, before: int, encode) -> None:
    """Any eight consecutive characters of a secret are redacted in base64, at any offset."""
    secret = "q7Gm-Xz0PdLr_4KwTbYs8VfNh2JcEaUo"
    told = encode(b"\0" * before + secret[start : start + 8].encode() + b"\0\0\0\0").decode()
    assert "[redacted: S]" in Redactor({"S": secret}).redact(told)


@pytest.mark.parametrize(
    "told",
    [
        "%6B0-letters/and+signs",
        "k0%2Dletters%2fand%20signs",
        "k0-let\n    ters%2Fand%20si\n    gns",
        "k0-letters%2\n    Fand%20signs",
    ],
)
def test_partial_percent_encoding_is_redacted(told: str) -> None:
    """A secret is redacted whole, whichever characters are percent-encoded and wherever lines break."""
    assert Redactor({"S": "k0-letters/and signs"}).redact(f"x?t={told}&y") == "x?t=[redacted: S]&y"


@dataclass
class _Entry:
    lines: list


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_secret_across_lines_is_redacted(end: str) -> None:
    """A secret spread over the lines of a pytest failure entry is redacted."""
    entry = _Entry(
        [f"{line}{end}" for line in ("told:", "abcd", "  efgh", "-0123", "  456789", "", "and more")]
    )
    Redactor({"S": PLAIN}).redact_all(entry)
    assert entry.lines == [f"{line}{end}" for line in ("told:", "[redacted: S]", "", "and more")]


@pytest.mark.parametrize("value", ["short", "1234567", "true", "", "production", "Staging", "CONNECTED"])
def test_short_values_and_status_words_stay(value: str) -> None:
    """Short values and status words are not redacted, even if an env file holds them."""
    redactor = Redactor({"S": value})
    text = f"status: {value}, ready"
    assert redactor.redact(text) == text
    assert redactor.secrets_in(text) == []


@quick
@given(st.text())
def test_other_text_stays(text: str) -> None:
    """Text without secret and address is unchanged."""
    if "@" not in text and PLAIN not in text:
        assert Redactor({"S": PLAIN}).redact(text) == text


def test_a_secret_that_contains_another_is_redacted_whole() -> None:
    """A secret that contains another one is redacted whole, in whichever order they were added."""
    for order in (("SHORT", "LONG"), ("LONG", "SHORT")):
        values = {"SHORT": PLAIN, "LONG": f"{PLAIN}-and-more"}
        redactor = Redactor({name: values[name] for name in order})
        assert redactor.redact(f"{PLAIN}-and-more") == "[redacted: LONG]"
        assert redactor.redact(PLAIN) == "[redacted: SHORT]"


def test_overlapping_secrets_are_both_redacted() -> None:
    """If the end of one secret is the beginning of another, no part of either is left."""
    redactor = Redactor({"A": "abcdefgh1234", "B": "1234ijklmnop"})
    shown = redactor.redact("x abcdefgh1234ijklmnop y")
    assert shown.startswith("x [redacted: A]")
    assert "ijklmnop" not in shown
    assert shown.endswith(" y")


def test_secrets_may_be_added_later() -> None:
    """A secret is redacted from the moment it is added, under the first name of its value."""
    redactor = Redactor()
    assert redactor.redact(PLAIN) == PLAIN
    redactor.add("FIRST", PLAIN)
    assert redactor.redact(PLAIN) == "[redacted: FIRST]"
    redactor.add("SECOND", PLAIN)
    redactor.add("THIRD", "another-secret")
    assert redactor.redact(f"{PLAIN} another-secret") == "[redacted: FIRST] [redacted: THIRD]"


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("redis://default:p4ssw0rd-xyz@redis.internal:6379/0", "p4ssw0rd-xyz"),
        ("redis://:p4ssw0rd%2Bxyz@redis.internal:6379/0", "p4ssw0rd+xyz"),
        ("redis://:p4ss/w0rd@xyz#1@redis.internal:6379/0", "p4ss/w0rd@xyz#1"),
        ("redis://redis.internal:6379/0?password=p4ssw0rd%2Fxyz", "p4ssw0rd/xyz"),
        ("redis://redis.internal/0?username=m4chine-user&db=1", "m4chine-user"),
        ("redis://redis.internal/0?password=p4ss&w0rd&xyz&db=1", "p4ss&w0rd&xyz"),
        ("rediss://m4chine-user:p4ssw0rd-xyz@redis.internal:6379/0", "m4chine-user"),
        ("https://t0ken-of-mine:x@redis.internal/git", "t0ken-of-mine"),
        ("default:p4ssw0rd", "default:p4ssw0rd"),
        ("signkey-prod-0123456789abcdef0123", "0123456789abcdef0123"),
    ],
)
def test_secret_parts_of_a_value_are_redacted(value: str, part: str) -> None:
    """A Redis password with a raw `/`, or as `?password=`, and a key without prefix are redacted alone."""
    redactor = Redactor({"URL": value})
    assert redactor.redact(f"auth failed for {part}!") == "auth failed for [redacted: URL]!"
    assert redactor.redact(value) == "[redacted: URL]"
    assert redactor.redact("redis.internal:6379 of default") == "redis.internal:6379 of default"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lead: jane.doe+x@customer.example.com.", "lead: j***@customer.example.com."),
        ("_jane@customer.example", "_***@customer.example"),
        ("Émile@customer.example", "É***@customer.example"),
        ('{"to":"a@b.io"}', '{"to":"a***@b.io"}'),
        ("a@b.io,c@d.io", "a***@b.io,c***@d.io"),
        ("@decorator x @ y user@localhost", "@decorator x @ y user@localhost"),
    ],
)
def test_addresses_are_masked(text: str, shown: str) -> None:
    """Of an email address the first character and the host are shown."""
    assert Redactor().redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        '{"mode":"cloud","signing_key_hash":"VALUE","x":1}',
        '{"signing_key_hash": "VALUE"}',
        '{"signing_key_fallback_hash":"VALUE"}',
        "{'signing_key_hash': 'VALUE'}",
        '{\\"signing_key_hash\\":\\"VALUE\\"}',
        '{"signing_key_hash":"VALUE',
        "caio_session=VALUE; Path=/; HttpOnly",
    ],
)
def test_credentials_made_by_the_deployment_are_redacted(text: str) -> None:
    """A signing key's hash and a session cookie are redacted, although their values were not known."""
    value = "signkey-prod-c0ffee0123456789.ab_c="
    shown = Redactor().redact(text.replace("VALUE", value))
    assert shown == text.replace("VALUE", "[redacted]")


def test_an_empty_session_stays() -> None:
    """An empty session or hash is shown as it is."""
    for text in ('caio_session=""; Max-Age=0', '{"signing_key_hash":null}', "caio_session=; Path=/"):
        assert Redactor().redact(text) == text


def test_a_hash_is_redacted_once() -> None:
    """A known hash is replaced by its name, which is not replaced again."""
    redactor = Redactor({"hash of KEY": PLAIN})
    text = f'{{"signing_key_hash":"{PLAIN}"}}'
    assert redactor.redact(text) == '{"signing_key_hash":"[redacted: hash of KEY]"}'


@dataclass
class _Node:
    text: str
    children: list
    extra: object = None


@dataclass(frozen=True)
class _Frozen:
    text: str


class _Other:
    def __init__(self) -> None:
        self.text = PLAIN


def test_nested_objects_are_redacted() -> None:
    """Text in containers and dataclasses, frozen ones too, is redacted; other objects are unchanged."""
    other = _Other()
    tree = _Node(PLAIN, [{PLAIN: (PLAIN, 1, None)}, _Node("x", [], _Frozen(PLAIN))], other)
    mark = "[redacted: S]"
    shown = Redactor({"S": PLAIN}).redact_all(tree)
    assert shown is tree
    assert (shown.text, shown.children[0]) == (mark, {mark: (mark, 1, None)})
    assert shown.children[1].extra == _Frozen(mark)
    assert shown.extra is other
    assert Redactor({"S": PLAIN}).redact_all((PLAIN, [PLAIN])) == (mark, [mark])
    assert Redactor().redact_all(_Node) is _Node


def test_much_text_is_redacted_quickly() -> None:
    """Many secrets and texts that are built to slow the search down are redacted within 3 seconds."""
    redactor = Redactor({f"S{n}": f"secret-number-{n:05}" for n in range(300)})
    texts = ["a." * 200_000 + "@", "a" * 400_000, ("x" * 500 + "@") * 500, '{"a":' * 60_000]
    texts += ["\\" * 400_000 + "\n", "\n" * 400_000, "\\n" * 200_000, "'\n'" * 100_000, "%25" * 100_000]
    started = time.process_time()
    for text in texts:
        assert redactor.redact(text) == text
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "write", ["\\u{:04x}", "\\u{:04X}", "\\x{:02x}", "\\\\u{:04x}", "&#{};", "&#x{:x};", "%{:02x}"]
)
def test_a_secret_in_character_codes_is_redacted(write: str) -> None:
    """A secret of which every character is written as its code is redacted, whole and in part."""
    secret = "hV3kq0Zp7tYw2LmX9sRd"
    text = "".join(write.format(ord(c)) for c in secret)
    redactor = Redactor({"S": secret})
    assert redactor.redact(f"<{text}>") == "<[redacted: S]>"
    assert redactor.secrets_in(text) == ["S"]
    part = "".join(write.format(ord(c)) for c in secret[3:15])
    assert redactor.redact(f"{part}!") == "[redacted: S]!"


def test_keys_are_redacted_also_when_a_secret_is_added_later() -> None:
    """Keys that hold no secret come back as they are, until one of them is learned as a secret."""
    redactor = Redactor({"FIRST": "k3yZq81vXw"})
    words = {"test_it": 1, "qP7vLm2xTd": 2}
    assert redactor.redact_keys(words) == words
    assert redactor.redact_keys(words) is words
    redactor.add("SECOND", "qP7vLm2xTd")
    assert redactor.redact_keys(words) == {"test_it": 1, "[redacted: SECOND]": 2}
