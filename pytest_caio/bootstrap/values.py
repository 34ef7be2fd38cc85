"""The values that bootstrap adds: defaults of the mode, values that follow from the base URL, new secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.environment import checked_url
from pytest_caio.environments.keys import SECRETS, expected_values, issuer_of
from pytest_caio.errors import InputError

__all__ = ["GENERATED", "OF_PROVIDERS", "chosen_ways", "credentials_to_make", "defaults", "ways_in"]

# The two ways in which a webhook provider authenticates.
SIGNATURE, BEARER = "signature", "bearer"
OF_PROVIDERS = {key for provider in PROVIDERS.values() for key in provider.keys}

# Of the webhook credentials, those are generated that `credentials_to_make` returns.
GENERATED = tuple(key for key in SECRETS if not issuer_of(key))


def defaults(mode: str, base_url: str) -> dict[str, str]:
    """Return the value of every key that leaves no choice; `base_url`, if known, gives the addresses.

    Raises InputError if it is not a base URL.
    """
    values = {
        **expected_values(mode),
        "REDIS_MAX_CONNECTIONS": "20",
        "INNGEST_APP_ID": "caio-alpha-swarm",
        "DASHBOARD_AUTH_ALLOWLIST": "/api/health,/api/health/ready,/api/health/live",
        "TRACE_ENVELOPE_FILE": ".hive-mind/traces/tool_trace_envelopes.jsonl",
    }
    if base_url:
        url = checked_url(base_url, "CAIO_BASE_URL")
        # Inngest and browsers use https, even for a trial deployment on this machine.
        public = url.replace("http://", "https://", 1)
        values["CAIO_BASE_URL"] = url
        values["INNGEST_WEBHOOK_URL"] = f"{public}/inngest"
        values["CORS_ALLOWED_ORIGINS"] = public.lower()
    return values


def ways_in(values: Mapping[str, str]) -> dict[str, str]:
    """Return how each webhook provider comes in with these values, by its name."""
    return {name: provider.way_in(values) for name, provider in PROVIDERS.items()}


def credentials_to_make(values: Mapping[str, str], chosen: Mapping[str, str]) -> set[str]:
    """Return the webhook credentials that a file with these values needs, by how each provider comes in.

    That is as `chosen`, by name, else as it comes in today, else by its bearer if it may send one: once a
    webhook secret is set, the bearer is ignored, and a provider that cannot sign is shut out.

    Raises InputError if a provider is to send a bearer whose signature is asked for.
    """
    today = ways_in(values)
    keys = set()
    for name, provider in PROVIDERS.items():
        if chosen.get(name) == BEARER and today[name] == SIGNATURE:
            raise InputError(
                f"--provider {name}={BEARER}: {provider.secret_key} is set, and {provider.title} must sign "
                "then; take that key out of the file first"
            )
        usual = BEARER if provider.bearer_key else SIGNATURE
        way = chosen.get(name) or (usual if today[name] == "nothing" else today[name])
        keys.add(provider.bearer_key if way == BEARER and provider.bearer_key else provider.secret_key)
    return keys


def chosen_ways(given: Sequence[str]) -> dict[str, str]:
    """Return the values of `--provider` by the provider's name. Raises InputError if one cannot be used."""
    chosen: dict[str, str] = {}
    for text in given:
        name, _, way = text.partition("=")
        provider = PROVIDERS.get(name)
        if provider is None or way not in (SIGNATURE, BEARER):
            raise InputError(
                f"--provider {text}: takes NAME={BEARER} or NAME={SIGNATURE}; the names are "
                f"{', '.join(PROVIDERS)}"
            )
        if way == BEARER and not provider.bearer_key:
            raise InputError(f"--provider {text}: {provider.title} sends no bearer, it can only sign")
        if chosen.setdefault(name, way) != way:
            raise InputError(f"--provider {text}: is given twice, with different ways")
    return chosen
