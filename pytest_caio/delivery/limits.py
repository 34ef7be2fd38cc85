"""Rate limits: how long a tracker asks to wait, in each of the ways in which one says it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["limit_of", "seconds_of"]

_LONGEST_WAIT = 1e6  # seconds: what is longer is as good as never


def limit_of(
    code: int, headers: Mapping[str, str], text: str, *, secondary: float, unsaid: float
) -> float | None:
    """Return how long to wait where a response is a rate limit's, else None.

    GitHub answers 403 or 429, with `retry-after`, or with `x-ratelimit-remaining: 0`, or for a secondary
    limit with neither (docs.github.com, "Rate limits for the REST API"): it is waited for `secondary` seconds
    then, and `unsaid` seconds for another.
    """
    if code not in (403, 429):
        return None
    given = seconds_of(headers)
    if given is not None:
        return given
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset", "")) - time.time() + 1
        return min(max(1.0, reset), _LONGEST_WAIT)
    if "secondary rate limit" in text.lower():
        return secondary
    return unsaid if code == 429 else None


def seconds_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, which may be a date (RFC 9110, 10.2.3); None without them."""
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return min(float(given), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)


def _number(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
