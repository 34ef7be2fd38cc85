"""TLS failures: no request is sent over a connection that is not trusted, and RDY-11 judges the rest."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
import trustme

from pytest_caio.checks.probe import Request
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.probing.exchange import Exchange, Tls
from pytest_caio.probing.transport import Transport
from tests.support import bad_servers as bad
from tests.support.deadlines import Pace
from tests.support.gate_runs import gate_module
from tests.support.judging import GATES, must_be_no_go, must_be_whole
from tests.support.nightly import some_nightly
from tests.support.suite_runs import SHORT, Ask, Deployment, serving

NOW = datetime.now(UTC)
HTML = "Content-Type: text/html"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, dict[str, str]]:
    """A test certificate authority, and the process environment that makes a run trust it."""
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return authority, {"SSL_CERT_FILE": str(path)}


def serving_as(authority: trustme.CA, name: str = "127.0.0.1", days: float = 90.0) -> ssl.SSLContext:
    """Return a server's TLS context with a certificate for `name` that expires in `days` days."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    begun, ends = NOW - timedelta(days=400), NOW + timedelta(days=days)
    authority.issue_cert(name, not_before=begun, not_after=ends).configure_cert(context)
    return context


def self_signed(_: trustme.CA) -> ssl.SSLContext:
    """Return a server's TLS context with a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = trustme.CA()
    with own.cert_pem.tempfile() as chain, own.private_key_pem.tempfile() as key:
        context.load_cert_chain(chain, key)
    return context


def old(authority: trustme.CA, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a server's TLS context that speaks no version newer than `version`."""
    context = serving_as(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


DISTRUSTED = {
    "another authority": (lambda _: serving_as(trustme.CA()), "its authority is unknown"),
    "self-signed": (self_signed, "the certificate is not trusted (self-signed"),
    "expired": (
        lambda ca: serving_as(ca, days=-3),
        f"the certificate expired on {NOW - timedelta(days=3):%Y-%m-%d}",
    ),
    "another name": (
        lambda ca: serving_as(ca, "caio.example.com"),
        "the certificate is for another name (caio.example.com), not 127.0.0.1",
    ),
    "TLS 1.0": (lambda ca: old(ca, ssl.TLSVersion.TLSv1), "it does not speak TLS 1.2 or later"),
    "TLS 1.1": (lambda ca: old(ca, ssl.TLSVersion.TLSv1_1), "it does not speak TLS 1.2 or later"),
}


@pytest.mark.parametrize("name", some_nightly(DISTRUSTED, "TLS 1.1"))
def test_nothing_is_sent_where_tls_fails(
    name: str, authority: tuple[trustme.CA, dict[str, str]], ask_at: Ask, pace: Pace
) -> None:
    """Where the TLS handshake fails, no byte of a request is sent, and the run is NO-GO and says why."""
    make, words = DISTRUSTED[name]
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))

    with serving(bad.over_tls(make(authority[0]), listen), scheme="https") as url:
        outcome = pace.keeps(lambda _: ask_at(url, *SHORT, environment=authority[1]), 0, runs=4)
    must_be_no_go(outcome, words)
    assert b"".join(heard) == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_really_spoken(
    authority: tuple[trustme.CA, dict[str, str]], version: ssl.TLSVersion
) -> None:
    """The servers that stand for TLS 1.0 and 1.1 really speak them, to a client that accepts them."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority[0].configure_trust(client)
    client.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = version
    with serving(bad.over_tls(old(authority[0], version), bad.answering(b""))) as url:
        port = int(url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
        ):
            assert wrapped.version() == {"TLSv1": "TLSv1", "TLSv1_1": "TLSv1.1"}[version.name]


def test_a_handshake_that_is_never_answered(ask_at: Ask, pace: Pace) -> None:
    """A port that accepts connections but never answers the handshake is NO-GO after one timeout."""
    with serving(bad.stuck(), scheme="https") as url:
        outcome = pace.keeps(
            lambda deadline: ask_at(url, *GATES, "--max-connections=8", f"--http-timeout={deadline}")
        )
    must_be_no_go(outcome, f"no whole answer within {pace.deadline:g} s")


def test_plain_http_where_tls_is_expected(ask_at: Ask, pace: Pace) -> None:
    """Where a port speaks plain http instead of TLS, the run is NO-GO and says so."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(bad.http(400))

    with serving(answer, scheme="https") as url:
        outcome = pace.keeps(lambda _: ask_at(url, *SHORT), 0, runs=4)
    must_be_no_go(outcome, "the port does not speak TLS")


def test_a_deployment_behind_tls_is_go(
    authority: tuple[trustme.CA, dict[str, str]], ask_at: Ask, deployment: Deployment
) -> None:
    """A healthy deployment behind TLS, whose authority SSL_CERT_FILE names, is GO, and RDY-11 passes."""
    handle = bad.over_tls(serving_as(authority[0]), bad.relaying(deployment.address))
    with serving(handle, scheme="https") as url:
        outcome = ask_at(url, *SHORT, environment=authority[1])
    must_be_whole(outcome, "GO")
    assert outcome.checks["RDY-11"] == "passed"


@pytest.mark.parametrize(("days", "outcome"), [(13.9, "failed"), (14.1, "passed")])
def test_a_certificate_must_last(
    authority: tuple[trustme.CA, dict[str, str]],
    ask_at: Ask,
    deployment: Deployment,
    days: float,
    outcome: str,
) -> None:
    """A certificate that expires within 14 days turns RDY-11 red, and no other check of readiness."""
    handle = bad.over_tls(serving_as(authority[0], days=days), bad.relaying(deployment.address))
    with serving(handle, scheme="https") as url:
        found = ask_at(url, *SHORT, "-k", "transport or readiness or dependencies", environment=authority[1])
    red = {check for check, how in found.checks.items() if how == "failed"}
    assert red == ({"RDY-11"} if outcome == "failed" else set()), found.stdout
    if red:
        assert "the certificate ends in 13 days" in found.stdout


@pytest.fixture(scope="module")
def readiness() -> ModuleType:
    """The readiness gate as a module."""
    return gate_module("readiness")


def ask_plainly(url: str) -> Exchange:
    """Send a readiness request over plain http, as the plain-http case of RDY-11 does."""

    async def ask() -> Exchange:
        transport = Transport(timeout=1)
        try:
            return await transport.send(Request("GET", url, "/api/health/ready"))
        finally:
            await transport.aclose()

    return asyncio.run(ask())


def test_a_remote_deployment_is_probed_over_plain_http(readiness: ModuleType) -> None:
    """A deployment not on loopback gets a plain-http probe too, on port 80, without credentials."""
    environment = Environment("production", "https://caio.example.com:8443", Profile(), {})
    cases = readiness.transport_cases(environment)
    assert cases["plain http"].resolve(environment).origin == "http://caio.example.com"
    assert cases["plain http"].resolve(environment).headers == ()


PLAIN = {
    "content": (bad.answering(bad.http(200, b"<html>", HTML)), False),
    "content without end": (bad.pouring(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), False),
    "content that drips": (bad.stuck(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), False),
    "content that breaks off": (bad.broken(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), False),
    "content and more": (bad.answering(bad.http(200, b"<html>", HTML) + b"more"), False),
    "a redirect to https": (bad.answering(bad.http(308, b"", "Location: https://caio.example.com/")), True),
    "a redirect to http": (bad.answering(bad.http(302, b"", "Location: http://caio.example.com/x")), False),
    "a refusal": (bad.answering(bad.http(403)), True),
    "an error": (bad.answering(bad.http(500)), False),
    "silence": (bad.hanging, True),
    "a dropped connection": (bad.resetting, True),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_http_has_no_content(name: str, readiness: ModuleType) -> None:
    """Plain http that serves content, complete or not, is red; silence or a redirect to https is not."""
    handle, passes = PLAIN[name]
    judge: Callable[..., None] = inspect.unwrap(readiness.test_transport_is_secure)
    with serving(handle) as url:
        exchange = ask_plainly(url)
    if passes:
        judge(exchange, "plain http")
    else:
        with pytest.raises(AssertionError):
            judge(exchange, "plain http")


def test_the_certificate_case_requires_modern_tls(readiness: ModuleType) -> None:
    """The certificate case is red without TLS, with TLS 1.1, or with no known expiry date."""
    judge: Callable[..., None] = inspect.unwrap(readiness.test_transport_is_secure)
    with serving(bad.answering(bad.http(200))) as url:
        exchange = ask_plainly(url)
    with pytest.raises(AssertionError, match="asked over https"):
        judge(exchange, "certificate")
    with pytest.raises(AssertionError):
        judge(replace(exchange, tls=Tls("TLSv1.1", NOW + timedelta(days=90))), "certificate")
    with pytest.raises(AssertionError):
        judge(replace(exchange, tls=Tls("TLSv1.3", None)), "certificate")


PROTECTED = ("X-Content-Type-Options: nosniff", "X-Frame-Options: DENY")


@pytest.mark.parametrize(
    ("scheme", "headers", "lacking"),
    [
        ("http", PROTECTED, ""),
        ("https", PROTECTED, "Strict-Transport-Security"),
        ("https", (*PROTECTED, "Strict-Transport-Security: max-age=0"), "Strict-Transport-Security"),
        ("https", (*PROTECTED, "Strict-Transport-Security: includeSubDomains"), "Strict-Transport-Security"),
        ("https", (*PROTECTED, 'Strict-Transport-Security: includeSubDomains; Max-Age="600"'), ""),
        # Browsers heed the first one alone (RFC 6797, 8.1).
        (
            "https",
            (*PROTECTED, *(f"Strict-Transport-Security: max-age={age}" for age in (0, 600))),
            "Strict-Transport-Security",
        ),
        ("http", (*PROTECTED, *PROTECTED), ""),
        ("http", (PROTECTED[1],), "X-Content-Type-Options"),
        ("http", (*PROTECTED, "X-Frame-Options: SAMEORIGIN"), ""),
        ("http", (PROTECTED[0], "X-Frame-Options: ALLOWALL"), "X-Frame-Options"),
        ("http", (*PROTECTED, "Content-Security-Policy: frame-ancestors *"), "frame-ancestors"),
        ("http", (*PROTECTED, "Content-Security-Policy: a; Frame-Ancestors https://*"), "frame-ancestors"),
        ("http", (PROTECTED[0], "Content-Security-Policy: frame-ancestors"), ""),
        ("http", (PROTECTED[0], "Content-Security-Policy: frame-ancestors 'self' *.a.example"), ""),
        ("http", (PROTECTED[0], "Content-Security-Policy: frame-ancestors *, frame-ancestors 'self'"), ""),
        ("http", (PROTECTED[0], "Content-Security-Policy: report-uri /frame-ancestors"), "X-Frame-Options"),
    ],
)
def test_security_headers_protect(
    scheme: str, headers: tuple[str, ...], lacking: str, readiness: ModuleType
) -> None:
    """RDY-14 takes headers as browsers do, and Strict-Transport-Security over https only."""
    judge: Callable[..., None] = inspect.unwrap(readiness.test_security_headers)
    with serving(bad.answering(bad.http(200, b"", *headers))) as url:
        exchange = ask_plainly(url)
    environment = Environment("production", f"{scheme}://caio.example.com", Profile(), {})
    if not lacking:
        judge(exchange, environment)
    else:
        with pytest.raises(AssertionError, match=lacking):
            judge(exchange, environment)
