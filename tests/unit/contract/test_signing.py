"""Signatures are those that the providers and the Inngest SDK make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest
from inngest._internal import net
from itsdangerous import TimestampSigner

from pytest_caio.contract.signing import inngest_signature, session_cookie, signed_part, webhook_signature
from tests.support.sessions import read_session

KEY = "signkey-prod-b2ed992186a5cb19f6668aade821f502c1d00970dfd0e35128d51bac4649916c"


def test_webhook_signatures_follow_rfc_4231() -> None:
    """The HMAC is SHA-256's over the raw body, in lower-case hex (RFC 4231, test case 2)."""
    known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert webhook_signature("Jefe", b"what do ya want for nothing?") == known


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\x00", b'{"a": "\xc3\xa9"}'])
def test_the_body_is_signed_as_it_is(body: bytes) -> None:
    """No body is decoded or trimmed before it is signed."""
    assert webhook_signature("k\u00e9y", body) == hmac.new("k\u00e9y".encode(), body, "sha256").hexdigest()


@pytest.mark.parametrize("body", [b"", b'{"a":1}'])
def test_inngest_signatures_are_the_sdk_s(body: bytes) -> None:
    """The Inngest SDK itself makes the same signature."""
    assert inngest_signature(KEY, body, 1_767_225_600) == net.sign_request(body, KEY, 1_767_225_600)


@pytest.mark.parametrize("key", [KEY, KEY.replace("prod", "test"), KEY.removeprefix("signkey-prod-")])
def test_the_prefix_is_no_part_of_the_key(key: str) -> None:
    """The key is used as text, without its prefix, whichever that is."""
    bare = KEY.removeprefix("signkey-prod-").encode()
    digest = hmac.new(bare, b"body" + b"17", hashlib.sha256).hexdigest()
    assert inngest_signature(key, b"body", 17) == f"t=17&s={digest}"


@pytest.mark.parametrize("secret", ["k\u00e9y", "changeme", "", "x" * 200])
def test_sessions_are_the_session_library_s(secret: str) -> None:
    """itsdangerous makes the same session, and Starlette's middleware reads it under this secret alone."""
    at = int(time.time()) - 3600
    session = session_cookie(secret, at)
    signer = TimestampSigner(secret)
    signer.get_timestamp = lambda: at  # type: ignore[method-assign]
    assert session == signer.sign(base64.b64encode(b'{"authenticated": true}')).decode()
    assert read_session(secret, session) == {"authenticated": True}
    assert read_session(f"{secret}x", session) == {}


def test_what_is_hidden_of_a_session() -> None:
    """Its time and signature are hidden; of what is no session, all is."""
    session = session_cookie("secret", 1_767_225_600)
    payload, _, hidden = session.partition(".")
    assert signed_part(session) == hidden
    assert base64.b64decode(payload) == b'{"authenticated": true}'
    assert signed_part("no-session") == "no-session"


def test_odd_secrets_sign_too() -> None:
    """A secret of the process environment that is no UTF-8 signs as the bytes that it is."""
    odd = b"\xff\xfesecret".decode("utf-8", "surrogateescape")
    assert webhook_signature(odd, b"{") == hmac.new(b"\xff\xfesecret", b"{", hashlib.sha256).hexdigest()
    assert inngest_signature(odd, b"", 1).startswith("t=1&s=")
    assert session_cookie(odd, 1)
