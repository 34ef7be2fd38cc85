"""The rules of an environment's settings: what each says of values that are right, wrong or not given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_caio.environments import rules as settings
from pytest_caio.environments.environment import Environment, load_environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.environments.secret_rules import (
    given_secrets,
    revoked_fault,
    revoked_secrets,
    secret_faults,
    shared_database,
    shared_secrets,
)
from pytest_caio.outcomes import MissingInput

Make = Callable[..., Environment]
PRODUCTION = Profile(environment="production")
ONE, TWO = "k3vQ9zR1xT7mB2nL5pWs-one", "k3vQ9zR1xT7mB2nL5pWs-two"


@pytest.mark.parametrize(
    ("value", "words"),
    [("", "A is empty"), ("  ", "A is empty"), (None, "A is missing"), ("0", ""), ("x", "")],
)
def test_absence(make_environment: Make, value: str | None, words: str) -> None:
    """A key that is missing is told apart from an empty one."""
    given = {} if value is None else {"A": value}
    assert settings.missing_key(make_environment(**given), "A") == words


@pytest.mark.parametrize(
    ("value", "wanted", "words"),
    [
        ("true", True, ""),
        ("on", True, ""),
        ("0", False, ""),
        ("true", False, "A is true"),
        ("no", True, "A is false"),
        ("enabled", True, "A is neither true nor false"),
        ("2", True, "A is neither true nor false"),
    ],
)
def test_flags(make_environment: Make, value: str, wanted: bool, words: str) -> None:
    """A switch must say what is wanted, in one of the words that count."""
    assert settings.flag_fault(make_environment(A=value), "A", wanted=wanted) == words


def test_what_is_not_given_is_missing_input(make_environment: Make) -> None:
    """A rule that needs a value does not pass without it, and names the key."""
    empty = make_environment()
    rules: dict[str, Callable[[], object]] = {
        "REDIS_REQUIRED": lambda: settings.flag_fault(empty, "REDIS_REQUIRED", wanted=False),
        "STATE_BACKEND": lambda: settings.choice_fault(empty, "STATE_BACKEND", "redis"),
        "ENVIRONMENT": lambda: settings.name_fault(empty),
        "CORS_ALLOWED_ORIGINS": lambda: settings.origin_faults(empty),
        "INNGEST_WEBHOOK_URL": lambda: settings.inngest_fault(empty),
        "CONTEXT_REDIS_PREFIX": lambda: settings.namespace_fault(empty, "CONTEXT_REDIS_PREFIX"),
        "REDIS_URL": lambda: shared_database(empty, []),
        "INNGEST_SIGNING_KEY": lambda: given_secrets(empty),
    }
    for key, rule in rules.items():
        with pytest.raises(MissingInput, match=key):
            rule()


@pytest.mark.parametrize("value", ["many", "1e3", "-5", "0", "3.5", "٣٠", "1_000", "30 days"])
def test_numbers_that_are_none(make_environment: Make, value: str) -> None:
    """A number is a whole one above 0, in digits."""
    fault = settings.number_fault(make_environment(REDIS_MAX_CONNECTIONS=value), "REDIS_MAX_CONNECTIONS")
    assert fault == "REDIS_MAX_CONNECTIONS is no whole number above 0"


def test_numbers_are_the_expected_ones(make_environment: Make) -> None:
    """Where the contract names a number it is that one, and none is passed over that is not set."""
    staging, production = Profile(environment="staging"), Profile(environment="prod")
    key = "CONTEXT_STATE_TTL_SECONDS"
    assert settings.number_fault(make_environment(profile=staging, **{key: "3600"}), key) == ""
    assert settings.number_fault(make_environment(profile=production, **{key: " 7200 "}), key) == ""
    wrong = settings.number_fault(make_environment(profile=production, **{key: "3600"}), key)
    assert wrong == f"{key} is 3600, and 7200 is expected"
    assert settings.number_fault(make_environment(), key) == f"{key} is not set"


def test_only_commas_are_no_origin(make_environment: Make) -> None:
    """A list without an origin is not an explicit one."""
    assert settings.origin_faults(make_environment(CORS_ALLOWED_ORIGINS=" , ,"))


def test_every_wrong_origin_is_told(make_environment: Make) -> None:
    """Each wrong origin is told by its place in the list, and none is quoted."""
    listed = "https://a.example, http://secret.example,https://b.example/"
    faults = settings.origin_faults(make_environment(CORS_ALLOWED_ORIGINS=listed))
    assert [fault.split(" of ")[0] for fault in faults] == ["origin 2", "origin 3"]
    assert "example" not in "".join(faults)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("CONTEXT_REDIS_PREFIX", "caio:prod:context", ""),
        ("CONTEXT_REDIS_PREFIX", "caio:context", "does not name production"),
        ("CONTEXT_REDIS_PREFIX", "caio:staging:context", "names another environment, staging"),
        ("CONTEXT_REDIS_PREFIX", "caio:production:canary", "names another environment, canary"),
        ("STATE_REDIS_PREFIX", "", ""),
        ("STATE_REDIS_PREFIX", "caio", ""),
        ("STATE_REDIS_PREFIX", "caio:production:state", ""),
        ("STATE_REDIS_PREFIX", "caio:dev", "names another environment, dev"),
    ],
)
def test_namespaces(make_environment: Make, key: str, value: str, words: str) -> None:
    """A namespace names its environment and no other; the state's prefix may name none."""
    own, other = make_environment(profile=PRODUCTION, **{key: value}), make_environment(name="canary")
    fault = settings.namespace_fault(own, key, [other])
    assert (fault, words) == ("", "") or words in fault


def test_shared_namespaces(make_environment: Make) -> None:
    """A namespace of two environments is told, but for a state prefix that names none of them."""
    both = {"CONTEXT_REDIS_PREFIX": "caio:production:staging", "STATE_REDIS_PREFIX": "caio"}
    one, two = (make_environment(name=name, **both) for name in ("production", "staging"))
    assert settings.shared_namespaces(one, [two]) == ["CONTEXT_REDIS_PREFIX is that of staging"]
    same = {"STATE_REDIS_PREFIX": "caio:production:state"}
    one, two = (make_environment(name=name, **same) for name in ("production", "staging"))
    assert settings.shared_namespaces(one, [two]) == ["STATE_REDIS_PREFIX is that of staging"]
    assert settings.shared_namespaces(two, [one]) == []


def test_others_are_other_environments(make_environment: Make) -> None:
    """Two profiles of one environment are not held against each other."""
    production, again = make_environment(name="production"), make_environment(name="eu", profile=PRODUCTION)
    staging = make_environment(name="staging")
    assert settings.others_of(production, [production, again, staging]) == [staging]


def test_revoked_by_digest_or_value(make_environment: Make) -> None:
    """A revoked secret is known by its digest in any case, by its value, and under a key's prefix."""
    digest = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"  # of hello
    listed = make_environment(profile=Profile(revoked_sha256=(digest,)), A="hello", B=" hello ", C="hello2")
    assert [bool(revoked_fault(listed, key)) for key in "ABC"] == [True, True, False]
    handed = make_environment(revoked=("hello",), INNGEST_SIGNING_KEY="signkey-test-hello", A="Hello")
    assert revoked_fault(handed, "INNGEST_SIGNING_KEY") == "INNGEST_SIGNING_KEY was revoked"
    assert revoked_fault(handed, "A") == ""


def test_secrets_of_two_purposes(make_environment: Make) -> None:
    """One value under two keys is told of both, a URL's password and a prefixed key among them."""
    values = {
        "DASHBOARD_AUTH_TOKEN": ONE,
        "REDIS_URL": f"redis://default:{ONE}@h/0",
        "INNGEST_SIGNING_KEY": f"signkey-prod-{TWO}",
        "CLAY_WEBHOOK_SECRET": TWO,
    }
    environment = make_environment(**values)
    assert set(given_secrets(environment)) == set(values)
    assert secret_faults(environment, "REDIS_URL") == [
        "REDIS_URL and DASHBOARD_AUTH_TOKEN hold the same value"
    ]
    twins = "CLAY_WEBHOOK_SECRET and INNGEST_SIGNING_KEY hold the same value"
    assert secret_faults(environment, "CLAY_WEBHOOK_SECRET") == [twins]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("REDIS_URL", "redis://:p@ss/w@h:1/0", "the password in REDIS_URL is shorter than 20 characters"),
        ("REDIS_URL", "redis://default:changeme@h", "the password in REDIS_URL is a placeholder"),
        ("REDIS_URL", "${{Redis.REDIS_URL}}", "REDIS_URL is a placeholder"),
        (
            "INNGEST_SIGNING_KEY",
            "signkey-prod-k3vQ9zR1xT7mB2nL",
            "INNGEST_SIGNING_KEY without its prefix is shorter than 20 characters",
        ),
        ("INNGEST_SIGNING_KEY", "k3vQ9zR1xT7mB2nL", "INNGEST_SIGNING_KEY is shorter than 20 characters"),
    ],
)
def test_a_weak_part_of_a_value_is_named(make_environment: Make, key: str, value: str, fault: str) -> None:
    """Of a long URL or a prefixed key, the fault names the part that is too short."""
    assert secret_faults(make_environment(**{key: value}), key) == [fault]


def test_a_secret_of_the_dashboard_has_one_purpose_in_the_whole_file(make_environment: Make) -> None:
    """Another service's key with the value of a secret of the dashboard's own is told of."""
    values = {"DASHBOARD_AUTH_TOKEN": ONE, "INNGEST_SIGNING_KEY": f"signkey-prod-{TWO}"}
    environment = make_environment(**values, JWT_SECRET=ONE, SUPABASE_SERVICE_ROLE_KEY=f"signkey-prod-{TWO}")
    assert secret_faults(environment, "DASHBOARD_AUTH_TOKEN") == [
        "DASHBOARD_AUTH_TOKEN and JWT_SECRET hold the same value"
    ]
    assert secret_faults(environment, "INNGEST_SIGNING_KEY") == [
        "INNGEST_SIGNING_KEY and SUPABASE_SERVICE_ROLE_KEY hold the same value"
    ]


def test_a_secret_may_have_two_names(make_environment: Make) -> None:
    """What is named twice is used once, and so is what another service issued, under whatever name."""
    values = {
        "DASHBOARD_AUTH_TOKEN": ONE,
        "CAIO_DASHBOARD_TOKEN": ONE,
        "SESSION_SECRET_KEY": f"{ONE}s",
        "SECRET_KEY": f"{ONE}s",
        "REDIS_URL": f"redis://default:{TWO}@h/0",
        "REDIS_PRIVATE_URL": f"redis://default:{TWO}@h/0",
        "REDISPASSWORD": TWO,
        "GHL_API_KEY": f"{TWO}g",
        "HIGHLEVEL_TOKEN": f"{TWO}g",
        "SUPABASE_ANON_KEY": f"{TWO}p",
        "NEXT_PUBLIC_SUPABASE_ANON_KEY": f"{TWO}p",
    }
    environment = make_environment(**values)
    assert [fault for key in given_secrets(environment) for fault in secret_faults(environment, key)] == []


def test_every_secret_of_the_file_may_be_revoked(make_environment: Make) -> None:
    """Each secret is compared with the revoked ones, another service's too; what is no secret is not."""
    environment = make_environment(
        revoked=(TWO,), DASHBOARD_AUTH_TOKEN=ONE, OPENAI_API_KEY=TWO, LOG_LEVEL="info"
    )
    cases = revoked_secrets(environment)
    assert set(cases) == {"DASHBOARD_AUTH_TOKEN", "OPENAI_API_KEY"}
    assert [revoked_fault(environment, key) for key in cases] == ["", "OPENAI_API_KEY was revoked"]


def test_a_url_without_a_password_is_no_secret(make_environment: Make) -> None:
    """REDIS_URL is judged as a secret where it holds one."""
    assert set(given_secrets(make_environment(REDIS_URL="redis://h/0", DASHBOARD_AUTH_TOKEN=ONE))) == {
        "DASHBOARD_AUTH_TOKEN"
    }


def test_environments_share_nothing(make_environment: Make) -> None:
    """A secret of another environment is found under whichever key it has there, and so is a database."""
    one = make_environment(name="one", DASHBOARD_AUTH_TOKEN=ONE, REDIS_URL="redis://H:6379/0")
    two = make_environment(name="two", SESSION_SECRET_KEY=ONE, REDIS_URL="rediss://:pw@h")
    assert shared_secrets(one, "DASHBOARD_AUTH_TOKEN", [two]) == [
        "two has the same as its SESSION_SECRET_KEY"
    ]
    assert shared_database(one, [two]) == ["REDIS_URL leads to the database of two"]
    assert shared_database(one, [make_environment(name="x", REDIS_URL="redis://h/1")]) == []
    assert shared_database(one, [make_environment(name="x", REDIS_URL="h")]) == [
        "REDIS_URL of x is no Redis URL: use redis://, rediss:// or unix://"
    ]
    with pytest.raises(MissingInput, match="REDIS_URL of bare"):
        shared_database(one, [make_environment(name="bare")])


def test_env_diff_of_one(make_environment: Make) -> None:
    """With one environment there is nothing that it has alone."""
    diff = settings.env_diff([make_environment(DASHBOARD_AUTH_TOKEN=ONE)])
    assert set(diff["demo"]) == {"missing", "unknown", "duplicated"}
    assert "DASHBOARD_AUTH_TOKEN" not in diff["demo"]["missing"]
    assert "SESSION_SECRET_KEY" in diff["demo"]["missing"]
    assert ONE not in str(diff)


def test_an_environment_keeps_its_file(tmp_path: Path) -> None:
    """An environment knows its env file as written, and does not show it."""
    path = tmp_path / ".env"
    path.write_text(
        f"DASHBOARD_AUTH_TOKEN={ONE}\nDASHBOARD_AUTH_TOKEN={TWO}\nDASHBOARD_AUTH_TOKENS=1\n", "utf-8"
    )
    profile = Profile(base_url="https://h.example")
    read = load_environment("a", profile, tmp_path, keys=(), process={}, env_file=path)
    bare = load_environment("a", profile, tmp_path, keys=(), process={})
    assert settings.repeated_keys(read) == ["DASHBOARD_AUTH_TOKEN (lines 1, 2)"]
    assert settings.misspelled_keys(read) == [
        "DASHBOARD_AUTH_TOKENS (line 3) looks like DASHBOARD_AUTH_TOKEN"
    ]
    assert (bare.file, settings.repeated_keys(bare), settings.misspelled_keys(bare)) == (None, [], [])
    assert "EnvFile" not in repr(read)
