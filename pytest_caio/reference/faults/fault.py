"""What a fault is, and the small tools that faults are written with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Access, Incoming, Reply

__all__ = ["Apply", "Fault", "Faults", "crash", "edit_json", "open_door", "rewrite"]

Apply = Callable[[Deployment], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to be broken: its name, one line in an operator's words, the checks it must turn red.

    `consequences` are the checks that are red besides, since they ask what the fault broke. `place` is the
    variable, or the part of the deployment, that the fix of the first red names.
    """

    name: str
    says: str
    reds: tuple[str, ...]
    apply: Apply
    consequences: tuple[str, ...] = ()
    place: str = ""


class Faults:
    """The faults of one area, gathered by a decorator; `all` is the finished mapping by name."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}

    def __call__(
        self, says: str, *reds: str, then: tuple[str, ...] = (), place: str = ""
    ) -> Callable[[Apply], Apply]:
        """Register a function as a fault, named as it is, with hyphens; raises ValueError for a twin.

        `then` names its consequences, `place` where it is mended.
        """

        def register(apply: Apply) -> Apply:
            name = apply.__name__.replace("_", "-")
            if name in self._faults:
                raise ValueError(f"two faults are named {name}")
            self._faults[name] = Fault(name, says, reds, apply, then, place)
            return apply

        return register

    @property
    def all(self) -> Mapping[str, Fault]:
        """The faults registered, by name, read-only."""
        return MappingProxyType(dict(self._faults))


def open_door(deployment: Deployment, opens: Callable[[Incoming], bool]) -> None:
    """Leave the door open for the requests that `opens` picks."""
    door = deployment.door

    def ajar(asked: Incoming) -> Access:
        return "open" if opens(asked) else door(asked)

    deployment.door = ajar


def rewrite(deployment: Deployment, path: str, change: Callable[[Incoming, Reply], None]) -> None:
    """Change the answers of one path."""

    def changed(asked: Incoming, reply: Reply) -> None:
        if asked.path == path:
            change(asked, reply)

    deployment.rewrites.append(changed)


def edit_json(deployment: Deployment, path: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the JSON object in the 200 answers of one path."""

    def edited(_: Incoming, reply: Reply) -> None:
        if reply.status == 200:
            body = json.loads(reply.body)
            edit(body)
            reply.body = json.dumps(body).encode()

    rewrite(deployment, path, edited)


def crash(deployment: Deployment, when: Callable[[Incoming, Reply], bool]) -> None:
    """Answer 500, as a server does whose handler failed, where `when` says so."""

    def crashed(asked: Incoming, reply: Reply) -> None:
        if when(asked, reply):
            reply.status, reply.body = 500, b"Internal Server Error"
            reply.headers["content-type"] = "text/plain; charset=utf-8"

    deployment.rewrites.append(crashed)
