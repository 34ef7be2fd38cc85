"""The HTTP transport, the only module that uses httpx: sends a request as written, limits the response."""

from __future__ import annotations

import asyncio
import functools
import mmap
import re
import socket
import ssl
import time
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpcore
import httpx

from pytest_caio.checks.probe import Request
from pytest_caio.probing.connections import Connections, left_over
from pytest_caio.probing.exchange import Attempt, Exchange
from pytest_caio.probing.frames import listen
from pytest_caio.probing.tls import Handshake, authorities, distrust, handshake_failure, tls_of
from pytest_caio.probing.unpacking import UNREADABLE, unpack

__all__ = [
    "FINAL",
    "MAX_BODY",
    "PASSING_FAULTS",
    "REFUSED",
    "SILENCE",
    "TOO_LARGE",
    "TOO_MANY_HEADERS",
    "UNSENDABLE",
    "Transport",
]

MAX_BODY = 1024 * 1024
_MAX_ALL = 16 * 1024 * 1024  # bytes of all responses together, including those not complete yet
_HEADER_COST = 200  # bytes that Python's objects take for one header, beside its text
_MOST_HEADERS = 1000
# Bytes and headers that are kept of a response that is too large, to show them.
_BEGINNING = 4096
_UPGRADED = 101
_FIRST_HEADERS = 20
# Bytes of a connection's receive buffer: else that holds up to 256 KiB, which no limit on responses counts.
_PIECE = 65536
SILENCE = "no whole answer within"
TOO_LARGE = "the answer is larger than 1 MiB (or all answers together than 16 MiB)"
TOO_MANY_HEADERS = "the answer has more than 1000 headers"
_LOST = "the connection was dropped before a whole answer"
_MIXED_UP = "what arrived was the rest of an earlier answer"
REFUSED = "cannot connect: the connection was refused"
_NAMELESS = "cannot connect: the host name does not resolve"
UNSENDABLE = "the request cannot be sent: it is not HTTP"
# Errors that apply to every request to the same origin.
FINAL = (_NAMELESS, "cannot connect: the certificate")
# Transient errors, of a restart or a busy network; a wrong name or certificate stays wrong.
PASSING_FAULTS = frozenset({_LOST, _MIXED_UP, REFUSED})
_AGENT = "pytest-caio"
_LEFT_OVER = "left over"
_NOT_HTTP = {
    _LEFT_OVER: "the answer is not HTTP: there is more after its end",
    # What h11 says of a first byte that begins no text.
    "illegal request line": "the answer is not HTTP/1.1: does the port speak HTTP/2 alone, or TLS?",
    "Receive buffer too long": "the headers of the answer are larger than 100 KiB",  # httpcore's limit
}


class Transport:
    """Sends requests over persistent connections: no redirects, cookies, proxies, .netrc, normalisation.

    `timeout` is the deadline of a complete response in seconds. `on_answer` is called with each exchange
    before it is returned. `inner` replaces the network, for tests.
    """

    def __init__(
        self,
        *,
        timeout: float,
        on_answer: Callable[[Exchange], None] = lambda _: None,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.timeout = timeout
        self._on_answer = on_answer
        self._inner = inner
        self._url = functools.lru_cache(lambda origin: httpx.URL(f"{origin}/"))
        self._connections = Connections(self._make)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._distrust: dict[str, asyncio.Task[str]] = {}
        self._held = 0
        self._buffers: list[mmap.mmap] = []  # of bodies that were read

    async def send(self, request: Request, within: float | None = None) -> Exchange:
        """Return the exchange of one attempt; its `error` says what went wrong, if anything did.

        `within` is what is left of the deadline after earlier attempts, in seconds. A further attempt, and a
        request that is sent once only, get a new connection: the server may just be closing an old one.
        """
        started, clock = datetime.now(UTC), time.perf_counter()
        exchange, begun = Exchange(request, started, 0.0), _Begun()
        seconds = self.timeout if within is None else within
        try:
            async with asyncio.timeout(seconds):
                fresh = within is not None or request.sent_once
                exchange = await self._exchange(request, exchange, begun, fresh=fresh)
        except (TimeoutError, httpx.TimeoutException):
            exchange = replace(exchange, error=f"{SILENCE} {self.timeout:g} s", begun=begun.status)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeEncodeError) as error:
            reason = await self._in_words(error, request.origin)
            exchange = replace(exchange, error=reason, begun=begun.status)
        self._on_answer(exchange)
        return replace(
            exchange,
            elapsed_ms=(time.perf_counter() - clock) * 1000,
            attempts=(Attempt(exchange.status_code or None, exchange.error),),
        )

    async def _exchange(
        self, request: Request, exchange: Exchange, begun: _Begun, *, fresh: bool
    ) -> Exchange:
        # Header values are sent as Latin-1 bytes, so that malformed ones can be sent too.
        headers = [
            (b"User-Agent", _AGENT.encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"identity"),
            *((name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers),
        ]
        handshake = Handshake()
        sent = httpx.Request(
            request.method,
            self._url(request.origin),
            headers=headers,
            content=request.body or None,
            extensions={
                # httpcore sends `target` untouched; the URL would be normalised.
                "target": request.target.encode("ascii"),
                **({"trace": handshake.trace} if request.origin.startswith("https:") else {}),
            },
        )
        if self._inner:
            return await self._answer(self._inner, sent, exchange, begun)
        reused = None if fresh else await self._connections.take(request.origin)
        transport = reused or self._connections.make(request.origin)
        whole = False
        try:
            exchange = await self._answer(transport, sent, exchange, begun)
            whole = not exchange.error
        except httpx.RemoteProtocolError as error:
            # What is no answer may be the rest of the one before, which arrived late.
            if reused and not begun.status and not _is_dropped(error):
                raise _MixedUpError from error
            raise
        finally:
            await handshake.close()
            if whole and not _has_no_body(request.method, begun.status) and not left_over(transport):
                self._connections.put_back(transport, request.origin)
            else:
                await self._connections.close(transport)
        return exchange

    async def keep(self, most: int, origin: str) -> None:
        """Close idle connections to an origin until there are no more than `most`."""
        await self._connections.keep(most, origin)

    async def _answer(
        self, transport: httpx.AsyncBaseTransport, sent: httpx.Request, exchange: Exchange, begun: _Begun
    ) -> Exchange:
        response = await transport.handle_async_request(sent)
        try:
            begun.status = response.status_code
            tls = tls_of(response.extensions.get("network_stream")) if sent.url.scheme == "https" else None
            reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
            encoding = response.headers.get("content-encoding", "")
            # A few headers are always kept: the body is too large then, and its beginning is shown.
            headers, held, error = _take_headers(response, max(_PIECE, _MAX_ALL - self._held))
            made = functools.partial(replace, exchange, reason=reason, tls=tls)
            first = functools.partial(made, headers=headers[:_FIRST_HEADERS], begun=begun.status)
            if error:
                return first(truncated=error == TOO_LARGE, error=error)
            if response.status_code == _UPGRADED:  # the bytes that follow are not HTTP
                body = await listen(response.extensions["network_stream"])
            else:
                body, error = await self._body(response, encoding, held)
            if error:
                return first(body=body, truncated=error == TOO_LARGE, error=error)
            # A blank line after a body belongs to nothing; some servers send one.
            more = left_over(transport).strip(b"\r\n")
            if more and not _has_no_body(sent.method, begun.status):
                raise httpx.RemoteProtocolError(_LEFT_OVER)
            return made(headers=headers, body=body, status_code=begun.status)
        finally:
            await response.aclose()

    async def _body(self, response: httpx.Response, encoding: str, held: int) -> tuple[bytes, str]:
        """Return the body, unpacked, or its beginning, and why it is not kept; the headers hold `held` bytes.

        Requests accept the identity encoding only, but a server may ignore that.
        """
        assert isinstance(response.stream, AsyncIterable)
        # Not parts that are joined: what these leave on the heap is taken by no body, and stays allocated.
        buffer = self._buffers.pop() if self._buffers else mmap.mmap(-1, MAX_BODY)
        size, kept = 0, False
        self._held += held
        try:
            async for piece in response.stream:
                buffer.write(piece[: MAX_BODY - size])
                size += len(piece)
                held += len(piece)
                self._held += len(piece)
                if size > MAX_BODY or self._held > _MAX_ALL:
                    return b"" if encoding else buffer[: min(size, _BEGINNING)], TOO_LARGE
            body = unpack(buffer[:size], encoding, MAX_BODY)
            if body is None:
                return b"", UNREADABLE
            held += len(body) - size
            self._held += len(body) - size
            kept = len(body) <= MAX_BODY and self._held <= _MAX_ALL
            return (body, "") if kept else (body[:_BEGINNING], TOO_LARGE)
        finally:
            if size > _PIECE:
                buffer.close()
            else:  # most bodies are small, and their buffers are used again
                buffer.seek(0)
                self._buffers.append(buffer)
            if not kept:
                self._held -= held

    def _make(self, origin: str) -> httpx.AsyncBaseTransport:
        # For https only: loading the certificate authorities takes longer than a whole run over plain http.
        scheme = origin.partition(":")[0]
        if scheme not in self._contexts:
            self._contexts[scheme] = (
                authorities() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
        made = httpx.AsyncHTTPTransport(verify=self._contexts[scheme], trust_env=False)
        # A pool would ask three times for each request whether its connection still stands.
        made._pool = httpcore.AsyncHTTPConnection(  # type: ignore[assignment]  # it has the same methods
            httpcore.URL(origin).origin,
            self._contexts[scheme],
            keepalive_expiry=30,
            socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)],
        )
        return made

    async def _in_words(self, error: BaseException, origin: str) -> str:
        reason = _in_words(error)
        if isinstance(reason, str):
            return reason
        if origin not in self._distrust:  # one second handshake is enough for all requests under way
            url = self._url(origin)
            handshake = distrust(reason, url.host, url.port or 443)
            self._distrust[origin] = asyncio.create_task(handshake)
        return await asyncio.shield(self._distrust[origin])

    async def aclose(self) -> None:
        """Close every connection, and cancel second handshakes under way."""
        handshakes = self._distrust.values()
        for handshake in handshakes:
            handshake.cancel()
        await asyncio.gather(*handshakes, return_exceptions=True)
        await self._connections.aclose()


def _take_headers(response: httpx.Response, room: int) -> tuple[tuple[tuple[str, str], ...], int, str]:
    """Return the headers of a response, the bytes that they hold, and why only the first are kept, if so.

    `room` is how many bytes they may hold. The response has none any more: httpx keeps three times their
    text, until the body is read.
    """
    raw = response.headers.raw
    response.headers = httpx.Headers()
    held = sum(_HEADER_COST + len(name) + len(value) for name, value in raw)
    error = TOO_MANY_HEADERS if len(raw) > _MOST_HEADERS else TOO_LARGE if held > room else ""
    kept = raw[:_FIRST_HEADERS] if error else raw
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in kept), held, error


@dataclass
class _Begun:
    """The status code of a response, once its headers have arrived; 0 before."""

    status: int = 0


class _MixedUpError(httpx.RemoteProtocolError):
    """A reused connection on which something else than a response arrived."""

    def __init__(self) -> None:
        super().__init__(_MIXED_UP)


def _has_no_body(method: str, status: int) -> bool:
    """Return whether no body of HTTP follows the headers (RFC 9112, 6.3).

    A proxy may send one all the same, at once or later, so the connection cannot be used again.
    """
    return method == "HEAD" or status in (_UPGRADED, 204, 304)


def _is_dropped(error: httpx.RemoteProtocolError) -> bool:
    """Return whether a connection was dropped, for which httpcore and h11 raise this class too."""
    return bool(re.search("disconnected|closed", str(error)))


def _in_words(error: BaseException) -> str | ssl.SSLCertVerificationError:
    """Return what went wrong in words, without quoting the exception, which may contain the URL or a header.

    A certificate error is returned itself, because the reason takes a second handshake to find out.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        if isinstance(link, BaseExceptionGroup):  # one error for each address of the host
            chain += link.exceptions
        link = link.__cause__ or link.__context__
    for link in chain:
        if isinstance(link, _MixedUpError):
            return _MIXED_UP
        if isinstance(link, ssl.SSLCertVerificationError):
            return link
        if isinstance(link, socket.gaierror):
            return _NAMELESS
        if isinstance(link, ConnectionRefusedError):
            return REFUSED
        if isinstance(link, ssl.SSLError):
            return handshake_failure(link)
    if isinstance(error, httpx.ConnectError):
        return "cannot connect: the host cannot be reached"
    if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | UnicodeEncodeError):
        return UNSENDABLE
    if isinstance(error, httpx.RemoteProtocolError) and not _is_dropped(error):
        return _NOT_HTTP.get(str(error), "the answer is not HTTP")
    return _LOST
