"""Bodies that are packed although nothing was accepted but identity."""

from __future__ import annotations

import functools
import gzip
import zlib

import pytest

from pytest_caio.probing.unpacking import unpack

# Without the time, which would be part of a test's id.
GZIP = functools.partial(gzip.compress, mtime=0)

TEXT = b'{"status": "ready", "secret": "s"}' * 20
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
DEFLATED = RAW.compress(TEXT) + RAW.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", GZIP(TEXT)),
        ("GZip", GZIP(TEXT)),
        ("x-gzip", GZIP(TEXT[:9]) + GZIP(TEXT[9:])),
        ("gzip", b"".join(GZIP(TEXT[n : n + 4]) for n in range(0, len(TEXT), 4))),
        ("gzip", GZIP(TEXT) + bytes(512)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", DEFLATED),
        ("gzip, gzip", GZIP(GZIP(TEXT))),
        ("deflate , identity,gzip", GZIP(DEFLATED)),
        ("utf-8", TEXT),
        ("aws-chunked, gzip", GZIP(TEXT)),
    ],
)  # fmt: skip
def test_packed_bodies_are_unpacked_whole(encoding: str, packed: bytes) -> None:
    """Two gzip members, raw and wrapped deflate, and stacked codings are unpacked whole."""
    assert unpack(packed, encoding, 10_000) == TEXT
    assert unpack(b"", encoding, 10_000) == b""


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", TEXT),
        ("gzip", zlib.compress(TEXT)),
        ("gzip", GZIP(TEXT)[:-8]),
        ("gzip", GZIP(TEXT)[:40]),
        ("gzip", GZIP(TEXT) + TEXT),
        ("gzip", GZIP(TEXT) + GZIP(TEXT)[:30]),
        ("gzip", b"".join(GZIP(b"x") for _ in range(300))),
        ("gzip", bytes(100)),
        ("deflate", DEFLATED + b"more"),
        ("deflate", DEFLATED[:-3]),
        ("gzip, deflate", GZIP(DEFLATED)),
        ("br", b"\x0b\x02\x80hello\x03"),
        ("BR", b"as text"),
        ("gzip, br", b"\x0b\x02\x80hello\x03"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x58\x29\0\0hello"),
        ("compress", b"\x1f\x9d\x90h\xca\xb0a\xf3\x06"),
        ("pack200-gzip", GZIP(TEXT)),
        ("exi", b"a\0b"),
        (", ".join(["gzip"] * 6), GZIP(TEXT)),
    ],
)
def test_what_cannot_be_read_whole_is_none(encoding: str, packed: bytes) -> None:
    """Broken data, data behind the end, and codings of others cannot be read."""
    assert unpack(packed, encoding, 10_000) is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_the_bound_is_of_what_is_unpacked(encoding: str) -> None:
    """No more than the bound and one byte is unpacked, however much there is, in each layer."""
    size = 30 * 1024 * 1024
    packed = zlib.compress(bytes(size)) if encoding == "deflate" else GZIP(bytes(size))
    packed = GZIP(packed) if "," in encoding else packed
    assert unpack(packed, encoding, 100_000) == bytes(100_001)
    twice = GZIP(bytes(60)) + GZIP(bytes(60))
    assert unpack(twice, "gzip", 120) == bytes(120)
    assert unpack(twice, "gzip", 119) == bytes(120)
    assert unpack(twice, "gzip", 59) == bytes(60)
