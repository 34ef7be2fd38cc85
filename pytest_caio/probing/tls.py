"""TLS: the trusted authorities, a connection's certificate, and which one of a chain is not trusted."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pytest_caio.probing.exchange import Tls
from pytest_caio.text import beginning, printable

__all__ = ["Handshake", "authorities", "distrust", "handshake_failure", "tls_of"]

# OpenSSL's X509_V_ERR_* (x509_vfy.h); Python names none of them.
_NOT_YET, _EXPIRED, _SELF_SIGNED, _UNKNOWN, _OTHER_NAME = 9, 10, 18, (19, 20, 21), (62, 64)
_SECOND_LOOK = 2.0  # seconds for the handshake that reads the certificates
_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")


class Handshake:
    """The connection of a TLS handshake under way, known from httpcore's trace events.

    httpcore closes the connection if the handshake fails, but not if it is cancelled, as at the deadline.
    """

    def __init__(self) -> None:
        self._stream: Any = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Handle a trace event of httpcore."""
        if event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]
        elif event == "connection.start_tls.complete":
            self._stream = None

    async def close(self) -> None:
        """Close the connection if its handshake was not completed."""
        if self._stream is not None:
            await self._stream.aclose()


def authorities() -> ssl.SSLContext:
    """Return a TLS context that trusts the certificate authorities of the system and of certifi.

    Those of SSL_CERT_FILE and SSL_CERT_DIR stand in for the system's, if they are set. What cannot be read is
    passed over. The context requires TLS 1.2 or later.
    """
    import certifi  # noqa: PLC0415 - only https needs it

    # Not `create_default_context`, which would write the keys of connections to SSLKEYLOGFILE, or fail to.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with suppress(OSError):  # Windows may have a certificate in its store that OpenSSL cannot read
        context.load_default_certs()
    with suppress(OSError):
        context.load_verify_locations(certifi.where())
    return context


def _unread_authorities() -> str:
    """Return that SSL_CERT_FILE names no file of certificates, after a semicolon; empty if it does."""
    path = os.environ.get("SSL_CERT_FILE", "")
    try:
        if path:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:
        return "; SSL_CERT_FILE names no file of certificates"
    return ""


def tls_of(stream: Any) -> Tls | None:
    """Return the TLS version and certificate expiry of a connection, or None without TLS."""
    connection = stream.get_extra_info("ssl_object") if stream is not None else None
    if connection is None:
        return None
    certificate = connection.getpeercert() or {}
    return Tls(connection.version() or "", _moment(certificate, "notAfter"))


def handshake_failure(error: ssl.SSLError) -> str:
    """Return why a handshake failed for another reason than the certificate."""
    reason = error.reason or "no reason given"
    if any(part in reason for part in _OLD):
        return f"cannot connect: it does not speak TLS 1.2 or later ({reason})"
    if reason == "WRONG_VERSION_NUMBER":
        return f"cannot connect: the port does not speak TLS; is it plain http? ({reason})"
    if "NO_APPLICATION_PROTOCOL" in reason:
        return f"cannot connect: the server speaks no HTTP/1.1, which every server should ({reason})"
    return f"cannot connect: the TLS handshake failed ({reason})"


async def distrust(error: ssl.SSLCertVerificationError, host: str, port: int) -> str:
    """Return which certificate of the chain of `host` is not trusted, why, and what must change.

    To read the chain, a second handshake checks nothing; nothing is sent over its connection.
    """
    chain: list[dict[str, Any]] = []
    with suppress(OSError):  # an SSLError is one, and so is a TimeoutError
        async with asyncio.timeout(_SECOND_LOOK):
            chain = await _chain(host, port)
    return f"cannot connect: the certificate {_fault(error, chain, host)}"


def _fault(error: ssl.SSLCertVerificationError, chain: Sequence[dict[str, Any]], host: str) -> str:
    code, own = error.verify_code, (chain[0] if chain else {})
    if code == _EXPIRED:
        return _expiry(chain)
    if code == _NOT_YET:
        begins = [
            begun for one in chain if (begun := _moment(one, "notBefore")) and begun > datetime.now(UTC)
        ]
        since = f" {begins[0]:%Y-%m-%d}" if begins else " a later day"
        return f"is valid only from{since} on: set this machine's clock, or have it replaced"
    if code in _OTHER_NAME:
        names = ", ".join(str(name) for _, name in own.get("subjectAltName", ()))
        return f"is for another name{names and f' ({_printed(names)})'}, not {host}"
    if code == _SELF_SIGNED:
        return "is not trusted (self-signed): have a public authority sign it"
    if code not in _UNKNOWN:
        return f"is not trusted ({error.verify_message})"
    issuer = _name(chain[-1] if chain else {}, "issuer")
    if len(chain) == 1 and own.get("caIssuers"):  # as those of public authorities have
        left_out = f"the server leaves out the intermediate certificate{issuer} that signed it"
        return f"is not trusted ({left_out}): have it send the whole chain"
    doubt = ", or the server leaves out an intermediate certificate" if len(chain) == 1 else ""
    return (
        f"is not trusted (its authority is unknown{issuer}{doubt}){_unread_authorities()}; behind a proxy of "
        "a company, name the file of its authority in SSL_CERT_FILE"
    )


def _expiry(chain: Sequence[dict[str, Any]]) -> str:
    """Return which certificates of a chain have expired, and when."""
    now = datetime.now(UTC)
    ends = [_moment(one, "notAfter") for one in chain]
    if not ends:
        return "expired, or another one of its chain"
    if ends[0] and ends[0] <= now:
        return f"expired on {ends[0]:%Y-%m-%d}"
    for one, ended in zip(chain, ends, strict=True):
        if ended and ended <= now:
            return (
                f"is valid, but the intermediate certificate{_name(one, 'subject')} that the server sends "
                f"with it expired on {ended:%Y-%m-%d}: have it send the present one"
            )
    issuer = _name(chain[-1], "issuer")
    return f"is valid, but that of its authority{issuer} has expired: have the server send another chain"


def _name(certificate: dict[str, Any], key: str) -> str:
    """Return the quoted name of a certificate's subject or issuer, after a blank; empty without one."""
    parts = dict(pair for group in certificate.get(key, ()) for pair in group)
    words = ("commonName", "organizationalUnitName", "organizationName")
    name = next((parts[word] for word in words if parts.get(word)), "")
    return f' "{_printed(name)}"' if name else ""


def _printed(text: str) -> str:
    return beginning(printable(text), 200)


async def _chain(host: str, port: int) -> list[dict[str, Any]]:
    """Return the certificates that a server sends, its own first, as `getpeercert` gives one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        # Until Python 3.13 no public method has the chain, and that one has not what is in its certificates.
        connection = getattr(writer.get_extra_info("ssl_object"), "_sslobj", None)
        read = getattr(connection, "get_unverified_chain", list)
        return [certificate.get_info() for certificate in read() or ()]
    finally:
        writer.transport.abort()


def _moment(certificate: dict[str, Any], key: str) -> datetime | None:
    value = certificate.get(key)
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(value), UTC) if value else None
