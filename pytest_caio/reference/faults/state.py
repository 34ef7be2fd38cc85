"""Faults of state and of supervised operation: what is seen, counted, sent and proved."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Faults, edit_json, rewrite

__all__ = ["STATE"]

fault = Faults()
_TRIGGER = "/api/operator/trigger"
_PENDING = "/api/pending-emails"


@fault(
    "The deployment looks for its state under another prefix and sees no leads.",
    "STATE-06",
    then=("OPS-09",),
    place="STATE_REDIS_PREFIX",
)
def wrong_prefix(deployment: Deployment) -> None:
    """Read state where nothing was written."""
    deployment.settings["STATE_REDIS_PREFIX"] = "caio"


@fault(
    "The deployment uses another database of Redis and sees no leads.",
    "STATE-06",
    then=("OPS-08", "OPS-09"),
    place="REDIS_URL",
)
def wrong_database(deployment: Deployment) -> None:
    """Read database 1, where nothing was written."""
    url = deployment.settings["REDIS_URL"]
    deployment.settings["REDIS_URL"] = url.rpartition("/")[0] + "/1"


@fault("The deployment drops one lead without a word.", "STATE-06", place="lead records")
def lead_dropped(deployment: Deployment) -> None:
    """Leave the first lead out."""
    edit_json(deployment, "/api/cadence/leads", lambda body: body["leads"].pop(0))


@fault("The deployment lists a lead that Redis does not hold.", "STATE-06", place="REDIS_URL")
def lead_invented(deployment: Deployment) -> None:
    """List one lead more."""
    edit_json(
        deployment,
        "/api/cadence/leads",
        lambda body: body["leads"].append({**body["leads"][0], "email": "nobody@leads.example"}),
    )


@fault("A dry run says it was a live one.", "OPS-01", place="deploy logs")
def dry_run_live(deployment: Deployment) -> None:
    """Say `dry_run` false in the report."""
    edit_json(deployment, _TRIGGER, lambda body: body.update(dry_run=False))


@fault("A dry run dispatches.", "OPS-01", place="deploy logs")
def dry_run_dispatches(deployment: Deployment) -> None:
    """Report dispatches of a dry run."""
    edit_json(deployment, _TRIGGER, lambda body: body["instantly_report"].update(total_dispatched=2))


@fault("A dry run ends with errors.", "OPS-01", place="deploy logs")
def dry_run_errors(deployment: Deployment) -> None:
    """Report an error of a dry run."""
    edit_json(deployment, _TRIGGER, lambda body: body["errors"].append("instantly: campaign not found"))


@fault("A dry run counts as real sends of the day.", "OPS-02", place="deploy logs")
def dry_run_counted(deployment: Deployment) -> None:
    """Count each dry run in the day's counters."""
    runs: list[int] = []

    def count(_: Incoming, reply: Reply) -> None:
        if reply.status == 200:
            runs.append(1)

    rewrite(deployment, _TRIGGER, count)

    def edit(body: dict[str, Any]) -> None:
        body["today"]["outbound_email"] += len(runs)

    edit_json(deployment, "/api/operator/status", edit)


@fault("Emails go out without anybody's approval.", "OPS-03", place="gatekeeper")
def gatekeeper_off(deployment: Deployment) -> None:
    """Say that the gatekeeper is not required."""
    edit_json(deployment, "/api/operator/status", lambda body: body["gatekeeper"].update(required=False))


@fault("The ramp is over: all tiers are written to.", "OPS-03", place="ramp")
def ramp_off(deployment: Deployment) -> None:
    """Say that the ramp is not active."""
    edit_json(
        deployment,
        "/api/operator/status",
        lambda body: body["ramp"].update(active=False, tier_filter=None),
    )


@fault("The ramp's daily limit is far too high.", "OPS-03", place="ramp")
def ramp_limit_high(deployment: Deployment) -> None:
    """Say that 250 emails a day may go out."""
    edit_json(deployment, "/api/operator/status", lambda body: body["ramp"].update(email_limit_override=250))


@fault("The pending queue is a stored copy that is never refreshed.", "OPS-04", place="deploy logs")
def queue_frozen(deployment: Deployment) -> None:
    """Always give the same `refreshed_at`."""
    started = datetime.now(UTC).isoformat()
    edit_json(deployment, _PENDING, lambda body: body.update(refreshed_at=started))


@fault("Pending cards do not say where they would be sent.", "OPS-05", place="/sales")
def cards_unclassified(deployment: Deployment) -> None:
    """Leave classifier and campaign reference out of one card."""

    def edit(body: dict[str, Any]) -> None:
        for key in ("classifier", "campaign_ref"):
            body["pending_emails"][0].pop(key)

    edit_json(deployment, _PENDING, edit)


@fault("Cards have been waiting for hours.", "OPS-06", place="/sales")
def cards_old(deployment: Deployment) -> None:
    """Date the cards five hours back."""

    def edit(body: dict[str, Any]) -> None:
        for card in body["pending_emails"]:
            card["timestamp"] = (datetime.now(UTC) - timedelta(hours=5)).isoformat()

    edit_json(deployment, _PENDING, edit)


@fault("An email counts as sent without proof.", "OPS-07", "OPS-08", place="GHL")
def sent_unproved(deployment: Deployment) -> None:
    """Empty the proof of the emails sent."""

    def edit(body: dict[str, Any]) -> None:
        for email in body["emails"]:
            if email["status"] == "sent":
                email.update(
                    sent_via_ghl=False, proof_status="missing", proof_timestamp=None, proof_evidence_id=None
                )

    edit_json(deployment, "/api/emails/history", edit)


@fault("No supervised day has been clean so far.", "OPS-09", place="supervising")
def no_clean_days(deployment: Deployment) -> None:
    """Say that no clean day was completed."""
    edit_json(deployment, "/api/operator/status", lambda body: body["ramp"].update(clean_days_completed=0))


@fault("The sales page is dead: it does not refresh its list.", "OPS-10", then=("AUTH-13",), place="/sales")
def sales_unwired(deployment: Deployment) -> None:
    """Serve the sales page to everybody, without its script."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.status, reply.body = 200, b"<!doctype html><title>Sales</title><h1>Sales</h1>"
        reply.headers["content-type"] = "text/html; charset=utf-8"
        del reply.headers["location"]

    rewrite(deployment, "/sales", change)


@fault("The old bookmark is dead (404).", "OPS-10", place="/ChiefAIOfficer")
def bookmark_dead(deployment: Deployment) -> None:
    """Answer 404 at the old bookmark."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.status, reply.body = 404, json.dumps({"detail": "Not Found"}).encode()
        del reply.headers["location"]

    rewrite(deployment, "/ChiefAIOfficer", change)


STATE = fault.all
