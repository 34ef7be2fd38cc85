"""The auth gate where no fault of one deployment shows it: what is not shown, and what there is to try."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from types import ModuleType

import pytest

from pytest_caio import MissingInput, NotApplicable
from pytest_caio.checks.credentials import session_signed_by, session_signed_with
from pytest_caio.checks.probe import get
from pytest_caio.contract.signing import KNOWN_SESSION_SECRETS, session_cookie, signed_part
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.secret import Secret
from tests.support.gate_runs import Gate, ask_gate, gate_module
from tests.support.sessions import read_session


@pytest.fixture(scope="module")
def auth() -> ModuleType:
    """The gate as a module."""
    return gate_module("auth")


def environment(**values: str) -> Environment:
    """Return an environment with these values."""
    return Environment("demo", "http://127.0.0.1:9", Profile(), {k: Secret(v) for k, v in values.items()})


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A run on a deployment that believes the default secret, and whose login has locked the address out."""
    folder = tmp_path_factory.mktemp("auth")
    return ask_gate("auth", folder, "--fault=session-by-default", "--fault=login-locked", "--allow-writes")


def test_a_session_that_opens_is_not_shown(broken: Gate) -> None:
    """A session that opens the dashboard is NO-GO by the name of its secret, and stands nowhere."""
    assert broken.outcomes("demo")["AUTH-08"] == "failed"
    assert KNOWN_SESSION_SECRETS[0] in broken.shown
    hour = int(time.time()) // 3600
    sessions = [session_cookie(KNOWN_SESSION_SECRETS[0], at * 3600) for at in range(hour - 2, hour + 1)]
    hidden = [signed_part(session) for session in sessions]
    assert [text for text in hidden if text in broken.shown] == []
    # Nor a part of one: a time and 27 characters follow what anybody can write.
    assert not re.search(r"eyJhdXRoZW50aWNhdGVkIjogdHJ1ZX0=\.[\w-]{6}\.[\w-]{27}", broken.shown)


def test_a_locked_login_is_said(broken: Gate) -> None:
    """A login that has locked the address out did not look at the token: that is advised of, in words."""
    outcomes = broken.outcomes("demo")
    assert {i: outcomes[i] for i in ("AUTH-14", "AUTH-16", "AUTH-18")} == dict.fromkeys(
        ("AUTH-14", "AUTH-16", "AUTH-18"), "advised"
    )
    assert "locked this address out after five wrong tokens" in broken.observed("demo", "AUTH-16")


def test_sessions_are_signed_with_each_secret() -> None:
    """Each secret signs a session that Starlette's middleware would believe, of a URL its password."""
    given = environment(CLAY_WEBHOOK_SECRET="clay's secret", REDIS_URL="redis://default:pass-word@h:6379/0")
    for key, secret in (("CLAY_WEBHOOK_SECRET", "clay's secret"), ("REDIS_URL", "pass-word")):
        request = get("/x", session_signed_by(key)).resolve(given)
        ((name, value),) = request.headers
        session = value.removeprefix("caio_session=")
        assert name == "Cookie"
        assert read_session(secret, session) == {"authenticated": True}
        assert request.secrets == ((f"session signed with {key}", signed_part(session)),)
    request = get("/x", session_signed_with("", "session signed with nothing")).resolve(given)
    assert read_session("", request.headers[0][1].removeprefix("caio_session=")) == {"authenticated": True}


def test_the_session_s_own_secret_signs_nothing(auth: ModuleType) -> None:
    """The secret that sessions are signed with is the one that is not tried: it opens the dashboard."""
    keys = {"SESSION_SECRET_KEY": "a", "DASHBOARD_AUTH_TOKEN": "b", "OTHER_API_KEY": "c", "PORT": "8080"}
    cases = auth.test_token_elsewhere.caio_cases(environment(**keys))
    signed = {
        name.removeprefix("session signed with ") for name in cases if name.startswith("session signed")
    }
    assert signed == {"an empty key", *KNOWN_SESSION_SECRETS, "DASHBOARD_AUTH_TOKEN", "OTHER_API_KEY"}


def test_bearers_that_nobody_sends_are_not_tried(auth: ModuleType) -> None:
    """Where every provider signs there is no bearer to try; where nothing was given, an input is missing."""
    signs = {f"{name}_WEBHOOK_SECRET": "x" for name in ("INSTANTLY", "HEYREACH", "CLAY", "RB2B")}
    with pytest.raises(NotApplicable):
        auth.bearer_cases(environment(**signs))
    with pytest.raises(MissingInput):
        auth.bearer_cases(environment(DASHBOARD_AUTH_TOKEN="x"))
    cases = auth.bearer_cases(environment(**signs, HEYREACH_BEARER_TOKEN="y"))
    assert set(cases) == {"HEYREACH_BEARER_TOKEN as bearer", "HEYREACH_BEARER_TOKEN as token"}


@pytest.mark.parametrize(
    ("status", "body", "served"),
    [
        (200, b"KEY=value\n", True),
        (206, b"ref: refs/heads/main", True),
        (200, b"<?xml version='1.0'?>", True),
        (200, b"\x89PNG", True),
        (200, b"  <!DOCTYPE html><title>CAIO</title>", False),
        (200, b"<HTML>", False),
        (200, b"\n", False),
        (302, b"", False),
        (401, b'{"detail": "Unauthorized"}', False),
        (404, b"KEY=value", False),
    ],
)
def test_what_is_a_file(auth: ModuleType, status: int, body: bytes, served: bool) -> None:
    """A page, an empty body and a refusal are no file; whatever else has content is one."""
    request = get("/.env").resolve(environment())
    assert auth.is_file(Exchange(request, datetime.now(UTC), 1.0, status, body=body)) is served
