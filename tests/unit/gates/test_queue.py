"""The cards of the queue as Redis holds them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import redis

from pytest_caio.contract.cards import Queue, card_key, index_key
from pytest_caio.environments.environment import Environment
from pytest_caio.gates.queue import examine_queue
from pytest_caio.reference.hosting.redis_server import RedisServer


def test_a_card_with_a_field_twice_is_not_judged(make_environment: Callable[..., Environment]) -> None:
    """A card with a field twice is an error: readers differ in which counts; no card is passed over."""
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        environment = make_environment(REDIS_URL=server.url)
        prefix = environment.queue_prefix
        client.zadd(index_key(prefix), {"1": 1.0})
        client.set(card_key(prefix, "1"), '{"email_id": "1", "status": "pending"}')
        client.set(card_key(prefix, "2"), "no card")
        found = examine_queue(environment)
        assert (found.silence, list(found.pending)) == ("", ["1"])
        client.set(card_key(prefix, "1"), '{"email_id": "1", "status": "sent", "status": "pending"}')
        found = examine_queue(environment)
        assert (found.cards, found.silence) == (
            (),
            f"{card_key(prefix, '1')} cannot be judged: an object names a field twice",
        )


@pytest.mark.parametrize(
    ("excluded", "unseen"), [(0, ("blocked", "sendable")), (1, ("sendable",)), (9, ("sendable",))]
)
def test_a_card_that_could_be_sent_is_never_left_out(
    excluded: int, unseen: tuple[str, ...], make_environment: Callable[..., Environment]
) -> None:
    """The number that the queue leaves out covers only cards that nobody could act on."""
    cards = {
        "sendable": {"contact_id": "c", "classifier": {"target_platform": "ghl"}},
        "blocked": {"classifier": {"target_platform": "ghl"}},
        "training": {"to": "a@b.example", "synthetic": True},
    }
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        environment = make_environment(REDIS_URL=server.url)
        prefix = environment.queue_prefix
        for name, card in cards.items():
            client.zadd(index_key(prefix), {name: 1.0})
            client.set(card_key(prefix, name), json.dumps({"email_id": name, "status": "pending", **card}))
        queue = Queue(0, [], {"excluded_non_actionable_count": excluded})
        assert examine_queue(environment).compare(queue, environment).unseen == unseen
