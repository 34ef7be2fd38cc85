"""The encodings of a secret in a text, and the pieces of them that must not be shown."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from pytest_caio.redaction.urls import url_credentials

__all__ = ["COMMON_WORDS", "MIN_LENGTH", "search_patterns", "secret_parts", "whole_patterns"]

# No run of this many characters of a secret is shown. Secrets that are shorter are not redacted, because that
# would hide words and numbers of the report; the environment gate refuses them.
MIN_LENGTH = 8
# A piece in hex must be longer, or it could be a piece of any checksum.
_SHORTEST_HEX = 12
_DATE = re.compile(r"20\d\d[01]\d[0-3]\d")  # evidence files are named by date
_FEW = 2  # so many distinct characters reveal nothing
_STRIDE = 4  # characters of hex or base64 from the start of one piece to the next
_LONGEST = 64  # characters of a secret in one piece
# Words that evidence contains whatever the deployment responds: a piece of a secret that is part of them is
# not redacted, and reveals nothing.
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


def _numbered(template: str) -> _Escape:
    return lambda c: template.format(ord(c)) if c in "<>&'+\"" else _json(c)


def _html(quot: str, apos: str) -> _Escape:
    return lambda c: {'"': quot, "'": apos}.get(c) or html.escape(c, quote=False)


def _repr(c: str) -> str:
    return repr(c)[1:-1]


def _repr_bytes(c: str) -> str:
    return repr(c.encode("utf-8", "surrogateescape"))[2:-1]


def _quoted(escape: _Escape) -> _Escape:
    return lambda c: "\\'" if c == "'" else escape(c)


# Each encodes character by character, so that a piece of an encoded secret is the encoding of a piece.
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
# Responses are often shown escaped twice: a body in a repr, a repr in HTML.
_AGAIN: tuple[_Escape, ...] = (_json, _quoted(_repr), _html("&quot;", "&#x27;"), _html('"', "'"))


def secret_parts(value: str) -> list[str]:
    """Return the parts of `value` that are secret in every context, without a key's known prefix.

    For a URL with credentials those are its `url_credentials`; for any other URL its path and query. A host
    is not secret.
    """
    if not re.match(r"\s*[\w+.-]+://", value):
        return [_PREFIX.sub("", value, count=1)]
    credentials = url_credentials(value)
    if credentials:
        return credentials
    try:
        parts = urlsplit(value)
    except ValueError:
        return [value]
    return [f"{parts.path}?{parts.query}".strip("/?")]


def search_patterns(value: str, ordinary: str) -> Iterator[tuple[str, bool]]:
    """Yield every string to search for in each encoding of `value`, and whether it is the whole of `value`.

    `value` is one of the `secret_parts`. The other strings are pieces of eight characters, in hex of twelve
    digits. A piece that is a date, part of the words of `ordinary` (case-folded), or made of one or two
    distinct characters, is made longer until it is not, and left out if that is not possible.
    """
    for units, encoded in _encodings(value):
        for piece in _encoded_pieces(units, *encoded) if encoded else _pieces(units, ordinary):
            yield piece, False
        if len(whole := "".join(units)) >= MIN_LENGTH:
            yield whole, True


def whole_patterns(value: str) -> Iterator[str]:
    """Return every encoding of the whole `value` that is long enough to search for."""
    return (whole for units, _ in _encodings(value) if len(whole := "".join(units)) >= MIN_LENGTH)


def _encodings(value: str) -> Iterator[tuple[Sequence[str], tuple[int, int] | None]]:
    """Yield each encoding of `value` as units that no piece may cut.

    For hex and base64, two numbers go with it: the length of a piece, and where the first piece starts that
    encodes whole octets. For all others that is None.
    """
    yield from ((units, None) for units in dict.fromkeys(_escaped(value)))
    raw = value.encode("utf-8", "surrogateescape")
    digits = raw.hex()
    yield digits, (_SHORTEST_HEX, 0)
    if digits != digits.upper():
        yield digits.upper(), (_SHORTEST_HEX, 0)
    # In base64 of a longer text that contains the secret, the inner characters depend on the alignment only.
    for lead in range(3):
        skip = (0, 2, 3)[lead]
        pieces = MIN_LENGTH, -skip % 4
        encoded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        inner = encoded[skip : len(encoded) - ((len(raw) + lead) % 3 > 0)]
        yield inner, pieces
        if not inner.isalnum():
            yield inner.replace("+", "-").replace("/", "_"), pieces
            yield inner.replace("/", "\\/"), pieces


def _escaped(value: str) -> Iterator[tuple[str, ...]]:
    yield tuple(value)
    if any(map(str.isspace, value)):  # wrapping may have replaced the blank by a line break
        yield tuple(c for c in value if not c.isspace())
    # The text is searched percent-decoded, each octet as Latin-1; in a query "+" is a blank.
    octets = [c.encode("utf-8", "surrogateescape").decode("latin-1") for c in value]
    yield tuple(octets)
    yield tuple("+" if c == " " else c for c in octets)
    escaped = {c: variants for c in set(value) if set(variants := _variants(c)) != {c}}
    for variant in dict.fromkeys(zip(*escaped.values(), strict=True)):
        units = dict(zip(escaped, variant, strict=True))
        yield tuple(units.get(c, c) for c in value)


@lru_cache(maxsize=1024)
def _variants(c: str) -> tuple[str, ...]:
    """Return a character as written by each escape, and by each escape followed by another."""
    once = [escape(c) for escape in _ESCAPES]
    return (*once, *("".join(map(again, unit)) for unit in once for again in _AGAIN))


def _encoded_pieces(units: Sequence[str], length: int, first: int) -> Iterator[str]:
    text = "".join(units)
    # Eight characters of a secret take 11 or more in base64 and 16 in hex, which always contain one of these.
    return (text[start : start + length] for start in range(first, len(text) - length + 1, _STRIDE))


def _pieces(units: Sequence[str], ordinary: str) -> Iterator[str]:
    known: dict[str, bool] = {}  # a secret may repeat itself thousands of times
    for start in range(len(units) - MIN_LENGTH + 1):
        for end in range(start + MIN_LENGTH, min(start + _LONGEST, len(units)) + 1):
            piece = "".join(units[start:end])
            if len(units[end - 1]) > 1:  # a cut may have removed the semicolon of an HTML entity
                piece = piece.removesuffix(";")
            if piece not in known:
                known[piece] = _reveals_nothing(piece, ordinary)
                if not known[piece]:
                    yield piece
            if not known[piece] or len({*"".join(units[start : start + _LONGEST])}) <= _FEW:
                break


def _reveals_nothing(piece: str, ordinary: str) -> bool:
    return len(set(piece)) <= _FEW or bool(_DATE.fullmatch(piece)) or piece.casefold() in ordinary
