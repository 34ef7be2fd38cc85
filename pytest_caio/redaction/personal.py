"""Masking of personal data in responses: email addresses in any text, personal values in JSON about people.

Counts, ids and states are shown; names, contact data and messages are not.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import msgspec

from pytest_caio.text import printable

__all__ = ["EXCERPT_LENGTH", "mask_addresses", "mask_identifier", "mask_personal_json"]

# The @ of an address: as text, percent-encoded, and as JSON, scripts and HTML escape it.
_AT = r"(?:@|%(?:25)*40|\\{1,8}(?:u0040|x40)|&#0*64;|&#x0*40;|&commat;)"
_NAME = r"[\w.%+'-]"
_HOST = r"(?:[\w-]+\.)+[^\W\d_]{2,}"
# A name is matched only from its first character, so that a long text is not searched from each of its
# characters; percent codes before it (%22jane%40...) are not part of it.
_ADDRESS = re.compile(rf"(?<!{_NAME})((?:%[0-9a-f]{{2}})*+{_NAME}){_NAME}*({_AT}{_HOST})", re.IGNORECASE)
_SIGN = re.compile(_AT, re.IGNORECASE)
_IDENTIFIER = re.compile(r"([^:/\\@])[^:/\\@]*@")

EXCERPT_LENGTH = 2000  # characters of a body or a header that evidence shows
# Paths of responses that contain leads, messages or their histories.
_ABOUT_PEOPLE = re.compile(
    r"/+api/+(?:pending-emails|emails?\b|leads|cadence|queue|call-prep|clay-callback|traces|alerts|instantly"
    r"|operator/+(?:history|pending-batch|revival|approve|reject|trigger)|rejection-tags|actions)"
    r"|/+webhooks/+(?!\w+/health)|/+ws\b",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"(?:^|_)(?:name|names|firstname|lastname|fullname|to|from|cc|bcc|recipients?|sender|subject|body|html|text"
    r"|message|messages|snippet|preview|content|company|organization|title|headline|phone|mobile|linkedin|url"
    r"|address|city|notes?|comments?|feedback|reply|replies|email|emails?_address|lead|contact|persona)$"
)
# The names of status codes ("Internal Server Error"), which servers send as the whole body, are about nobody.
_PHRASES = frozenset(status.phrase for status in HTTPStatus)
_KEPT_TEXT = 64  # characters: no state or id is longer, a message may be


def mask_addresses(text: str) -> str:
    """Return `text` with the name of every email address cut to its first character: `j***@host.example`.

    The host must end in a domain of letters: neither `@decorator` nor `package@1.2` is an address.
    """
    if not ("@" in text or "%" in text or "\\" in text or "&" in text):  # the characters of _AT
        return text
    shown = ""
    while text != shown and _SIGN.search(text):  # in a@b.example@c.example, b is a host and a name
        text, shown = _ADDRESS.sub(r"\1***\2", text), text
    return text


def mask_identifier(text: str) -> str:
    """Return a path, a key or an address with the name of each address in it cut to its first character.

    All that stands between a separator and an `@` in an identifier is a name, whatever the host. The result
    is printable, since file names may hold line ends and control characters.
    """
    return printable(_IDENTIFIER.sub(r"\1***@", text))


def mask_personal_json(target: str, text: str, content_type: str) -> str:
    """Return `text`, the body of a response to the path `target`, with personal data masked.

    If the path is about people, the values of personal keys in JSON are masked, and a body that is not JSON
    is replaced by its length. Other bodies are returned unchanged.
    """
    if not text or text in _PHRASES or not _ABOUT_PEOPLE.match(target):
        return text
    try:
        decoded = msgspec.json.decode(text)
        return msgspec.json.encode(_masked(decoded)).decode()
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        kind = content_type.partition(";")[0].strip()[:_KEPT_TEXT]
        return f"[{len(text)} characters{f' of {kind}' if kind else ''}, not shown: they may be about people]"


def _masked(value: Any) -> Any:
    """Return `value` with personal data masked, in place: 1 MiB of JSON may be 20 MB of objects."""
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _hidden(item) if _PERSONAL.search(_snake(key)) else _masked(item)
    elif isinstance(value, list):
        value[:] = map(_masked, value)
    elif isinstance(value, str) and len(value) > _KEPT_TEXT:
        return _hidden(value)
    return value


def _hidden(value: Any) -> Any:
    """Return `value` with its text masked, in place; numbers, booleans, null and list lengths stay."""
    if isinstance(value, dict):
        return _masked(value)
    if isinstance(value, list):
        value[:] = map(_hidden, value)
        return value
    return f"[{len(value)} characters]" if isinstance(value, str) and value else value


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]", "_", key).lower()
