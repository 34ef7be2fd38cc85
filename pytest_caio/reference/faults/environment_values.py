"""Faults of the operator's env file: values that cannot be used, what sending lacks, brakes left on."""

from __future__ import annotations

import secrets

import redis

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import publish, using

__all__ = ["VALUES"]

# fmt: off
VALUES = Faults([
    fault("setting-placeholder", "A setting that is no secret is still the one of the template.", "ENV-08",
          publish("SLACK_CHANNEL", "your-channel-here"), place="env file"),
    fault("address-placeholder", "An address still has the template's word in it.", "ENV-08",
          publish("ALERTS_URL", "https://your-host.alerts.example/hook"), place="env file"),
    fault("token-of-another-service", "Another service has the dashboard's token as its secret.", "ENV-08",
          using(lambda d: publish("JWT_SECRET", d.published["DASHBOARD_AUTH_TOKEN"])), place="env file"),
    fault("key-revoked", "A key of another service is in use, although it was revoked.", "ENV-09",
          using(lambda d: publish("OPENAI_API_KEY", d.revoked[0])), place="OPENAI_API_KEY"),
    fault("secret-curly-quote", "A secret was pasted with a curly quote.", "ENV-15",
          publish("INNGEST_EVENT_KEY", lambda was: f"{was}\u201d"), place="without the character named"),
    fault("secret-quoted", "A secret has a straight quote at its end.", "ENV-15",
          publish("INNGEST_EVENT_KEY", lambda was: f"{was}'"), place="without the character named"),
    fault("secret-with-blank", "A secret was broken by a blank.", "ENV-15",
          publish("INNGEST_EVENT_KEY", lambda was: f"{was[:9]} {was[9:]}"),
          place="without the character named"),
    fault("secret-with-line-end", "A secret has a line end in it.", "ENV-15",
          publish("INNGEST_EVENT_KEY", lambda was: f'"{was}\\n"'), place="without the character named"),
    fault("secret-invisible", "A secret has an invisible character in it.", "ENV-15",
          publish("INNGEST_EVENT_KEY", lambda was: f"{was[:9]}\u200b{was[9:]}"),
          place="without the character named"),
    fault("secret-accented", "A secret has a letter with an accent in it.", "ENV-15",
          publish("INNGEST_EVENT_KEY", lambda was: f"{was}\u00e9"), place="without the character named"),
    fault("setting-invisible", "A setting has an invisible character in it.", "ENV-15",
          publish("INNGEST_APP_ID", lambda was: f"{was}\ufeff"), place="without the character named"),
    fault("name-undefined", "A value refers to a name that the file does not define.", "ENV-15",
          publish("TRACE_ENVELOPE_FILE", "${TRACE_FOLDER}/envelopes.jsonl"), place="reference"),
    fault("railway-reference", "A value refers to another variable of Railway.", "ENV-15",
          publish("INNGEST_APP_ID", "${{shared.INNGEST_APP_ID}}"), place="reference"),
    fault("flag-semicolon", "A flag ends with a semicolon.", "ENV-15",
          publish("TRACE_CLEANUP_ENABLED", "true;"), then="ENV-07", place="without the character named"),
    fault("flag-quoted", "A flag stands in curly quotes.", "ENV-15",
          publish("CANARY_MODE", "\u201cfalse\u201d"), then="ENV-17", place="without the character named"),
    fault("crm-key-unset", "The environment file has no key of the CRM, so that nothing is sent.", "ENV-16",
          publish("GHL_API_KEY", None), place="Railway"),
    fault("crm-location-empty", "The environment file leaves the CRM's location empty.", "ENV-16",
          publish("GHL_LOCATION_ID", ""), place="Railway"),
    fault("stop-left-on", "The emergency stop was left on in the environment file.", "ENV-17",
          publish("EMERGENCY_STOP", "true"), place="false"),
    fault("canary-left-on", "The canary mode was left on.", "ENV-17",
          publish("CANARY_MODE", "on"), place="false"),
    fault("window-left-open", "The override of the sending window was left on.", "ENV-17",
          publish("SUPERVISED_SEND_WINDOW_OVERRIDE", "1"), place="false"),
    fault("filter-left-on", "The queue is filtered to another tier than the ramp's.", "ENV-17",
          publish("PENDING_QUEUE_TIER_FILTER", "tier_2"), place="PENDING_QUEUE_TIER_FILTER"),
])
# fmt: on


@VALUES.add("The environment file's user of Redis may only read.", "ENV-12", place="a user that may write")
def redis_read_only(deployment: Deployment) -> None:
    """Publish a user of the deployment's Redis that may do anything until its state is there, then read."""
    url, password = deployment.settings["REDIS_URL"], secrets.token_urlsafe(24)
    deployment.published["REDIS_URL"] = f"redis://reader:{password}@{url.rpartition('@')[2]}"

    def allow(*categories: str) -> None:
        with redis.Redis.from_url(url) as client:
            client.acl_setuser(
                "reader", enabled=True, passwords=[f"+{password}"], keys=["*"], categories=categories
            )

    allow("+@all")
    deployment.once_seeded.append(lambda: allow("-@write"))
