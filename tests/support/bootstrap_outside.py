"""Values that an operator gives to `bootstrap`, and the result of one run of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

__all__ = ["BASE_URL", "CRM", "OUTSIDE", "Ran", "Run"]

# Values that cannot be generated: they come from the web pages of Redis and Inngest.
OUTSIDE = {
    "REDIS_URL": "redis://default:Qm3vX8sT1zLw9RkYb2Np@redis.rail-7.net:6379/0",
    "INNGEST_SIGNING_KEY": "signkey-prod-9f2c7b1e5a8d4f60b3c1d7e9a2f4b6c8",
    "INNGEST_EVENT_KEY": "Hw7tZ2kPq9LxV4mRs8Yd",
}
# What comes from the CRM's page; without it nothing is sent, which advises.
CRM = {"GHL_API_KEY": "pit-5c1d9e7f3a8b2c6d4e0f", "GHL_LOCATION_ID": "Lq8Zt3VwX1YpR6Nd2Kbs"}
BASE_URL = "https://caio-7.up.railway.app"
Run = Callable[..., "Ran"]


class Ran:
    """One run of the command: its exit status, its parsed summary, and its output."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err
        self.summary: dict[str, Any] = json.loads(out)
