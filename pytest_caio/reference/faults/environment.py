"""Faults of the operator's env file: missing, wrong, weak or reused values."""

from __future__ import annotations

import secrets

import redis

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import publish, using

__all__ = ["ENVIRONMENT"]

# fmt: off
ENVIRONMENT = Faults([
    fault("session-secret-unset", "The environment file has no secret for sessions.", "ENV-01",
          publish("SESSION_SECRET_KEY", None), place="Railway"),
    fault("event-key-empty", "The environment file names the key for Inngest's events and leaves it empty.",
          "ENV-01", publish("INNGEST_EVENT_KEY", ""), place="Railway"),
    fault("file-redis-optional", "The environment file says that Redis is not required.", "ENV-02",
          publish("REDIS_REQUIRED", "no"), place="REDIS_REQUIRED"),
    fault("file-flag-unclear", "The environment file says `enabled` where only true or false counts.",
          "ENV-02", publish("DASHBOARD_AUTH_STRICT", "enabled"), place="Railway"),
    fault("file-of-another", "The environment file is that of another environment.", "ENV-02",
          publish("ENVIRONMENT", "development"), place="ENVIRONMENT"),
    fault("file-origin-wildcard", "The environment file lets every site call the API.", "ENV-03",
          publish("CORS_ALLOWED_ORIGINS", lambda was: f"{was},*"), place="CORS_ALLOWED_ORIGINS"),
    fault("file-origin-http", "An allowed site is reached over plain http.", "ENV-03",
          lambda d: d.cors.origins.append("http://reports.caio.example"),
          publish("CORS_ALLOWED_ORIGINS", lambda was: f"{was},http://reports.caio.example"),
          place="CORS_ALLOWED_ORIGINS"),
    fault("inngest-elsewhere", "Inngest is told to call another host.", "ENV-04",
          publish("INNGEST_WEBHOOK_URL", "https://caio.example.com/inngest"), place="INNGEST_WEBHOOK_URL"),
    fault("inngest-unencrypted", "Inngest is told to call over plain http.", "ENV-04",
          publish("INNGEST_WEBHOOK_URL", lambda was: was.replace("https://", "http://")),
          place="INNGEST_WEBHOOK_URL"),
    fault("dual-read", "State is still read from files where Redis has none.", "ENV-05",
          publish("STATE_DUAL_READ_ENABLED", "true"), place="STATE_DUAL_READ_ENABLED"),
    fault("namespace-of-staging", "Rate limits are counted together with staging's.", "ENV-06",
          publish("RATE_LIMIT_REDIS_NAMESPACE",
                  lambda was: f"caio:{'production' if 'staging' in was else 'staging'}:ratelimit"),
          place="RATE_LIMIT_REDIS_NAMESPACE"),
    fault("namespace-unnamed", "Contexts are kept where every environment keeps them.", "ENV-06",
          publish("CONTEXT_REDIS_PREFIX", "caio:context"), then="STATE-06 OPS-06 RDY-15",
          place="CONTEXT_REDIS_PREFIX"),
    fault("retention-in-words", "Traces are kept for a month, in words that no program reads.", "ENV-07",
          publish("TRACE_RETENTION_DAYS", "a month"), place="TRACE_RETENTION_DAYS"),
    fault("traces-kept-forever", "Traces are never cleaned up.", "ENV-07",
          publish("TRACE_CLEANUP_ENABLED", "false"), place="TRACE_CLEANUP_ENABLED"),
    fault("secret-placeholder", "A secret is still the one of the template.", "ENV-08",
          publish("INNGEST_EVENT_KEY", "your-inngest-event-key-here"), place="env file"),
    fault("secret-short", "A secret is short enough to be guessed.", "ENV-08",
          publish("SESSION_SECRET_KEY", lambda _: secrets.token_hex(4)), place="env file"),
    fault("secret-reused", "The dashboard's token also signs its sessions.", "ENV-08",
          using(lambda d: publish("SESSION_SECRET_KEY", d.published["DASHBOARD_AUTH_TOKEN"])),
          place="env file"),
    fault("secret-revoked", "A secret that was revoked is in use again.", "ENV-09",
          using(lambda d: publish("SESSION_SECRET_KEY", d.revoked[0])), place="env file"),
    fault("file-allowlists-heyreach", "The environment file lets HeyReach in unsigned.", "ENV-11",
          publish("HEYREACH_UNSIGNED_ALLOWLIST", "true"), place="HEYREACH_UNSIGNED_ALLOWLIST"),
    # The checks that sign RB2B's webhook posts with this secret then lack an input.
    fault("provider-unkeyed", "The environment file has no secret for RB2B.", "ENV-13",
          publish(PROVIDERS["rb2b"].secret_key, None),
          then="WH-05 WH-06 WH-09 WH-10 WH-12 WH-13", place="RB2B_WEBHOOK_SECRET"),
    fault("key-misspelled", "A key of the environment file is misspelled, and so does nothing.", "ENV-14",
          publish("REDIS_MAX_CONECTIONS", "50"), place="env file"),
])
# fmt: on


# STATE-05 too: the deployment's own migration reports a Redis server that may evict keys as an error.
@ENVIRONMENT.add(
    "Redis throws state away when its memory is full.", "ENV-12 STATE-05", place="maxmemory-policy"
)
def redis_evicts(deployment: Deployment) -> None:
    """Set an eviction policy on the deployment's own Redis server."""
    with redis.Redis.from_url(deployment.settings["REDIS_URL"]) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
