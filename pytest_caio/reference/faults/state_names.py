"""Faults of names in Redis: junk under those of the state, and a card that the queue leaves out."""

from __future__ import annotations

from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import edit_store

__all__ = ["NAMES"]

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
])
# fmt: on
