"""The settings of a reference deployment: the runtime keys of an env file, generated at each start."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from pytest_caio.contract import providers
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.keys import BRAKES, RUNTIME_KEYS
from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import new_secret
from pytest_caio.system.paths import need_file

__all__ = [
    "FORMER_ORIGIN",
    "MIGRATION",
    "RUNTIME_KEYS",
    "flag",
    "fresh_settings",
    "items",
    "write_private",
    "write_settings",
]

MIGRATION = "migration.json"
"""The file, in the folder of the file state, with the summary of its migration."""
_ORIGINS = ("https://dashboard.caio.example", "https://ops.caio.example")
FORMER_ORIGIN = "https://dashboard.old-caio.example"
"""A site that once was the dashboard's own, and may no longer call the API."""


def flag(settings: Mapping[str, str], key: str) -> bool:
    """Say whether a setting is true: any of 1, true, yes, on; a missing or any other value is false."""
    return settings.get(key, "").strip().lower() in {"1", "true", "yes", "on"}


def items(settings: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Return the values of a comma-separated setting, trimmed, without empty ones."""
    return tuple(part.strip() for part in settings.get(key, "").split(",") if part.strip())


def fresh_settings(
    environment: str, base_url: str, redis_url: str, bearer_only: Iterable[str] = ()
) -> dict[str, str]:
    """Return every runtime key of a healthy deployment, with new random secrets.

    `bearer_only` names providers that get no HMAC secret, so that they authenticate by their bearer. Raises
    InputError for an unknown provider, or one that cannot use a bearer.
    """
    may = sorted(name for name, provider in PROVIDERS.items() if provider.bearer_key)
    for name in bearer_only:
        if name not in may:
            raise InputError(f"--bearer-only {name}: choose from {', '.join(may)}")
    settings = {
        "ENVIRONMENT": environment,
        "CAIO_BASE_URL": base_url,
        "REDIS_URL": redis_url,
        "REDIS_REQUIRED": "true",
        "REDIS_MAX_CONNECTIONS": "20",
        "STATE_BACKEND": "redis",
        # Different from the two other namespaces, so that only state is stored under this prefix.
        "STATE_REDIS_PREFIX": f"caio:{environment}:state",
        "STATE_DUAL_READ_ENABLED": "false",
        "STATE_FILE_FALLBACK_WRITE": "false",
        "RATE_LIMIT_REDIS_NAMESPACE": f"caio:{environment}:ratelimit",
        "CONTEXT_REDIS_PREFIX": f"caio:{environment}:context",
        "CONTEXT_STATE_TTL_SECONDS": "7200" if environment == "production" else "3600",
        "INNGEST_SIGNING_KEY": f"signkey-prod-{secrets.token_hex(32)}",
        "INNGEST_EVENT_KEY": new_secret(),
        "INNGEST_REQUIRED": "true",
        "INNGEST_APP_ID": "caio-alpha-swarm",
        # The check requires https. This deployment has no certificate, so only its host is real here.
        "INNGEST_WEBHOOK_URL": f"{base_url.replace('http://', 'https://', 1)}/inngest",
        "DASHBOARD_AUTH_TOKEN": new_secret(),
        "DASHBOARD_AUTH_STRICT": "true",
        "DASHBOARD_QUERY_TOKEN_ENABLED": "false",
        "DASHBOARD_AUTH_ALLOWLIST": "/api/health,/api/health/ready,/api/health/live",
        "SESSION_SECRET_KEY": new_secret(),
        "CORS_ALLOWED_ORIGINS": ",".join(_ORIGINS),
        "CORS_ALLOWED_METHODS": "GET,POST,OPTIONS",
        "CORS_ALLOWED_HEADERS": "Content-Type,X-Dashboard-Token",
        "WEBHOOK_SIGNATURE_REQUIRED": "true",
        **{key: new_secret() for key in providers.BEARER_KEYS},
        **dict.fromkeys(providers.UNSIGNED_KEYS, "false"),
        **{provider.secret_key: new_secret() for provider in PROVIDERS.values()},
        "GHL_API_KEY": new_secret(),
        "GHL_LOCATION_ID": secrets.token_hex(10),
        **dict.fromkeys(BRAKES, "false"),
        "TRACE_ENVELOPE_FILE": ".hive-mind/traces/tool_trace_envelopes.jsonl",
        "TRACE_ENVELOPE_ENABLED": "true",
        "TRACE_RETENTION_DAYS": "30",
        "TRACE_CLEANUP_ENABLED": "true",
    }
    for name in bearer_only:
        del settings[PROVIDERS[name].secret_key]
    return settings


def write_private(path: Path, text: str) -> None:
    """Write text to a file that only its owner may read, whatever the file's mode was before.

    Raises OSError, also for what is there and is no file: a device is not replaced.
    """
    need_file(path)
    path.unlink(missing_ok=True)  # an existing file would keep its mode, and a link would be followed
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as a dotenv file, one `KEY=value` per line, which only its owner may read."""
    write_private(path, "".join(f"{key}={value}\n" for key, value in settings.items()))
