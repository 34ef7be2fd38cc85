"""The keys of a runtime env file: what each is for, and the values that a deployment must have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from pytest_caio.contract.providers import BEARER_KEYS, PROVIDERS, UNSIGNED_KEYS
from pytest_caio.contract.redis_url import redis_password

__all__ = [
    "BRAKES",
    "DEFAULT_STATE_PREFIX",
    "FLAGS",
    "MIN_SECRET_LENGTH",
    "NUMBERS",
    "REDIS_NAMESPACES",
    "REDIS_ONLY",
    "REQUIRED_KEYS",
    "RUNTIME_KEYS",
    "SECRETS",
    "SENDING_KEYS",
    "STATE_PREFIX",
    "STRICT_FLAGS",
    "TIER_FILTER",
    "canonical",
    "entered_at_provider",
    "expected_values",
    "flag",
    "holds_runtime_key",
    "is_placeholder",
    "is_unfilled",
    "issuer_of",
    "misplaced_mark",
    "odd_character",
    "secret_part",
    "typo_of",
    "weakness",
]

_KEYS_BEFORE_PROVIDERS = """
    ENVIRONMENT REDIS_URL REDIS_REQUIRED REDIS_MAX_CONNECTIONS STATE_BACKEND STATE_REDIS_PREFIX
    STATE_DUAL_READ_ENABLED STATE_FILE_FALLBACK_WRITE RATE_LIMIT_REDIS_NAMESPACE CONTEXT_REDIS_PREFIX
    CONTEXT_STATE_TTL_SECONDS INNGEST_SIGNING_KEY INNGEST_EVENT_KEY INNGEST_REQUIRED INNGEST_APP_ID
    INNGEST_WEBHOOK_URL DASHBOARD_AUTH_TOKEN DASHBOARD_AUTH_STRICT DASHBOARD_QUERY_TOKEN_ENABLED
    DASHBOARD_AUTH_ALLOWLIST SESSION_SECRET_KEY CORS_ALLOWED_ORIGINS CORS_ALLOWED_METHODS
    CORS_ALLOWED_HEADERS WEBHOOK_SIGNATURE_REQUIRED
""".split()
_KEYS_AFTER_PROVIDERS = """
    TRACE_ENVELOPE_FILE TRACE_ENVELOPE_ENABLED TRACE_RETENTION_DAYS TRACE_CLEANUP_ENABLED CAIO_BASE_URL
""".split()
# Without these an approval succeeds, and nothing is sent.
SENDING_KEYS = ("GHL_API_KEY", "GHL_LOCATION_ID")
# Flags that hold sending back, or lift a limit of it, for a while.
BRAKES = ("EMERGENCY_STOP", "CANARY_MODE", "SUPERVISED_SEND_WINDOW_OVERRIDE")
TIER_FILTER = "PENDING_QUEUE_TIER_FILTER"  # shows other cards than the ramp's
RUNTIME_KEYS = (
    *_KEYS_BEFORE_PROVIDERS,
    *BEARER_KEYS,
    *UNSIGNED_KEYS,
    *(provider.secret_key for provider in PROVIDERS.values()),
    *SENDING_KEYS,
    *BRAKES,
    TIER_FILTER,
    *_KEYS_AFTER_PROVIDERS,
)


def _bearer_opens(key: str) -> str:
    titles = [provider.title for provider in PROVIDERS.values() if provider.bearer_key == key]
    return (
        f"the webhooks of {' and '.join(titles)}, where {'they have' if titles[1:] else 'it has'} no secret"
    )


# Each secret, and what it gives access to. No two may have the same value: who has one would have the other.
SECRETS: Mapping[str, str] = MappingProxyType(
    {
        "INNGEST_SIGNING_KEY": "introspection and calls of /inngest",
        "INNGEST_EVENT_KEY": "sending events to Inngest",
        "DASHBOARD_AUTH_TOKEN": "the dashboard and its API",
        "SESSION_SECRET_KEY": "signing sessions of the dashboard",
        **{key: _bearer_opens(key) for key in BEARER_KEYS},
        **{p.secret_key: f"signing the webhooks of {p.title}" for p in PROVIDERS.values()},
        "GHL_API_KEY": "sending through GHL",
    }
)
# Who issues the secrets that nobody can generate.
_ISSUERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY"), "Inngest"),
        **dict.fromkeys(SENDING_KEYS, "GHL"),
    }
)
MIN_SECRET_LENGTH = 20  # characters
STRICT_FLAGS: Mapping[str, bool] = MappingProxyType(
    {
        "DASHBOARD_AUTH_STRICT": True,
        "REDIS_REQUIRED": True,
        "INNGEST_REQUIRED": True,
        "WEBHOOK_SIGNATURE_REQUIRED": True,
        "DASHBOARD_QUERY_TOKEN_ENABLED": False,
    }
)
# Settings that make Redis the only source of truth; the first is compared as text, the others are flags.
REDIS_ONLY: Mapping[str, str] = MappingProxyType(
    {
        "STATE_BACKEND": "redis",
        "STATE_DUAL_READ_ENABLED": "false",
        "STATE_FILE_FALLBACK_WRITE": "false",
    }
)
STATE_PREFIX = "STATE_REDIS_PREFIX"
DEFAULT_STATE_PREFIX = "caio"
# Keys that separate environments in Redis; the state's prefix need not name one (see `namespace_fault`).
REDIS_NAMESPACES = ("RATE_LIMIT_REDIS_NAMESPACE", "CONTEXT_REDIS_PREFIX", STATE_PREFIX)
NUMBERS = ("REDIS_MAX_CONNECTIONS", "CONTEXT_STATE_TTL_SECONDS", "TRACE_RETENTION_DAYS")
# Keys that have no safe default. Not included: webhook credentials, because each provider needs only one of
# its two (see contract.providers); settings that the deployment's own responses show (CORS methods and
# headers, the allowlist); and settings that only give advice (traces, numbers).
REQUIRED_KEYS = (
    *("ENVIRONMENT", "REDIS_URL", *STRICT_FLAGS, *REDIS_ONLY),
    *("RATE_LIMIT_REDIS_NAMESPACE", "CONTEXT_REDIS_PREFIX"),
    *("INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY", "INNGEST_WEBHOOK_URL"),
    *("DASHBOARD_AUTH_TOKEN", "SESSION_SECRET_KEY", "CORS_ALLOWED_ORIGINS"),
)

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
# A value that consists of these words only is a template's placeholder, which nobody has replaced.
_WORDS = """
    a actual add admin api app auth bar bearer caio change clay credential dashboard default dev development
    dummy enter event example fake fill fixme foo generate goes here heyreach in inngest insert instantly key
    long me missing my new none null password paste placeholder please prod production put random rb2b real
    redis replace sample secret secure session set signing signkey some staging string super swarm test
    testing the this to todo token undefined unset update use value webhook with your
""".split()
_TEMPLATE = re.compile(
    rf"(?:(?>{'|'.join(sorted(_WORDS, key=len, reverse=True))}|x{{3,}}+|tbd)[\W_]*+)+\d*[\W_]*", re.IGNORECASE
)
# <…>, ${…}, $(…), {{…}}, [[…]], %…%: words in brackets that a program or a person should have replaced.
_BRACKETED = re.compile(r"(?:<|\$\{+|\$\(|\{\{|\[+|%)[\w .:/-]*(?:>|\}+|\)|\]+|%)")
_YOURS = re.compile(r"your[\W_].*[\W_]here", re.IGNORECASE)
# An address in angle brackets, `<ops@caio.example>`, is how a sender is written.
_IN_BRACKETS = re.compile(r"<[^<>@]*>|\{\{[^{}]*\}\}|\$\([^()]*\)|\[(?i:your)\b[^\[\]]*\]")
# Between two letters or digits, `your` and the like are parts of a name.
_UNFILLED = re.compile(
    r"(?<![A-Za-z0-9])(?:(?i:your|change[-_]?me|change[-_]this|replace[-_]?(?:me|this|with)|fill[-_]?(?:me|in)"
    r"|fixme|placeholder|insert[-_](?:here|your)|goes[-_]here|set[-_]me"
    r"|(?:insert|enter|put|paste|add)(?:[-_][a-z0-9]+){1,4}?[-_]here|x{4,})|TODO|TBD|XXX)(?![A-Za-z0-9])"
)
# A KEY alone may be one of a cache, a sort order, a route.
_NAMES_ONE_SECRET = re.compile(
    r"(?:TOKEN|SECRET|PASSWORD|(?:ACCESS|ANON|API|AUTH|ENCRYPTION|EVENT|LICENSE|MASTER|PRIVATE|ROLE|SECRET"
    r"|SERVICE|SIGNING|WRITE)_?KEY)$"
)
_NAMED_CHARACTERS: Mapping[str, str] = MappingProxyType(
    {
        "'": "a quote (')",
        '"': 'a quote (")',
        "`": "a backquote (`)",
        ";": "a semicolon",
        ",": "a comma",
        " ": "a blank",
        "\t": "a tab",
        "\r": "a line end",
        "\n": "a line end",
        "\u00a0": "a no-break space",
        "\u200b": "a zero-width space",
        "\ufeff": "a byte order mark",
    }
)
_AROUND_FLAGS = "'\"`;, \t\r\n\u2018\u2019\u201c\u201d\u00a0\u200b\ufeff"
_SEQUENCES = ("abcdefghijklmnopqrstuvwxyz" * 3, "0123456789" * 8, "123456789" * 8, "0123456789abcdef" * 5)
_FEW = 4  # distinct characters; 20 random characters have so few once in a thousand million times


def flag(value: str) -> bool | None:
    """Return the value of a flag: True for 1, true, yes, on; False for 0, false, no, off; else None."""
    word = value.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def holds_runtime_key(name: str) -> bool:
    """Return whether an environment variable is a runtime key, plain or prefixed by an environment's name."""
    return any(name == key or name.endswith(f"_{key}") for key in RUNTIME_KEYS)


def canonical(environment: str) -> str:
    """Return an environment's name in lower case, `prod` as `production`."""
    name = environment.strip().lower()
    return "production" if name == "prod" else name


def issuer_of(key: str) -> str:
    """Return the service that issues the value of a secret, or an empty string if it can be generated."""
    return _ISSUERS.get(key, "" if key in RUNTIME_KEYS else "the service that issues it")


def entered_at_provider(key: str) -> bool:
    """Return whether a webhook provider has the same value, so that a new one must be entered there too."""
    return any(key in provider.keys for provider in PROVIDERS.values())


def secret_part(key: str, value: str) -> str:
    """Return the part of a value that must be hard to guess.

    For INNGEST_SIGNING_KEY that is the key without its prefix, for REDIS_URL the password that a client sends
    (empty if there is none), for any other key the whole value.
    """
    if key == "INNGEST_SIGNING_KEY":
        return re.sub(r"^signkey-\w+-", "", value)
    if key == "REDIS_URL":
        return redis_password(value)
    return value


def is_placeholder(value: str) -> bool:
    """Return whether a value is a placeholder of a template.

    Placeholders are changeme, your-token-here, <token>, xxx, example, TODO, ${TOKEN}, a repeated character, a
    sequence. A value that contains other text too is not one, because random values may contain any word.
    """
    text = value.strip()
    lowered = text.lower()
    return bool(
        0 < len(set(lowered)) <= _FEW
        or any(lowered and lowered in sequence for sequence in _SEQUENCES)
        or any(form.fullmatch(text) for form in (_TEMPLATE, _BRACKETED, _YOURS))
    )


def is_unfilled(key: str, value: str) -> bool:
    """Return whether the value of a key that is none of SECRETS is a placeholder.

    A setting may be any word (`production`, `redis`, `example`), so only what nobody would set counts: text
    with `your` or `changeme` in it, words in brackets, TODO, xxxx. Of a key that names a secret, everything
    counts that `is_placeholder` finds. A value with blanks is a sentence, in which `your` may stand.
    """
    text = value.strip()
    if _NAMES_ONE_SECRET.search(key) and not text.isdigit() and flag(text) is None:
        return is_placeholder(text)
    return bool(_IN_BRACKETS.fullmatch(text) or (_UNFILLED.search(text) and not re.search(r"\s", text)))


def odd_character(text: str) -> str:
    """Return in words the first character that no secret has, or an empty string.

    That is a quote, a blank, a line end, and any other character that is invisible or not ASCII.
    """
    odd = next((c for c in text if c in "'\"`" or not "!" <= c <= "~"), "")
    return _in_words(odd) if odd else ""


def misplaced_mark(value: str) -> str:
    """Return in words the character that keeps a value from being a flag, or an empty string.

    It stands before or after a word that is a flag: `true;`, `"true"`.
    """
    if flag(value) is not None or flag(value.strip(_AROUND_FLAGS)) is None:
        return ""
    return _in_words(next(c for c in value if c in _AROUND_FLAGS and not c.isspace()))


def _in_words(character: str) -> str:
    known = _NAMED_CHARACTERS.get(character)
    return known or f"a {unicodedata.name(character, 'control character')} (U+{ord(character):04X})"


def weakness(key: str, value: str) -> str:
    """Return why the value of the secret `key` is weak, or an empty string if it is not; it is not quoted.

    For REDIS_URL the password is judged, if it has one.
    """
    secret = secret_part(key, value)
    if is_placeholder(secret) or is_placeholder(value):
        return "is a placeholder"
    if len(secret) < MIN_SECRET_LENGTH and (secret or key in SECRETS):
        return f"is shorter than {MIN_SECRET_LENGTH} characters"
    return ""


def expected_values(environment: str) -> dict[str, str]:
    """Return the values that an env file must or should have, for every key that leaves no choice.

    Secrets and addresses are not included. Values are spelled as `bootstrap` writes them; a file may spell
    flags in another way (see `flag`), and has another `STATE_REDIS_PREFIX` if its state already uses that.
    """
    name = canonical(environment)
    return {
        "ENVIRONMENT": name,
        **{key: str(value).lower() for key, value in STRICT_FLAGS.items()},
        **REDIS_ONLY,
        "STATE_REDIS_PREFIX": f"caio:{name}:state",
        "RATE_LIMIT_REDIS_NAMESPACE": f"caio:{name}:ratelimit",
        "CONTEXT_REDIS_PREFIX": f"caio:{name}:context",
        "CONTEXT_STATE_TTL_SECONDS": "7200" if name == "production" else "3600",
        **dict.fromkeys(UNSIGNED_KEYS, "false"),
        **dict.fromkeys(BRAKES, "false"),
        "CORS_ALLOWED_METHODS": "GET,POST,OPTIONS",
        "CORS_ALLOWED_HEADERS": "Content-Type,X-Dashboard-Token",
        "TRACE_ENVELOPE_ENABLED": "true",
        "TRACE_RETENTION_DAYS": "30",
        "TRACE_CLEANUP_ENABLED": "true",
    }


FLAGS = tuple(key for key, value in expected_values("production").items() if flag(value) is not None)
"""Every runtime key that is a flag."""


def typo_of(key: str) -> str | None:
    """Return the runtime key that an unknown `key` misspells by one letter, or None.

    That is one letter added, removed or replaced, two neighbouring letters exchanged, or other case.
    """
    if key in RUNTIME_KEYS:
        return None
    return next((known for known in RUNTIME_KEYS if _one_edit(key.upper(), known)), None)


def _one_edit(given: str, known: str) -> bool:
    if abs(len(given) - len(known)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(given, known, strict=False)) if a != b), None)
    if start is None:  # equal, or one letter more at the end
        return True
    rest, other = given[start:], known[start:]
    exchanged = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return exchanged or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
