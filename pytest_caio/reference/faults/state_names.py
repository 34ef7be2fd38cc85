"""Faults of names in Redis: junk under those of the state, and a card that the queue leaves out."""

from __future__ import annotations

from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import edit_json, edit_store, say

__all__ = ["NAMES"]

_PENDING = "/api/pending-emails"

# fmt: off
NAMES = Faults([
    fault("state-copied", "A copy of the operator's state is kept under a name that nobody looks up.",
          "STATE-03",
          edit_store(lambda client, prefix: client.set(f"{prefix}:operator:state:2026-02-24:copy", "{}")),
          place="rename or delete"),
    fault("batch-with-blank", "Something with a blank in its name is kept among the operator's batches.",
          "STATE-03",
          edit_store(lambda client, prefix: client.set(
              f"{prefix}:operator:batch:tmp x:swap", '{"batch_id": "tmp", "status": "sent"}')),
          place="rename or delete"),
    fault("card-hidden", "A card that could be sent is left out, and counted as one that nobody can act on.",
          "STATE-06", edit_json(_PENDING, lambda body: body["pending_emails"].pop()),
          edit_json(_PENDING, lambda body: body.update(count=len(body["pending_emails"]))),
          say(_PENDING, "_shadow_queue_debug", excluded_non_actionable_count=1),
          place="CONTEXT_REDIS_PREFIX"),
])
# fmt: on
