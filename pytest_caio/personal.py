"""Personal data that a deployment answers with: the addresses of its leads, masked."""

from __future__ import annotations

import re

__all__ = ["masked"]

# The sign between name and host, as text, percent-encoded, and as JSON, scripts and HTML escape it.
_AT = r"(?:@|%(?:25)*40|\\{1,8}(?:u0040|x40)|&#0*64;|&#x0*40;|&commat;)"
_NAME = r"[\w.%+'-]"
_HOST = r"(?:[\w-]+\.)+[^\W\d_]{2,}"
# A name begins where no character of a name stands before it, so that each text is tried from there once;
# after the escapes of other characters (%22jane%40...), which are no part of it.
_ADDRESS = re.compile(rf"(?<!{_NAME})((?:%[0-9a-f]{{2}})*+{_NAME}){_NAME}*({_AT}{_HOST})", re.IGNORECASE)
_SIGN = re.compile(_AT, re.IGNORECASE)


def masked(text: str) -> str:
    """Return `text` with the name of every email address cut to its first character: `j***@host.example`.

    An address is one whose host ends in a domain of letters: neither `@decorator` nor `package@1.2` is one.
    """
    shown = ""
    while text != shown and _SIGN.search(text):  # of a@b.example@c.example, b is a host and a name
        text, shown = _ADDRESS.sub(r"\1***\2", text), text
    return text
