"""The deployment's Redis server, for the environment gate: does it answer, take writes and keep them."""

from __future__ import annotations

import msgspec

from pytest_caio.checks.words import REDIS_TO_ANSWER
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import DEFAULT_STATE_PREFIX, REDIS_NAMESPACES, STATE_PREFIX
from pytest_caio.errors import InputError
from pytest_caio.outcomes import Mismatch
from pytest_caio.state import Storage, StoreError, connect, inspect_server, storage_of, write_refusals

__all__ = ["RedisFindings", "examine_redis", "unanswered"]

_UNANSWERED = (
    "In the env file, correct REDIS_URL, or see in Railway that the Redis that it leads to runs; ENV-12 says "
    "what is wrong with it. Then run again."
)


def unanswered(trouble: str) -> Mismatch:
    """Return what is raised by a check that lacks what Redis did not answer."""
    return Mismatch(REDIS_TO_ANSWER, trouble, _UNANSWERED)


class RedisFindings(msgspec.Struct, frozen=True):
    """What a Redis server said.

    `silence` is why it did not answer, empty when it did. `policy` is its maxmemory-policy and `role` is
    master or slave; each is None when the server hides it. `refusals` say, by the keys of its namespaces, why
    it would not take a write.
    """

    silence: str = ""
    policy: str | None = None
    role: str | None = None
    refusals: dict[str, str] = msgspec.field(default_factory=dict)
    storage: Storage = Storage()


def examine_redis(environment: Environment) -> RedisFindings:
    """Inspect the server at REDIS_URL, and write nothing; never raises, and gives up within seconds."""
    url = environment.value("REDIS_URL").strip()
    namespaces = {key: environment.value(key).strip() for key in REDIS_NAMESPACES}
    namespaces[STATE_PREFIX] = namespaces[STATE_PREFIX] or DEFAULT_STATE_PREFIX
    given = {key: prefix for key, prefix in namespaces.items() if prefix}
    try:
        with connect(url) as client:
            server = inspect_server(client)
            # A server that answers PING either reports its role or policy, or hides both without a fault.
            if server.faults and server.policy is None and server.role is None:
                return RedisFindings(server.faults[0])
            refusals = write_refusals(client, list(given.values()))
            storage = storage_of(client)
    except (InputError, StoreError) as error:
        return RedisFindings(str(error))
    refused = {key: why for key, why in zip(given, refusals, strict=True) if why}
    return RedisFindings(policy=server.policy, role=server.role, refusals=refused, storage=storage)
