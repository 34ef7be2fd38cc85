"""What a websocket says by itself: the payloads of its first frames (RFC 6455, 5.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import httpcore

__all__ = ["listen", "payloads"]

_SECONDS = 0.5
_MOST = 65536  # bytes
_CLOSE = 0x8
_CODE = 2  # bytes of the code in a frame that closes, before its reason


async def listen(stream: httpcore.AsyncNetworkStream) -> bytes:
    """Return what the server sends within half a second, up to 64 KiB: one payload a line, without frames."""
    raw = b""
    with suppress(TimeoutError, OSError, httpcore.NetworkError, httpcore.TimeoutException):
        async with asyncio.timeout(_SECONDS):
            while len(raw) < _MOST and (piece := await stream.read(_MOST)):
                raw += piece
    return b"\n".join(payloads(raw))


def payloads(raw: bytes) -> Iterator[bytes]:
    """Yield the payload of each frame that a server sent, which are unmasked; of the last, what is there.

    A message in several frames is several payloads. Of a frame that closes, it is `closed with CODE: REASON`.
    """
    place = 0
    while len(raw) - place > 1:
        opcode, size = raw[place] & 0x0F, raw[place + 1] & 0x7F
        longer = {126: 2, 127: 8}.get(size, 0)
        start = place + 2 + longer
        if longer:
            size = int.from_bytes(raw[place + 2 : start], "big")
        place = start + size
        payload = raw[start:place]
        if opcode == _CLOSE and len(payload) >= _CODE:
            code, reason = int.from_bytes(payload[:_CODE], "big"), payload[_CODE:]
            payload = b"closed with %d" % code + (b": " + reason if reason else b"")
        yield payload
