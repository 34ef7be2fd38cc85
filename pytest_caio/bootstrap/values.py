"""The values that bootstrap adds: defaults of the mode, values that follow from the base URL, new secrets."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.environment import checked_url
from pytest_caio.environments.keys import SECRETS, SENDING_KEYS, expected_values

__all__ = ["GENERATED", "defaults", "shut_out"]

# Only Inngest and GHL can generate their keys.
GENERATED = tuple(key for key in SECRETS if not key.startswith("INNGEST_") and key not in SENDING_KEYS)


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


def shut_out(current: Mapping[str, str]) -> set[str]:
    """Return the webhook secrets that must not be generated: the provider uses its bearer token today.

    Once a secret is set, the bearer token is ignored, and the provider is refused until it signs.
    """
    return {
        provider.secret_key
        for provider in PROVIDERS.values()
        if not current.get(provider.secret_key) and current.get(provider.bearer_key or "")
    }
