"""The forms a secret can take in a text, and the pieces of them that already tell too much."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import unquote, urlsplit

__all__ = ["COMMON_WORDS", "MIN_LENGTH", "search_patterns", "secret_parts", "whole_patterns"]

# No run of this many characters of a secret is shown. Shorter secrets would smear over words and numbers
# of the report; they are left as they are, and the environment gate refuses them.
MIN_LENGTH = 8
# Of hex digits more are needed to tell a piece of a secret from a piece of any checksum.
_SHORTEST_HEX = 12
_DATE = re.compile(r"20\d\d[01]\d[0-3]\d")  # evidence is named by it
_STRIDE = 4
_LONGEST = 64
# What evidence says whatever the deployment answers: pieces of secrets that say the same are no secrets.
COMMON_WORDS = """
production staging development disabled required connected configured degraded healthy unhealthy
caio acceptance verdict incomplete missing-input expected observed redacted redeploy evidence unreachable
environment readiness webhooks dashboard operator instantly heyreach signature authorization authenticated
unauthorized forbidden not found internal server error service unavailable too many requests redirect
application/json text/html text/plain charset=utf-8 content-type content-length content-security-policy
cache-control no-store set-cookie x-dashboard-token x-forwarded-for connection: close keep-alive user-agent
strict-transport-security access-control-allow-origin access-control-allow-credentials max-age= httponly
samesite=lax secure path=/ caio_session= location server uvicorn bearer basic signkey-prod- signkey-test-
signkey-staging- sha256= hmac-sha256= http://127.0.0.1: http://localhost: https:// redis://localhost:6379/
rediss:// username password passphrase credential secret token database timestamp duration exception
traceback (most recent call last): assertionerror keyerror valueerror railway.app example.com changeme
"""
_PREFIX = re.compile(
    r"(?:signkey-\w+-|Bearer |Basic |(?:hmac-)?sha256=|t=\d+&s=|(?:caio_session|token)=)(?=\S)"
)
_Escape = Callable[[str], str]


def _json(c: str) -> str:
    return json.dumps(c)[1:-1]


def _numbered(form: str) -> _Escape:
    return lambda c: form.format(ord(c)) if c in "<>&'+\"" else _json(c)


def _html(quot: str, apos: str) -> _Escape:
    return lambda c: {'"': quot, "'": apos}.get(c) or html.escape(c, quote=False)


def _repr(c: str) -> str:
    return repr(c)[1:-1]


def _repr_bytes(c: str) -> str:
    return repr(c.encode("utf-8", "surrogateescape"))[2:-1]


def _quoted(escape: _Escape) -> _Escape:
    return lambda c: "\\'" if c == "'" else escape(c)


# Each works character by character, so that a piece of a form is the form of a piece.
_ESCAPES: tuple[_Escape, ...] = (
    _json,
    lambda c: json.dumps(c, ensure_ascii=False)[1:-1],
    lambda c: "\\/" if c == "/" else _json(c),
    _numbered("\\u{:04x}"),
    _numbered("\\u{:04X}"),
    _html("&quot;", "&#x27;"),
    _html("&quot;", "&#39;"),
    _html("&#34;", "&#39;"),
    _html("&quot;", "&apos;"),
    _html('"', "'"),
    _repr,
    _quoted(_repr),
    _repr_bytes,
    _quoted(_repr_bytes),
)
# What is shown of an answer is often escaped once more: a body in a repr, a repr in HTML.
_AGAIN: tuple[_Escape, ...] = (_json, _quoted(_repr), _html("&quot;", "&#x27;"), _html('"', "'"))


def secret_parts(value: str) -> list[str]:
    """Return what of `value` is secret wherever it stands: not a URL's host, not a key's known prefix.

    Of a URL that is its password, or the user where there is none, else its path and query.
    """
    if not re.match(r"[\w+.-]+://", value):
        return [_PREFIX.sub("", value, count=1)]
    userinfo = re.match(r"[\w+.-]+://(?:([^/\s@:]*):(\S+)|([^/\s@:]+))@", value)
    if userinfo is None:
        try:
            parts = urlsplit(value)
        except ValueError:
            return [value]
        return [f"{parts.path}?{parts.query}".strip("/?")]
    secret = userinfo[2] or userinfo[3]
    return list(dict.fromkeys((secret, unquote(secret))))


def search_patterns(value: str, ordinary: str) -> Iterator[tuple[str, bool]]:
    """Return what of every form of `value`, a core, it is known by in a text, and whether that is the whole.

    A piece is eight characters long; one that says no more than a date, or than the words of
    `ordinary` (case-folded), is made longer until it does, and left out where it cannot.
    """
    for form, encoded in _forms(value):
        for piece in _encoded_pieces(form, *encoded) if encoded else _pieces(form, ordinary):
            yield piece, False
        if len(whole := "".join(form)) >= MIN_LENGTH:
            yield whole, True


def whole_patterns(value: str) -> Iterator[str]:
    """Return every form of the whole `value` that is not too short to be looked for."""
    return (whole for form, _ in _forms(value) if len(whole := "".join(form)) >= MIN_LENGTH)


def _forms(value: str) -> Iterator[tuple[Sequence[str], tuple[int, int] | None]]:
    """Return each form as the units that no piece may cut.

    With it, of an encoding, how long a piece is, and how far in the first that encodes whole octets begins.
    """
    yield from ((form, None) for form in dict.fromkeys(_escaped(value)))
    raw = value.encode("utf-8", "surrogateescape")
    digits = raw.hex()
    yield digits, (_SHORTEST_HEX, 0)
    if digits != digits.upper():
        yield digits.upper(), (_SHORTEST_HEX, 0)
    # base64 of a longer text that holds the secret: at each alignment the inner characters are fixed.
    for lead in range(3):
        skip = (0, 2, 3)[lead]
        found = MIN_LENGTH, -skip % 4
        encoded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        inner = encoded[skip : len(encoded) - ((len(raw) + lead) % 3 > 0)]
        yield inner, found
        if not inner.isalnum():
            yield inner.replace("+", "-").replace("/", "_"), found
            yield inner.replace("/", "\\/"), found


def _escaped(value: str) -> Iterator[tuple[str, ...]]:
    yield tuple(value)
    if any(map(str.isspace, value)):  # where a line was broken there is none
        yield tuple(c for c in value if not c.isspace())
    # Percent-encoding is undone in the text; its octets are then Latin-1, and in a query "+" is a blank.
    octets = [c.encode("utf-8", "surrogateescape").decode("latin-1") for c in value]
    yield tuple(octets)
    yield tuple("+" if c == " " else c for c in octets)
    escaped = {c: variants for c in set(value) if set(variants := _variants(c)) != {c}}
    for variant in dict.fromkeys(zip(*escaped.values(), strict=True)):
        units = dict(zip(escaped, variant, strict=True))
        yield tuple(units.get(c, c) for c in value)


@lru_cache(maxsize=1024)
def _variants(c: str) -> tuple[str, ...]:
    """Return a character as each escape writes it, and as it is escaped once more."""
    once = [escape(c) for escape in _ESCAPES]
    return (*once, *("".join(map(again, unit)) for unit in once for again in _AGAIN))


def _encoded_pieces(form: Sequence[str], length: int, first: int) -> Iterator[str]:
    text = "".join(form)
    # In eight characters' worth, of 11 or more in base64 and 16 in hex, there is one of these.
    return (text[start : start + length] for start in range(first, len(text) - length + 1, _STRIDE))


def _pieces(units: Sequence[str], ordinary: str) -> Iterator[str]:
    for start in range(len(units) - MIN_LENGTH + 1):
        for end in range(start + MIN_LENGTH, min(start + _LONGEST, len(units)) + 1):
            piece = "".join(units[start:end])
            if len(units[end - 1]) > 1:  # an entity is one without its semicolon too, where a text was cut
                piece = piece.removesuffix(";")
            if not _says_nothing(piece, ordinary):
                yield piece
                break


def _says_nothing(piece: str, ordinary: str) -> bool:
    return len(set(piece)) <= 2 or bool(_DATE.fullmatch(piece)) or piece.casefold() in ordinary
