"""The background jobs of a run: what a gate looks at once for all of its checks, beside the requests.

One record is one job. A job's module is imported when the job is made, so that other runs pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from pytest_caio.environments.environment import Environment
from pytest_caio.gates.requirements import needs_pack, needs_redis, needs_replay
from pytest_caio.outcomes import MissingInput, NotApplicable

__all__ = ["JOBS", "Job", "Work"]


class Work(NamedTuple):
    """A job made for one environment: what it finds, how it is done, and what ends it from another thread."""

    findings: type[msgspec.Struct]
    do: Callable[[], msgspec.Struct]
    end: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Job:
    """What a gate looks at beside HTTP, done once for each environment.

    `fixture` is the name under which its checks find the result, `told` what a person who waits for it is
    told of, `needs` raises MissingInput or NotApplicable where it cannot be done, `long` says that it is a
    process of its own, which is started before all else. `make` is given the environment, and whether the
    run itself migrates that environment's file state.
    """

    fixture: str
    gate: str
    told: str
    needs: Callable[[Environment], object]
    make: Callable[[Environment, bool], Work]
    long: bool = False

    def name(self, environment: Environment) -> str:
        """Return the name of the job for one environment, as a person who waits for it reads it."""
        return f"{self.told} {environment.name}"

    def can_start(self, environment: Environment) -> bool:
        """Say whether there is what the job needs; where not, its checks say so."""
        try:
            self.needs(environment)
        except (MissingInput, NotApplicable):
            return False
        return True


def _replay(environment: Environment, _: bool) -> Work:
    from pytest_caio.gates.replay import ReplayFindings, ReplayJob  # noqa: PLC0415 - see above

    job = ReplayJob(environment)
    return Work(ReplayFindings, job, job.end)


def _pack(environment: Environment, _: bool) -> Work:
    from pytest_caio.gates.pack import PackFindings, PackJob  # noqa: PLC0415 - see above

    job = PackJob(environment)
    return Work(PackFindings, job, job.end)


def _redis_server(environment: Environment, _: bool) -> Work:
    from pytest_caio.gates.redis_server import RedisFindings, examine_redis  # noqa: PLC0415 - see above

    return Work(RedisFindings, partial(examine_redis, environment))


def _state(environment: Environment, migrating: bool) -> Work:
    from pytest_caio.gates.state import StateFindings, examine_state  # noqa: PLC0415 - see above

    return Work(StateFindings, partial(examine_state, environment, migrating=migrating))


JOBS = (
    Job("replay", "replay", "replay of", needs_replay, _replay, long=True),
    Job("pack", "pack", "critical tests of", needs_pack, _pack, long=True),
    Job("redis_server", "environment", "answer of Redis to", needs_redis, _redis_server),
    # Files and Redis are looked at apart: each check says which of them it lacks.
    Job("state", "state", "file state of", lambda _: None, _state),
)
