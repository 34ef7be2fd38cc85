"""Faults of what the dependency report says: each says one thing that no healthy deployment says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_caio.reference.deployment import Deployment
from pytest_caio.reference.faults.fault import Faults, edit_json

__all__ = ["REPORTS"]

fault = Faults()


def _tell(deployment: Deployment, part: str, **told: object) -> None:
    """Have a dependency's part of the report say something else."""
    deployment.report_edits.append(lambda report: report["dependencies"][part].update(told))


def _say(deployment: Deployment, edit: Callable[[dict[str, Any]], None]) -> None:
    deployment.report_edits.append(lambda report: edit(report["dependencies"]["webhooks"]))


@fault("Redis is said not to be configured.", "RDY-03", place="REDIS_URL")
def redis_unconfigured(deployment: Deployment) -> None:
    """Say so of a Redis that answers."""
    _tell(deployment, "redis", configured=False)


@fault("Redis is connected and said not to be ready.", "RDY-03", place="Redis runs")
def redis_unready(deployment: Deployment) -> None:
    """Say so of a Redis that answers."""
    _tell(deployment, "redis", ready=False)


@fault("Inngest is said not to be configured.", "RDY-04", place="INNGEST_SIGNING_KEY")
def inngest_unconfigured(deployment: Deployment) -> None:
    """Say so though it has both keys."""
    _tell(deployment, "inngest", configured=False)


@fault("Inngest is said to lack its keys.", "RDY-04", place="INNGEST_EVENT_KEY")
def inngest_keyless(deployment: Deployment) -> None:
    """Say so though it has both."""
    _tell(deployment, "inngest", keys_present=False)


@fault("Inngest's route is said to be missing.", "RDY-04", place="INNGEST_")
def inngest_unmounted(deployment: Deployment) -> None:
    """Say so though it is served."""
    _tell(deployment, "inngest", route_mounted=False)


@fault("Inngest is said not to be ready.", "RDY-04", place="INNGEST_")
def inngest_unready(deployment: Deployment) -> None:
    """Say so though nothing is missing."""
    _tell(deployment, "inngest", ready=False, status="unhealthy")


@fault("Webhooks are said not to be required.", "WH-01", place="WEBHOOK_SIGNATURE_REQUIRED")
def signatures_unrequired(deployment: Deployment) -> None:
    """Say so in the webhooks' own part alone."""
    _tell(deployment, "webhooks", required=False)


@fault("Clay is listed as unauthenticated, and everything as ready.", "WH-02", place="CLAY_WEBHOOK_SECRET")
def clay_listed(deployment: Deployment) -> None:
    """List it without its consequences."""
    _tell(deployment, "webhooks", unauthed_providers=["clay"])


@fault(
    "The dependencies are said not to be ready, and none of them failed.",
    "RDY-02",
    "RDY-07",
    place="deploy logs",
)
def unready_unexplained(deployment: Deployment) -> None:
    """Say so in the dependency report alone."""
    edit_json(deployment, "/api/runtime/dependencies", lambda report: report.update(ready=False))


@fault(
    "Signatures are said to be optional, and asked for all the same.",
    "WH-01",
    "RDY-08",
    place="WEBHOOK_SIGNATURE_REQUIRED",
)
def signatures_said_optional(deployment: Deployment) -> None:
    """Say so in the report's part on authentication alone."""
    deployment.report_edits.append(lambda report: report["auth"].update(webhook_signature_required=False))


@fault("One provider is missing from the report on webhooks.", "WH-02", "WH-12", place="RB2B_WEBHOOK_SECRET")
def provider_unreported(deployment: Deployment) -> None:
    """Leave RB2B out."""
    _say(deployment, lambda webhooks: webhooks["provider_auth"].pop("rb2b"))


@fault(
    "HeyReach is said not to authenticate, though it does.", "WH-08", "WH-12", place="HEYREACH_WEBHOOK_SECRET"
)
def heyreach_slandered(deployment: Deployment) -> None:
    """Say so of HeyReach in its own row."""
    _say(deployment, lambda webhooks: webhooks["provider_auth"]["heyreach"].update(authed=False))


@fault("Webhook signatures are not required.", "WH-01", "WH-11", "RDY-08", place="WEBHOOK_SIGNATURE_REQUIRED")
def signatures_optional(deployment: Deployment) -> None:
    """Turn strict mode off."""
    deployment.settings["WEBHOOK_SIGNATURE_REQUIRED"] = "false"


@fault("One webhook's health says that strict mode is off.", "WH-11", place="WEBHOOK_SIGNATURE_REQUIRED")
def health_not_strict(deployment: Deployment) -> None:
    """Say so of RB2B alone."""
    edit_json(deployment, "/webhooks/rb2b/health", lambda body: body.update(signature_strict_mode=False))


@fault(
    "A webhook's health does not say whether strict mode is on.", "WH-11", place="WEBHOOK_SIGNATURE_REQUIRED"
)
def health_silent(deployment: Deployment) -> None:
    """Leave the flag out for Clay."""
    edit_json(deployment, "/webhooks/clay/health", lambda body: body.pop("signature_strict_mode"))


@fault(
    "A provider is said to be without authentication while it has one.",
    "WH-02",
    "WH-12",
    place="CLAY_WEBHOOK_SECRET",
)
def dependencies_slander(deployment: Deployment) -> None:
    """Report Clay as unauthenticated."""

    def edit(webhooks: dict[str, Any]) -> None:
        webhooks["unauthed_providers"] = ["clay"]
        webhooks["provider_auth"]["clay"] = dict.fromkeys(
            ("hmac", "bearer", "unsigned_allowlisted", "authed"), False
        )

    _say(deployment, edit)


@fault("Webhooks are said not to be ready.", "WH-02", place="deploy logs")
def webhooks_not_ready(deployment: Deployment) -> None:
    """Report the webhooks, which are not required then, as not ready."""
    _say(deployment, lambda webhooks: webhooks.update(ready=False, status="unhealthy"))


@fault("Clay's secret is said to be missing, though it guards.", "WH-12", place="secrets")
def secret_unsaid(deployment: Deployment) -> None:
    """Say that Clay has a bearer alone."""
    _say(deployment, lambda webhooks: webhooks["provider_auth"]["clay"].update(hmac=False))


@fault(
    "HeyReach is said to be open to everybody, and refuses.",
    "WH-08",
    "WH-12",
    place="HEYREACH_UNSIGNED_ALLOWLIST",
)
def heyreach_said_open(deployment: Deployment) -> None:
    """Say that HeyReach is allowlisted and has nothing else."""
    told = {"hmac": False, "bearer": False, "unsigned_allowlisted": True}
    _say(deployment, lambda webhooks: webhooks["provider_auth"]["heyreach"].update(told))


REPORTS = fault.all
