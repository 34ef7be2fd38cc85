"""A secret is not shown unless asked for."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.redaction.secret import Secret, names_secret, new_secret

VALUE = "hunter2-hunter2"


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>40}".format, "%s".__mod__, ascii])
def test_a_secret_hides(show) -> None:
    """No way of showing a secret shows its value, nor its length."""
    assert VALUE not in show(Secret(VALUE))
    assert show(Secret(VALUE)) == show(Secret(VALUE * 3))
    assert VALUE not in show([Secret(VALUE)])


def test_a_secret_has_no_attributes_to_print() -> None:
    """What prints an object's attributes finds none."""
    assert not hasattr(Secret(VALUE), "__dict__")


def test_reveal_is_the_way_to_the_value() -> None:
    """The value is there for who puts it to use."""
    assert Secret(VALUE).reveal() == VALUE
    assert pickle.loads(pickle.dumps(Secret(VALUE))) == Secret(VALUE)


def test_an_empty_secret_is_seen_to_be_empty() -> None:
    """Whether there is a value at all is no secret."""
    assert not Secret("")
    assert Secret(" ")
    assert (str(Secret("")), repr(Secret(""))) == ("", "Secret('')")


def test_secrets_compare_by_value() -> None:
    """Two secrets are told equal without being shown, and are never equal to text."""
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret(VALUE + "x")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2


@settings(derandomize=True, database=None, deadline=None)
@given(st.text(min_size=1))
def test_every_secret_looks_the_same(value: str) -> None:
    """What is shown does not depend on the value."""
    assert (str(Secret(value)), repr(Secret(value))) == ("**********", "Secret('**********')")


@pytest.mark.parametrize(
    "key",
    [
        "DASHBOARD_AUTH_TOKEN",
        "SESSION_SECRET_KEY",
        "INNGEST_SIGNING_KEY",
        "INNGEST_EVENT_KEY",
        "WEBHOOK_BEARER_TOKEN",
        "HEYREACH_BEARER_TOKEN",
        "RB2B_WEBHOOK_SECRET",
        "DB_PASSWORD",
        "SENTRY_DSN",
        "API_KEY",
        "KEY",
        "my_token",
    ],
)
def test_names_of_secrets(key: str) -> None:
    """A key that says so names a secret."""
    assert names_secret(key, "x")


@pytest.mark.parametrize(
    "key",
    [
        "ENVIRONMENT",
        "DASHBOARD_QUERY_TOKEN_ENABLED",
        "REDIS_REQUIRED",
        "TOKEN_HEADER",
        "DASHBOARD_AUTH_ALLOWLIST",
        "TRACE_RETENTION_DAYS",
        "KEYBOARD",
        "MONKEY",
        "STATE_REDIS_PREFIX",
    ],
)
def test_names_of_switches(key: str) -> None:
    """A switch, a number and a name are no secrets, although they speak of one."""
    assert not names_secret(key, "true")


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("redis://default:pa55@redis.internal:6379/0", True),
        ("rediss://:pa55@host", True),
        ("postgres://me:p/w@host/db", False),
        ("redis://127.0.0.1:6379/0", False),
        ("https://caio.example.com/inngest", False),
        ("https://a.example,https://b.example:8443", False),
    ],
)
def test_urls_with_credentials(value: str, secret: bool) -> None:
    """A URL with a password in it is a secret, whatever its key."""
    assert names_secret("REDIS_URL", value) is secret


def test_a_new_secret_is_no_option() -> None:
    """A secret that is made can follow an option as it is, stand first in a file, and is never made twice."""
    made = {new_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"\w[\w-]{42}", secret, re.ASCII) for secret in made)
