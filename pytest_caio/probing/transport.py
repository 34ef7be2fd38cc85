"""The one module that knows httpx: it sends one request as written and bounds what comes back."""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import httpcore  # noqa: F401 - httpx would import it in the thread that sends: see Run.begin
import httpx

from pytest_caio.checks.probe import Request
from pytest_caio.probing.exchange import Attempt, Exchange
from pytest_caio.probing.tls import authorities, distrust, handshake_failure, tls_of

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
_MAX_ALL = 16 * 1024 * 1024  # of all answers together, those still coming in included
_HEADER_COST = 200  # what Python's objects take for one header, beside its text
_MOST_HEADERS = 1000
# What is kept of an answer that is too large, to show it.
_BEGINNING = 4096
_FIRST_HEADERS = 20
# Bytes of one buffer of an answer, and of what a connection may have waiting: else that is up
# to 256 KiB, which no bound on answers counts.
_PIECE = 65536
SILENCE = "no whole answer within"
TOO_LARGE = "the answer is larger than 1 MiB (or all answers together than 16 MiB)"
TOO_MANY_HEADERS = "the answer has more than 1000 headers"
_LOST = "the connection was dropped before a whole answer"
REFUSED = "cannot connect: the connection was refused"
_NAMELESS = "cannot connect: the host name does not resolve"
UNSENDABLE = "the request cannot be sent: it is not HTTP"
# What goes for every request of an origin, as the first finds out.
FINAL = (_NAMELESS, "cannot connect: the certificate")
# Errors that a restart or a busy network makes for a moment; a bad name or certificate stays bad.
PASSING_FAULTS = frozenset({_LOST, REFUSED})
_AGENT = "pytest-caio"
_LEFT_OVER = "left over"
_NOT_HTTP = {
    _LEFT_OVER: "the answer is not HTTP: there is more after its end",
    "Receive buffer too long": "the headers of the answer are larger than 100 KiB",  # httpcore's bound
}


class Transport:
    """Sends requests over kept-open connections: no redirects, cookies, proxies, .netrc or normalisation.

    `timeout` is the total deadline of one answer in seconds. `on_answer` is called with each answer, before
    anybody else has it. `inner` replaces the network, for tests.
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
        # One transport a connection: a pool that many requests wait in looks at all of them for each.
        self._url = functools.lru_cache(lambda origin: httpx.URL(f"{origin}/"))
        self._idle: dict[str, list[httpx.AsyncBaseTransport]] = {}
        self._made: list[httpx.AsyncBaseTransport] = []
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._distrust: dict[str, asyncio.Task[str]] = {}
        self._held = 0

    async def send(self, request: Request, within: float | None = None) -> Exchange:
        """Return the exchange of one try; whatever goes wrong is told in its `error`.

        `within` is what is left of the deadline, in seconds, where there was an earlier try.
        """
        started, clock = datetime.now(UTC), time.perf_counter()
        exchange, begun = Exchange(request, started, 0.0), _Begun()
        seconds = self.timeout if within is None else within
        try:
            async with asyncio.timeout(seconds):
                exchange = await self._exchange(request, exchange, begun)
        except (TimeoutError, httpx.TimeoutException):
            exchange = replace(exchange, error=f"{SILENCE} {self.timeout:g} s", begun=begun.status)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeEncodeError) as error:
            told = await self._in_words(error, request.origin)
            exchange = replace(exchange, error=told, begun=begun.status)
        self._on_answer(exchange)
        return replace(
            exchange,
            elapsed_ms=(time.perf_counter() - clock) * 1000,
            attempts=(Attempt(exchange.status_code or None, exchange.error),),
        )

    async def _exchange(self, request: Request, exchange: Exchange, begun: _Begun) -> Exchange:
        # Header values go out as the bytes they stand for, so that malformed ones can be asked too.
        headers = [
            (b"User-Agent", _AGENT.encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"identity"),
            *((name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers),
        ]
        handshake = _Handshake()
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
        idle = self._idle.setdefault(request.origin, [])
        transport = self._inner or (idle.pop() if idle else self._make(request.origin))
        try:
            return await self._answer(transport, sent, exchange, begun)
        finally:
            await handshake.close()
            idle.append(transport)

    async def _answer(
        self, transport: httpx.AsyncBaseTransport, sent: httpx.Request, exchange: Exchange, begun: _Begun
    ) -> Exchange:
        response = await transport.handle_async_request(sent)
        try:
            begun.status = response.status_code
            upgraded = response.status_code == 101  # what follows is no longer HTTP
            raw = response.headers.raw
            tls = tls_of(response.extensions.get("network_stream"))
            exchange = replace(exchange, headers=_as_text(raw[:_FIRST_HEADERS]), tls=tls)
            if len(raw) > _MOST_HEADERS:
                return replace(exchange, error=TOO_MANY_HEADERS, begun=begun.status)
            body, too_large = (b"", False) if upgraded else await self._body(response)
            exchange = replace(exchange, body=body, truncated=too_large)
            if too_large:
                return replace(exchange, error=TOO_LARGE, begun=begun.status)
            if not upgraded and _left_over(transport):
                await transport.aclose()  # it would be taken for the next answer
                raise httpx.RemoteProtocolError(_LEFT_OVER)
            return replace(exchange, headers=_as_text(raw), status_code=begun.status)
        finally:
            await response.aclose()

    async def _body(self, response: httpx.Response) -> tuple[bytes, bool]:
        """Return the body, unpacked; or its beginning and True, where it is too large to be kept.

        We ask for identity, but a server may not listen.
        """
        assert isinstance(response.stream, AsyncIterable)
        packed = response.headers.get("content-encoding", "").lower() in ("gzip", "x-gzip", "deflate")
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
        pieces = [bytearray()]
        size, received, kept = 0, 0, False
        held = sum(_HEADER_COST + len(name) + len(value) for name, value in response.headers.raw)
        self._held += held
        try:
            async for chunk in response.stream:
                received += len(chunk)
                try:
                    piece = unpack.decompress(chunk, MAX_BODY + 1 - size) if unpack else chunk
                except zlib.error:
                    unpack, piece = None, chunk
                # One buffer would move as it grows, and the places that it leaves stay with the process.
                if len(pieces[-1]) + len(piece) > _PIECE:
                    pieces.append(bytearray())
                pieces[-1] += piece
                size += len(piece)
                held += len(piece)
                self._held += len(piece)
                if max(received, size) > MAX_BODY or self._held > _MAX_ALL:
                    break
            kept = max(received, size) <= MAX_BODY and self._held <= _MAX_ALL
            return b"".join(pieces) if kept else bytes(islice(chain(*pieces), _BEGINNING)), not kept
        finally:
            if not kept:
                self._held -= held

    def _make(self, origin: str) -> httpx.AsyncBaseTransport:
        # Loading the certificate authorities takes longer than a whole run over plain http.
        scheme = origin.partition(":")[0]
        if scheme not in self._contexts:
            self._contexts[scheme] = (
                authorities() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
        made = httpx.AsyncHTTPTransport(
            verify=self._contexts[scheme],
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30),
            socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)],
        )
        self._made.append(made)
        return made

    async def _in_words(self, error: BaseException, origin: str) -> str:
        told = _in_words(error)
        if isinstance(told, str):
            return told
        if origin not in self._distrust:  # one look is enough for all that are under way
            url = self._url(origin)
            look = distrust(told, url.host, url.port or 443)
            self._distrust[origin] = asyncio.create_task(look)
        return await asyncio.shield(self._distrust[origin])

    async def aclose(self) -> None:
        """Close every connection, and end what is under way beside requests."""
        looks = self._distrust.values()
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        await asyncio.gather(*(transport.aclose() for transport in self._made))


def _as_text(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


@dataclass
class _Begun:
    """The status of an answer whose head has come, 0 before."""

    status: int = 0


class _Handshake:
    """The connection on which a TLS handshake is under way, as httpcore traces it.

    httpcore closes it where the handshake fails, but not where it is cancelled, as at the deadline.
    """

    def __init__(self) -> None:
        self._stream: Any = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take notice of an event of httpcore."""
        if event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]
        elif event == "connection.start_tls.complete":
            self._stream = None

    async def close(self) -> None:
        """Close the connection, if its handshake did not come to an end."""
        if self._stream is not None:
            await self._stream.aclose()


def _left_over(transport: httpx.AsyncBaseTransport) -> bool:
    """Say whether more came on a connection than the answer it was for.

    httpcore would read it as the next answer, and nothing public tells of it.
    """
    for connection in getattr(getattr(transport, "_pool", None), "connections", ()):
        state = getattr(getattr(connection, "_connection", None), "_h11_state", None)
        if state is not None and state.trailing_data[0]:
            return True
    return False


def _in_words(error: BaseException) -> str | ssl.SSLCertVerificationError:
    """Say what went wrong without quoting the exception, which may hold the URL or a header.

    Of a certificate the error itself: why it is not trusted takes another look.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        if isinstance(link, BaseExceptionGroup):  # one error for each address of the host
            chain += link.exceptions
        link = link.__cause__ or link.__context__
    for link in chain:
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
    # httpcore and h11 have one class for both: "Server disconnected ...", "peer closed connection ...".
    if isinstance(error, httpx.RemoteProtocolError) and not re.search("disconnected|closed", str(error)):
        return _NOT_HTTP.get(str(error), "the answer is not HTTP")
    return _LOST
