"""A secret shows its value only through `reveal`."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.redaction.secret import Secret, names_secret, new_secret

VALUE = "hunter2-hunter2"


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>40}".format, "%s".__mod__, ascii])
def test_a_secret_hides_its_value_and_length(show) -> None:
    """No text representation of a secret shows its value or its length."""
    assert VALUE not in show(Secret(VALUE))
    assert show(Secret(VALUE)) == show(Secret(VALUE * 3))
    assert VALUE not in show([Secret(VALUE)])


def test_a_secret_has_no_attributes_to_print() -> None:
    """A secret has no `__dict__`, so that tools that print attributes show nothing."""
    assert not hasattr(Secret(VALUE), "__dict__")


def test_reveal_returns_the_value() -> None:
    """`reveal` returns the value, and a secret can be pickled."""
    assert Secret(VALUE).reveal() == VALUE
    assert pickle.loads(pickle.dumps(Secret(VALUE))) == Secret(VALUE)


def test_an_empty_secret_is_seen_to_be_empty() -> None:
    """An empty secret is false and looks empty, since the absence of a value is not secret."""
    assert not Secret("")
    assert Secret(" ")
    assert (str(Secret("")), repr(Secret(""))) == ("", "Secret('')")


def test_secrets_compare_by_value() -> None:
    """Secrets compare and hash by value, and never equal a text."""
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret(VALUE + "x")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2


@settings(derandomize=True, database=None, deadline=None)
@given(st.text(min_size=1))
def test_every_secret_looks_the_same(value: str) -> None:
    """Any secret that is not empty looks the same."""
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
    """A key that ends in a word such as TOKEN, SECRET or KEY names a secret."""
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
    """A switch, a number or a name is not a secret, although its key mentions one."""
    assert not names_secret(key, "true")


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("redis://default:pa55@redis.internal:6379/0", True),
        ("rediss://:pa55@host", True),
        ("postgres://me:p/w@host/db", True),
        ("redis://:p/w#x?y@host/0", True),
        ("redis://host/0?password=pa55&db=1", True),
        ("redis://host/0?username=me", True),
        ("https://api.example/v1?access_token=pa55", True),
        ("https://me:p/w@api.example", True),
        ("https://pa55@sentry.example/1", True),
        ("a.example,https://me:pa55@b.example", True),
        ("default:pa55@host:6379", True),
        ("pa55", True),
        ("https://host:8443/users/@me", False),
        ("mongodb://a:27017,b:27017/db", False),
        ("unix:///run/redis.sock?db=1", False),
        ("redis://127.0.0.1:6379/0", False),
        ("https://caio.example.com/inngest", False),
        ("https://a.example,https://b.example:8443", False),
    ],
)
def test_urls_with_credentials(value: str, secret: bool) -> None:
    """A URL that contains a password is a secret, and others are not."""
    assert names_secret("REDIS_URL", value) is secret


def test_new_secrets_are_distinct_and_fit_a_command_line() -> None:
    """Each new secret is different, and begins with a word character, as no command-line option does."""
    made = {new_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"\w[\w-]{42}", secret, re.ASCII) for secret in made)
