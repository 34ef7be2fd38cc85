"""Variations of operation: what a dry run forecasts, whose cards wait, what was told and moved on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import redis

from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.dashboard.state import lead_key, today
from pytest_caio.reference.faults.fault import Apply, Faults, variation
from pytest_caio.reference.faults.verbs import edit_card, edit_json, edit_store, rewrite, say

__all__ = ["OPERATION"]

_TRIGGER = "/api/operator/trigger"
_PENDING = "/api/pending-emails"
_HISTORY = "/api/emails/history"


def _cards(edit: Callable[[list[dict[str, Any]]], object]) -> Apply:
    """Change the list of pending cards that the deployment shows, and count them again."""

    def change(body: dict[str, Any]) -> None:
        edit(body["pending_emails"])
        body["count"] = len(body["pending_emails"])

    return edit_json(_PENDING, change)


def _each_card(**fields: object) -> Apply:
    """Set fields of every pending card."""

    def edit(cards: list[dict[str, Any]]) -> None:
        for card in cards:
            card.update(fields)

    return _cards(edit)


def _tell(**proof: object) -> Apply:
    """Let the history tell of the sent email too, with this proof."""
    sent = {"email_id": "email-009", "to": "lead9@example.com", "status": "sent", **proof}
    return edit_json(_HISTORY, lambda body: body["emails"].append(sent))


def _wrap(_: Incoming, reply: Reply) -> None:
    leads = json.loads(reply.body)
    reply.body = json.dumps({"total": len(leads), "leads": leads}).encode()


def _move_on(client: redis.Redis, prefix: str) -> None:
    """Advance a lead, count runs, and add a lead that came after the migration."""
    for key, fields in (
        (lead_key(prefix, "lead1@example.com"), {"current_step": 5, "status": "replied"}),
        (f"{prefix}:operator:state:{today()}", {"runs": 7, "outbound_email": 2}),
    ):
        text = client.get(key)
        if text:
            client.set(key, json.dumps(json.loads(text) | fields))
    client.set(lead_key(prefix, "new@example.com"), json.dumps({"email": "new@example.com"}))


# fmt: off
OPERATION = Faults([
    variation("leads-wrapped", "The leads come in an object.", rewrite("/api/cadence/leads", _wrap, was=200)),
    variation("state-moved-on", "A lead advanced, one came, and runs were counted since the cutover.",
              edit_store(_move_on)),
    variation("dry-run-forecasts", "A dry run says that much would go out, and nothing of LinkedIn.",
              say(_TRIGGER, "instantly_report", total_dispatched=250),
              say(_TRIGGER, heyreach_report=None, revival_dispatched=3, cadence_dispatched=12)),
    variation("history-proved", "The history tells of what was sent, with its proof.",
              _tell(sent_via_ghl=True, proof_status="live_verified", proof_source="ghl",
                    proof_timestamp=datetime.now(UTC).isoformat(), proof_evidence_id="conversation-9")),
    variation("times-in-numbers", "Times of the queue and of proof are numbers: seconds, and milliseconds.",
              edit_json(_PENDING, lambda body: body.update(refreshed_at=datetime.now(UTC).timestamp())),
              edit_json(_HISTORY, lambda body: body["emails"].append({
                  "email_id": "email-077", "to": "lead7@example.com", "status": "sent", "sent_via_ghl": True,
                  "proof_status": "verified", "proof_source": "ghl", "proof_evidence_id": "conversation-77",
                  "proof_timestamp": int(datetime.now(UTC).timestamp() * 1000)}))),
    variation("history-silent", "The history tells of what was sent, and of no proof.", _tell()),
    variation("cards-of-visitors", "The cards are of website visitors, who belong to no campaign.",
              _each_card(campaign_ref={"internal_id": ""}, classifier={
                  "target_platform": "ghl", "queue_origin": "website_visitor", "sync_state": "pending"})),
    variation("card-for-training", "A card for training, which is nowhere kept, fills the queue.",
              _cards(lambda cards: cards.append(
                  {"email_id": "training-001", "synthetic": True, "subject": "Practice: {{first_name}}"}))),
    variation("card-of-another-tier", "A card of another tier is held, and the ramp's filter leaves it out.",
              edit_card("email-002", tier="tier_2")),
    variation("card-excluded", "A card that nobody could act on is left out, and counted as such.",
              edit_card("email-003", synthetic=False, contact_id=None, to=None),
              _cards(lambda cards: cards.remove(next(c for c in cards if c["email_id"] == "email-003"))),
              say(_PENDING, "_shadow_queue_debug", excluded_non_actionable_count=1)),
])
# fmt: on
