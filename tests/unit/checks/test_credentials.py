"""The right ways to identify oneself, and the near misses that must open nothing."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.checks import credentials
from pytest_caio.checks.probe import Credential, Effect, Request, get, post
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.redaction.secret import Secret

TOKEN = "Tok3n-abcdefghijklmnop"
WORDS = st.text("abcXYZ019-_.~+/=", min_size=2, max_size=60)


def sent(credential: Credential, environment: Environment, body: bytes = b"body") -> Request:
    """Return the request that `credential` makes of a POST."""
    return post("/x", credential, body=body).resolve(environment)


@pytest.fixture
def environment(make_environment: Callable) -> Environment:
    """An environment with every secret, each another."""
    return make_environment(
        DASHBOARD_AUTH_TOKEN=TOKEN,
        WEBHOOK_BEARER_TOKEN="webhook-bearer-value",
        CLAY_WEBHOOK_SECRET="clay-secret-value",
        INNGEST_SIGNING_KEY="signkey-test-0123456789abcdef",
        revoked=("revoked-token-one", "revoked-token-two"),
    )


@pytest.mark.parametrize("kind", credentials.NEAR_MISSES)
@settings(derandomize=True, database=None, deadline=None, max_examples=50)
@given(token=WORDS)
def test_a_near_miss_is_never_the_token(kind: str, token: str) -> None:
    """Whatever the token, no near miss is it, nor is trimmed into it on the way."""
    environment = Environment("e", "http://a", Profile(), {"DASHBOARD_AUTH_TOKEN": Secret(token)})
    [(name, value)] = sent(credentials.near_miss(kind), environment).headers
    assert name == "X-Dashboard-Token"
    assert value.strip() != token
    value.encode("ascii")


def test_near_misses_are_near(environment: Environment) -> None:
    """Each near miss differs in what its name says."""
    value = {
        kind: sent(credentials.near_miss(kind), environment).headers[0][1] for kind in credentials.NEAR_MISSES
    }
    assert TOKEN.startswith(value["a prefix"])
    assert len(value["a prefix"]) > len(TOKEN) // 2
    assert value["one more character"][:-1] == TOKEN
    assert value["other case"].lower() == TOKEN.lower()
    assert value["first character changed"][1:] == TOKEN[1:]
    assert value["last character changed"][:-1] == TOKEN[:-1]


def test_a_token_without_letters_still_has_a_near_miss(make_environment: Callable) -> None:
    """Where there is no other case, a made-up value is sent, never the token."""
    environment = make_environment(DASHBOARD_AUTH_TOKEN="1234567890-1234567890")
    [(_, value)] = sent(credentials.near_miss("other case"), environment).headers
    assert value != "1234567890-1234567890"
    assert len(value) > 20


@pytest.mark.parametrize("kind", credentials.NEAR_MISSES)
def test_near_misses_are_not_shown(environment: Environment, kind: str) -> None:
    """A near miss tells almost all of the token, so it is hidden as the token is."""
    request = sent(credentials.near_miss(kind), environment)
    assert request.secrets == ((f"DASHBOARD_AUTH_TOKEN, {kind}", request.headers[0][1]),)
    assert TOKEN not in request.credential


@pytest.mark.parametrize(
    ("credential", "name", "value"),
    [
        (credentials.TOKEN, "X-Dashboard-Token", TOKEN),
        (credentials.token_as("Authorization", "Bearer {}"), "Authorization", f"Bearer {TOKEN}"),
        (credentials.token_as("Cookie", "caio_session={}"), "Cookie", f"caio_session={TOKEN}"),
        (credentials.bearer("WEBHOOK_BEARER_TOKEN"), "Authorization", "Bearer webhook-bearer-value"),
        (
            credentials.bearer("WEBHOOK_BEARER_TOKEN", header_name="X-Dashboard-Token", template="{}"),
            "X-Dashboard-Token",
            "webhook-bearer-value",
        ),
        (credentials.revoked_token(1), "X-Dashboard-Token", "revoked-token-two"),
    ],
)
def test_secrets_in_headers(environment: Environment, credential: Credential, name: str, value: str) -> None:
    """A secret stands in the header it should, and is known as one."""
    request = sent(credential, environment)
    assert request.headers == ((name, value),)
    assert [hidden for _, hidden in request.secrets] == [value]
    assert request.credential == credential.name
    assert value not in credential.name


@pytest.mark.parametrize("value", ["", "x" * 8192, "a\x01b", b"caf\xc3\xa9"])
def test_fixed_headers(environment: Environment, value: str | bytes) -> None:
    """A fixed value is sent as it is, and is no secret."""
    request = sent(credentials.header("X-A", value, "a fixed value"), environment)
    [(_, text)] = request.headers
    assert text.encode("latin-1") == (value.encode() if isinstance(value, str) else value)
    assert (request.secrets, request.credential) == ((), "a fixed value")


def test_the_token_in_the_query(make_environment: Callable) -> None:
    """The token is percent-encoded into the query, and known in that form."""
    environment = make_environment(DASHBOARD_AUTH_TOKEN="a b&c=d/\u00e9")
    request = get("/x", credentials.query_token()).resolve(environment)
    assert request.target == "/x?token=a%20b%26c%3Dd%2F%C3%A9"
    assert request.headers == ()
    assert request.secrets == (("DASHBOARD_AUTH_TOKEN", "a%20b%26c%3Dd%2F%C3%A9"),)


def test_the_token_in_the_login_form(make_environment: Callable) -> None:
    """The token is percent-encoded into the form's field."""
    environment = make_environment(DASHBOARD_AUTH_TOKEN="a b&c=d")
    request = sent(credentials.login_token(), environment)
    assert (request.body, request.headers) == (b"token=a%20b%26c%3Dd", ())
    assert request.secrets


@pytest.mark.parametrize(
    ("details", "signed"),
    [
        ({}, b"body"),
        ({"over": b"another"}, b"another"),
        ({"over": b""}, b""),
        ({"prefix": "sha256="}, b"body"),
    ],
)
def test_signed_requests(environment: Environment, details: dict, signed: bytes) -> None:
    """A signature is over the body that is sent, or over the bytes that were asked for."""
    credential = credentials.signed("CLAY_WEBHOOK_SECRET", "X-Clay-Signature", **details)
    request = sent(credential, environment)
    digest = hmac.new(b"clay-secret-value", signed, hashlib.sha256).hexdigest()
    assert request.headers == (("X-Clay-Signature", details.get("prefix", "") + digest),)
    assert request.body == b"body"
    assert request.secrets[0][1] == request.headers[0][1]


def test_signatures_are_told_apart() -> None:
    """A good signature, one over another body, one over none and each near miss are different credentials."""
    misses = [{"miss": kind} for kind in credentials.NEAR_SIGNATURES]
    every = [{}, {"over": b"x"}, {"over": b""}, *misses]
    assert len({credentials.signed("K", "X", **details).name for details in every}) == len(every)


@pytest.mark.parametrize("kind", credentials.NEAR_SIGNATURES)
@settings(derandomize=True, database=None, deadline=None, max_examples=50)
@given(body=st.binary(max_size=20))
def test_a_near_signature_is_never_the_right_one(kind: str, body: bytes) -> None:
    """Whatever is signed, no near miss of the signature is right, and each is hexadecimal and hidden."""
    environment = Environment(
        "e", "http://a", Profile(), {"CLAY_WEBHOOK_SECRET": Secret("clay-secret-value")}
    )
    right = hmac.new(b"clay-secret-value", body, hashlib.sha256).hexdigest()
    request = sent(credentials.signed("CLAY_WEBHOOK_SECRET", "X", miss=kind), environment, body)
    [(_, value)] = request.headers
    assert value != right
    assert re.fullmatch("[0-9a-f]+", value)
    assert right[1:31] in value
    assert request.secrets == ((f"signature by CLAY_WEBHOOK_SECRET, {kind}", value),)


@pytest.mark.parametrize("kind", credentials.NEAR_MISSES)
@pytest.mark.parametrize("right", ["webhook-bearer-value", "1234567890-1234567890"])
def test_a_near_bearer_is_never_the_right_one(make_environment: Callable, kind: str, right: str) -> None:
    """Almost a bearer is sent as a bearer is, and is hidden, also where the bearer has no letters."""
    environment = make_environment(WEBHOOK_BEARER_TOKEN=right)
    request = sent(credentials.bearer("WEBHOOK_BEARER_TOKEN", miss=kind), environment)
    [(name, value)] = request.headers
    assert (name, value.split()[0]) == ("Authorization", "Bearer")
    assert value != f"Bearer {right}"
    assert request.secrets == ((f"WEBHOOK_BEARER_TOKEN as bearer, {kind}", value),)


def test_a_bearer_in_the_query(environment: Environment) -> None:
    """A bearer stands in the query under every name, is hidden, and is said to stay in the server's log."""
    request = sent(credentials.bearer_in_query("WEBHOOK_BEARER_TOKEN", ("token", "auth")), environment)
    assert request.target == "/x?token=webhook-bearer-value&auth=webhook-bearer-value"
    assert request.secrets == (("WEBHOOK_BEARER_TOKEN", "webhook-bearer-value"),)
    assert (request.headers, request.effect) == ((), Effect.LOGGED)


def test_a_signature_in_the_query(environment: Environment) -> None:
    """A right signature stands in the query and is hidden; in a log it is good for nothing but this body."""
    request = sent(credentials.signed_in_query("CLAY_WEBHOOK_SECRET", ("signature",)), environment)
    digest = hmac.new(b"clay-secret-value", b"body", hashlib.sha256).hexdigest()
    assert request.target == f"/x?signature={digest}"
    assert request.secrets == (("signature by CLAY_WEBHOOK_SECRET in the query", digest),)
    assert (request.headers, request.effect) == ((), Effect.HARMLESS)


def test_inngest_signatures_of_one_plan_are_the_same(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second that passes between two probes does not make two requests of one; later it is signed anew."""
    clock = iter([4e9, 4e9 + 1, 4e9 + 99, 4e9 + 100, 4e9 + 3])
    monkeypatch.setattr(credentials, "time", SimpleNamespace(time=lambda: next(clock)))
    monkeypatch.setitem(credentials._LAST_SIGNED, "at", 0)
    signed = [get("/inngest", credentials.inngest_signed()).resolve(environment).headers for _ in range(5)]
    assert signed[0] == signed[1] == signed[2] != signed[3]
    assert signed[4][0][1].startswith("t=4000000003&")  # a clock that was put back


def test_a_run_signs_for_the_second_of_its_start(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All workers of a run sign alike, for the second of its start; where that was long ago, for now."""
    monkeypatch.setattr(credentials, "time", SimpleNamespace(time=lambda: 4e9))
    monkeypatch.setitem(credentials._LAST_SIGNED, "at", 0)
    for begun, signed in ((3_999_999_950, 3_999_999_950), (3_999_999_900, 4_000_000_000)):
        credentials.sign_from(begun)
        request = get("/inngest", credentials.inngest_signed()).resolve(environment)
        assert request.headers[0][1].startswith(f"t={signed}&")


def test_an_inngest_signature_is_of_now(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inngest's signature carries the moment it was made, and can be replayed, so it is hidden."""
    monkeypatch.setitem(credentials._LAST_SIGNED, "at", 0)
    request = get("/inngest", credentials.inngest_signed()).resolve(environment)
    [(name, value)] = request.headers
    match = re.fullmatch(r"t=(\d+)&s=([0-9a-f]{64})", value)
    assert name == "X-Inngest-Signature"
    assert abs(int(match[1]) - time.time()) < 5
    assert match[2] == hmac.new(b"0123456789abcdef", match[1].encode(), hashlib.sha256).hexdigest()
    assert [hidden for _, hidden in request.secrets] == [value]
