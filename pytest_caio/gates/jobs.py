"""The background jobs of a run: work other than requests, done once for all checks of a gate.

A job's module is imported only when the job is made, so that a run without it does not pay for the import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from pytest_caio.environments.environment import Environment
from pytest_caio.gates.requirements import needs_pack, needs_redis, needs_replay

__all__ = ["JOBS", "Job", "Work"]


class Work(NamedTuple):
    """A job for one environment: the type of its findings, the work, and how another thread ends it."""

    findings: type[msgspec.Struct]
    do: Callable[[], msgspec.Struct]
    end: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Job:
    """A background job of one gate or several, done once for each environment.

    `fixture` is the fixture that returns its findings, `told` its description in progress lines, which the
    environment's name completes. `needs` raises MissingInput or NotApplicable when the job cannot be done.
    A `long` job runs a process of its own and is started before everything else: when the first test that
    needs it is collected, or after the collection where options of pytest may leave tests out.
    """

    fixture: str
    gates: tuple[str, ...]
    told: str
    needs: Callable[[Environment], object]
    make: Callable[[Environment], Work]
    long: bool = False

    def name(self, environment: Environment) -> str:
        """Return the job's name for one environment, as progress lines show it."""
        return f"{self.told} {environment.name}"

    def can_start(self, environment: Environment) -> bool:
        """Return whether the job's inputs are there; if not, its checks report what is missing, or broke."""
        try:
            self.needs(environment)
        except Exception:  # noqa: BLE001 - the checks need the same inputs, and report the same
            return False
        return True


def _replay(environment: Environment) -> Work:
    from pytest_caio.gates.replay import ReplayFindings, ReplayJob  # noqa: PLC0415 - see above

    job = ReplayJob(environment)
    return Work(ReplayFindings, job, job.end)


def _pack(environment: Environment) -> Work:
    from pytest_caio.gates.pack import PackFindings, PackJob  # noqa: PLC0415 - see above

    job = PackJob(environment)
    return Work(PackFindings, job, job.end)


def _redis_server(environment: Environment) -> Work:
    from pytest_caio.gates.redis_server import RedisFindings, examine_redis  # noqa: PLC0415 - see above

    return Work(RedisFindings, partial(examine_redis, environment))


def _state(environment: Environment) -> Work:
    from pytest_caio.gates.state import StateFindings, examine_state  # noqa: PLC0415 - see above

    return Work(StateFindings, partial(examine_state, environment))


def _queue(environment: Environment) -> Work:
    from pytest_caio.gates.queue import QueueFindings, examine_queue  # noqa: PLC0415 - see above

    return Work(QueueFindings, partial(examine_queue, environment))


JOBS = (
    Job("replay", ("replay",), "replay of", needs_replay, _replay, long=True),
    Job("pack", ("pack",), "critical tests of", needs_pack, _pack, long=True),
    Job("redis_server", ("environment",), "answer of Redis to", needs_redis, _redis_server),
    # Always started: files and Redis are read independently, and each check reports which one it lacks.
    Job("state", ("state",), "file state of", lambda _: None, _state),
    Job("queue", ("state", "operator"), "cards in Redis of", lambda _: None, _queue),
)
