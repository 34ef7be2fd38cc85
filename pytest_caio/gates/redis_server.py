"""The deployment's Redis server, for the environment gate: does it answer, and may it evict state."""

from __future__ import annotations

import msgspec

from pytest_caio.environments.addresses import seen_from
from pytest_caio.environments.environment import Environment
from pytest_caio.errors import InputError
from pytest_caio.state import connect, inspect_server

__all__ = ["RedisFindings", "examine_redis"]

_SECONDS = 5.0  # for a connection, and for each answer


class RedisFindings(msgspec.Struct, frozen=True):
    """Why Redis did not answer (`silence`, empty when it did), and its maxmemory-policy.

    `policy` is None when the server hides it.
    """

    silence: str = ""
    policy: str | None = None


def examine_redis(environment: Environment) -> RedisFindings:
    """Inspect the server at REDIS_URL; never raises, and gives up within seconds."""
    url = environment.value("REDIS_URL").strip()
    try:
        with connect(url, seconds=_SECONDS, retries=1) as client:
            server = inspect_server(client)
    except InputError as error:
        return RedisFindings(str(error))
    # A server that answers PING either reports its role or policy, or hides both without a fault.
    if server.faults and server.policy is None and server.role is None:
        return RedisFindings(f"{server.faults[0]}: {seen_from(url)}")
    return RedisFindings(policy=server.policy)
