"""The figures of a replay, counted as its results arrive, whatever their number."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Set
from operator import itemgetter
from typing import TypeVar

import msgspec

from pytest_caio.replay.golden import GoldenSet
from pytest_caio.replay.honesty import CaseResult, Honesty, assess_honesty, only_the_question
from pytest_caio.replay.runners import Runner

__all__ = ["LISTED", "Fall", "Figures", "Tally"]

_Item = TypeVar("_Item")
LISTED = 100
"""How many misses the figures of a replay list, with their reasons."""


class Fall(msgspec.Struct, frozen=True):
    """A regression: a case that passed with its baseline answer and fails now, and why."""

    id: str
    why: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a replay without its results, however many there are.

    `asked` are the usable cases, of which `passed` passed; decoys count in no figure. `misses` are the ids of
    the first 100 that failed, in the order of the golden set, with the reasons. `pass_rate` is the share, 0
    to 1, of the usable cases that passed, 0 if there are none; `block_build` is whether it is below
    `min_pass_rate`. `ungrounded` are the ids of cases that fail groundedness (each escalates the same day).
    `falls` are the regressions, None without a baseline, of the `compared` cases: those that pass with their
    baseline answer. `problems` are those of the golden set.
    """

    asked: int
    passed: int
    misses: dict[str, str]
    pass_rate: float
    min_pass_rate: float
    block_build: bool
    ungrounded: tuple[str, ...]
    honesty: Honesty
    falls: tuple[Fall, ...] | None
    compared: int
    problems: tuple[str, ...]
    duration_s: float


class Tally:
    """The figures of a replay so far; results arrive in any order."""

    def __init__(self, origins: Set[str]) -> None:
        self._origins = origins  # of the decoys: with their results honesty is judged
        self._asked = self._passed = self._compared = 0
        self._misses: list[tuple[int, str, str]] = []
        self._ungrounded: list[tuple[int, str]] = []
        self._falls: list[tuple[int, Fall]] = []
        self._watched: list[tuple[int, CaseResult]] = []

    def add(self, place: int, result: CaseResult, *, sound: bool) -> None:
        """Count a result; `sound` is whether its case passed with its baseline answer."""
        real = result.kind == "real"
        told_more = result.handed and not only_the_question(result)
        if not real or result.id in self._origins or told_more:
            self._watched.append((place, result))
        if real:
            grounded = result.judgement is None or result.judgement.grounded
            self.count(place, result.id, result.why, grounded=grounded, sound=sound)

    def count(self, place: int, name: str, why: str, *, grounded: bool, sound: bool) -> None:
        """Count a case of the golden set by its id; `why` it failed is empty for a pass."""
        self._asked += 1
        self._compared += sound
        if not grounded:
            self._ungrounded.append((place, name))
        if not why:
            self._passed += 1
            return
        bisect.insort(self._misses, (place, name, why))
        del self._misses[LISTED:]
        if sound:
            self._falls.append((place, Fall(name, why)))

    def count_passed(self, cases: int, *, sound: int) -> None:
        """Count cases that passed with grounded answers, `sound` of them with the baseline's answer too."""
        self._asked += cases
        self._passed += cases
        self._compared += sound

    def figures(
        self, golden: GoldenSet, runner: Runner, min_pass_rate: float, *, compared: bool, duration: float
    ) -> Figures:
        """Return the figures; `compared` is whether there was a baseline, `duration` is in seconds."""
        pass_rate = self._passed / self._asked if self._asked else 0.0
        return Figures(
            asked=self._asked,
            passed=self._passed,
            misses={name: why for _, name, why in self._misses},
            pass_rate=pass_rate,
            min_pass_rate=min_pass_rate,
            block_build=pass_rate < min_pass_rate,
            ungrounded=tuple(_in_order(self._ungrounded)),
            honesty=assess_honesty(
                list(_in_order(self._watched)), command=runner.command, golden_set=golden.path
            ),
            falls=tuple(_in_order(self._falls)) if compared else None,
            compared=self._compared,
            problems=golden.problems,
            duration_s=round(duration, 3),
        )


def _in_order(placed: Iterable[tuple[int, _Item]]) -> Iterator[_Item]:
    return (item for _, item in sorted(placed, key=itemgetter(0)))
