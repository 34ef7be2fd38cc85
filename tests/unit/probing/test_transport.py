"""The transport sends one request as written, and reads a bounded response."""

from __future__ import annotations

import asyncio
import functools
import gc
import gzip
import socket
import ssl
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import as_completed
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import trustme
from pytest_httpx import HTTPXMock

from pytest_caio.checks.probe import Effect, Request
from pytest_caio.probing.prober import Prober
from pytest_caio.probing.transport import MAX_BODY, PASSING_FAULTS, TOO_LARGE, TOO_MANY_HEADERS, Transport
from pytest_caio.probing.unpacking import UNREADABLE
from tests.support.loopback import Loopback, http
from tests.support.pace import within

SECRET = "s3cr3t-token-value-0123456789"

# Without the time, which would be part of a test's id.
GZIP = functools.partial(gzip.compress, mtime=0)


@pytest.fixture
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust no authority: loading the real ones may take longer than the timeout of a test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr("pytest_caio.probing.transport.authorities", lambda: context)


def get(server: Loopback, target: str = "/", *headers: tuple[str, str]) -> Request:
    """Return a GET request to `server`."""
    return Request("GET", server.origin, target, headers)


@pytest.mark.parametrize(
    "target",
    ["//x", "///x/y", "/a/../b", "/a/./b", "/%2fapi", "/%2F", "/x;y", "/A%zz", "/x?a=%20&b=//", "/x?", "*"],
)
def test_targets_are_sent_as_written(server: Loopback, send: Callable[..., list], target: str) -> None:
    """A target reaches the server byte for byte, without normalisation."""
    [exchange] = send(get(server, target))
    assert exchange.status_code == 200
    assert [request.target for request in server.received] == [target.encode()]


def test_header_values_are_sent_as_bytes(server: Loopback, send: Callable[..., list]) -> None:
    """A header value is sent as its bytes, even if they are malformed."""
    send(get(server, "/", ("X-Odd", "caf\u00c3\u00a9"), ("X-Control", "a\x01b"), ("X-Empty", "")))
    [received] = server.received
    assert received.values(b"x-odd") == ["café".encode()]
    assert received.values(b"x-control") == [b"a\x01b"]
    assert received.values(b"x-empty") == [b""]


def test_a_request_has_only_its_own_and_required_headers(server: Loopback, send: Callable[..., list]) -> None:
    """A request has its own headers, and once each Accept, Accept-Encoding, Host and User-Agent."""
    send(get(server, "/", ("X-Own", "1")))
    names = sorted(name.lower() for name, _ in server.received[0].headers)
    assert names == [b"accept", b"accept-encoding", b"host", b"user-agent", b"x-own"]
    assert server.received[0].values(b"accept-encoding") == [b"identity"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_bodies_are_sent_whole(server: Loopback, send: Callable[..., list], method: str) -> None:
    """A body is sent unchanged and complete."""
    body = b'{"a": "\xc3\xa9"}' + b"x" * 100_000
    send(Request(method, server.origin, "/", body=body))
    assert (server.received[0].method, server.received[0].body) == (method.encode(), body)


def test_an_empty_post_says_its_length(server: Loopback, send: Callable[..., list]) -> None:
    """A POST without a body has Content-Length: 0, since some servers respond with 411 otherwise."""
    send(Request("POST", server.origin, "/"))
    assert server.received[0].values(b"content-length") == [b"0"]


def test_connections_are_reused_without_cookies(server: Loopback, send: Callable[..., list]) -> None:
    """A second request reuses the connection, and sends no cookie of the first response."""
    server.on("/", http(Set_Cookie="caio_session=abc; Path=/"))
    first, second = send(get(server), get(server))
    assert first.header_values("set-cookie") == ["caio_session=abc; Path=/"]
    assert second.status_code == 200
    assert [request.values(b"cookie") for request in server.received] == [[], []]
    assert server.connections == 1


def test_a_connection_that_the_server_ends_is_not_reused(server: Loopback, send: Callable[..., list]) -> None:
    """After a response that ends its connection, the next request gets a new one."""
    server.on("/", http(connection="close"))
    exchanges = send(*3 * [get(server)])
    assert [(one.status_code, one.error) for one in exchanges] == 3 * [(200, "")]
    assert [request.connection for request in server.received] == [0, 1, 2]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    server: Loopback, make_server: Callable[..., Loopback], send: Callable[..., list], status: int
) -> None:
    """A redirect is the response, and its target receives no request."""
    elsewhere = make_server()
    server.on("/", http(status, Location=elsewhere.origin + "/stolen"))
    [exchange] = send(get(server, "/", ("X-Dashboard-Token", SECRET)))
    assert exchange.status_code == status
    assert exchange.header("location") == elsewhere.origin + "/stolen"
    assert elsewhere.connections == 0
    assert len(server.received) == 1


def test_proxies_and_netrc_are_not_read(
    server: Loopback,
    make_server: Callable[..., Loopback],
    send: Callable[..., list],
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Proxies and .netrc of the process environment are not used."""
    trap = make_server()
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, trap.origin)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NETRC", str(write("netrc", "machine 127.0.0.1 login me password hunter2hunter2\n")))
    [exchange] = send(get(server))
    assert exchange.status_code == 200
    assert trap.connections == 0
    assert server.received[0].values(b"authorization") == []


def test_answers_keep_their_headers(server: Loopback, send: Callable[..., list]) -> None:
    """Repeated headers stay separate and in order, and bytes beyond ASCII are kept."""
    lines = [b"HTTP/1.1 200 OK", b"Set-Cookie: a=1", b"X-Odd: \xe9", b"Set-Cookie: b=2", b"Content-Length: 0"]
    server.on("/", b"\r\n".join([*lines, b"", b""]))
    [exchange] = send(get(server))
    assert exchange.header_values("Set-Cookie") == ["a=1", "b=2"]
    assert exchange.header("x-odd") == "\u00e9"


def test_an_exchange_says_when_and_how_long(server: Loopback, send: Callable[..., list]) -> None:
    """An exchange has its start in UTC, its duration in milliseconds, and its one attempt."""

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(http())
        await writer.drain()

    server.on("/", slowly)
    [exchange] = send(get(server))
    assert exchange.started.tzinfo is UTC
    assert abs(datetime.now(UTC) - exchange.started) < timedelta(seconds=5)
    assert 40 < exchange.elapsed_ms < 3000
    assert [(attempt.status, attempt.error) for attempt in exchange.attempts] == [(200, "")]


def pour(head: bytes, piece: bytes) -> Callable:
    """Return a handler that sends a body without end."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return answer


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", b"x" * 65536),
    ],
    ids=["until closed", "chunked", "announced"],
)
def test_an_endless_body_is_cut_off_at_one_mebibyte(
    server: Loopback, send: Callable[..., list], head: bytes, piece: bytes
) -> None:
    """An endless body is read up to 1 MiB, which is an error, and its first 4 KiB are kept."""
    server.on("/", pour(head, piece))
    [exchange] = send(get(server))
    assert (exchange.status_code, exchange.begun, exchange.error) == (0, 200, TOO_LARGE)
    assert exchange.body == b"x" * 4096
    assert exchange.truncated is True
    assert exchange.error not in PASSING_FAULTS


@pytest.mark.parametrize(("length", "truncated"), [(MAX_BODY, False), (MAX_BODY + 1, True)])
def test_the_bound_is_exact(
    server: Loopback, send: Callable[..., list], length: int, truncated: bool
) -> None:
    """A body of 1 MiB is accepted, and one byte more is not."""
    server.on("/", http(body=b"x" * length))
    [exchange] = send(get(server))
    assert (exchange.error, exchange.truncated) == (TOO_LARGE if truncated else "", truncated)
    assert len(exchange.body) == (4096 if truncated else 1024 * 1024)


def test_all_answers_together_are_bounded(server: Loopback, send: Callable[..., list]) -> None:
    """All bodies of a run are bounded together, and a dropped body frees its share."""
    server.on("/", http(body=b"x" * MAX_BODY))
    server.on("/small", http(body=b"x" * 1000))
    exchanges = send(*[get(server)] * 45, *[get(server, "/small")] * 3)
    errors = [exchange.error for exchange in exchanges]
    assert errors == [""] * 15 + [TOO_LARGE] * 30 + [""] * 3
    assert sum(len(exchange.body) for exchange in exchanges) < 16 * MAX_BODY


def test_headers_are_bounded(server: Loopback, send: Callable[..., list]) -> None:
    """A response may have a thousand headers; of one with more, the first 20 are kept."""
    for count in (999, 1000):
        flood = b"".join(b"Set-Cookie: a%d=b\r\n" % n for n in range(count))
        server.on(f"/{count}", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + flood + b"\r\n")
    most, more = send(get(server, "/999"), get(server, "/1000"))
    assert (most.error, len(most.headers)) == ("", 1000)
    assert (more.error, more.begun, len(more.headers)) == (TOO_MANY_HEADERS, 200, 20)


def test_all_headers_together_are_bounded(server: Loopback, send: Callable[..., list]) -> None:
    """Headers count towards the bound on all responses; beyond it, 20 headers of a response are kept."""
    flood = b"".join(b"X-%d: %080d\r\n" % (n, n) for n in range(900))
    server.on("/", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + flood + b"\r\n{}")
    exchanges = send(*[get(server)] * 80)
    kept = [len(exchange.headers) for exchange in exchanges if not exchange.error]
    assert set(kept) == {901}
    assert 50 < len(kept) < 70
    assert {(exchange.error, len(exchange.headers)) for exchange in exchanges[len(kept) :]} == {
        (TOO_LARGE, 20)
    }


def test_headers_are_bounded_before_their_bodies(
    server: Loopback, make_prober: Callable[..., Prober]
) -> None:
    """Headers count from when they arrive, so that many without a body are not held until the deadline."""
    flood = b"".join(b"X-%d: %080d\r\n" % (n, n) for n in range(900))
    server.on("/", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + flood + b"\r\n")
    prober = make_prober(connections=80, timeout=60)
    requests = [get(server, "/", ("X-Number", str(number))) for number in range(80)]
    prober.ask(requests)
    first = next(as_completed(prober.exchange(request) for request in requests)).result()
    assert (first.error, len(first.headers), first.begun) == (TOO_LARGE, 20, 200)


def bomb(mebibytes: int) -> bytes:
    """Return gzip data that decompresses to `mebibytes` MiB of zeros."""
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    piece = bytes(1024 * 1024)
    return b"".join(packer.compress(piece) for _ in range(mebibytes)) + packer.flush()


def test_a_gzip_bomb_is_bounded_in_memory(server: Loopback, send: Callable[..., list]) -> None:
    """Compressed zeros are decompressed up to 1 MiB, and memory stays bounded."""
    packed = bomb(128)
    server.on("/", http(body=packed, Content_Encoding="gzip"))
    tracemalloc.start()
    try:
        [exchange] = send(get(server))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (exchange.error, len(exchange.body), exchange.truncated) == (TOO_LARGE, 4096, True)
    assert peak < 8 * MAX_BODY


def test_data_after_a_compressed_body_is_bounded(server: Loopback, send: Callable[..., list]) -> None:
    """Endless data after a compressed body is not kept either."""
    server.on("/", pour(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb(0), b"x" * 65536))
    [exchange] = send(get(server))
    assert (exchange.error, exchange.body) == (TOO_LARGE, b"")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate"])
def test_compressed_responses_are_decompressed(
    server: Loopback, send: Callable[..., list], encoding: str
) -> None:
    """A response that is compressed although the request did not ask for it is decompressed."""
    text = b'{"status": "ready"}' * 50
    packed = zlib.compress(text) if encoding == "deflate" else GZIP(text)
    server.on("/", http(body=packed, Content_Encoding=encoding))
    assert send(get(server))[0].body == text


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not packed at all"),
        ("gzip", GZIP(b"x" * 1000)[:-9]),
        ("gzip", GZIP(b"x") + b"more"),
        ("br", b"\x0b\x02\x80hello\x03"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x58\x29\x00\x00hello"),
    ],
)
def test_what_cannot_be_unpacked_is_no_answer(
    server: Loopback, send: Callable[..., list], encoding: str, body: bytes
) -> None:
    """An answer packed though identity was asked, which cannot be unpacked whole, is failed as unreadable."""
    server.on("/", http(body=body, Content_Encoding=encoding))
    [exchange] = send(get(server))
    assert (exchange.error, exchange.status_code, exchange.begun) == (UNREADABLE, 0, 200)
    assert (exchange.body, exchange.truncated) == (b"", False)


def test_unpacked_answers_together_are_bounded(server: Loopback, send: Callable[..., list]) -> None:
    """What counts towards the bound on all responses is their size unpacked."""
    server.on("/", http(body=GZIP(bytes(MAX_BODY)), Content_Encoding="gzip"))
    errors = [exchange.error for exchange in send(*[get(server)] * 20)]
    assert errors == [""] * 15 + [TOO_LARGE] * 5


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drip_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: x\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("answer", [_hang, _drip, _drip_headers])
def test_the_timeout_covers_the_whole_response(
    server: Loopback, send: Callable[..., list], answer: Callable
) -> None:
    """A response that hangs or arrives byte by byte, in headers or body, ends at the timeout."""
    server.on("/", answer)
    started = time.monotonic()
    [exchange] = send(get(server), timeout=0.2)
    assert within(time.monotonic() - started, 2)
    assert exchange.error == "no whole answer within 0.2 s"
    assert exchange.status_code == 0
    assert [(attempt.status, attempt.error) for attempt in exchange.attempts] == [(None, exchange.error)]


async def _drop(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _drop_within_the_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-")
    await writer.drain()
    writer.close()


async def _drop_within_the_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def _drop_within_a_chunk(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    "answer", [_drop, _drop_within_the_headers, _drop_within_the_body, _drop_within_a_chunk]
)
def test_a_dropped_connection_is_transient(
    server: Loopback, send: Callable[..., list], answer: Callable
) -> None:
    """A connection that ends before the response does, at any point, is a transient error."""
    server.on("/", answer)
    [exchange] = send(get(server))
    assert exchange.error == "the connection was dropped before a whole answer"
    assert exchange.error in PASSING_FAULTS
    assert (exchange.status_code, exchange.body) == (0, b"")


def test_a_refused_connection_is_transient(dead_origin: str, send: Callable[..., list]) -> None:
    """A refused connection is reported as such, and is a transient error."""
    [exchange] = send(Request("GET", dead_origin, "/"))
    assert exchange.error == "cannot connect: the connection was refused"
    assert exchange.error in PASSING_FAULTS


class _Failing(httpx.AsyncBaseTransport):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002
        raise self._error


def test_a_host_of_several_addresses_that_all_refuse(send: Callable[..., list]) -> None:
    """If every address of a host refuses, the reason is found in the exception group."""
    both = ExceptionGroup("all", [ConnectionRefusedError(111, "refused"), ConnectionRefusedError(111, "x")])
    error = OSError("All connection attempts failed")
    error.__cause__ = both
    told = httpx.ConnectError("All connection attempts failed")
    told.__cause__ = error
    [exchange] = send(Request("GET", "http://two.example", "/"), inner=_Failing(told))
    assert exchange.error == "cannot connect: the connection was refused"


def test_a_name_that_does_not_resolve(send: Callable[..., list]) -> None:
    """A host name that does not resolve is reported as such, and is not a transient error."""
    [exchange] = send(Request("GET", "http://nobody.invalid", "/"))
    assert exchange.error == "cannot connect: the host name does not resolve"
    assert exchange.error not in PASSING_FAULTS


@pytest.mark.parametrize(
    "answer",
    [
        b"-ERR unknown command\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A\0: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_an_answer_that_is_not_http(server: Loopback, send: Callable[..., list], answer: bytes) -> None:
    """A response that is not HTTP is reported as such, and is not a transient error."""
    server.on("/", answer)
    [exchange] = send(get(server))
    assert exchange.error == "the answer is not HTTP"
    assert exchange.error not in PASSING_FAULTS


def test_odd_headers_and_words_are_kept(server: Loopback, send: Callable[..., list]) -> None:
    """What a response says after its status code, and headers that are odd and no fault of HTTP, are kept."""
    odd = (
        b"Date: yesterday\r\nDate: \xff\xfe\r\nSet-Cookie: =;;=\r\nRetry-After: -1 \x01\r\nContent-Type:\r\n"
    )
    server.on("/", b"HTTP/1.1 401 No sk-\xe9 here\r\n" + odd + b"Content-Length: 0\r\n\r\n")
    [exchange] = send(get(server))
    assert (exchange.status_code, exchange.reason) == (401, "No sk-\xe9 here")
    assert exchange.header_values("date") == ["yesterday", "\xff\xfe"]
    assert [exchange.header(name) for name in ("set-cookie", "content-type")] == ["=;;=", ""]


@pytest.mark.parametrize("extra", [b"x", http(200, b'{"status": "ready"}')], ids=["bytes", "an answer"])
def test_data_after_a_response_is_an_error(server: Loopback, send: Callable[..., list], extra: bytes) -> None:
    """Data after the end of a response makes it an error, and is never read as the next response."""
    server.on("/", http(401, b"") + extra)
    server.on("/next", http(404))
    first, second = send(get(server), get(server, "/next"))
    assert (first.error, first.begun) == ("the answer is not HTTP: there is more after its end", 401)
    assert (second.status_code, second.error) == (404, "")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 401), ("HEAD", 200), ("GET", 204), ("GET", 304)])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_a_body_where_none_belongs(
    server: Loopback, send: Callable[..., list], method: str, status: int, late: bool
) -> None:
    """A proxy that sends a body after HEAD: a connection that answered HEAD is not reused."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(http(status, b"{}")[:-2])
        await writer.drain()
        await asyncio.sleep(0.05 if late else 0)
        writer.write(b"{}")
        await writer.drain()
        await asyncio.sleep(1)

    server.on("/", answer)
    server.on("/next", http(404))
    first, *others = send(Request(method, server.origin, "/"), *[get(server, "/next")] * 2)
    assert (first.status_code, first.error) == (status, "")
    assert [(other.status_code, other.error) for other in others] == [(404, "")] * 2
    assert server.connections == 2


def test_a_blank_line_after_a_body_is_passed_over(server: Loopback, send: Callable[..., list]) -> None:
    """A line end after a body, as some servers send, is no part of anything."""
    server.on("/", http(401, b"no") + b"\r\n")
    assert [one.status_code for one in send(get(server), get(server))] == [401, 401]


@pytest.mark.parametrize(
    ("late", "error"),
    [
        (b"more", "what arrived was the rest of an earlier answer"),
        (b"\0\0", "what arrived was the rest of an earlier answer"),
        (b"", "the connection was dropped before a whole answer"),
    ],
    ids=["bytes", "no text", "the end of the connection"],
)
def test_what_arrives_late_on_a_reused_connection_is_transient(
    server: Loopback, send: Callable[..., list], late: bytes, error: str
) -> None:
    """Where the rest of an earlier answer, or the connection's end, meets a request, that is sent again."""

    async def spoil(writer: asyncio.StreamWriter) -> None:
        writer.write(late + b"\r\n\r\n" if late else b"")
        await writer.drain()

    server.on("/spoilt", spoil, http(404))
    first, second = send(get(server), get(server, "/spoilt"))
    assert first.status_code == 200
    assert second.error == error
    assert second.error in PASSING_FAULTS


@pytest.mark.parametrize("effect", [Effect.ONCE, Effect.WRITE])
def test_what_is_sent_once_gets_a_new_connection(
    server: Loopback, send: Callable[..., list], effect: Effect
) -> None:
    """One dropped connection on the wrong-login probe: it is sent on a fresh connection."""
    once = Request("POST", server.origin, "/login", effect=effect)
    first, second, third = send(get(server), once, get(server))
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 200)
    assert [request.connection for request in server.received] == [0, 1, 1]


def test_informational_answers_come_before_the_answer(server: Loopback, send: Callable[..., list]) -> None:
    """Answers of 1xx that come before the answer are passed over."""
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    server.on("/", hints + http(401, b"no"))
    assert [(one.status_code, one.text) for one in send(get(server), get(server))] == [(401, "no")] * 2


@pytest.mark.parametrize("frame", [b"\0\0\x12\x04\0\0\0\0\0" + bytes(18), b"\x15\x03\x01\0\x02\x02\x46"])
def test_another_protocol_is_named(server: Loopback, send: Callable[..., list], frame: bytes) -> None:
    """A server of HTTP/2 alone, or of TLS, is not HTTP/1.1, and that is said."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(frame)
        await writer.drain()

    server.on("/", answer)
    [exchange] = send(get(server))
    assert exchange.error == "the answer is not HTTP/1.1: does the port speak HTTP/2 alone, or TLS?"


def test_headers_are_cut_off_at_100_kib(server: Loopback, send: Callable[..., list]) -> None:
    """Headers without end are read up to 100 KiB and reported as too large."""
    server.on("/", pour(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 65536 + b"\r\n"))
    [exchange] = send(get(server))
    assert exchange.error == "the headers of the answer are larger than 100 KiB"


@pytest.mark.parametrize(
    ("target", "value"),
    [("/", f"{SECRET}\nX-Injected: 1"), ("/", f"{SECRET}\u2026"), (f"/caf\u00e9?token={SECRET}", "")],
    ids=["line break in a header", "a character beyond latin-1", "a target beyond ASCII"],
)
def test_a_request_that_is_not_http_is_not_sent(
    server: Loopback, send: Callable[..., list], target: str, value: str
) -> None:
    """A request that cannot be encoded as HTTP is an exchange with an error, and is not sent."""
    [exchange] = send(get(server, target, ("X-Dashboard-Token", value)))
    assert exchange.error == "the request cannot be sent: it is not HTTP"
    assert exchange.error not in PASSING_FAULTS
    assert server.received == []


def test_an_invalid_origin_is_not_sent_to(send: Callable[..., list]) -> None:
    """A request to an origin with an invalid port is an exchange with an error."""
    [exchange] = send(Request("GET", "http://127.0.0.1:1x", "/"))
    assert exchange.error == "the request cannot be sent: it is not HTTP"


def test_errors_quote_neither_address_nor_headers(
    server: Loopback, dead_origin: str, send: Callable[..., list], no_authorities: None
) -> None:
    """No error message contains a part of the request, its headers, its URL or its port."""
    server.on(f"/drop?token={SECRET}", _drop)
    server.on(f"/hang?token={SECRET}", _hang)
    server.on(f"/odd?token={SECRET}", SECRET.encode() + b"\r\n\r\n")
    origins = [(server.origin, path) for path in ("drop", "hang", "odd")]
    origins += [(dead_origin, "x"), (f"http://{SECRET}.invalid", "x"), ("http://127.0.0.1:1x", "x")]
    origins += [(server.origin.replace("http", "https"), "x")]
    for origin, path in origins:
        for bad in ("", "\n"):
            headers = (("X-Dashboard-Token", SECRET + bad),)
            [exchange] = send(Request("GET", origin, f"/{path}?token={SECRET}", headers), timeout=0.15)
            assert exchange.error
            for part in (SECRET, "token", str(server.port), "\n"):
                assert part not in exchange.error


def test_a_101_ends_the_response(server: Loopback, send: Callable[..., list]) -> None:
    """A 101 is the response, and its body is what the websocket sends by itself, and how it closes."""

    async def upgrade(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        writer.write(b"\x81\x05hello")
        await writer.drain()
        writer.write(b"\x81\x7e\x00\x80" + b"x" * 128 + b"\x88\x05\x03\xf0bye")
        await writer.drain()
        await asyncio.sleep(60)

    server.on("/ws", upgrade)
    headers = (("Connection", "Upgrade"), ("Upgrade", "websocket"))
    asked = get(server, "/ws", *headers)
    upgraded, after = send(asked, get(server))
    assert (upgraded.status_code, upgraded.error) == (101, "")
    assert upgraded.body.split(b"\n") == [b"hello", b"x" * 128, b"closed with 1008: bye"]
    assert after.status_code == 200


def test_head_and_204_have_no_body(server: Loopback, send: Callable[..., list]) -> None:
    """A response that has no body by HTTP's rules is complete without one."""
    server.on("/head", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    server.on("/none", b"HTTP/1.1 204 No Content\r\n\r\n")
    first, second = send(Request("HEAD", server.origin, "/head"), get(server, "/none"))
    assert [(e.status_code, e.body, e.error) for e in (first, second)] == [(200, b"", ""), (204, b"", "")]


ENDS = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def tls_server(make_server: Callable[..., Loopback]) -> tuple[Loopback, trustme.CA]:
    """A server over TLS, and the authority of its certificate."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=ENDS).configure_cert(context)
    return make_server(context), authority


def test_tls_version_and_certificate_are_recorded(
    tls_server: tuple[Loopback, trustme.CA],
    send: Callable[..., list],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exchange has the TLS version and the certificate's expiry, on a reused connection, too."""
    server, authority = tls_server
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    first, second = send(get(server), get(server))
    assert first.status_code == 200, first.error
    assert first.tls is not None
    assert first.tls.version == "TLSv1.3"
    assert first.tls.not_after == ENDS
    assert second.tls == first.tls
    assert server.connections == 1


def test_plain_http_has_no_tls(server: Loopback, send: Callable[..., list]) -> None:
    """An exchange over plain http has no TLS details."""
    assert send(get(server))[0].tls is None


def test_an_untrusted_certificate_is_refused(
    tls_server: tuple[Loopback, trustme.CA], send: Callable[..., list]
) -> None:
    """No request is sent to a server with an untrusted certificate, and the error has no secret."""
    server, _ = tls_server
    [exchange] = send(get(server, f"/?token={SECRET}", ("X-Dashboard-Token", SECRET)))
    assert exchange.error.startswith("cannot connect: the certificate is not trusted (")
    assert SECRET not in exchange.error
    assert exchange.error not in PASSING_FAULTS
    assert server.received == []


def test_a_certificate_of_another_host_is_refused(
    make_server: Callable[..., Loopback],
    send: Callable[..., list],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No request is sent to a server with a certificate for another host name."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = make_server(context)
    [exchange] = send(get(server))
    assert exchange.error == (
        "cannot connect: the certificate is for another name (other.example), not 127.0.0.1"
    )
    assert server.received == []


def test_an_expired_certificate_is_refused(
    make_server: Callable[..., Loopback],
    send: Callable[..., list],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No request is sent to a server with an expired certificate, and the error has its last day."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=datetime(2024, 2, 29, tzinfo=UTC)).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = make_server(context)
    [exchange] = send(get(server))
    assert exchange.error == "cannot connect: the certificate expired on 2024-02-29"
    assert server.received == []


def test_tls_to_a_plain_http_port(server: Loopback, send: Callable[..., list]) -> None:
    """An https request to a port that speaks plain http is reported as such."""
    [exchange] = send(Request("GET", server.origin.replace("http", "https"), "/"))
    assert exchange.error.startswith("cannot connect: the port does not speak TLS; is it plain http? (")
    assert exchange.error not in PASSING_FAULTS


def test_httpx_gets_the_raw_target_separately(httpx_mock: HTTPXMock) -> None:
    """httpx gets the raw target as an extension, beside a URL that it could normalise."""
    httpx_mock.add_response(
        url="https://caio.example/", status_code=418, headers={"X-A": "b"}, content=b"tea"
    )

    async def ask() -> None:
        transport = Transport(timeout=5)
        request = Request("GET", "https://caio.example", "//api/../x", (("X-Own", "1"),))
        exchange = await transport.send(request)
        await transport.aclose()
        assert (exchange.status_code, exchange.body, exchange.header("x-a")) == (418, b"tea", "b")
        assert exchange.request is request

    asyncio.run(ask())
    [sent] = httpx_mock.get_requests()
    assert sent.extensions["target"] == b"//api/../x"


@pytest.mark.parametrize(
    "error",
    [httpx.ReadError("x"), httpx.WriteError("x"), httpx.CloseError("x"), ConnectionResetError(104, "reset")],
    ids=lambda error: type(error).__name__,
)
def test_network_errors_are_transient(httpx_mock: HTTPXMock, error: Exception) -> None:
    """A network error on an open connection is a transient error."""
    httpx_mock.add_exception(error, url="http://caio.example/")

    async def ask() -> str:
        return (await Transport(timeout=5).send(Request("GET", "http://caio.example", "/"))).error

    assert asyncio.run(ask()) in PASSING_FAULTS


def test_a_handshake_that_hangs_leaves_nothing_open(
    send: Callable[..., list], no_authorities: None, no_garbage: None
) -> None:
    """A TLS handshake that is never answered ends at the timeout, and its socket is closed."""
    with socket.create_server(("127.0.0.1", 0)) as silent, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        origin = f"https://127.0.0.1:{silent.getsockname()[1]}"
        [exchange] = send(Request("GET", origin, "/"), timeout=0.3)
        gc.collect()
    assert exchange.error == "no whole answer within 0.3 s"
    assert [str(warning.message) for warning in caught] == []
