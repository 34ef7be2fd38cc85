"""The one module that knows httpx: it sends one request as written and bounds what comes back."""

from __future__ import annotations

import asyncio
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

__all__ = ["MAX_BODY", "PASSING_FAULTS", "Transport"]

MAX_BODY = 1024 * 1024
_LOST = "the connection was dropped before a whole answer"
_REFUSED = "cannot connect: the connection was refused"
# Errors that a restart or a busy network makes for a moment; a bad name or certificate stays bad.
PASSING_FAULTS = frozenset({_LOST, _REFUSED})
_AGENT = "pytest-caio"


class Transport:
    """Sends requests over kept-open connections: no redirects, cookies, proxies, .netrc or normalisation.

    `timeout` is the total deadline of one answer in seconds. `inner` replaces the network, for tests.
    """

    def __init__(
        self, *, connections: int, timeout: float, inner: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._timeout = timeout
        self._connections = connections
        self._inner = inner
        self._made: dict[str, httpx.AsyncBaseTransport] = {}

    async def send(self, request: Request) -> Exchange:
        """Return the exchange of one try; whatever goes wrong is told in its `error`."""
        started, clock = datetime.now(UTC), time.perf_counter()
        exchange = Exchange(request, started, 0.0)
        try:
            async with asyncio.timeout(self._timeout):
                exchange = await self._exchange(request, exchange)
        except TimeoutError:
            exchange = replace(exchange, error=f"no whole answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError) as error:
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
            request.origin + "/",
            headers=headers,
            content=request.body or None,
            # httpcore sends `target` untouched; the URL would be normalised.
            extensions={"target": request.target.encode("ascii")},
        )
        response = await self._transport(request.origin).handle_async_request(sent)
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

    def _transport(self, origin: str) -> httpx.AsyncBaseTransport:
        if self._inner is not None:
            return self._inner
        # Loading the certificate authorities takes longer than a whole run over plain http.
        scheme = origin.partition(":")[0]
        if scheme not in self._made:
            self._made[scheme] = httpx.AsyncHTTPTransport(
                verify=_authorities() if scheme == "https" else False,
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=self._connections, keepalive_expiry=30
                ),
            )
        return self._made[scheme]

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._made.values():
            await transport.aclose()


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
    if isinstance(error, httpx.LocalProtocolError):
        return "the request cannot be sent: it is not HTTP"
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return "the answer is not HTTP"
    return _LOST
