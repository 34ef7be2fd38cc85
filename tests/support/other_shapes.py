"""The shapes of the product that the independent dashboard can have, each alone or with all others.

Without any of them it has the plainest form that the contract leaves open: an object of leads, a history with
what was sent, secrets alone, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SHAPES"]

SHAPES: Mapping[str, str] = {
    "leads as an array": "The leads come as a JSON array, not in an object.",
    "history without sent cards": "The history lists no sent card: Redis alone has them.",
    "visitor cards without a campaign": "A visitor's card waits; its campaign is empty.",
    "dry run with totals and null parts": "A dry run forecasts, without HeyReach.",
    "runs counted": "A dry run counts `runs` and `last_run`, in Redis and in the status.",
    "Redis moved on after the cutover": "A lead advanced, one came, a batch was sent, in Redis alone.",
    "Redis moved on after the suite's own --allow-writes": "Dry runs counted in migrated state.",
    "tool names with a colon": "The golden set expects `Gateway.execute:...`, and the agent calls it.",
    "empty answer within the error budget": "The agent gives one empty answer.",
    "labelled answer within the error budget": "The agent gives one answer that is only a label.",
    "five functions": "Inngest serves five functions, not four.",
    "queue of training cards": "No real card waits, and training cards fill the queue; one is kept in Redis.",
    "no commit named": "No answer names the commit.",
    "secrets for some providers, bearers for others": "Clay and HeyReach send a bearer and have no secret.",
    "older Inngest SDK": "Unsigned introspection is 200; `authentication_succeeded` in the signed one.",
}
