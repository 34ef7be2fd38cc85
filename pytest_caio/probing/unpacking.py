"""Unpacks the body of a response that is compressed although no compression was accepted."""

from __future__ import annotations

import re
import zlib

__all__ = ["UNREADABLE", "unpack"]

UNREADABLE = "the answer is packed, though none was accepted, and cannot be unpacked: nobody can judge it"
_GZIP = (zlib.MAX_WBITS | 16,)
# With the wrapper that the name stands for (RFC 9110, 8.4.1.2), or raw, as some servers send it.
_DEFLATE = (zlib.MAX_WBITS, -zlib.MAX_WBITS)
_WBITS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _DEFLATE}
# What browsers, or older ones, unpack and this machine may not be able to.
_OTHERS = ("br", "zstd", "compress", "x-compress", "dcb", "dcz")
_MOST_CODINGS = 5
# Each costs a copy of what follows it.
_MOST_MEMBERS = 256
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f]")


def unpack(body: bytes, encoding: str, most: int) -> bytes | None:
    """Return `body` without the codings of a Content-Encoding header, or None if it cannot be read whole.

    At most `most` + 1 bytes are unpacked: a result longer than `most` is the beginning of a larger one. A
    coding that nobody knows packs nothing, as for a browser, unless the body is no text.
    """
    codings = [name for name in (part.strip().lower() for part in encoding.split(",")) if name]
    if len(codings) > _MOST_CODINGS:
        return None
    try:
        for coding in reversed(codings):  # they are listed in the order in which they were applied
            if coding in _WBITS:
                body = _inflated(body, _WBITS[coding], most)
                if len(body) > most:
                    break
            elif body and coding != "identity" and (coding in _OTHERS or not _is_text(body)):
                return None
    except zlib.error:
        return None
    return body


def _inflated(packed: bytes, wbits: tuple[int, ...], most: int) -> bytes:
    """Return all members of `packed` (RFC 1952, 2.2), unpacked; raises zlib.error unless they are whole."""
    try:
        return _members(packed, wbits[0], most)
    except zlib.error:
        if not wbits[1:]:
            raise
        return _members(packed, wbits[1], most)


def _members(packed: bytes, wbits: int, most: int) -> bytes:
    parts: list[bytes] = []
    left = most + 1
    while packed and left:
        if len(parts) == _MOST_MEMBERS:
            raise zlib.error("too many members")
        member = zlib.decompressobj(wbits)
        parts.append(member.decompress(packed, left))
        left -= len(parts[-1])
        if left and not member.eof:
            raise zlib.error("cut short")
        packed = member.unused_data.lstrip(b"\0")  # padding
    return b"".join(parts)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(body)
