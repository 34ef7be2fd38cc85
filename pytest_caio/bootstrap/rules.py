"""The rules of the environment gate, applied to one env file before it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ParamSpec
from urllib.parse import urlsplit

from pytest_caio.contract.providers import PROVIDERS, UNSIGNED_KEYS
from pytest_caio.contract.redis_url import redis_url_fault
from pytest_caio.environments.addresses import is_local, origin_fault
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.environment import Environment, checked_url
from pytest_caio.environments.keys import (
    BRAKES,
    NUMBERS,
    REDIS_NAMESPACES,
    REDIS_ONLY,
    REQUIRED_KEYS,
    RUNTIME_KEYS,
    SENDING_KEYS,
    STRICT_FLAGS,
    TIER_FILTER,
    typo_of,
)
from pytest_caio.environments.profiles import Profile
from pytest_caio.environments.rules import (
    brake_fault,
    flag_fault,
    inngest_fault,
    missing_key,
    name_fault,
    namespace_fault,
    number_fault,
    origin_faults,
    provider_without_secret,
    redis_only_fault,
    unusable_values,
)
from pytest_caio.environments.secret_rules import given_secrets, placeholders, secret_faults
from pytest_caio.environments.urls import web_url
from pytest_caio.errors import InputError
from pytest_caio.outcomes import MissingInput

__all__ = ["Review", "review"]

# The keys of ENV-05 and ENV-11, which may be waived.
_WAIVABLE = (*REDIS_ONLY, *UNSIGNED_KEYS)
# Names that are reserved for documentation and tests (RFC 2606).
_RESERVED = (".example", ".invalid", ".test", "example.com", "example.org", "example.net")


_P = ParamSpec("_P")


@dataclass
class Review:
    """The result of a review, as keys and reasons, never values.

    `missing` keys and `faults` block, `waivable` faults may be covered by a waiver, `advice` does not block.
    """

    missing: list[str]
    faults: dict[str, str] = field(default_factory=dict)
    waivable: dict[str, str] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)


def review(mode: str, file: EnvFile) -> Review:
    """Judge the env file of `mode`, production or staging, alone; only the gate compares two files."""
    environment = _environment(mode, file)
    missing = [key for key in REQUIRED_KEYS if missing_key(environment, key)]
    missing += [
        " or ".join(provider.keys)
        for name, provider in PROVIDERS.items()
        if provider_without_secret(environment, name)
    ]
    result = Review(missing)
    with suppress(MissingInput):
        for fault in (*unusable_values(environment), *placeholders(environment)):
            result.faults.setdefault(fault.partition(" ")[0], fault)
    for key, fault in _blocking(environment):
        if fault:
            found = result.waivable if key in _WAIVABLE else result.faults
            found.setdefault(key, fault)
    advice = [number_fault(environment, key) for key in NUMBERS]
    for key in ("TRACE_ENVELOPE_ENABLED", "TRACE_CLEANUP_ENABLED"):
        advice.append(_fault_if_given(flag_fault, environment, key, wanted=True))
    unsent = (key for key in SENDING_KEYS if missing_key(environment, key))
    advice += [f"{key} is missing: approved emails would not be sent" for key in unsent]
    advice += [_fault_if_given(brake_fault, environment, key) for key in (*BRAKES, TIER_FILTER)]
    keys = [entry.key for entry in file.entries]
    advice += [f"{key} is defined more than once" for key in RUNTIME_KEYS if keys.count(key) > 1]
    advice += [f"a key looks like {known}, misspelled" for known in map(typo_of, keys) if known]
    result.advice = [text for text in dict.fromkeys(advice) if text]
    return result


def _environment(mode: str, file: EnvFile) -> Environment:
    environment = Environment(mode, "", Profile(environment=mode), file.values, file=file)
    url = environment.value("CAIO_BASE_URL")
    with suppress(InputError):
        # Without CAIO_BASE_URL, the host of INNGEST_WEBHOOK_URL is taken for the deployment's.
        told = web_url(environment.value("INNGEST_WEBHOOK_URL").strip())
        url = checked_url(url, "CAIO_BASE_URL") if url else f"https://{told.authority if told else ''}"
    return Environment(mode, url, Profile(environment=mode), file.values, file=file)


def _blocking(environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield each key and its fault, or an empty string; a missing key is not a fault here."""
    yield "ENVIRONMENT", _fault_if_given(name_fault, environment)
    for key, wanted in {**STRICT_FLAGS, **dict.fromkeys(UNSIGNED_KEYS, False)}.items():
        yield key, _fault_if_given(flag_fault, environment, key, wanted=wanted)
    for key in REDIS_ONLY:
        yield key, _fault_if_given(redis_only_fault, environment, key)
    for key in REDIS_NAMESPACES:
        yield key, _fault_if_given(namespace_fault, environment, key)
    with suppress(MissingInput):
        for key in given_secrets(environment):
            yield key, "; ".join(secret_faults(environment, key))
    with suppress(MissingInput):
        yield "CORS_ALLOWED_ORIGINS", "; ".join(origin_faults(environment))
    yield "CAIO_BASE_URL", _base_url_fault(environment)
    yield "INNGEST_WEBHOOK_URL", _fault_if_given(inngest_fault, environment)
    yield "REDIS_URL", _redis_fault(environment)


def _fault_if_given(rule: Callable[_P, str], *args: _P.args, **kwargs: _P.kwargs) -> str:
    """Return the fault that `rule` finds, or an empty string if it needs a key that is missing."""
    try:
        return rule(*args, **kwargs)
    except MissingInput:
        return ""


def _base_url_fault(environment: Environment) -> str:
    given = environment.value("CAIO_BASE_URL")
    if not given:
        return ""
    try:
        url = checked_url(given, "CAIO_BASE_URL")
    except InputError as error:
        return str(error)
    # A trial deployment on this machine has no certificate.
    fault = "" if environment.is_loopback else origin_fault(url.lower(), production=False)
    fault = fault or _reserved(environment.host)
    return f"CAIO_BASE_URL {fault}" if fault else ""


def _redis_fault(environment: Environment) -> str:
    url = environment.value("REDIS_URL").strip()
    if not url:
        return ""
    if fault := redis_url_fault(url):
        return f"REDIS_URL {fault}"
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if environment.name == "production" and (parts.scheme == "unix" or not host or is_local(host)):
        return "REDIS_URL is this machine (localhost), and production's Redis is not"
    return f"REDIS_URL {_reserved(host)}" if _reserved(host) else ""


def _reserved(host: str) -> str:
    return "is an example of a host, a placeholder" if f".{host}".endswith(_RESERVED) else ""
