"""TLS: the trusted authorities, a connection's certificate, and in plain words why one is not trusted."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pytest_caio.probing.exchange import Tls
from pytest_caio.text import beginning, printable

__all__ = ["authorities", "distrust", "handshake_failure", "tls_of"]

# OpenSSL's X509_V_ERR_* and X509_V_FLAG_NO_CHECK_TIME (x509_vfy.h); Python names none of them.
_EXPIRED, _UNKNOWN, _OTHER_NAME = 10, (18, 19, 20, 21), (62, 64)
_NO_CHECK_TIME = 0x200000
_SECOND_LOOK = 2.0  # seconds for the handshake that reads a certificate
_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")


def authorities() -> ssl.SSLContext:
    """Return a TLS context that trusts the certificate authorities of the system and of certifi.

    Those of SSL_CERT_FILE are trusted too, if it is set. The context requires TLS 1.2 or later.
    """
    import certifi  # noqa: PLC0415 - only https needs it

    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    return context


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
    """Return why the certificate of `host` is not trusted, with the other names or the expiry date in it.

    To read these, a second handshake checks neither name nor expiry; nothing is sent over its connection.
    """
    code = error.verify_code
    certificate: dict[str, Any] = {}
    if code == _EXPIRED or code in _OTHER_NAME:
        with suppress(OSError):  # an SSLError is one, and so is a TimeoutError
            async with asyncio.timeout(_SECOND_LOOK):
                certificate = await _certificate(host, port)
    if code == _EXPIRED:
        ended = _moment(certificate, "notAfter")
        return f"cannot connect: the certificate expired{f' on {ended:%Y-%m-%d}' if ended else ''}"
    if code in _OTHER_NAME:
        names = beginning(
            printable(", ".join(name for _, name in certificate.get("subjectAltName", ()))), 200
        )
        return f"cannot connect: the certificate is for another name{names and f' ({names})'}, not {host}"
    why = "self-signed, or its authority is unknown" if code in _UNKNOWN else error.verify_message
    return f"cannot connect: the certificate is not trusted ({why})"


async def _certificate(host: str, port: int) -> dict[str, Any]:
    context = authorities()
    context.check_hostname = False
    context.verify_flags |= _NO_CHECK_TIME
    _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        return writer.get_extra_info("peercert") or {}
    finally:
        writer.transport.abort()


def _moment(certificate: dict[str, Any], key: str) -> datetime | None:
    value = certificate.get(key)
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(value), UTC) if value else None
