"""Faults of the runtime environment file: what the operator's file says of the deployment."""

from __future__ import annotations

import secrets

import redis

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.settings import SECRET_KEYS
from pytest_caio.reference.faults.fault import Faults

__all__ = ["ENVIRONMENT"]

fault = Faults()


@fault("The environment file has no secret for sessions.", "ENV-01", place="Railway")
def session_secret_unset(deployment: Deployment) -> None:
    """Leave the key out of the file."""
    del deployment.published["SESSION_SECRET_KEY"]


@fault(
    "The environment file names the key for Inngest's events and leaves it empty.", "ENV-01", place="Railway"
)
def event_key_empty(deployment: Deployment) -> None:
    """Write the key without a value."""
    deployment.published["INNGEST_EVENT_KEY"] = ""


@fault("The environment file says that Redis is not required.", "ENV-02", place="REDIS_REQUIRED")
def file_redis_optional(deployment: Deployment) -> None:
    """Turn the requirement off in the file."""
    deployment.published["REDIS_REQUIRED"] = "no"


@fault("The environment file says `enabled` where only true or false counts.", "ENV-02", place="Railway")
def file_flag_unclear(deployment: Deployment) -> None:
    """Write a word that is no flag."""
    deployment.published["DASHBOARD_AUTH_STRICT"] = "enabled"


@fault("The environment file is that of another environment.", "ENV-02", place="ENVIRONMENT")
def file_of_another(deployment: Deployment) -> None:
    """Name another environment in the file."""
    deployment.published["ENVIRONMENT"] = "development"


@fault("The environment file lets every site call the API.", "ENV-03", place="CORS_ALLOWED_ORIGINS")
def file_origin_wildcard(deployment: Deployment) -> None:
    """Add a wildcard to the origins in the file."""
    deployment.published["CORS_ALLOWED_ORIGINS"] += ",*"


@fault("An allowed site is reached over plain http.", "ENV-03", place="CORS_ALLOWED_ORIGINS")
def file_origin_http(deployment: Deployment) -> None:
    """Allow one origin more, without https, and say so in the file."""
    deployment.cors.origins.append("http://reports.caio.example")
    deployment.published["CORS_ALLOWED_ORIGINS"] += ",http://reports.caio.example"


@fault("Inngest is told to call another host.", "ENV-04", place="INNGEST_WEBHOOK_URL")
def inngest_elsewhere(deployment: Deployment) -> None:
    """Name another deployment's endpoint in the file."""
    deployment.published["INNGEST_WEBHOOK_URL"] = "https://caio.example.com/inngest"


@fault("Inngest is told to call over plain http.", "ENV-04", place="INNGEST_WEBHOOK_URL")
def inngest_unencrypted(deployment: Deployment) -> None:
    """Name the endpoint by http in the file."""
    url = deployment.published["INNGEST_WEBHOOK_URL"]
    deployment.published["INNGEST_WEBHOOK_URL"] = url.replace("https://", "http://")


@fault("State is still read from files where Redis has none.", "ENV-05", place="STATE_DUAL_READ_ENABLED")
def dual_read(deployment: Deployment) -> None:
    """Leave the second way of reading on."""
    deployment.published["STATE_DUAL_READ_ENABLED"] = "true"


@fault("Rate limits are counted together with staging's.", "ENV-06", place="RATE_LIMIT_REDIS_NAMESPACE")
def namespace_of_staging(deployment: Deployment) -> None:
    """Take staging's namespace, or production's in staging."""
    other = "production" if deployment.published["ENVIRONMENT"] == "staging" else "staging"
    deployment.published["RATE_LIMIT_REDIS_NAMESPACE"] = f"caio:{other}:ratelimit"


@fault(
    "Contexts are kept where every environment keeps them.",
    "ENV-06",
    then=("OPS-08",),
    place="CONTEXT_REDIS_PREFIX",
)
def namespace_unnamed(deployment: Deployment) -> None:
    """Leave the environment's name out of a namespace."""
    deployment.published["CONTEXT_REDIS_PREFIX"] = "caio:context"


@fault("Traces are kept for a month, in words that no program reads.", "ENV-07", place="TRACE_RETENTION_DAYS")
def retention_in_words(deployment: Deployment) -> None:
    """Write a number in words."""
    deployment.published["TRACE_RETENTION_DAYS"] = "a month"


@fault("Traces are never cleaned up.", "ENV-07", place="TRACE_CLEANUP_ENABLED")
def traces_kept_forever(deployment: Deployment) -> None:
    """Turn the cleaning off in the file."""
    deployment.published["TRACE_CLEANUP_ENABLED"] = "false"


@fault("A secret is still the one of the template.", "ENV-08", place="env file")
def secret_placeholder(deployment: Deployment) -> None:
    """Leave a placeholder in the file."""
    deployment.published["INNGEST_EVENT_KEY"] = "your-inngest-event-key-here"


@fault("A secret is short enough to be guessed.", "ENV-08", place="env file")
def secret_short(deployment: Deployment) -> None:
    """Write a secret of eight characters."""
    deployment.published["SESSION_SECRET_KEY"] = secrets.token_hex(4)


@fault("The dashboard's token also signs its sessions.", "ENV-08", place="env file")
def secret_reused(deployment: Deployment) -> None:
    """Use one value for two purposes."""
    deployment.published["SESSION_SECRET_KEY"] = deployment.published["DASHBOARD_AUTH_TOKEN"]


@fault("A secret that was revoked is in use again.", "ENV-09", place="env file")
def secret_revoked(deployment: Deployment) -> None:
    """Use a revoked token for something else."""
    deployment.published["SESSION_SECRET_KEY"] = deployment.revoked[0]


@fault("The environment file lets HeyReach in unsigned.", "ENV-11", place="HEYREACH_UNSIGNED_ALLOWLIST")
def file_allowlists_heyreach(deployment: Deployment) -> None:
    """Set the allowlist in the file."""
    deployment.published["HEYREACH_UNSIGNED_ALLOWLIST"] = "true"


# The demo's own migration says that a server which may evict is none to keep state in.
@fault("Redis throws state away when its memory is full.", "ENV-12", "STATE-05", place="maxmemory-policy")
def redis_evicts(deployment: Deployment) -> None:
    """Give the deployment's own Redis a policy that evicts."""
    with redis.Redis.from_url(deployment.settings["REDIS_URL"]) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")


# Its webhook's checks, which sign with that secret, then lack an input.
@fault(
    "The environment file has no secret for RB2B.",
    "ENV-13",
    then=("WH-06", "WH-09", "WH-10", "WH-12"),
    place="provider's webhook secret",
)
def provider_unkeyed(deployment: Deployment) -> None:
    """Leave RB2B's secret, its only credential, out of the file."""
    del deployment.published[SECRET_KEYS["rb2b"]]


@fault("A key of the environment file is misspelled, and so does nothing.", "ENV-14", place="env file")
def key_misspelled(deployment: Deployment) -> None:
    """Add a key with a letter missing."""
    deployment.published["REDIS_MAX_CONECTIONS"] = "50"


ENVIRONMENT = fault.all
