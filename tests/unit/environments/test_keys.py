"""The rules of the runtime environment file: flags, placeholders, strength of secrets, names and typos."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_caio.contract import providers
from pytest_caio.environments import keys as runtime
from pytest_caio.environments.keys import (
    RUNTIME_KEYS,
    canonical,
    flag,
    is_placeholder,
    is_unfilled,
    misplaced_mark,
    odd_character,
    typo_of,
    weakness,
)
from pytest_caio.redaction.secret import names_secret

ALPHABETS = (
    "0123456789abcdef",
    string.ascii_lowercase + string.digits,
    string.ascii_letters + string.digits + "-_",
    string.ascii_letters + string.digits + "+/=",
    string.ascii_letters + string.digits + string.punctuation,
)
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def test_runtime_keys_are_distinct() -> None:
    """Every runtime key is listed once, and so is the base URL's."""
    of_providers = (*providers.BEARER_KEYS, *providers.UNSIGNED_KEYS, *providers.PROVIDERS)
    assert len(set(RUNTIME_KEYS)) == len(RUNTIME_KEYS) == 36 + len(of_providers)
    assert {"CAIO_BASE_URL", "DASHBOARD_AUTH_TOKEN", "RB2B_WEBHOOK_SECRET"} <= set(RUNTIME_KEYS)


def test_every_rule_is_about_a_runtime_key() -> None:
    """Required keys, secrets, flags, numbers and expected values are runtime keys, each once."""
    parts = (runtime.REQUIRED_KEYS, runtime.SECRETS, runtime.STRICT_FLAGS, runtime.REDIS_ONLY)
    for keys in (*parts, runtime.NUMBERS, runtime.expected_values("staging")):
        assert len(set(keys)) == len(keys)
        assert set(keys) <= set(RUNTIME_KEYS)
    assert {key for provider in providers.PROVIDERS.values() for key in provider.keys} <= set(runtime.SECRETS)


def test_the_secrets_are_those_that_are_hidden() -> None:
    """A key is a secret of these rules where redaction takes it for one, and each has its own purpose."""
    assert set(runtime.SECRETS) == {key for key in RUNTIME_KEYS if names_secret(key, "")}
    assert len(set(runtime.SECRETS.values())) == len(runtime.SECRETS)


def test_expected_values_name_the_environment() -> None:
    """Namespaces and lifetimes follow the environment, and prod is production."""
    assert runtime.expected_values("prod") == runtime.expected_values("production")
    assert runtime.expected_values("staging")["RATE_LIMIT_REDIS_NAMESPACE"] == "caio:staging:ratelimit"
    lifetimes = {e: runtime.expected_values(e)["CONTEXT_STATE_TTL_SECONDS"] for e in ("prod", "staging")}
    assert lifetimes == {"prod": "7200", "staging": "3600"}
    values = runtime.expected_values("production")
    assert {key: flag(values[key]) for key in runtime.STRICT_FLAGS} == runtime.STRICT_FLAGS


@given(st.sampled_from(TRUE + FALSE), st.randoms(use_true_random=False))
def test_flags_in_any_case(word: str, order: random.Random) -> None:
    """The eight words are flags in any case, blanks around them."""
    spelled = "".join(order.choice((c.upper(), c.lower())) for c in word)
    assert flag(f" {spelled}\t") is (word in TRUE)


@given(st.text())
def test_nothing_else_is_a_flag(text: str) -> None:
    """Every other text says neither."""
    assume(text.strip().lower() not in TRUE + FALSE)
    assert flag(text) is None


@pytest.mark.parametrize(
    "value",
    """
    changeme CHANGE_ME change-me-please changeme123 your-token-here your-acme.io-thing-here YOUR_API_KEY
    <token> <your-secret> xxx XXXXXXXXXXXXXXXXXXXXXXXX xxxx-xxxx-xxxx example example-token-0000000001 TODO
    todo: ${DASHBOARD_AUTH_TOKEN} ${{shared.TOKEN}} $(openssl) {{token}} [token] %TOKEN%
    aaaaaaaaaaaaaaaaaaaaaaaa abababababababababababab 00000000000000000000000000000000 12345678901234567890
    0123456789abcdef0123456789abcdef
    abcdefghijklmnopqrstuvwxyz placeholder dummy-secret-value replace_me_with_a_random_string
    DASHBOARD_AUTH_TOKEN instantly-webhook-secret-staging password123 none null TBD
    """.split(),
)
def test_placeholders(value: str) -> None:
    """What stands in templates is a placeholder, in any case, with blanks around it."""
    assert is_placeholder(value)
    assert is_placeholder(f" {value.upper()} ")
    assert is_placeholder(value.lower())


def test_words_in_brackets_are_placeholders() -> None:
    """A sentence in brackets is a placeholder; an empty value is none, it is missing."""
    assert is_placeholder("<generate with openssl rand -hex 32>")
    assert not is_placeholder("")


@given(st.integers(0, 2**64), st.integers(20, 90), st.sampled_from(ALPHABETS))
def test_random_tokens_are_no_placeholders(seed: int, length: int, alphabet: str) -> None:
    """A random token of enough characters is never taken for a placeholder, nor for weak."""
    token = "".join(random.Random(seed).choices(alphabet, k=length))
    assert not is_placeholder(token)
    assert weakness("DASHBOARD_AUTH_TOKEN", token) == ""
    assert weakness("INNGEST_SIGNING_KEY", f"signkey-prod-{token}") == ""


@given(st.integers(0, 2**64), st.sampled_from(["todo", "changeme", "xxx", "example", "your", "here"]))
def test_random_tokens_may_hold_such_words(seed: int, word: str) -> None:
    """A word of templates inside a random token does not make it a placeholder."""
    source = random.Random(seed)
    token = "".join(source.choices(ALPHABETS[2], k=24))
    place = source.randrange(25)
    assert not is_placeholder(token[:place] + word + token[place:])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("DASHBOARD_AUTH_TOKEN", "k3vQ9zR1xT7mB2nL5pW", "is shorter than 20 characters"),
        ("DASHBOARD_AUTH_TOKEN", "k3vQ9zR1xT7mB2nL5pWs", ""),
        ("INNGEST_SIGNING_KEY", "signkey-prod-k3vQ9zR1xT7mB2nL", "is shorter than 20 characters"),
        ("INNGEST_SIGNING_KEY", "signkey-prod-changeme", "is a placeholder"),
        ("REDIS_URL", "redis://:k3vQ9zR1xT7mB2nL@h:6379/0", "is shorter than 20 characters"),
        ("REDIS_URL", "redis://default:changeme@h", "is a placeholder"),
        ("REDIS_URL", "${{Redis.REDIS_URL}}", "is a placeholder"),
        ("REDIS_URL", "redis://localhost:6379/0", ""),
        ("CLAY_WEBHOOK_SECRET", "", "is shorter than 20 characters"),
    ],
)
def test_weakness(key: str, value: str, words: str) -> None:
    """Of a value the part that is secret is judged: without a key's prefix, of a URL the password."""
    assert weakness(key, value) == words


@pytest.mark.parametrize(
    ("given_name", "name"), [("prod", "production"), (" PROD ", "production"), ("Staging", "staging")]
)
def test_canonical(given_name: str, name: str) -> None:
    """Prod is production, and case does not matter."""
    assert canonical(given_name) == name


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a runtime key and what a slip of the finger makes of it."""
    key = draw(st.sampled_from(RUNTIME_KEYS))
    at = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from(string.ascii_uppercase + "_"))
    kinds = {
        "more": key[:at] + letter + key[at:],
        "less": key[:at] + key[at + 1 :],
        "other": key[:at] + letter + key[at + 1 :],
        "exchanged": key[:at] + key[at : at + 2][::-1] + key[at + 2 :],
        "case": key.lower(),
    }
    return key, draw(st.sampled_from(sorted(kinds.values())))


@given(slips())
def test_a_slip_is_found(slip: tuple[str, str]) -> None:
    """A key one letter from a known one is told, with the known one."""
    key, written = slip
    assert typo_of(written) == (None if written in RUNTIME_KEYS else key)


@given(st.sampled_from(RUNTIME_KEYS), st.sampled_from(["2_", "X_", "STAGING_", "MY"]))
def test_other_keys_are_no_slips(key: str, more: str) -> None:
    """A key that is farther away is some other program's."""
    assert typo_of(more + key) is None
    assert typo_of(key + more) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("CHANNEL", value)
            for value in (
                "[your channel]",
                "set-me",
                "put_the_channel_here",
                "your-channel",
                "CHANGE_ME",
                "<channel>",
                "{{channel}}",
                "TODO",
                "XXX",
            )
        ),
        ("ALERT_URL", "https://your-host.net/hook"),
        ("ALERT_URL", "https://hooks.net/services/XXX/YYY"),
        ("SLACK_CHANNEL", "replace-me"),
        ("OTHER_API_KEY", "sk-xxxxxxxx"),
        ("OTHER_API_KEY", "example"),
        ("SMTP_PASSWORD", "changeme123"),
        ("STRIPE_SECRET_KEY", "default"),
        *(("STRIPE_KEY", value) for value in ("changeme", "your-api-key", "<token>")),
        ("MAIL_FROM", "<your@mail.net>"),
    ],
)
def test_unfilled_settings(key: str, value: str) -> None:
    """What nobody would set on purpose is a placeholder, whatever the key."""
    assert is_unfilled(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("MODE", value) for value in "production redis test example none true 7200 todo".split()),
        ("MODE", ""),
        ("GREETING", "Welcome to your dashboard, {{name}}"),
        ("FROM", "CAIO <ops@caio.example>"),
        ("PATH_OF_YOURS", "/srv/yours/xxy"),
        ("ALLOWED", "[1, 2]"),
        ("API_KEY", "0"),
        ("API_TOKEN", "off"),
        ("MAX_TOKENS", "1000"),
        ("OTHER_API_KEY", "sk-Zq8mN2vB7cX4"),
        ("COUNTER", "yourself"),
        ("CACHE_KEY", "caio-production"),
        ("LEAD_SORT_KEY", "id"),
        ("TASK_DEFAULT_ROUTING_KEY", "default"),
        ("MAIL_FROM", "<ops@caio.example>"),
    ],
)
def test_settings_that_are_words(key: str, value: str) -> None:
    """A setting may be any word, a sentence with `your` in it, an address in brackets, a number or a flag;

    so may one whose name ends in KEY, unless it is a secret's.
    """
    assert not is_unfilled(key, value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abc", ""),
        ("aB3.x_y~z+/==!#$%&()*,-.:;<>?@[]^{|}", ""),
        ('ab"', 'a quote (")'),
        ("`ab", "a backquote (`)"),
        ("a b", "a blank"),
        ("ab\r\n", "a line end"),
        ("a\tb", "a tab"),
        ("a\u201cb", "a LEFT DOUBLE QUOTATION MARK (U+201C)"),
        ("a\u00a0b", "a no-break space"),
        ("a\u0007b", "a control character (U+0007)"),
        ("\u0430bc", "a CYRILLIC SMALL LETTER A (U+0430)"),
    ],
)
def test_odd_characters_are_named(text: str, words: str) -> None:
    """A token with curly quotes: the first character that no secret has is named; the text is not quoted."""
    assert odd_character(text) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("true", ""),
        (" on ", ""),
        ("perhaps", ""),
        ("true;", "a semicolon"),
        ('"false"', 'a quote (")'),
        ("\u201ctrue\u201d", "a LEFT DOUBLE QUOTATION MARK (U+201C)"),
        ("yes,", "a comma"),
    ],
)
def test_marks_around_flags_are_named(value: str, words: str) -> None:
    """What stands around a word that would be a flag is named; another word is no flag at all."""
    assert misplaced_mark(value) == words
