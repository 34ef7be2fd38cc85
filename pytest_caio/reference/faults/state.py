"""Faults of state: what Redis and the files hold, and which leads and cards the deployment sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import redis

from pytest_caio.reference.dashboard.settings import MIGRATION
from pytest_caio.reference.dashboard.state import lead_key
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import edit_card, edit_files, edit_json, edit_store, set_variable

__all__ = ["STATE"]

_LEADS = "/api/cadence/leads"
_PENDING = "/api/pending-emails"
_FILE = "cadence_state/lead_001.json"


def _key(prefix: str) -> str:
    """Return the key of a lead."""
    return lead_key(prefix, "lead1@example.com")


def _summary(**fields: object) -> Apply:
    """Set fields of the migration's summary."""
    return edit_files(MIGRATION, lambda text: json.dumps(json.loads(text) | fields))


def _queue(edit: Callable[[list[dict[str, Any]]], object]) -> Apply:
    """Change the list of pending cards that the deployment shows."""

    def change(body: dict[str, Any]) -> None:
        edit(body["pending_emails"])
        body["count"] = len(body["pending_emails"])

    return edit_json(_PENDING, change)


def _empty(client: redis.Redis, _: str) -> None:
    """Remove everything."""
    client.flushdb()


def _list_again(client: redis.Redis, _: str) -> None:
    """Put a card that was rejected back into the queue's index, and leave it rejected."""
    for index in client.scan_iter("*:shadow:pending_ids"):
        client.zadd(index, {"email-002": 0})


# fmt: off
STATE = Faults([
    fault("wrong-prefix", "The deployment looks for its state under another prefix and sees no leads.",
          "STATE-06", set_variable("STATE_REDIS_PREFIX", "caio"), then="OPS-09", place="STATE_REDIS_PREFIX"),
    fault("wrong-database", "The deployment uses another database of Redis and sees no leads.", "STATE-06",
          set_variable("REDIS_URL", lambda was: was.rpartition("/")[0] + "/1"),
          then="OPS-06 OPS-09", place="REDIS_URL"),
    fault("wrong-queue-prefix", "The deployment looks for its cards under another prefix and shows none.",
          "STATE-06", set_variable("CONTEXT_REDIS_PREFIX", "caio"), then="OPS-06 RDY-15",
          place="CONTEXT_REDIS_PREFIX"),
    fault("lead-dropped", "The deployment drops one lead without a word.", "STATE-06",
          edit_json(_LEADS, lambda leads: leads.pop(0)), place="lead records"),
    fault("lead-invented", "The deployment lists a lead that Redis does not hold.", "STATE-06",
          edit_json(_LEADS, lambda leads: leads.append(leads[0] | {"email": "nobody@leads.example"})),
          place="REDIS_URL"),
    fault("card-dropped", "The deployment does not show a card that waits in Redis.", "STATE-06",
          _queue(lambda cards: cards.pop()), place="CONTEXT_REDIS_PREFIX"),
    fault("card-invented", "The deployment shows a card that Redis does not hold.", "STATE-06",
          _queue(lambda cards: cards.append(cards[-1] | {"email_id": "email-of-a-file"})),
          place="STATE_BACKEND"),
    fault("cards-frozen", "The cards shown are a stored copy under a clock that moves on.", "STATE-06",
          edit_card("email-002", status="rejected"),
          _queue(lambda cards: cards.append(cards[-1] | {"email_id": "email-002"})), place="REDIS_URL"),
    fault("card-decided", "A card that was rejected is still shown: its id was left in the queue's index.",
          "STATE-06", edit_card("email-002", status="rejected"), edit_store(_list_again),
          _queue(lambda cards: cards.append(cards[-1] | {"email_id": "email-002"})), place="REDIS_URL"),
    fault("twin-lost", "A lead that was migrated is gone from Redis.", "STATE-01 STATE-05",
          edit_store(lambda client, prefix: client.delete(_key(prefix))), place="migrate-state"),
    fault("twin-nameless", "In Redis a lead that was migrated no longer says whose it is.",
          "STATE-01 STATE-06",
          edit_store(lambda client, prefix: client.set(_key(prefix), '{"name": "Lead"}')),
          place="migrate-state"),
    fault("file-changed", "A file is not the one that was migrated.", "STATE-01",
          edit_files(_FILE, lambda text: json.dumps(json.loads(text) | {"current_step": 99})),
          place="migrate-state"),
    fault("file-unmigrated", "A file was left out of the migration.", "STATE-01",
          edit_files("cadence_state/lead_099.json", lambda _: '{"email": "lead99@example.com"}'),
          place="migrate-state"),
    fault("file-broken", "A file of the state is half written.", "STATE-02",
          edit_files("cadence_state/broken.json", lambda _: '{"email": "half@exam'), place="hive directory"),
    fault("file-nameless", "A lead's file does not say whose it is.", "STATE-02",
          edit_files("cadence_state/nameless.json", lambda _: '{"name": "Nobody"}'), place="hive directory"),
    fault("state-undated", "The operator's state is dated `yesterday`, by which nobody looks it up.",
          "STATE-02", edit_files("operator_state.json", lambda text: json.dumps(
              json.loads(text) | {"date": "yesterday"})), place="hive directory"),
    fault("batch-misnamed", "A batch's id has a blank in it.", "STATE-02",
          edit_files("operator_batches/batch_of_today.json", lambda _: '{"batch_id": "batch of today"}'),
          place="hive directory"),
    fault("leads-in-folder", "Leads are in a folder of their own, where nobody reads them.", "STATE-02",
          edit_files("cadence_state/archive/lead_007.json", lambda _: '{"email": "lead7@example.com"}'),
          place="hive directory"),
    fault("file-late", "A file of the state was written after the cutover.", "STATE-04",
          edit_files(_FILE, lambda text: text, late=True), place="STATE_FILE_FALLBACK_WRITE"),
    fault("state-expires", "A lead expires in an hour.", "STATE-03",
          edit_store(lambda client, prefix: client.expire(_key(prefix), 3600)), place="PERSIST"),
    fault("lock-everlasting", "A lock of the operator never expires.", "STATE-03",
          edit_store(lambda client, prefix: client.set(f"{prefix}:locks:operator:revival", "1")),
          place="EXPIRE"),
    fault("key-foreign", "Something else is kept under the names of the state.", "STATE-03",
          edit_store(lambda client, prefix: client.set(f"{prefix}:cadence:leads", "[]")), place="Redis"),
    fault("redis-emptied", "Redis was emptied after the migration.", "STATE-01 STATE-05",
          edit_store(_empty), then="OPS-08 OPS-09", place="restore its backup"),
    fault("migration-dry", "The last migration was a dry run.", "STATE-05", _summary(dry_run=True),
          place="migrate-state"),
    fault("migration-failed", "The last migration ended with an error.", "STATE-05",
          _summary(ok=False, errors=["Redis is out of memory"]), place="migrate-state"),
    fault("migration-elsewhere", "The last migration wrote under another prefix.", "STATE-05",
          _summary(prefix="caio:elsewhere:state"), place="migrate-state"),
    fault("migration-overcounted", "The migration counted more leads than Redis holds.", "STATE-05",
          _summary(digests={}, counts={"cadence_lead": 99}), place="migrate-state"),
    fault("migration-garbled", "The migration's summary is none.", "STATE-05",
          edit_files(MIGRATION, lambda _: "ok"), place="migrate-state"),
])
# fmt: on
