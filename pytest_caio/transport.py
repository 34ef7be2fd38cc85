"""The one module that knows httpx: it sends one request as written and bounds what comes back."""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from pytest_caio.exchanges import Attempt, Exchange, Tls
from pytest_caio.probes import Request

__all__ = ["MAX_BODY", "PASSING_FAULTS", "UNSENDABLE", "Transport"]

MAX_BODY = 1024 * 1024
_LOST = "the connection was dropped before a whole answer"
_REFUSED = "cannot connect: the connection was refused"
UNSENDABLE = "the request cannot be sent: it is not HTTP"
# Errors that a restart or a busy network makes for a moment; a bad name or certificate stays bad.
PASSING_FAULTS = frozenset({_LOST, _REFUSED})
_AGENT = "pytest-caio"


class Transport:
    """Sends requests over kept-open connections: no redirects, cookies, proxies, .netrc or normalisation.

    `timeout` is the total deadline of one answer in seconds. `inner` replaces the network, for tests.
    """

    def __init__(self, *, timeout: float, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._timeout = timeout
        self._inner = inner
        # One transport a connection: a pool that many requests wait in looks at all of them for each.
        self._url = functools.lru_cache(lambda origin: httpx.URL(f"{origin}/"))
        self._idle: dict[str, list[httpx.AsyncBaseTransport]] = {}
        self._made: list[httpx.AsyncBaseTransport] = []
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def send(self, request: Request) -> Exchange:
        """Return the exchange of one try; whatever goes wrong is told in its `error`."""
        started, clock = datetime.now(UTC), time.perf_counter()
        exchange = Exchange(request, started, 0.0)
        try:
            async with asyncio.timeout(self._timeout):
                exchange = await self._exchange(request, exchange)
        except (TimeoutError, httpx.TimeoutException):
            exchange = replace(exchange, error=f"no whole answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeEncodeError) as error:
            exchange = replace(exchange, error=_in_words(error))
        return replace(
            exchange,
            elapsed_ms=(time.perf_counter() - clock) * 1000,
            attempts=(Attempt(exchange.status_code or None, exchange.error),),
        )

    async def _exchange(self, request: Request, exchange: Exchange) -> Exchange:
        # Header values go out as the bytes they stand for, so that malformed ones can be asked too.
        headers = [
            (b"User-Agent", _AGENT.encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"identity"),
            *((name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers),
        ]
        sent = httpx.Request(
            request.method,
            self._url(request.origin),
            headers=headers,
            content=request.body or None,
            extensions={
                # httpcore sends `target` untouched; the URL would be normalised.
                "target": request.target.encode("ascii"),
                # A TLS handshake that is cancelled leaves its socket open; one that times out does not.
                "timeout": {"connect": 0.8 * self._timeout},
            },
        )
        idle = self._idle.setdefault(request.origin, [])
        transport = self._inner or (idle.pop() if idle else self._make(request.origin))
        try:
            return await self._answer(transport, sent, exchange)
        finally:
            idle.append(transport)

    async def _answer(
        self, transport: httpx.AsyncBaseTransport, sent: httpx.Request, exchange: Exchange
    ) -> Exchange:
        response = await transport.handle_async_request(sent)
        try:
            assert isinstance(response.stream, AsyncIterable)
            encoding = response.headers.get("content-encoding", "").lower()
            upgraded = response.status_code == 101  # what follows is no longer HTTP
            body, truncated = (b"", False) if upgraded else await _bounded(response.stream, encoding)
            return replace(
                exchange,
                status_code=response.status_code,
                headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw),
                body=body,
                truncated=truncated,
                tls=_tls(response.extensions.get("network_stream")),
            )
        finally:
            await response.aclose()

    def _make(self, origin: str) -> httpx.AsyncBaseTransport:
        # Loading the certificate authorities takes longer than a whole run over plain http.
        scheme = origin.partition(":")[0]
        if scheme not in self._contexts:
            self._contexts[scheme] = (
                _authorities() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
        made = httpx.AsyncHTTPTransport(
            verify=self._contexts[scheme],
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30),
        )
        self._made.append(made)
        return made

    async def aclose(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(transport.aclose() for transport in self._made))


def _authorities() -> ssl.SSLContext:
    import certifi  # noqa: PLC0415 - only https needs it

    context = ssl.create_default_context()  # the system's, and SSL_CERT_FILE where it is set
    context.load_verify_locations(certifi.where())
    return context


async def _bounded(stream: AsyncIterable[bytes], encoding: str) -> tuple[bytes, bool]:
    """Read at most MAX_BODY bytes, unpacked; we ask for identity, but a server may not listen."""
    packed = encoding in ("gzip", "x-gzip", "deflate")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
    body = bytearray()
    async for chunk in stream:
        try:
            body += unpack.decompress(chunk, MAX_BODY + 1 - len(body)) if unpack else chunk
        except zlib.error:
            unpack, body = None, body + chunk
        if len(body) > MAX_BODY:
            return bytes(body[:MAX_BODY]), True
    return bytes(body), False


def _tls(stream: Any) -> Tls | None:
    connection = stream.get_extra_info("ssl_object") if stream is not None else None
    if connection is None:
        return None
    certificate = connection.getpeercert() or {}
    ends = certificate.get("notAfter")
    not_after = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if ends else None
    return Tls(connection.version() or "", not_after)


def _in_words(error: BaseException) -> str:
    """Say what went wrong without quoting the exception, which may hold the URL or a header."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        if isinstance(link, BaseExceptionGroup):  # one error for each address of the host
            chain += link.exceptions
        link = link.__cause__ or link.__context__
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"cannot connect: the certificate is not trusted ({link.verify_message})"
        if isinstance(link, socket.gaierror):
            return "cannot connect: the host name does not resolve"
        if isinstance(link, ConnectionRefusedError):
            return _REFUSED
        if isinstance(link, ssl.SSLError):
            return f"cannot connect: the TLS handshake failed ({link.reason or 'no reason given'})"
    if isinstance(error, httpx.ConnectError):
        return "cannot connect: the host cannot be reached"
    if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | UnicodeEncodeError):
        return UNSENDABLE
    # httpcore and h11 have one class for both: "Server disconnected ...", "peer closed connection ...".
    if isinstance(error, httpx.RemoteProtocolError) and not re.search("disconnected|closed", str(error)):
        return "the answer is not HTTP"
    return _LOST
