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


def fault(
    name: str, says: str, reds: str, *does: Callable[[Deployment], object], then: str = "", place: str = ""
) -> Fault:
    """Write a fault as a row: its name, its sentence, the checks that it turns red, and what it does.

    What it does are verbs, in their order, or a lambda of the deployment where one expression says it.
    `then` names its consequences, `place` where it is mended. Checks are separated by blanks.
    """

    def apply(deployment: Deployment) -> None:
        for do in does:
            do(deployment)

    return Fault(name, says, tuple(reds.split()), apply, tuple(then.split()), place)


def variation(name: str, says: str, *does: Callable[[Deployment], object]) -> Fault:
    """Write a variation as a row: its name, its sentence, and what it does; it turns nothing red."""
    return fault(name, says, "", *does)


class Faults(list[Fault]):
    """The faults of one file: a table of rows, and after them the functions that `add` decorates.

    A table is kept from the formatter, which would give each part of a row a line of its own.
    """

    def add(self, says: str, reds: str = "", then: str = "", place: str = "") -> Callable[[Apply], Apply]:
        """Add a function that is a fault no verb can say, named as it is, with hyphens."""

        def register(apply: Apply) -> Apply:
            name = apply.__name__.replace("_", "-")
            self.append(fault(name, says, reds, apply, then=then, place=place))
            return apply

        return register


def by_name(*tables: Iterable[Fault]) -> Mapping[str, Fault]:
    """Return the faults of all tables by name, read-only; raises ValueError for a name that two have."""
    found: dict[str, Fault] = {}
    for one in chain.from_iterable(tables):
        if found.setdefault(one.name, one) is not one:
            raise ValueError(f"two faults are named {one.name}")
    return MappingProxyType(found)
