"""Rules for an environment's settings: each returns the fault in words, or an empty string if there is none.

Faults name keys, never values. A rule raises MissingInput if it needs a key that was not given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_caio.contract.cards import RAMP_TIER
from pytest_caio.contract.providers import PROVIDERS, WebhookProvider
from pytest_caio.environments.addresses import (
    foreign_names,
    inngest_url_fault,
    names_environment,
    origin_fault,
)
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import (
    FLAGS,
    REDIS_NAMESPACES,
    REDIS_ONLY,
    REQUIRED_KEYS,
    RUNTIME_KEYS,
    SECRETS,
    STATE_PREFIX,
    TIER_FILTER,
    canonical,
    expected_values,
    flag,
    misplaced_mark,
    odd_character,
    typo_of,
)
from pytest_caio.outcomes import MissingInput, NotApplicable
from pytest_caio.redaction.secret import names_secret

__all__ = [
    "brake_fault",
    "choice_fault",
    "env_diff",
    "flag_fault",
    "inngest_fault",
    "let_in_unsigned",
    "missing_key",
    "misspelled_keys",
    "name_fault",
    "namespace_fault",
    "number_fault",
    "origin_faults",
    "others_of",
    "provider_without_secret",
    "redis_only_fault",
    "repeated_keys",
    "shared_namespaces",
    "unusable",
    "unusable_values",
]


def _given(environment: Environment, key: str) -> str:
    value = environment.value(key).strip()
    if not value:
        raise MissingInput(key)
    return value


def missing_key(environment: Environment, key: str) -> str:
    """Judge whether a key is given: it may be missing, or its value empty."""
    if environment.value(key).strip():
        return ""
    return f"{key} is {'empty' if key in environment.values else 'missing'}"


def flag_fault(environment: Environment, key: str, *, wanted: bool) -> str:
    """Judge a flag; a value that is neither true nor false (see `flag`) is a fault too."""
    found = flag(_given(environment, key))
    if found is None:
        return f"{key} is neither true nor false"
    return "" if found is wanted else f"{key} is {str(found).lower()}"


def brake_fault(environment: Environment, key: str) -> str:
    """Judge a brake or override: it must be off or not set, and the tier filter that of the ramp.

    Raises NotApplicable if nothing at all was given, of which a brake could be missing.
    """
    if not environment.values:
        raise NotApplicable("no value of the deployment was given")
    value = environment.value(key).strip()
    if not value:
        return ""
    if key == TIER_FILTER:
        return "" if value.lower() == RAMP_TIER else f"{key} is not {RAMP_TIER}, the tier of the ramp"
    return flag_fault(environment, key, wanted=False)


def unusable_values(environment: Environment) -> list[str]:
    """Return what cannot be used as it stands: keys, with the character or the name that is wrong in them.

    Secrets are judged by each character, other runtime keys by invisible ones, and flags by what stands
    around them. Of keys that are not the dashboard's, only their ends and what they refer to are judged: a
    private key has blanks and line ends in it. Raises MissingInput if nothing was given.
    """
    entries = environment.file.entries if environment.file else ()
    if not any(value.reveal() for value in environment.values.values()) and not any(
        entry.undefined for entry in entries
    ):
        raise MissingInput(*REQUIRED_KEYS)
    faults = [
        f"{entry.key} (line {entry.line}) {_reference_fault(name)}"
        for entry in entries
        for name in entry.undefined
    ]
    told = {entry.key for entry in entries if entry.undefined}
    for key, secret in environment.values.items():
        value = secret.reveal()
        reference = re.search(r"\$\{(\{?[^{}]*)\}", value)
        if key in told or not value.strip():
            continue
        if reference:
            faults.append(f"{key} {_reference_fault(reference[1])}")
        elif odd := _odd(key, value):
            faults.append(f"{key} has {odd} in it")
    return faults


def unusable(environment: Environment, *keys: str) -> str:
    """Return the first of the `unusable_values` that is one of `keys`, or an empty string."""
    try:
        faults = unusable_values(environment)
    except MissingInput:
        return ""
    return next((fault for fault in faults if fault.partition(" ")[0] in keys), "")


def _reference_fault(name: str) -> str:
    if name.startswith("{"):
        return "refers to another variable of Railway, which only Railway knows"
    shown = f"${{{name}}}" if re.fullmatch("[A-Z][A-Z0-9_]*", name) else "a name in ${…}"
    return f"refers to {shown}, which no line before it defines"


def _odd(key: str, value: str) -> str:
    """Return in words the character that must not be in the value of a key, or an empty string."""
    if key in FLAGS:
        return misplaced_mark(value)
    if key in SECRETS or key == "REDIS_URL":
        return odd_character(value)
    if names_secret(key, value) and key not in RUNTIME_KEYS:
        ends = value.rstrip("\r\n")
        return odd_character(ends[:1] + ends[-1:])
    return odd_character("".join(c for c in value if not c.isprintable())) if key in RUNTIME_KEYS else ""


def choice_fault(environment: Environment, key: str, wanted: str) -> str:
    """Judge a setting that must be the word `wanted`, in upper or lower case."""
    return "" if _given(environment, key).lower() == wanted else f"{key} is not {wanted}"


def redis_only_fault(environment: Environment, key: str) -> str:
    """Judge a key of REDIS_ONLY: a flag, or one word."""
    on = flag(REDIS_ONLY[key])
    if on is None:
        return choice_fault(environment, key, REDIS_ONLY[key])
    return flag_fault(environment, key, wanted=on)


def name_fault(environment: Environment) -> str:
    """Judge ENVIRONMENT: it must be the expected environment; `prod` means production."""
    wanted = canonical(environment.expected_environment)
    return "" if canonical(_given(environment, "ENVIRONMENT")) == wanted else f"ENVIRONMENT is not {wanted}"


def number_fault(environment: Environment, key: str) -> str:
    """Judge a number: it must be whole and above 0, and the expected one if the contract names one."""
    text = environment.value(key).strip()
    if not text:
        return f"{key} is not set"
    if not (re.fullmatch("[0-9]{1,18}", text) and int(text) > 0):
        return f"{key} is no whole number above 0"
    wanted = expected_values(environment.expected_environment).get(key, text)
    return "" if int(text) == int(wanted) else f"{key} is {int(text)}, and {wanted} is expected"


def origin_faults(environment: Environment) -> list[str]:
    """Judge each origin of CORS_ALLOWED_ORIGINS; a fault names an origin by its position in the list."""
    _given(environment, "CORS_ALLOWED_ORIGINS")
    production = canonical(environment.expected_environment) == "production"
    if not environment.cors_origins:
        return ["CORS_ALLOWED_ORIGINS names no origin"]
    faults = [origin_fault(origin, production=production) for origin in environment.cors_origins]
    return [f"origin {n} of CORS_ALLOWED_ORIGINS {fault}" for n, fault in enumerate(faults, 1) if fault]


def inngest_fault(environment: Environment) -> str:
    """Judge INNGEST_WEBHOOK_URL."""
    fault = inngest_url_fault(_given(environment, "INNGEST_WEBHOOK_URL"), environment.host)
    return f"INNGEST_WEBHOOK_URL {fault}" if fault else ""


def namespace_fault(environment: Environment, key: str, others: Sequence[Environment] = ()) -> str:
    """Judge a namespace of Redis: it must name this environment, and no other.

    STATE_REDIS_PREFIX may also name none, like its default `caio`: a deployment that has its state under
    that prefix keeps it, and is separated by its own database (ENV-10).
    """
    own = environment.expected_environment
    namespace = environment.value(key) if key == STATE_PREFIX else _given(environment, key)
    foreign = foreign_names(namespace, own, [other.expected_environment for other in others])
    if foreign:
        return f"{key} names another environment, {foreign[0]}"
    if key != STATE_PREFIX and not names_environment(namespace, own):
        return f"{key} does not name {canonical(own)}"
    return ""


def shared_namespaces(environment: Environment, others: Iterable[Environment]) -> list[str]:
    """Return which namespaces another environment has too.

    A state prefix counts only if it names this environment: the same neutral prefix in two databases is two
    namespaces, and ENV-10 requires two databases.
    """
    found = []
    for other in others:
        for key in REDIS_NAMESPACES:
            value = environment.value(key).strip()
            own_name = key != STATE_PREFIX or names_environment(value, environment.expected_environment)
            if value and own_name and value == other.value(key).strip():
                found.append(f"{key} is that of {other.name}")
    return found


def provider_without_secret(environment: Environment, provider: str) -> str:
    """Judge whether a webhook provider has a secret or bearer token to authenticate with."""
    keys = PROVIDERS[provider].keys
    return (
        ""
        if any(environment.value(key).strip() for key in keys)
        else f"{provider} has no {' or '.join(keys)}"
    )


def repeated_keys(environment: Environment) -> list[str]:
    """Return the keys that the env file defines more than once, with their lines."""
    entries = environment.file.entries if environment.file else ()
    lines: dict[str, list[str]] = {}
    for entry in entries:
        lines.setdefault(entry.key, []).append(str(entry.line))
    return [f"{key} (lines {', '.join(at)})" for key, at in lines.items() if len(at) > 1]


def misspelled_keys(environment: Environment) -> list[str]:
    """Return the keys of the env file that misspell a known one by one letter, with their lines."""
    entries = environment.file.entries if environment.file else ()
    return [
        f"{entry.key} (line {entry.line}) looks like {known}"
        for entry in entries
        if (known := typo_of(entry.key))
    ]


def others_of(environment: Environment, environments: Iterable[Environment]) -> list[Environment]:
    """Return the environments that must share nothing with `environment`.

    Two profiles may describe the same environment: those are not returned.
    """
    own = canonical(environment.expected_environment)
    return [other for other in environments if canonical(other.expected_environment) != own]


def env_diff(environments: Sequence[Environment]) -> dict[str, Any]:
    """Return, for each environment, how its keys differ from the known ones and from the others' keys.

    Values are not included.
    """
    given = {e.name: {key for key in e.values if e.value(key).strip()} for e in environments}
    diff: dict[str, Any] = {}
    for environment in environments:
        name, file = environment.name, environment.file
        keys = [entry.key for entry in file.entries] if file else []
        diff[name] = {
            "missing": sorted(set(REQUIRED_KEYS) - given[name]),
            "unknown": sorted(set(keys) - set(RUNTIME_KEYS)),
            "duplicated": sorted({key for key in keys if keys.count(key) > 1}),
        }
        if len(environments) > 1:
            elsewhere = set().union(*(found for other, found in given.items() if other != name))
            diff[name]["only_here"] = sorted(given[name] - elsewhere)
    return diff


def let_in_unsigned(environment: Environment, provider: WebhookProvider) -> bool:
    """Return whether the env file accepts a provider's unsigned requests.

    It does if the provider's switch is on and neither a secret nor a bearer token is set: the fallback for
    which WH-08 and ENV-11 may be waived.
    """
    given = any(environment.value(key) for key in provider.keys)
    return (
        bool(provider.unsigned_key) and not given and flag(environment.value(provider.unsigned_key)) is True
    )
