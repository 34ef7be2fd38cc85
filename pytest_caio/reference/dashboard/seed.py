"""The state that a reference deployment starts with: leads, today's operator state, a batch, emails."""

from __future__ import annotations

import json
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pytest_caio.reference.dashboard.state import State, today

__all__ = ["pending_card", "reviewed_card", "seed", "seed_pending"]


def _ago(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def pending_card(number: int, contact_id: str | None, *, synthetic: bool = False) -> dict[str, Any]:
    """Return a pending card, `number` times ten minutes old; it can be sent if it has a contact."""
    return {
        "email_id": f"email-{number:03d}",
        "to": f"lead{number}@example.com",
        "subject": f"Pipeline review for account {number}",
        "body": f"Shall we look at the pipeline of account {number}?\n\nCAIO, 1 Main Street. Unsubscribe.",
        "status": "pending",
        "tier": "tier_1",
        "timestamp": _ago(10 * number),
        "contact_id": contact_id,
        "synthetic": synthetic,
        "classifier": {"target_platform": "ghl", "queue_origin": "gatekeeper", "sync_state": "pending"},
        "campaign_ref": {"internal_id": f"campaign-{number:03d}", "name": "Tier 1 outbound"},
        "compliance_checks": {
            "unsubscribe_present": True,
            "signature_present": True,
            "cta_present": True,
            "footer_present": True,
            "normalization_version": 2,
        },
        "proof_status": "pending",
    }


def reviewed_card(card: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a card as it is after its review, with the proof of sending if it was sent."""
    now = datetime.now(UTC).isoformat()
    sent = status.startswith("sent")
    proof = {
        "sent_via_ghl": True,
        "proof_status": "proved",
        "proof_source": "ghl_conversation",
        "proof_timestamp": now,
        "proof_evidence_id": f"conversation-{secrets.token_hex(6)}",
    }
    reviewed = {key: value for key, value in card.items() if key != "proof_status"}
    return {**reviewed, "status": status, "reviewed_at": now, **(proof if sent else {})}


async def seed_pending(state: State) -> int:
    """Queue three cards (sendable, resolved on approval, synthetic) and return their number."""
    cards = [
        pending_card(1, "contact-001"),
        pending_card(2, None),
        pending_card(3, None, synthetic=True),
    ]
    for card in cards:
        await state.save_card(card)
    return len(cards)


async def seed(state: State, leads: int, hive_dir: Path | None = None) -> None:
    """Fill an empty Redis with `leads` leads, today's operator state, one batch and cards of emails.

    The file state that those records came from is written to `hive_dir`, as it was left before a cutover.
    """
    files: dict[str, dict[str, Any]] = {}
    for number in range(1, leads + 1):
        lead = {
            "email": f"lead{number}@example.com",
            "name": f"Lead {number}",
            "company": f"Account {number}",
            "tier": "tier_1" if number % 2 else "tier_2",
            "status": "active",
            "current_step": number % 5 + 1,
            "started_at": _ago(60 * 24 * number),
            "next_due": today(),
        }
        await state.save_lead(lead)
        files[f"cadence_state/lead_{number:03d}.json"] = lead
    operator = {**await state.operator(), "outbound_email": 1, "clean_days_completed": 3}
    await state.save_operator(operator)
    batch = {
        "batch_id": f"batch_{today().replace('-', '')}_001",
        "status": "pending",
        "motion": "outbound",
        "created_at": _ago(30),
        "emails": ["lead1@example.com", "lead2@example.com"],
    }
    await state.save_batch(batch)
    files |= {"operator_state.json": operator, f"operator_batches/{batch['batch_id']}.json": batch}
    if hive_dir is not None:
        _write_files(hive_dir, files)
    await seed_pending(state)
    for number, status in ((9, "sent_proved"), (8, "rejected"), (7, "approved")):
        await state.save_card(reviewed_card(pending_card(number, f"contact-{number:03d}"), status))


def _write_files(hive_dir: Path, files: dict[str, dict[str, Any]]) -> None:
    """Write file state that was last modified one day ago."""
    yesterday = time.time() - 24 * 3600
    for name, record in files.items():
        path = hive_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=2), "utf-8")
        os.utime(path, (yesterday, yesterday))
