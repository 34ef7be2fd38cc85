"""What of a body about people may be shown: counts, ids and states, not who and not what was written."""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ["EXCERPT_LENGTH", "excerpt"]

EXCERPT_LENGTH = 2000  # characters of a body or a header that evidence shows
# Answers that hold leads, messages or their histories.
_ABOUT_PEOPLE = re.compile(
    r"/+api/+(?:pending-emails|emails?\b|leads|cadence|queue|call-prep|clay-callback|traces|alerts|instantly"
    r"|operator/+(?:history|pending-batch|revival|approve|reject|trigger)|rejection-tags|actions)"
    r"|/+webhooks/+(?!\w+/health)",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"(?:^|_)(?:name|names|firstname|lastname|fullname|to|from|cc|bcc|recipients?|sender|subject|body|html|text"
    r"|message|messages|snippet|preview|content|company|organization|title|headline|phone|mobile|linkedin|url"
    r"|address|city|notes?|comments?|feedback|reply|replies|email|emails?_address|lead|contact|persona)$"
)
_KEPT_TEXT = 64  # no state or id is longer; a message may be


def excerpt(target: str, text: str, content_type: str) -> str:
    """Return what may be shown of the body `text` of an answer to `target`.

    In JSON about people the values of personal keys are masked; what cannot be read shows its length.
    """
    if not text or not _ABOUT_PEOPLE.match(target):
        return text
    try:
        decoded = msgspec.json.decode(text)
        return msgspec.json.encode(_masked(decoded)).decode()
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        kind = content_type.partition(";")[0].strip()[:_KEPT_TEXT]
        return f"[{len(text)} characters{f' of {kind}' if kind else ''}, not shown: they may be about people]"


def _masked(value: Any) -> Any:
    """Return `value` with what is personal in it masked, in place: 1 MiB of JSON may be 20 MB of objects."""
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _hidden(item) if _PERSONAL.search(_snake(key)) else _masked(item)
    elif isinstance(value, list):
        value[:] = map(_masked, value)
    elif isinstance(value, str) and len(value) > _KEPT_TEXT:
        return _hidden(value)
    return value


def _hidden(value: Any) -> Any:
    """Return `value` with its text masked, in place; numbers, truth, nothing and how many there are stay."""
    if isinstance(value, dict):
        return _masked(value)
    if isinstance(value, list):
        value[:] = map(_hidden, value)
        return value
    return f"[{len(value)} characters]" if isinstance(value, str) and value else value


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]", "_", key).lower()
