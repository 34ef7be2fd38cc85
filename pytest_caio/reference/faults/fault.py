"""What a fault is, and the two ways to write one: as a row of a table, and as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import TypeAlias

from pytest_caio.reference.dashboard.deployment import Deployment

__all__ = ["Apply", "Fault", "Faults", "by_name", "fault", "variation"]

Apply: TypeAlias = Callable[[Deployment], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break the deployment: its name, a sentence for operators, and the checks it must turn red.

    `consequences` are further checks that turn red because they depend on what the fault broke. All of these
    have one cause, whose action names `place`: the variable, or the part of the deployment, to put right.
    `separate` are checks among them that show another thing to put right, each with a cause of its own.
    """

    name: str
    says: str
    reds: tuple[str, ...]
    apply: Apply
    consequences: tuple[str, ...] = ()
    place: str = ""
    separate: tuple[str, ...] = ()


def fault(
    name: str,
    says: str,
    reds: str,
    *does: Callable[[Deployment], object],
    then: str = "",
    place: str = "",
    separate: str = "",
) -> Fault:
    """Return a fault, written as a row: its name, its sentence, the checks it turns red, and what it does.

    `does` are verbs, applied in order, or a lambda of the deployment where one expression is enough. `then`
    lists the consequences; `place` says where to fix it; `separate` lists checks with another
    cause. Check ids are separated by spaces.
    """

    def apply(deployment: Deployment) -> None:
        for do in does:
            do(deployment)

    return Fault(name, says, tuple(reds.split()), apply, tuple(then.split()), place, tuple(separate.split()))


def variation(name: str, says: str, *does: Callable[[Deployment], object]) -> Fault:
    """Return a variation, written as a row: its name, its sentence, and what it does; no check turns red."""
    return fault(name, says, "", *does)


class Faults(list[Fault]):
    """The faults of one file: a table of rows, followed by the functions that `add` decorates.

    The tables are excluded from formatting, which would put each argument of a row on a line of its own.
    """

    def add(
        self, says: str, reds: str = "", then: str = "", place: str = "", separate: str = ""
    ) -> Callable[[Apply], Apply]:
        """Return a decorator that adds a function as a fault, named like the function, with hyphens.

        It is for faults that the verbs cannot express.
        """

        def register(apply: Apply) -> Apply:
            name = apply.__name__.replace("_", "-")
            self.append(fault(name, says, reds, apply, then=then, place=place, separate=separate))
            return apply

        return register


def by_name(*tables: Iterable[Fault]) -> Mapping[str, Fault]:
    """Return the faults of all tables by name, read-only; raises ValueError if two have the same name."""
    found: dict[str, Fault] = {}
    for one in chain.from_iterable(tables):
        if found.setdefault(one.name, one) is not one:
            raise ValueError(f"two faults are named {one.name}")
    return MappingProxyType(found)
