"""Every known secret goes, in every form it could take, and nothing else does."""

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
    """Return percent-encoded text with lower-case digits."""
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
def test_every_form_goes(form, secret: str) -> None:
    """A secret is replaced by its name in each encoding, wherever it stands."""
    redactor = Redactor({"MY_TOKEN": secret})
    text = f"before {form(secret)} after|{form(secret)}"
    assert redactor.redact(text) == "before [redacted: MY_TOKEN] after|[redacted: MY_TOKEN]"
    assert redactor.secrets_in(text) == ["MY_TOKEN"]


# A part of the report's own words is no secret, and hypothesis finds those words in the sources.
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=8, max_size=40).filter(
    lambda text: text.casefold() not in COMMON_WORDS.casefold()
)


@quick
@given(SECRETS, st.binary(max_size=12), st.binary(max_size=12), st.booleans())
def test_base64_of_a_longer_text_goes(secret: str, before: bytes, after: bytes, urlsafe: bool) -> None:
    """Wherever a secret stands in what was base64 encoded, none of it can be decoded from what is left."""
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    raw = secret.encode()
    shown = Redactor({"S": secret}).redact(encode(before + raw + after).decode())
    assert "[redacted: S]" in shown
    # At most the characters that the secret shares with its neighbours are left beside the mark.
    left, _, right = shown.partition("[redacted: S]")
    assert len(left) <= -(-len(before) * 4 // 3) + 1
    assert len(right) <= -(-len(after) * 4 // 3) + 4


@quick
@given(SECRETS, st.sampled_from(sorted(FORMS)), st.text(max_size=30), st.text(max_size=30))
def test_no_form_is_left(secret: str, form: str, before: str, after: str) -> None:
    """Whatever the secret, each of its forms is found in any text."""
    told = FORMS[form](secret)
    redactor = Redactor({"S": secret})
    assert "S" in redactor.secrets_in(before + told + after)
    assert told not in redactor.redact(before + told + after).replace("[redacted: S]", "")


@quick
@given(st.integers(0, 24), st.integers(0, 5), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_base64_of_a_part_goes(start: int, before: int, encode) -> None:
    """Of any eight characters of a secret in base64, at any place, nothing can be decoded."""
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
def test_percent_encoding_of_any_part_goes(told: str) -> None:
    """Whatever of a secret is percent-encoded, and wherever that is broken, it goes whole."""
    assert Redactor({"S": "k0-letters/and signs"}).redact(f"x?t={told}&y") == "x?t=[redacted: S]&y"


@dataclass
class _Entry:
    lines: list


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_go_as_one_text(end: str) -> None:
    """Of a failure that pytest keeps line by line, a secret goes that has little in each."""
    entry = _Entry(
        [f"{line}{end}" for line in ("told:", "abcd", "  efgh", "-0123", "  456789", "", "and more")]
    )
    Redactor({"S": PLAIN}).redact_all(entry)
    assert entry.lines == [f"{line}{end}" for line in ("told:", "[redacted: S]", "", "and more")]


@pytest.mark.parametrize("value", ["short", "1234567", "true", "", "production", "Staging", "CONNECTED"])
def test_short_values_and_status_words_stay(value: str) -> None:
    """Words of the report are not smeared over because an env file holds them."""
    redactor = Redactor({"S": value})
    text = f"status: {value}, ready"
    assert redactor.redact(text) == text
    assert redactor.secrets_in(text) == []


@quick
@given(st.text())
def test_other_text_stays(text: str) -> None:
    """What holds no secret and no address is not touched."""
    if "@" not in text and PLAIN not in text:
        assert Redactor({"S": PLAIN}).redact(text) == text


def test_the_longer_secret_goes_whole() -> None:
    """A secret inside a longer one does not leave the rest of that standing, in either order."""
    for order in (("SHORT", "LONG"), ("LONG", "SHORT")):
        values = {"SHORT": PLAIN, "LONG": f"{PLAIN}-and-more"}
        redactor = Redactor({name: values[name] for name in order})
        assert redactor.redact(f"{PLAIN}-and-more") == "[redacted: LONG]"
        assert redactor.redact(PLAIN) == "[redacted: SHORT]"


def test_overlapping_secrets_go_both() -> None:
    """Where the end of one secret is the beginning of another, neither leaves a rest."""
    redactor = Redactor({"A": "abcdefgh1234", "B": "1234ijklmnop"})
    shown = redactor.redact("x abcdefgh1234ijklmnop y")
    assert shown.startswith("x [redacted: A]")
    assert "ijklmnop" not in shown
    assert shown.endswith(" y")


def test_secrets_may_be_added_later() -> None:
    """A secret is known from the moment it was added; the first name of a value is the one shown."""
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
        ("signkey-prod-0123456789abcdef0123", "0123456789abcdef0123"),
    ],
)
def test_parts_that_are_secrets_go(value: str, part: str) -> None:
    """The password of a URL, and a signing key without its prefix, are secrets by themselves."""
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
    """Of a lead's address the first character and the host are left."""
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
def test_credentials_that_the_deployment_made_go(text: str) -> None:
    """The hash of a signing key and a session are credentials although nobody knew them before."""
    value = "signkey-prod-c0ffee0123456789.ab_c="
    shown = Redactor().redact(text.replace("VALUE", value))
    assert shown == text.replace("VALUE", "[redacted]")


def test_an_empty_session_stays() -> None:
    """That there is no session or hash is no secret."""
    for text in ('caio_session=""; Max-Age=0', '{"signing_key_hash":null}', "caio_session=; Path=/"):
        assert Redactor().redact(text) == text


def test_a_known_hash_keeps_its_name() -> None:
    """A hash that was replaced by its name is not replaced again."""
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


def test_trees_are_redacted() -> None:
    """Text in containers and in dataclasses, frozen ones too, is redacted; the rest stays as it is."""
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
    """Neither many secrets nor texts made to slow a search down take long."""
    redactor = Redactor({f"S{n}": f"secret-number-{n:05}" for n in range(300)})
    texts = ["a." * 200_000 + "@", "a" * 400_000, ("x" * 500 + "@") * 500, '{"a":' * 60_000]
    texts += ["\\" * 400_000 + "\n", "\n" * 400_000, "\\n" * 200_000, "'\n'" * 100_000, "%25" * 100_000]
    started = time.process_time()
    for text in texts:
        assert redactor.redact(text) == text
    assert time.process_time() - started < 3
