"""Why a certificate is not trusted: which one of the chain, and what must change."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from pytest_caio.checks.probe import Request
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.tls import authorities, handshake_failure
from pytest_caio.probing.transport import FINAL
from tests.support.loopback import Loopback

NOW = datetime.now(UTC)
PAST = NOW - timedelta(days=3)
FUTURE = NOW + timedelta(days=90)
ADDRESS = "127.0.0.1"


class Link:
    """A certificate of a chain with its key; the first one signs itself."""

    def __init__(
        self,
        name: str,
        by: Link | None = None,
        *,
        ends: datetime = FUTURE,
        leaf: bool = False,
        aia: bool = False,
    ) -> None:
        self.by = by
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(by.subject if by else self.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=400))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=not leaf, path_length=None), critical=True)
        )
        if leaf:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(ADDRESS))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if aia:
            place = x509.UniformResourceIdentifier("http://authority.example/ca.cer")
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        self.certificate = builder.sign((by or self).key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def context(self, *chain: Link) -> ssl.SSLContext:
        """Return a server's TLS context with this certificate and `chain`."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        blob = trustme.Blob(b"".join([key, self.pem, *(link.pem for link in chain)]))
        with blob.tempfile() as path:
            context.load_cert_chain(path)
        return context


@pytest.fixture
def ask(
    make_server: Callable[..., Loopback], send: Callable[..., list], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Exchange]:
    """Send a request to a server with this TLS context, trusting `root` alone."""

    def run(context: ssl.SSLContext, root: Link) -> Exchange:
        trusting = ssl.create_default_context(cadata=root.pem.decode())
        monkeypatch.setattr("pytest_caio.probing.transport.authorities", lambda: trusting)
        server = make_server(context)
        [exchange] = send(Request("GET", server.origin, "/"))
        assert server.received == []
        assert exchange.error.startswith(FINAL)
        return exchange

    return run


def test_a_chain_that_is_whole_is_trusted(
    make_server: Callable[..., Loopback], send: Callable[..., list], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chains of these tests are trusted as long as nothing is wrong with them."""
    root = Link("Root")
    middle = Link("Middle", root)
    trusting = ssl.create_default_context(cadata=root.pem.decode())
    monkeypatch.setattr("pytest_caio.probing.transport.authorities", lambda: trusting)
    server = make_server(Link("leaf", middle, leaf=True).context(middle))
    [exchange] = send(Request("GET", server.origin, "/"))
    assert (exchange.status_code, exchange.error) == (200, "")


def test_an_expired_intermediate_is_named(ask: Callable[..., Exchange]) -> None:
    """An expired intermediate certificate is named with its date, not the future date of the server's own."""
    root = Link("Root")
    middle = Link("Middle CA 7", root, ends=PAST)
    error = ask(Link("leaf", middle, leaf=True).context(middle), root).error
    assert 'is valid, but the intermediate certificate "Middle CA 7" that the server sends' in error
    assert f"expired on {PAST:%Y-%m-%d}" in error
    assert f"{FUTURE:%Y-%m-%d}" not in error


def test_the_second_of_two_intermediates_is_named(ask: Callable[..., Exchange]) -> None:
    """Of several intermediate certificates, the expired one is named."""
    root = Link("Root")
    upper = Link("Upper", root, ends=PAST)
    lower = Link("Lower", upper)
    error = ask(Link("leaf", lower, leaf=True).context(lower, upper), root).error
    assert 'the intermediate certificate "Upper"' in error


def test_an_expired_root_is_named(ask: Callable[..., Exchange]) -> None:
    """An authority in this machine's own store that expired is named; the server did not send it."""
    root = Link("Old Root", ends=PAST)
    middle = Link("Middle", root)
    error = ask(Link("leaf", middle, leaf=True).context(middle), root).error
    assert 'is valid, but that of its authority "Old Root" has expired' in error


def test_an_expired_certificate_of_its_own(ask: Callable[..., Exchange]) -> None:
    """A server's own expired certificate is named as such, also where an intermediate one expired too."""
    root = Link("Root")
    middle = Link("Middle", root, ends=PAST)
    error = ask(Link("leaf", middle, leaf=True, ends=PAST).context(middle), root).error
    assert error == f"cannot connect: the certificate expired on {PAST:%Y-%m-%d}"


def test_a_missing_intermediate_is_named(ask: Callable[..., Exchange]) -> None:
    """A missing intermediate certificate is not called self-signed, and is named as the one that signed."""
    root = Link("Root")
    middle = Link("Middle CA 7", root)
    error = ask(Link("leaf", middle, leaf=True, aia=True).context(), root).error
    assert 'the server leaves out the intermediate certificate "Middle CA 7" that signed it' in error
    assert "self-signed" not in error
    doubtful = ask(Link("leaf", middle, leaf=True).context(), root).error
    assert 'its authority is unknown "Middle CA 7", or the server leaves out an intermediate' in doubtful


def test_an_unknown_authority_is_named(ask: Callable[..., Exchange]) -> None:
    """An authority that nobody knows, as that of a company's proxy, is named, and how to trust it."""
    corporate = Link("Corporate Root")
    error = ask(Link("leaf", corporate, leaf=True).context(corporate), Link("Root")).error
    assert 'its authority is unknown "Corporate Root"); behind a proxy of a company, name the file' in error


def test_a_certificate_that_signs_itself(ask: Callable[..., Exchange]) -> None:
    """A self-signed certificate is called that."""
    assert "self-signed" in ask(Link("own", leaf=True).context(), Link("Root")).error


def test_a_chain_that_cannot_be_read_again(
    ask: Callable[..., Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the second look shows nothing, what is known is said."""

    async def nothing(*_: object) -> list[object]:
        await asyncio.sleep(0)
        raise OSError

    monkeypatch.setattr("pytest_caio.probing.tls._chain", nothing)
    root = Link("Root")
    assert "expired, or another" in ask(Link("leaf", root, leaf=True, ends=PAST).context(), root).error
    assert "authority is unknown" in ask(Link("leaf", root, leaf=True).context(), Link("Other")).error


@pytest.mark.parametrize("content", [None, "no certificate", ""])
def test_a_file_of_authorities_that_cannot_be_read(
    content: str | None, tmp_path: Path, ask: Callable[..., Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SSL_CERT_FILE` missing or without a certificate breaks nothing, and is named where it is missed."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, "utf-8")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(path))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "nowhere" / "keys"))
    assert authorities().cert_store_stats()["x509_ca"] > 50  # certifi's
    monkeypatch.delenv("SSLKEYLOGFILE")
    corporate = Link("Corporate Root")
    error = ask(Link("leaf", corporate, leaf=True).context(corporate), Link("Root")).error
    assert "; SSL_CERT_FILE names no file of certificates; behind a proxy of a company" in error


def test_a_server_of_http_2_alone_is_named() -> None:
    """A server that refuses every protocol but HTTP/2 in its handshake is told from a broken one."""
    error = ssl.SSLError(1, "[SSL: TLSV1_ALERT_NO_APPLICATION_PROTOCOL]")
    error.reason = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
    assert "speaks no HTTP/1.1" in handshake_failure(error)
