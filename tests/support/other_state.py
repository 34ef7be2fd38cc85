"""What the independent dashboard keeps, in files and in Redis, and the reports that it makes of it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

__all__ = ["OtherState"]

LEAD = "ada@leads.example"
LAWFUL = dict.fromkeys(("footer_present", "cta_present", "signature_present", "unsubscribe_present"), True)
COUNTERS = ("revival", "outbound_linkedin", "cadence", "outbound_email")


class OtherState:
    """The state of a dashboard with these settings, defects and shapes."""

    def __init__(self, settings: Mapping[str, str], broken: Collection[str], shapes: Collection[str]) -> None:
        self._broken, self._shapes = broken, shapes
        self._prefix, self._queue = settings["STATE_REDIS_PREFIX"], settings["CONTEXT_REDIS_PREFIX"]
        self._redis: Any = redis.Redis.from_url(settings["REDIS_URL"], decode_responses=True)
        self._day = datetime.now(UTC) - timedelta(days=0 if self._ran_before else 1)

    @property
    def _ran_before(self) -> bool:
        return "Redis moved on after the suite's own --allow-writes" in self._shapes

    @property
    def _files(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The records of the file state: each file with its key in Redis and its content."""
        operator = {"date": f"{self._day:%F}", "runs": 3, **dict.fromkeys(COUNTERS, 1)}
        return {
            "operator_state.json": (f"operator:state:{operator['date']}", operator),
            "operator_batches/batch_b7.json": (
                "operator:batch:b-7",
                {"batch_id": "b-7", "status": "approved"},
            ),
            "cadence_state/ada.json": (self._lead_key(LEAD), {"step": 2, "email": LEAD}),
        }

    def write_files(self, folder: Path) -> datetime:
        """Write the file state, which has rested for an hour, and return the time of the cutover."""
        for name, (_, record) in self._files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(record), "utf-8")
            os.utime(path, (time.time() - 3600,) * 2)
        return datetime.now(UTC) - timedelta(minutes=30)

    def fill(self) -> None:
        """Empty the Redis database; store the migrated state, what came after the cutover, and the cards."""
        self._redis.flushdb()
        for key, record in self._files.values():
            self._keep(key, record)
        if "Redis moved on after the cutover" in self._shapes:
            self._keep(self._lead_key(LEAD), {"step": 4, "email": LEAD, "replied": True})
            self._keep(self._lead_key("new@leads.example"), {"step": 1, "email": "new@leads.example"})
            self._keep("operator:batch:b-7", {"batch_id": "b-7", "status": "dispatched"})
        for _ in range(4 if self._ran_before else 0):
            self.count_run()
        for card in self._cards():
            self._redis.set(f"{self._queue}:shadow:email:{card['email_id']}", json.dumps(card), ex=600_000)
            if card["status"] == "pending":
                self._redis.zadd(f"{self._queue}:shadow:pending_ids", {card["email_id"]: card["timestamp"]})

        # The index keeps the id of a card that expired, and of one that was rejected.
        self._redis.zadd(f"{self._queue}:shadow:pending_ids", {"expired-5": 1, "r-4": 2})

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def _keep(self, key: str, record: dict[str, Any]) -> None:
        self._redis.set(f"{self._prefix}:{key}", json.dumps(record))

    def _lead_key(self, email: str) -> str:
        return f"cadence:lead:{hashlib.sha256(email.encode()).hexdigest()[:24]}"

    def _cards(self) -> list[dict[str, Any]]:
        made = int(time.time()) - 900
        common = {
            "status": "pending",
            "to": "guest@visitors.example",
            "subject": "You looked at us",
            "html_body": "<p>Shall we talk?</p>",
            "tier": "tier_1",
            "timestamp": made,
            "compliance_checks": {**LAWFUL, "normalization_version": "v3"},
            "contact_id": 7,
            "classifier": {"queue_origin": "outbound", "target_platform": "GHL", "sync_state": "queued"},
            "campaign_ref": {"internal_id": 12},
        }
        proof = {
            "proof_timestamp": made,
            "proof_evidence_id": "m-1",
            "proof_source": "ghl",
            "proof_status": "verified",
        }
        if "an unproved send" in self._broken:
            proof = {"status": "sent_unresolved"}
        unlawful = {"html_body": "Dear {{ name }}"} if "an unrendered card" in self._broken else {}
        cards: list[dict[str, Any]] = [
            {"email_id": "s-3", "status": "sent_via_ghl", "sent_via_ghl": True, **proof},
            {"email_id": "r-4", "status": "rejected", "reviewed_at": made},
        ]
        if "queue of training cards" in self._shapes:
            cards.append({"email_id": "practice-0", "synthetic": True, "subject": "Hello {{ you }}"})
        else:
            cards += [{"email_id": "o-1"}, {"email_id": "o-2", "contact_id": None, **unlawful}]
        if "visitor cards without a campaign" in self._shapes:
            visitor = {**common["classifier"], "queue_origin": "website_visitor"}  # type: ignore[dict-item]
            cards.append(
                {"email_id": "v-1", "classifier": visitor, "campaign_ref": {"internal_id": ""}},
            )
        return [{**common, **card} for card in cards]

    def today(self) -> dict[str, Any]:
        """Return the day's counters."""
        text = self._redis.get(f"{self._prefix}:operator:state:{datetime.now(UTC):%F}")
        counted = json.loads(text) if text else {"runs": 0, "last_run": None}
        return {**dict.fromkeys(COUNTERS, 1), **counted}

    def count_run(self) -> None:
        """Count a dry run in the operator's state of the day, in Redis."""
        now = datetime.now(UTC)
        record = {**self.today(), "last_run": now.isoformat(), "date": f"{now:%F}"}
        for counter in ("runs", *(["outbound_email"] if "a dry run that sends" in self._broken else [])):
            record[counter] += 1
        self._keep(f"operator:state:{record['date']}", record)

    def dry_run(self, motion: str) -> dict[str, Any]:
        """Return the report of a dry run, and count it where this dashboard does."""
        if self._ran_before or "runs counted" in self._shapes or "a dry run that sends" in self._broken:
            self.count_run()
        totals = "dry run with totals and null parts" in self._shapes
        part = {"errors": [], "total_dispatched": 4 if totals else 0, "dry_run": True}
        return {
            "motion": motion,
            "dry_run": True,
            "errors": [],
            "revival_dispatched": 0,
            "cadence_dispatched": 2 if totals else 0,
            "instantly_report": part,
            "heyreach_report": None if totals else part,
        }

    def waiting(self) -> dict[str, Any]:
        """Return the pending cards."""
        queue = "caio" if "another queue" in self._broken else self._queue
        ids = self._redis.zrange(f"{queue}:shadow:pending_ids", 0, -1)
        texts = [self._redis.get(f"{queue}:shadow:email:{one}") for one in ids]
        cards = [card for card in (json.loads(text) for text in texts if text) if card["status"] == "pending"]
        if "queue of training cards" in self._shapes:  # these are kept nowhere
            cards += [
                {"email_id": f"practice-{n}", "synthetic": True, "subject": "{{ you }}"} for n in range(1, 5)
            ]
        merged = "a merged queue" in self._broken
        return {
            "pending_emails": cards,
            "count": len(cards),
            "refreshed_at": datetime.now(UTC).isoformat(),
            "_shadow_queue_debug": {
                "filesystem_merge_enabled": merged,
                "merged_count": 0,
                "prefix": self._queue,
            },
        }

    def history(self) -> dict[str, Any]:
        """Return the reviewed cards, with what was sent or without."""
        keys = sorted(self._redis.scan_iter(f"{self._queue}:shadow:email:*"))
        cards = [json.loads(self._redis.get(key)) for key in keys]
        silent = "history without sent cards" in self._shapes
        told = [
            card
            for card in cards
            if card["status"] == "rejected" or not (silent or card["status"] == "pending")
        ]
        return {"emails": told}

    def leads(self) -> Any:
        """Return the leads, in an object or as an array."""
        keys = self._redis.scan_iter(f"{self._prefix}:cadence:lead:*")
        leads = [json.loads(self._redis.get(key)) for key in keys]
        return leads if "leads as an array" in self._shapes else {"leads": leads, "total": len(leads)}
