"""Faults of cards: the pending queue, what may go out, and the proof of what was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import edit_card, edit_json, rewrite, say, using

__all__ = ["CARDS"]

_PENDING = "/api/pending-emails"
_HISTORY = "/api/emails/history"
_BROKEN = b'{"detail": "Internal Server Error"}'
_PROOF = ("sent_via_ghl", "proof_status", "proof_source", "proof_timestamp", "proof_evidence_id")
_UNPROVED = dict.fromkeys(_PROOF)


def _send_another(**proof: object) -> Apply:
    """Let the history tell of two sent emails: one with its proof, one with this; None removes a field."""

    def edit(body: dict[str, Any]) -> None:
        proved = {
            "to": "lead1@example.com",
            "status": "sent",
            "sent_via_ghl": True,
            "proof_status": "proved",
            "proof_source": "ghl_conversation",
            "proof_timestamp": datetime.now(UTC).isoformat(),
            "proof_evidence_id": "conversation-1",
        }
        other = {**proved, "email_id": "email-another", **proof}
        told = {key: value for key, value in other.items() if value is not None}
        body["emails"] += [{**proved, "email_id": "email-proved"}, told]

    return edit_json(_HISTORY, edit)


def _card(**fields: object) -> Apply:
    """Set fields of a pending card; None removes one."""

    def edit(card: dict[str, Any]) -> None:
        card.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del card[name]

    return _edit_card(edit)


def _edit_card(edit: Callable[[dict[str, Any]], object]) -> Apply:
    """Change the newest pending card, which is about a person."""
    return edit_json(_PENDING, lambda body: edit(body["pending_emails"][-1]))


def _lack(part: str) -> Apply:
    """Let a pending card lack what the law asks for."""
    return say(_PENDING, "pending_emails", -1, "compliance_checks", **{part: False})


# fmt: off
CARDS = Faults([
    fault("queue-frozen", "The pending queue is a stored copy that is never refreshed.", "OPS-04",
          using(lambda _: say(_PENDING, refreshed_at=datetime.now(UTC).isoformat())), place="deploy logs"),
    fault("cards-unclassified", "Pending cards do not say where they would be sent.", "OPS-05",
          _card(classifier=None, campaign_ref=None), place="/sales"),
    fault("cards-miscounted", "The pending queue counts more cards than it shows.", "OPS-05",
          edit_json(_PENDING, lambda body: body.update(count=body["count"] + 1)), place="/sales"),
    fault("cards-uncampaigned", "A pending card names no campaign.", "OPS-05",
          _card(campaign_ref={"internal_id": " ", "name": "Tier 1"}), place="/sales"),
    fault("visitor-unreferenced", "The card of a website visitor has no reference to a campaign.", "OPS-05",
          _card(campaign_ref=None, classifier={
              "target_platform": "ghl", "queue_origin": "rb2b_visitor", "sync_state": "pending"}),
          place="/sales"),
    fault("cards-undated", "A pending card does not say when it was made.", "OPS-06",
          _card(timestamp=None), place="/sales"),
    fault("cards-redated", "Old cards are dated anew each time they are shown.", "OPS-06",
          edit_card("email-001", timestamp="2026-02-24T09:00:00Z"),
          _edit_card(lambda card: card.update(timestamp=datetime.now(UTC).isoformat())), place="/sales"),
    fault("cards-withheld", "Cards are held, and the queue's filter lets none be seen.", "OPS-06",
          say(_PENDING, count=0, pending_emails=[]),
          say(_PENDING, "_shadow_queue_debug", queue_tier_filter="tier_3", excluded_non_actionable_count=3),
          place="PENDING_QUEUE_TIER_FILTER"),
    fault("sent-half-proved", "An email counts as sent, and no conversation shows it.", "OPS-07",
          _send_another(proof_evidence_id=None), place="GHL"),
    fault("sent-disproved", "An email counts as sent although its proof was refused.", "OPS-07",
          _send_another(proof_status="not_verified"), place="GHL"),
    fault("sent-wordlessly", "Beside proved emails one counts as sent without a word of proof.", "OPS-07",
          _send_another(**_UNPROVED), place="GHL"),
    fault("sent-in-silence", "An email was sent without proof, and the history does not tell of it.",
          "OPS-07", edit_card("email-another", status="sent_unresolved", **_UNPROVED), place="GHL"),
    fault("sent-as-approved", "An email that went out is called approved, and has no proof.", "OPS-07",
          edit_card("email-another", status="approved", **_UNPROVED | {"sent_via_ghl": True}), place="GHL"),
    fault("sent-undated", "The proof of an email in Redis has no time.", "OPS-07",
          edit_card("email-another", proof_timestamp=None), place="GHL"),
    fault("sent-unproved", "The one email that was sent has no proof.", "OPS-07 OPS-08",
          edit_card("email-009", **_UNPROVED), place="GHL"),
    fault("nothing-sent", "Nothing was sent under supervision so far.", "OPS-08",
          edit_card("email-009", status="rejected", **_UNPROVED), place="/sales"),
    fault("card-not-unsubscribable", "A pending card has no way to unsubscribe.", "OPS-11",
          _lack("unsubscribe_present"), place="/sales"),
    fault("card-unsigned", "A pending card has no signature.", "OPS-11",
          _lack("signature_present"), place="/sales"),
    fault("card-without-call", "A pending card does not say what the reader should do.", "OPS-11",
          _lack("cta_present"), place="/sales"),
    fault("card-without-footer", "A pending card has no footer.", "OPS-11",
          _lack("footer_present"), place="/sales"),
    fault("card-unchecked", "Nobody has looked whether a pending card may lawfully go out.", "OPS-11",
          _card(compliance_checks=None), place="/sales"),
    fault("card-half-checked", "A pending card was looked at for some of what it needs.", "OPS-11",
          _card(compliance_checks={"unsubscribe_present": True, "signature_present": "yes"}), place="/sales"),
    fault("subject-unrendered", "The subject of a pending card has a placeholder in it.", "OPS-11",
          _card(subject="A question for {{ company }}"), place="/sales"),
    fault("body-unrendered", "The text of a pending card has a placeholder in it.", "OPS-11",
          _card(body="Hello {{first_name}},\n\nshall we talk?"), place="/sales"),
    fault("body-kept-unrendered", "A text with a placeholder in it is in Redis, and /sales does not show it.",
          "OPS-11", edit_card("email-001", body="Hello {{first_name}},\n\nshall we talk?"),
          _edit_card(lambda card: card.pop("body", None)), place="/sales"),
    fault("card-beyond-the-ramp", "A pending card is of a tier that the ramp does not let out.", "OPS-11",
          _card(tier="tier_2"), place="/sales"),
    fault("card-of-no-tier", "A pending card is of no tier.", "OPS-11", _card(tier=None), place="/sales"),
])
# fmt: on


@CARDS.add("The pending queue answers once, then fails (500).", "OPS-04", place="deploy logs")
def queue_tires(deployment: Deployment) -> None:
    """Answer every second poll with 500."""
    polls: list[int] = []

    def change(_: Incoming, reply: Reply) -> None:
        polls.append(1)
        if len(polls) % 2 == 0:
            reply.status, reply.body = 500, _BROKEN

    rewrite(_PENDING, change, was=200)(deployment)


@CARDS.add("Cards have been waiting for hours.", "OPS-06", place="/sales")
def cards_old(deployment: Deployment) -> None:
    """Date the cards five hours back."""

    def edit(body: dict[str, Any]) -> None:
        for card in body["pending_emails"]:
            card["timestamp"] = (datetime.now(UTC) - timedelta(hours=5)).isoformat()

    edit_json(_PENDING, edit)(deployment)
