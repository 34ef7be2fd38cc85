"""Faults of the reports: each says one thing that no healthy deployment says."""

from __future__ import annotations

from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, edit_json, edit_report, report, say, set_variable

__all__ = ["REPORTS"]


def _part(name: str, **fields: object) -> Apply:
    """Change what the dependency report says about one dependency."""
    return report("dependencies", name, **fields)


def _provider(name: str, **fields: object) -> Apply:
    """Change what the dependency report says about the authentication of a provider."""
    return report("dependencies", "webhooks", "provider_auth", name, **fields)


_TWICE = b'{"signature_strict_mode": false, "signature_strict_mode": true}'

# fmt: off
REPORTS = Faults([
    fault("redis-unconfigured", "Redis is said not to be configured.", "RDY-03",
          _part("redis", configured=False), place="REDIS_URL"),
    fault("redis-unready", "Redis is connected and said not to be ready.", "RDY-03",
          _part("redis", ready=False), then="RDY-07", place="Redis runs"),
    fault("inngest-unconfigured", "Inngest is said not to be configured.", "RDY-04",
          _part("inngest", configured=False), place="INNGEST_SIGNING_KEY"),
    fault("inngest-keyless", "Inngest is said to lack its keys.", "RDY-04",
          _part("inngest", keys_present=False), place="INNGEST_EVENT_KEY"),
    fault("inngest-unmounted", "Inngest's route is said to be missing.", "RDY-04",
          _part("inngest", route_mounted=False), place="INNGEST_"),
    fault("inngest-unready", "Inngest is said not to be ready.", "RDY-04",
          _part("inngest", ready=False, status="unhealthy"), then="RDY-07", place="INNGEST_"),
    fault("signatures-unrequired", "Webhooks are said not to be required.", "WH-01",
          _part("webhooks", required=False), place="WEBHOOK_SIGNATURE_REQUIRED"),
    fault("clay-listed", "Clay is listed as unauthenticated, and everything as ready.", "WH-02",
          _part("webhooks", unauthed_providers=["clay"]), place="CLAY_WEBHOOK_SECRET"),
    fault("unready-unexplained", "The dependencies are said not to be ready, and none of them failed.",
          "RDY-02 RDY-07", say("/api/runtime/dependencies", ready=False), place="deploy logs"),
    fault("signatures-said-optional", "Signatures are said to be optional, and asked for all the same.",
          "WH-01 RDY-08", report("auth", webhook_signature_required=False),
          place="WEBHOOK_SIGNATURE_REQUIRED"),
    fault("provider-unreported", "One provider is missing from the report on webhooks.", "WH-02 WH-12",
          edit_report(lambda body: body["dependencies"]["webhooks"]["provider_auth"].pop("rb2b")),
          place="RB2B_WEBHOOK_SECRET"),
    fault("provider-unknown", "The report lists a provider as unauthenticated that nobody knows.", "WH-02",
          _part("webhooks", unauthed_providers=["zapier"]), place="developer"),
    fault("heyreach-slandered", "HeyReach is said not to authenticate, though it does.", "WH-08 WH-12",
          _provider("heyreach", authed=False), then="WH-02", place="HEYREACH_WEBHOOK_SECRET"),
    fault("signatures-optional", "Webhook signatures are not required.", "WH-01 WH-11 RDY-08",
          set_variable("WEBHOOK_SIGNATURE_REQUIRED", "false"), place="WEBHOOK_SIGNATURE_REQUIRED"),
    fault("health-not-strict", "One webhook's health says that strict mode is off.", "WH-11",
          say("/webhooks/rb2b/health", signature_strict_mode=False), place="WEBHOOK_SIGNATURE_REQUIRED"),
    fault("health-field-twice", "A webhook's health says that strict mode is off, and then that it is on.",
          "WH-11", answer("/webhooks/rb2b/health", body=_TWICE, was=200), place="each field once"),
    fault("health-silent", "A webhook's health does not say whether strict mode is on.", "WH-11",
          edit_json("/webhooks/clay/health", lambda body: body.pop("signature_strict_mode")),
          place="WEBHOOK_SIGNATURE_REQUIRED"),
    fault("dependencies-slander", "A provider is said to be without authentication while it has one.",
          "WH-02 WH-12", _part("webhooks", unauthed_providers=["clay"]),
          _provider("clay", hmac=False, bearer=False, unsigned_allowlisted=False, authed=False),
          place="CLAY_WEBHOOK_SECRET"),
    fault("webhooks-not-ready", "Webhooks are said not to be ready.", "WH-02",
          _part("webhooks", ready=False, status="unhealthy"), then="RDY-07", place="deploy logs"),
    fault("secret-unsaid", "Clay's secret is said to be missing, though it guards.", "WH-12",
          _provider("clay", hmac=False), place="secrets"),
    fault("heyreach-said-open", "HeyReach is said to be open to everybody, and refuses.", "WH-08 WH-12",
          _provider("heyreach", hmac=False, bearer=False, unsigned_allowlisted=True),
          place="HEYREACH_UNSIGNED_ALLOWLIST"),
])
# fmt: on
