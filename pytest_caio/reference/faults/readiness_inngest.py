"""Faults of Inngest, and of what else holds a deployment back that says it is ready."""

from __future__ import annotations

import secrets

from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import assign, edit_json, report, say, set_variable, using

__all__ = ["INNGEST"]

_PENDING = "/api/pending-emails"
_STATUS = "/api/operator/status"

# fmt: off
INNGEST = Faults([
    fault("inngest-optional", "Inngest is not required: background work could be missing unseen.", "RDY-04",
          set_variable("INNGEST_REQUIRED", "false"), place="INNGEST_REQUIRED"),
    fault("inngest-unkeyed", "Inngest's event key is missing.", "RDY-01 RDY-02 RDY-04",
          set_variable("INNGEST_EVENT_KEY", ""), then="AUTH-03", place="INNGEST_"),
    fault("inngest-dev", "Inngest runs in its development mode and trusts everybody.", "RDY-05",
          assign(inngest_dev=True), place="INNGEST_DEV"),
    fault("inngest-missing", "Inngest's route is missing.", "RDY-01 RDY-02 RDY-04 RDY-05 RDY-06",
          assign(inngest_mounted=False), then="AUTH-03", place="INNGEST_"),
    fault("inngest-few", "One of the background functions is missing.", "RDY-06",
          assign(inngest_functions=4), place="deploy logs"),
    fault("inngest-wrong-key", "Inngest has another signing key than the environment file.", "RDY-05 RDY-06",
          using(lambda _: assign(inngest_signing_key=f"signkey-prod-{secrets.token_hex(32)}")),
          place="INNGEST_SIGNING_KEY"),
    fault("inngest-unproved", "Inngest answers a right signature as if it were wrong.", "RDY-05",
          say("/inngest", authentication_succeeded=False), place="INNGEST_SIGNING_KEY"),
    fault("inngest-public-answer", "Inngest tells who signs rightly what it tells everybody.", "RDY-05",
          edit_json("/inngest", lambda body: body.pop("authentication_succeeded")),
          place="INNGEST_SIGNING_KEY"),
    fault("queue-without-redis", "The queue says that Redis is down while readiness says all is well.",
          "RDY-15", say(_PENDING, "_shadow_queue_debug", redis_connected=False),
          say("/api/queue-status", redis_connected=False), place="REDIS_URL"),
    fault("queue-elsewhere", "The queue of pending emails is under another prefix in Redis.", "RDY-15",
          say(_PENDING, "_shadow_queue_debug", prefix="caio:elsewhere"), place="CONTEXT_REDIS_PREFIX"),
    fault("queue-merged", "The queue adds cards from the file system to those in Redis.", "RDY-15",
          say(_PENDING, "_shadow_queue_debug", filesystem_merge_enabled=True), place="STATE_BACKEND"),
    fault("operator-off", "The operator is not enabled: nothing will go out.", "RDY-16",
          say(_STATUS, enabled=False), place="enable the operator"),
    fault("emergency-stopped", "The emergency stop is on: nothing will go out.", "RDY-16",
          say(_STATUS, emergency_stop=True), place="EMERGENCY_STOP"),
    fault("models-unrouted", "The language models are not routed.", "RDY-16",
          report("llm_routing", ready=False), place="language models"),
])
# fmt: on
