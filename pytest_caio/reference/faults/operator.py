"""Faults of supervised operation beyond the plain ones: dry runs, the ramp, cards, proof and pages."""

from __future__ import annotations

import json
from typing import Any

from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, edit_json, rewrite

__all__ = ["OPERATION"]

fault = Faults()
_TRIGGER = "/api/operator/trigger"
_STATUS = "/api/operator/status"
_PENDING = "/api/pending-emails"
_HISTORY = "/api/emails/history"


def _break(reply: Reply) -> None:
    reply.status, reply.body = 500, json.dumps({"detail": "Internal Server Error"}).encode()


@fault("The operator cannot be triggered (500).", "OPS-01", "OPS-02", place="deploy logs")
def trigger_broken(deployment: Deployment) -> None:
    """Answer 500 to whom the trigger let in."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 200:
            _break(reply)

    rewrite(deployment, _TRIGGER, change)


@fault("A dry run writes to leads who had gone quiet.", "OPS-01", place="deploy logs")
def dry_run_revives(deployment: Deployment) -> None:
    """Report that revival dispatched."""
    edit_json(deployment, _TRIGGER, lambda body: body.update(revival_dispatched=3))


@fault("A dry run is a live one on LinkedIn.", "OPS-01", place="deploy logs")
def dry_run_half_live(deployment: Deployment) -> None:
    """Say `dry_run` false in HeyReach's part alone."""
    edit_json(deployment, _TRIGGER, lambda body: body["heyreach_report"].update(dry_run=False))


@fault("A dry run is a live one by email.", "OPS-01", place="deploy logs")
def dry_run_mails(deployment: Deployment) -> None:
    """Say `dry_run` false in Instantly's part alone."""
    edit_json(deployment, _TRIGGER, lambda body: body["instantly_report"].update(dry_run=False))


@fault("Nothing is counted, so that nobody sees what a dry run sent.", "OPS-02", place="deploy logs")
def counters_missing(deployment: Deployment) -> None:
    """Empty the day's counters."""
    edit_json(deployment, _STATUS, lambda body: body.update(today={}))


@fault("The operator runs another motion than it was asked for.", "OPS-01", place="deploy logs")
def motion_confused(deployment: Deployment) -> None:
    """Run `outbound`, whatever was asked."""
    edit_json(deployment, _TRIGGER, lambda body: body.update(motion="outbound"))


@fault("The ramp is over, though its tier still stands there.", "OPS-03", place="ramp")
def ramp_inactive(deployment: Deployment) -> None:
    """Say that the ramp is not active, and nothing else."""
    edit_json(deployment, _STATUS, lambda body: body["ramp"].update(active=False))


@fault("The ramp lets every tier through.", "OPS-03", place="ramp")
def ramp_all_tiers(deployment: Deployment) -> None:
    """Filter by no tier, with the ramp still active."""
    edit_json(deployment, _STATUS, lambda body: body["ramp"].update(tier_filter="all"))


@fault("The ramp has no daily limit.", "OPS-03", place="ramp")
def ramp_unlimited(deployment: Deployment) -> None:
    """Say that there is no limit."""
    edit_json(deployment, _STATUS, lambda body: body["ramp"].update(email_limit_override=None))


@fault("The pending queue answers once, then fails (500).", "OPS-04", place="deploy logs")
def queue_tires(deployment: Deployment) -> None:
    """Answer every second poll with 500."""
    polls: list[int] = []

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 200:
            polls.append(1)
            if len(polls) % 2 == 0:
                _break(reply)

    rewrite(deployment, _PENDING, change)


@fault("The pending queue counts more cards than it shows.", "OPS-05", place="/sales")
def cards_miscounted(deployment: Deployment) -> None:
    """Count one card too many."""
    edit_json(deployment, _PENDING, lambda body: body.update(count=body["count"] + 1))


@fault("A pending card names no campaign.", "OPS-05", place="/sales")
def cards_uncampaigned(deployment: Deployment) -> None:
    """Empty the campaign's id of the last card."""
    edit_json(
        deployment,
        _PENDING,
        lambda body: body["pending_emails"][-1].update(campaign_ref={"internal_id": " ", "name": "Tier 1"}),
    )


@fault("A pending card does not say when it was made.", "OPS-06", place="/sales")
def cards_undated(deployment: Deployment) -> None:
    """Leave the time of the first card out."""
    edit_json(deployment, _PENDING, lambda body: body["pending_emails"][0].pop("timestamp"))


def _send_another(deployment: Deployment, **proof: Any) -> None:
    """Add to the history an email that is marked sent; None takes a field of its proof away."""

    def edit(body: dict[str, Any]) -> None:
        sent = next(email for email in body["emails"] if email["status"] == "sent")
        other = {**sent, "email_id": "email-another", **proof}
        body["emails"].append({key: value for key, value in other.items() if value is not None})

    edit_json(deployment, _HISTORY, edit)


@fault("An email counts as sent, and no conversation shows it.", "OPS-07", place="GHL")
def sent_half_proved(deployment: Deployment) -> None:
    """Add a send whose proof names no evidence."""
    _send_another(deployment, proof_evidence_id=None)


@fault("An email counts as sent although its proof was refused.", "OPS-07", place="GHL")
def sent_disproved(deployment: Deployment) -> None:
    """Add a send whose proof says that it is none."""
    _send_another(deployment, proof_status="not_verified")


@fault("Beside proved emails one counts as sent without a word of proof.", "OPS-07", place="GHL")
def sent_wordlessly(deployment: Deployment) -> None:
    """Add a send that leaves every field of proof out."""
    fields = ("sent_via_ghl", "proof_status", "proof_source", "proof_timestamp", "proof_evidence_id")
    _send_another(deployment, **dict.fromkeys(fields))


@fault("Nothing was sent under supervision so far.", "OPS-08", place="/sales")
def nothing_sent(deployment: Deployment) -> None:
    """Leave the emails sent out of the history."""

    def edit(body: dict[str, Any]) -> None:
        body["emails"] = [email for email in body["emails"] if email["status"] != "sent"]

    edit_json(deployment, _HISTORY, edit)


@fault("The old bookmark leads to another host.", "OPS-10", place="/ChiefAIOfficer")
def bookmark_elsewhere(deployment: Deployment) -> None:
    """Send the old bookmark away."""

    def change(_: Asked, reply: Reply) -> None:
        reply.headers["location"] = "https://other.example/sales"

    rewrite(deployment, "/ChiefAIOfficer", change)


@fault(
    "The old bookmark is dead (404), on a page that looks like the login.", "OPS-10", place="/ChiefAIOfficer"
)
def bookmark_decoyed(deployment: Deployment) -> None:
    """Answer 404 with the login's form at the old bookmark."""

    def change(_: Asked, reply: Reply) -> None:
        reply.status, reply.body = 404, b'<!doctype html><form action="/login" method="post"></form>'
        reply.headers["content-type"] = "text/html; charset=utf-8"
        del reply.headers["location"]

    rewrite(deployment, "/ChiefAIOfficer", change)


OPERATION = fault.all
