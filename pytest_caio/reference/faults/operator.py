"""Faults of supervised operation: dry runs, the ramp, cards, the proof of what was sent, and pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, edit_json, rewrite, say, using

__all__ = ["OPERATOR"]

_TRIGGER = "/api/operator/trigger"
_STATUS = "/api/operator/status"
_PENDING = "/api/pending-emails"
_HISTORY = "/api/emails/history"
_BOOKMARK = "/ChiefAIOfficer"
_BROKEN = b'{"detail": "Internal Server Error"}'
_PROOF = ("sent_via_ghl", "proof_status", "proof_source", "proof_timestamp", "proof_evidence_id")


def _send_another(**proof: object) -> Apply:
    """Add an email that is marked as sent to the history; None removes a field of its proof."""

    def edit(body: dict[str, Any]) -> None:
        sent = next(email for email in body["emails"] if email["status"] == "sent")
        other = {**sent, "email_id": "email-another", **proof}
        body["emails"].append({key: value for key, value in other.items() if value is not None})

    return edit_json(_HISTORY, edit)


# fmt: off
OPERATOR = Faults([
    fault("dry-run-live", "A dry run says it was a live one.", "OPS-01",
          say(_TRIGGER, dry_run=False), place="deploy logs"),
    fault("dry-run-dispatches", "A dry run dispatches.", "OPS-01",
          say(_TRIGGER, "instantly_report", total_dispatched=2), place="deploy logs"),
    fault("dry-run-errors", "A dry run ends with errors.", "OPS-01",
          edit_json(_TRIGGER, lambda body: body["errors"].append("instantly: campaign not found")),
          place="deploy logs"),
    fault("gatekeeper-off", "Emails go out without anybody's approval.", "OPS-03",
          say(_STATUS, "gatekeeper", required=False), place="gatekeeper"),
    fault("ramp-off", "The ramp is over: all tiers are written to.", "OPS-03",
          say(_STATUS, "ramp", active=False, tier_filter=None), place="ramp"),
    fault("ramp-limit-high", "The ramp's daily limit is far too high.", "OPS-03",
          say(_STATUS, "ramp", email_limit_override=250), place="ramp"),
    fault("queue-frozen", "The pending queue is a stored copy that is never refreshed.", "OPS-04",
          using(lambda _: say(_PENDING, refreshed_at=datetime.now(UTC).isoformat())), place="deploy logs"),
    fault("cards-unclassified", "Pending cards do not say where they would be sent.", "OPS-05",
          edit_json(_PENDING, lambda body: body["pending_emails"][0].pop("classifier")),
          edit_json(_PENDING, lambda body: body["pending_emails"][0].pop("campaign_ref")), place="/sales"),
    fault("no-clean-days", "No supervised day has been clean so far.", "OPS-09",
          say(_STATUS, "ramp", clean_days_completed=0), place="supervising"),
    fault("sales-unwired", "The sales page is dead: it does not refresh its list.", "OPS-10",
          answer("/sales", status=200, body=b"<!doctype html><title>Sales</title><h1>Sales</h1>",
                 headers={"content-type": "text/html; charset=utf-8", "location": None}),
          then="AUTH-13", place="/sales"),
    fault("bookmark-dead", "The old bookmark is dead (404).", "OPS-10",
          answer(_BOOKMARK, status=404, body=b'{"detail": "Not Found"}', headers={"location": None}),
          place="/ChiefAIOfficer"),
    fault("trigger-broken", "The operator cannot be triggered (500).", "OPS-01 OPS-02",
          answer(_TRIGGER, was=200, status=500, body=_BROKEN), place="deploy logs"),
    fault("dry-run-revives", "A dry run writes to leads who had gone quiet.", "OPS-01",
          say(_TRIGGER, revival_dispatched=3), place="deploy logs"),
    fault("dry-run-half-live", "A dry run is a live one on LinkedIn.", "OPS-01",
          say(_TRIGGER, "heyreach_report", dry_run=False), place="deploy logs"),
    fault("dry-run-mails", "A dry run is a live one by email.", "OPS-01",
          say(_TRIGGER, "instantly_report", dry_run=False), place="deploy logs"),
    fault("counters-missing", "Nothing is counted, so that nobody sees what a dry run sent.", "OPS-02",
          say(_STATUS, today={}), place="deploy logs"),
    fault("motion-confused", "The operator runs another motion than it was asked for.", "OPS-01",
          say(_TRIGGER, motion="outbound"), place="deploy logs"),
    fault("ramp-inactive", "The ramp is over, though its tier still stands there.", "OPS-03",
          say(_STATUS, "ramp", active=False), place="ramp"),
    fault("ramp-all-tiers", "The ramp lets every tier through.", "OPS-03",
          say(_STATUS, "ramp", tier_filter="all"), place="ramp"),
    fault("ramp-unlimited", "The ramp has no daily limit.", "OPS-03",
          say(_STATUS, "ramp", email_limit_override=None), place="ramp"),
    fault("cards-miscounted", "The pending queue counts more cards than it shows.", "OPS-05",
          edit_json(_PENDING, lambda body: body.update(count=body["count"] + 1)), place="/sales"),
    fault("cards-uncampaigned", "A pending card names no campaign.", "OPS-05",
          say(_PENDING, "pending_emails", -1, campaign_ref={"internal_id": " ", "name": "Tier 1"}),
          place="/sales"),
    fault("cards-undated", "A pending card does not say when it was made.", "OPS-06",
          edit_json(_PENDING, lambda body: body["pending_emails"][0].pop("timestamp")), place="/sales"),
    fault("sent-half-proved", "An email counts as sent, and no conversation shows it.", "OPS-07",
          _send_another(proof_evidence_id=None), place="GHL"),
    fault("sent-disproved", "An email counts as sent although its proof was refused.", "OPS-07",
          _send_another(proof_status="not_verified"), place="GHL"),
    fault("sent-wordlessly", "Beside proved emails one counts as sent without a word of proof.", "OPS-07",
          _send_another(**dict.fromkeys(_PROOF)), place="GHL"),
    fault("nothing-sent", "Nothing was sent under supervision so far.", "OPS-08",
          edit_json(_HISTORY, lambda body: body.update(
              emails=[email for email in body["emails"] if email["status"] != "sent"])), place="/sales"),
    fault("bookmark-elsewhere", "The old bookmark leads to another host.", "OPS-10",
          answer(_BOOKMARK, headers={"location": "https://other.example/sales"}), place="/ChiefAIOfficer"),
    fault("bookmark-decoyed", "The old bookmark is dead (404), on a page that looks like the login.",
          "OPS-10",
          answer(_BOOKMARK, status=404, body=b'<!doctype html><form action="/login" method="post"></form>',
                 headers={"content-type": "text/html; charset=utf-8", "location": None}),
          place="/ChiefAIOfficer"),
])
# fmt: on


@OPERATOR.add("A dry run counts as real sends of the day.", "OPS-02", place="deploy logs")
def dry_run_counted(deployment: Deployment) -> None:
    """Count each dry run in the day's counters."""
    runs: list[int] = []

    def edit(body: dict[str, Any]) -> None:
        body["today"]["outbound_email"] += len(runs)

    rewrite(_TRIGGER, lambda *_: runs.append(1), was=200)(deployment)
    edit_json(_STATUS, edit)(deployment)


@OPERATOR.add("The pending queue answers once, then fails (500).", "OPS-04", place="deploy logs")
def queue_tires(deployment: Deployment) -> None:
    """Answer every second poll with 500."""
    polls: list[int] = []

    def change(_: Incoming, reply: Reply) -> None:
        polls.append(1)
        if len(polls) % 2 == 0:
            reply.status, reply.body = 500, _BROKEN

    rewrite(_PENDING, change, was=200)(deployment)


@OPERATOR.add("Cards have been waiting for hours.", "OPS-06", place="/sales")
def cards_old(deployment: Deployment) -> None:
    """Date the cards five hours back."""

    def edit(body: dict[str, Any]) -> None:
        for card in body["pending_emails"]:
            card["timestamp"] = (datetime.now(UTC) - timedelta(hours=5)).isoformat()

    edit_json(_PENDING, edit)(deployment)


@OPERATOR.add("An email counts as sent without proof.", "OPS-07 OPS-08", place="GHL")
def sent_unproved(deployment: Deployment) -> None:
    """Clear the proof of every sent email."""
    lacking = {**dict.fromkeys(_PROOF[3:]), "sent_via_ghl": False, "proof_status": "missing"}

    def edit(body: dict[str, Any]) -> None:
        for email in body["emails"]:
            if email["status"] == "sent":
                email.update(lacking)

    edit_json(_HISTORY, edit)(deployment)
