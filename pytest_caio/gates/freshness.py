"""Whether a response is from this run, or a copy that a cache had kept."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

from pytest_caio.contract.cards import zoned
from pytest_caio.probing.exchange import Exchange

__all__ = ["answered_at", "clock_at", "dates", "kept_copy"]

# An IMF-fixdate (RFC 9110, 5.6.7); two of them may have been joined by a proxy.
_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
# What the headers of caches (Cache-Status, X-Cache, CF-Cache-Status, X-Proxy-Cache and so on) call a copy.
_COPY = re.compile(r"(?:^|[\s,;_])(?:refresh)?(?:hit|stale|updating|revalidated|prerender)(?![\w=-])", re.I)
# Not these: policies, keys, and what was only looked up.
_NO_STATUS = re.compile(r"control|key|tag|lookup|hits|ttl", re.I)


def dates(answer: Exchange) -> list[datetime]:
    """Return the times in a response's Date headers, those that can be read."""
    found = []
    for value in answer.header_values("date"):
        for text in _DATE.findall(value) or [value]:
            try:
                found.append(zoned(parsedate_to_datetime(text)))
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
    return found


def answered_at(answer: Exchange) -> datetime:
    """Return when a response was sent, by its Date header, else by this machine's clock, which may be off."""
    return next(iter(dates(answer)), answer.started)


def clock_at(answer: Exchange, uncached: Exchange) -> datetime:
    """Return what the deployment's own clock said when `answer` was asked for.

    It is known from the Date of `uncached`, a response that no cache can have kept, since a copy has the Date
    of when it was made.
    """
    for date in dates(uncached):
        return date + (answer.started - uncached.started)
    return answered_at(answer)


def kept_copy(answer: Exchange) -> str:
    """Return the header that says that a response is a copy kept by a cache, or an empty string."""
    for name, value in answer.headers:
        low = name.lower()
        told = re.findall(r"\d+", value)
        if (
            (low == "age" and any(map(_positive, told)))
            or ("cache" in low and not _NO_STATUS.search(low) and _COPY.search(value))
            or (low.endswith("cache-hits") and any(map(_positive, told)))
            or (low == "x-varnish" and len(told) > 1)
            or (low == "server-timing" and re.search(r"cache[^,]*desc=\"?hit", value, re.I))
        ):
            return f"{name}: {value}"
    return ""


def _positive(digits: str) -> bool:
    return bool(digits.strip("0"))
