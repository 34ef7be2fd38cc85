"""Faults of state: which leads the deployment sees."""

from __future__ import annotations

from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import edit_json, set_variable

__all__ = ["STATE"]

_LEADS = "/api/cadence/leads"

# fmt: off
STATE = Faults([
    fault("wrong-prefix", "The deployment looks for its state under another prefix and sees no leads.",
          "STATE-06", set_variable("STATE_REDIS_PREFIX", "caio"), then="OPS-09", place="STATE_REDIS_PREFIX"),
    fault("wrong-database", "The deployment uses another database of Redis and sees no leads.", "STATE-06",
          set_variable("REDIS_URL", lambda was: was.rpartition("/")[0] + "/1"),
          then="OPS-08 OPS-09", place="REDIS_URL"),
    fault("lead-dropped", "The deployment drops one lead without a word.", "STATE-06",
          edit_json(_LEADS, lambda body: body["leads"].pop(0)), place="lead records"),
    fault("lead-invented", "The deployment lists a lead that Redis does not hold.", "STATE-06",
          edit_json(_LEADS, lambda body: body["leads"].append(
              body["leads"][0] | {"email": "nobody@leads.example"})),
          place="REDIS_URL"),
])
# fmt: on
