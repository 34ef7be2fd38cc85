"""The deployment's state in Redis: operator state, batches, leads, cards, outgoing calls, login failures."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pytest_caio.contract.cards import card_key, index_key

__all__ = ["SENT", "State", "lead_key", "queue_prefix", "today"]

SENT = ("outbound_email", "outbound_linkedin", "revival", "cadence")
"""The day's counters of what went out."""
_CARD_SECONDS = 7 * 24 * 3600


def today() -> str:
    """Return today's date in UTC, as `YYYY-MM-DD`."""
    return datetime.now(UTC).date().isoformat()


def lead_key(prefix: str, email: str) -> str:
    """Return the Redis key of a lead; it ends in 24 hex digits of the SHA-256 of its normalised email."""
    digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()[:24]
    return f"{prefix}:cadence:lead:{digest}"


def queue_prefix(settings: Mapping[str, str]) -> str:
    """Return the prefix under which the cards of emails are kept."""
    return settings.get("CONTEXT_REDIS_PREFIX") or settings.get("STATE_REDIS_PREFIX") or "caio"


class State:
    """The state in the Redis database of a deployment's settings; nothing is cached.

    `prefix` is the prefix of the keys of operator state, batches and leads, `queue` that of the cards.
    Methods raise redis.RedisError if the Redis server is down.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            settings["REDIS_URL"],
            protocol=2,  # with RESP3 each connection first asks for maintenance notices
            max_connections=int(settings["REDIS_MAX_CONNECTIONS"]),
            timeout=5,
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 1),  # once, for a pooled connection that was dropped
            decode_responses=True,
        )
        self.redis: Any = redis.asyncio.Redis(connection_pool=pool)  # its stubs mix sync and async results
        self.prefix = settings["STATE_REDIS_PREFIX"]
        self.queue = queue_prefix(settings)
        self._failures = f"{settings['RATE_LIMIT_REDIS_NAMESPACE']}:login"
        self._context = settings["CONTEXT_REDIS_PREFIX"]

    async def close(self) -> None:
        """Close the connections."""
        await self.redis.connection_pool.disconnect()

    async def ping(self) -> float | None:
        """Return how many milliseconds a PING took, or None if Redis does not answer."""
        start = time.perf_counter()
        try:
            await self.redis.ping()
        except redis.RedisError:
            return None
        return round((time.perf_counter() - start) * 1000, 3)

    # State under the contract's keys.

    async def operator(self) -> dict[str, Any]:
        """Return today's operator state, with zero for each missing counter."""
        text = await self.redis.get(f"{self.prefix}:operator:state:{today()}")
        counters = dict.fromkeys((*SENT, "runs"), 0)
        return {"date": today(), **counters, "last_run": None, **(json.loads(text) if text else {})}

    async def save_operator(self, state: dict[str, Any]) -> None:
        """Store an operator state under its date."""
        await self.redis.set(f"{self.prefix}:operator:state:{state['date']}", json.dumps(state))

    async def batches(self) -> list[dict[str, Any]]:
        """Return every batch, in the order of its key."""
        return await self._records(f"{self.prefix}:operator:batch:*")

    async def save_batch(self, batch: dict[str, Any]) -> None:
        """Store a batch under its id."""
        await self.redis.set(f"{self.prefix}:operator:batch:{batch['batch_id']}", json.dumps(batch))

    async def leads(self) -> list[dict[str, Any]]:
        """Return every lead under the prefix that names an email, in the order of its key."""
        return [lead for lead in await self._records(f"{self.prefix}:cadence:lead:*") if lead.get("email")]

    async def save_lead(self, lead: dict[str, Any]) -> None:
        """Store a lead under the key of its email."""
        await self.redis.set(lead_key(self.prefix, lead["email"]), json.dumps(lead))

    async def lock(self, motion: str) -> bool:
        """Take the lock of a motion for 60 seconds; return False if another run holds it."""
        return bool(await self.redis.set(f"{self.prefix}:locks:operator:{motion}", "1", nx=True, ex=60))

    async def unlock(self, motion: str) -> None:
        """Release the lock of a motion."""
        await self.redis.delete(f"{self.prefix}:locks:operator:{motion}")

    async def _records(self, pattern: str) -> list[dict[str, Any]]:
        keys = sorted([key async for key in self.redis.scan_iter(pattern, count=1000)])
        return [json.loads(text) for text in (await self.redis.mget(keys) if keys else []) if text]

    # The cards of emails, and the event log, whose key is not part of the contract.

    async def pending(self) -> list[dict[str, Any]]:
        """Return the pending cards, oldest first."""
        ids = await self.redis.zrange(index_key(self.queue), 0, -1)
        texts = await self.redis.mget([card_key(self.queue, one) for one in ids]) if ids else []
        return [card for text in texts if text and (card := json.loads(text))["status"] == "pending"]

    async def reviewed(self) -> list[dict[str, Any]]:
        """Return the cards that were reviewed, sent ones included, in the order of their ids."""
        cards = await self._records(card_key(self.queue, "*"))
        return [card for card in cards if card["status"] != "pending"]

    async def pending_card(self, email_id: str) -> dict[str, Any] | None:
        """Return one pending card."""
        return next((card for card in await self.pending() if card["email_id"] == email_id), None)

    async def save_card(self, card: dict[str, Any]) -> None:
        """Store a card for seven days, and list it as pending or take it off that list."""
        key, index = card_key(self.queue, card["email_id"]), index_key(self.queue)
        await self.redis.set(key, json.dumps(card), ex=_CARD_SECONDS)
        if card["status"] == "pending":
            made = datetime.fromisoformat(card["timestamp"]).timestamp()
            await self.redis.zadd(index, {card["email_id"]: made})
        else:
            await self.redis.zrem(index, card["email_id"])

    async def clear_pending(self) -> int:
        """Delete every pending card and return how many there were."""
        cards = await self.pending()
        keys = [card_key(self.queue, card["email_id"]) for card in cards]
        await self.redis.delete(index_key(self.queue), *keys)
        return len(cards)

    async def note(self, kind: str, what: object) -> None:
        """Record an event; the newest 200 are kept."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "kind": kind, "what": what})
        await self.redis.lpush(f"{self._context}:events", line)
        await self.redis.ltrim(f"{self._context}:events", 0, 199)

    async def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the recorded events whose kind starts with `kind`, newest first."""
        lines = await self.redis.lrange(f"{self._context}:events", 0, -1)
        return [event for event in map(json.loads, lines) if event["kind"].startswith(kind)]

    # What webhooks do: addresses that get no more email, and calls to outside services.

    async def suppress(self, address: str) -> None:
        """Put an address onto the suppression list."""
        await self.redis.sadd(f"{self._context}:suppressed", address)

    async def call(self, what: str) -> None:
        """Count a call that the product would make to an outside service; no call is made."""
        await self.redis.hincrby(f"{self._context}:outgoing", what, 1)

    # Wrong tokens at the login, by client address.

    async def login_failures(self, address: str) -> int:
        """Return how many wrong tokens an address has sent recently."""
        return int(await self.redis.get(f"{self._failures}:{address}") or 0)

    async def count_login_failure(self, address: str, seconds: int) -> None:
        """Count one more wrong token of an address; the count expires `seconds` after the last one."""
        async with self.redis.pipeline() as pipe:
            pipe.incr(f"{self._failures}:{address}")
            pipe.expire(f"{self._failures}:{address}", seconds)
            await pipe.execute()

    async def forget_login_failures(self, address: str) -> None:
        """Reset the count of an address."""
        await self.redis.delete(f"{self._failures}:{address}")
