"""Rules for an environment's secrets: not weak, not used twice, not revoked, not another environment's.

As in `rules`, each returns faults that name keys and never values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pytest_caio.contract.redis_url import redis_place, redis_url_fault
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import (
    REQUIRED_KEYS,
    RUNTIME_KEYS,
    SECRETS,
    SENDING_KEYS,
    entered_at_provider,
    is_unfilled,
    issuer_of,
    secret_part,
    weakness,
)
from pytest_caio.outcomes import MissingInput, NotApplicable
from pytest_caio.redaction.secret import Secret, names_secret

__all__ = [
    "given_secrets",
    "placeholders",
    "revoked_fault",
    "revoked_secrets",
    "secret_faults",
    "secrets_of_file",
    "shared_database",
    "shared_secrets",
    "to_change",
]

# What of a value `secret_part` is.
_PARTS = {
    "REDIS_URL": "the password in REDIS_URL",
    "INNGEST_SIGNING_KEY": "INNGEST_SIGNING_KEY without its prefix",
}


def given_secrets(environment: Environment) -> dict[str, tuple[()]]:
    """Return one test case, without probes, for each given secret; REDIS_URL is one if it has a password.

    Raises MissingInput, naming the required secrets, if none at all is given.
    """
    keys = [
        key for key in RUNTIME_KEYS if (value := environment.value(key).strip()) and names_secret(key, value)
    ]
    if not keys:
        raise MissingInput(*(key for key in REQUIRED_KEYS if key in SECRETS))
    return dict.fromkeys(keys, ())


def secrets_of_file(environment: Environment) -> list[str]:
    """Return every key given whose value is a secret, or holds one, the dashboard's own or another's."""
    return [
        key
        for key, value in environment.values.items()
        if value.reveal().strip() and names_secret(key, value.reveal())
    ]


def revoked_secrets(environment: Environment) -> dict[str, tuple[()]]:
    """Return one test case, without probes, for each given secret, the dashboard's own or another's.

    Raises NotApplicable if no revoked secrets are listed to compare with, and what `given_secrets` raises.
    """
    if not environment.revoked.tokens and not environment.profile.revoked_sha256:
        raise NotApplicable("no revoked secrets are listed (revoked_sha256, --revoked-tokens)")
    return given_secrets(environment) | dict.fromkeys(secrets_of_file(environment), ())


def secret_faults(environment: Environment, key: str) -> list[str]:
    """Judge one given secret: it must be strong, and serve one purpose.

    No other runtime key may have its value. Nor may any other secret of the file, where this one is the
    dashboard's own; what others issued, such as the password of Redis, goes by many names.
    """
    value = environment.value(key)
    weak = weakness(key, value)
    judged = _PARTS.get(key, key) if secret_part(key, value) not in ("", value) else key
    repeated = [f"{key} and {other} hold the same value" for other in _equal_to(environment, key)]
    return [*([f"{judged} {weak}"] if weak else []), *repeated]


def to_change(environment: Environment, key: str) -> str:
    """Return the key to change where `secret_faults` finds one: `key`, or another with the same value.

    Of equal secrets the one that is hardest to change stays.
    """
    hardest, *easier = sorted((key, *_equal_to(environment, key)), key=_by_ease)
    return easier[0] if easier and key == hardest and not weakness(key, environment.value(key)) else key


def _by_ease(key: str) -> tuple[bool, bool, str]:
    """Sort secrets by how easy it is to change them: those that others issue, at providers, our own."""
    return key in SECRETS and not issuer_of(key), not entered_at_provider(key), key


def _equal_to(environment: Environment, key: str) -> list[str]:
    value = environment.value(key)
    given = given_secrets(environment)
    foreign = secrets_of_file(environment) if key in SECRETS and key not in SENDING_KEYS else []
    rivals = [*given, *(one for one in foreign if one not in given and not _same_thing(key, one))]
    return [
        other
        for other in rivals
        if other != key and _forms(key, value) & _forms(other, environment.value(other))
    ]


def _same_thing(key: str, other: str) -> bool:
    """Return whether two keys name one thing: all words of one are in the other, but for KEY and AUTH."""
    one, two = ({*name.upper().split("_")} - {"KEY", "AUTH"} for name in (key, other))
    return one <= two or two <= one


def _forms(key: str, value: str) -> set[str]:
    """Return every text that is a secret's value: it as it stands, without blanks, and its secret part."""
    return {value, value.strip(), secret_part(key, value)} - {""}


def placeholders(environment: Environment) -> list[str]:
    """Return the keys, other than the `given_secrets`, whose values are a template's placeholders."""
    judged = given_secrets(environment)
    others = {key: value.reveal() for key, value in environment.values.items() if key not in judged}
    return [f"{key} is a placeholder" for key, value in others.items() if is_unfilled(key, value)]


def revoked_fault(environment: Environment, key: str) -> str:
    """Judge whether a secret, or its secret part, was revoked."""
    value = environment.value(key)
    hashes = {digest.lower() for digest in environment.profile.revoked_sha256}
    for text in _forms(key, value):
        if Secret(text) in environment.revoked.tokens or hashlib.sha256(text.encode()).hexdigest() in hashes:
            return f"{key} was revoked"
    return ""


def shared_secrets(environment: Environment, key: str, others: Iterable[Environment]) -> list[str]:
    """Return which other environments, and under which key, have the value of this one's `key`."""
    own = secret_part(key, environment.value(key))
    return [
        f"{other.name} has the same" + ("" if theirs == key else f" as its {theirs}")
        for other in others
        for theirs in SECRETS
        if own and secret_part(theirs, other.value(theirs)) == own
    ]


def shared_database(environment: Environment, others: Iterable[Environment]) -> list[str]:
    """Return which other environments keep their data in the same database of Redis.

    Raises MissingInput if one of them has no REDIS_URL.
    """
    places = []
    for one in (environment, *others):
        url = one.value("REDIS_URL").strip()
        if not url:
            raise MissingInput("REDIS_URL" if one is environment else f"REDIS_URL of {one.name}")
        places.append((one.name, redis_place(url), redis_url_fault(url)))
    (_, own, _), *theirs = places
    faults = [f"REDIS_URL of {name} {fault}" for name, _, fault in places if fault]
    return faults or [
        f"REDIS_URL leads to the database of {name}" for name, place, _ in theirs if place == own
    ]
