"""Waivers: known failures that an owner accepts until a date; read from a file, reviewed after the run.

Callers pass today's date: that of the run's start in UTC, however long the run takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from pytest_caio.system.textfile import read_text
from pytest_caio.system.toml import line_of, parse_toml
from pytest_caio.text import beginning
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Result, WaiverRecord, waived

__all__ = ["MOST_DAYS", "Waiver", "Waivers", "parse_waivers", "read_waivers"]

MOST_DAYS = 90  # a waiver that does not expire soon is a hidden bypass
_CHECK = re.compile(r"[A-Z]+-[0-9]{2}")
_HEADING = re.compile(r"\s*\[\[\s*([\"']?)waiver\1\s*\]\]")
_TEXTS = ("check", "environment", "owner", "reason", "case")
_NOT_JUDGED = (Outcome.NOT_RUN, Outcome.MISSING_INPUT)


Waivable: TypeAlias = Callable[[str, str], bool | None]


def _any(check: str, environment: str) -> bool:  # noqa: ARG001 - where the suite's checks are not known
    return True


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    """The schema of a `[[waiver]]` table."""

    check: str
    environment: str
    owner: str
    reason: str
    expires: date
    case: str = "*"


@dataclass(frozen=True)
class Waiver:
    """One `[[waiver]]`; `fault` is why it can never be used, and then its other fields may be empty."""

    number: int  # from 1, in file order; 0 for a stray key of the file
    line: int
    fault: str = ""
    check: str = ""
    environment: str = ""
    owner: str = ""
    reason: str = ""
    expires: date | None = None  # the last day on which it is valid, UTC
    case: str = "*"  # one case's name, or * for all

    def days_left(self, today: date) -> int | None:
        """Return days left after `today`: 0 on the last day, negative once expired; None without a date."""
        return (self.expires - today).days if self.expires else None

    def trouble(self, today: date) -> str:
        """Return why it is not valid on `today` and what to do about it; empty when it is valid."""
        left = self.days_left(today)
        if self.fault or left is None:
            return self.fault
        if left < 0:
            return f"expired on {self.expires}; mend what it waived, or have its owner set a new day"
        if left > MOST_DAYS:
            return f"expires in {left} days, on {self.expires}; {MOST_DAYS} are the most: set an earlier day"
        return ""

    @property
    def sentence(self) -> str:
        """The waiver in one line."""
        return waived(self.expires, self.owner, self.reason)


@dataclass(frozen=True)
class Waivers:
    """The waivers of a file, in file order."""

    source: str = ""
    listed: tuple[Waiver, ...] = ()

    def covering(self, environment: str, check: str, case: str, today: date) -> list[Waiver]:
        """Return the waivers valid on `today` for a case, those that name it before those for all cases."""
        found = [
            waiver
            for waiver in self.listed
            if (waiver.environment, waiver.check) == (environment, check)
            and waiver.case in ("*", case)
            and not waiver.trouble(today)
        ]
        return sorted(found, key=lambda waiver: waiver.case == "*")

    def review(
        self,
        results: Sequence[Result],
        today: date,
        asked: Collection[str],
        *,
        whole: bool,
        redact: Callable[[str], str] = str,
    ) -> list[WaiverRecord]:
        """Return a record of each waiver in a run against the environments `asked`.

        `whole` is whether the run left no check out. A waiver for another environment is left out, unless it
        is malformed: its environment cannot be trusted then.
        """
        return [
            WaiverRecord(
                number=waiver.number,
                line=waiver.line,
                check=redact(waiver.check),
                case=redact(waiver.case),
                environment=redact(waiver.environment),
                owner=redact(waiver.owner),
                reason=redact(waiver.reason),
                expires=str(waiver.expires or ""),
                days_left=waiver.days_left(today),
                used=any(r.outcome is Outcome.WAIVED and waiver.number in r.waivers for r in results),
                problem=redact(f"{self._label(waiver)}: {problem}") if problem else "",
            )
            for waiver in self.listed
            if waiver.fault or waiver.environment in asked
            for problem in [_problem(waiver, results, today, whole=whole, case=redact(waiver.case))]
        ]

    def _label(self, waiver: Waiver) -> str:
        what = f", {waiver.check} in {waiver.environment}" if waiver.check and waiver.environment else ""
        number = f"waiver {waiver.number}" if waiver.number else "waivers"
        return f"{number} ({self.source}, line {waiver.line}){beginning(what, 80)}"


def _problem(waiver: Waiver, results: Sequence[Result], today: date, *, whole: bool, case: str) -> str:
    """Return why a waiver fails the run, or nothing; `case` is the waiver's, as results name it."""
    trouble = waiver.trouble(today)
    needless = "" if waiver.fault else _needless(waiver, results, whole=whole, case=case)
    if trouble and needless:  # with another day it would fail the next run
        return f"{trouble.partition(';')[0]}, and {needless}"
    return trouble or needless


def _needless(waiver: Waiver, results: Sequence[Result], *, whole: bool, case: str) -> str:
    """Return why a waiver must be removed; empty when it is needed, or when the run cannot tell."""
    here = [result for result in results if result.environment == waiver.environment]
    own = [result for result in here if result.check == waiver.check]
    if not own:
        return _unknown(waiver.check) if whole else ""
    if not all(result.waivable for result in own):
        return _unwaivable(waiver.check, waiver.environment)
    complete = len(own) >= own[0].of
    if any(result.unreachable for result in here) or all(result.outcome in _NOT_JUDGED for result in own):
        return ""
    covered = [result for result in own if case in ("*", result.name)]
    if not covered and complete:
        names = beginning(", ".join(sorted(result.name for result in own)), 400)
        return f"is unused, there is no case {waiver.case}; correct its name, or remove it. Cases: {names}"
    if waiver.case == "*" and not complete:
        return ""
    ran = {result.outcome for result in covered} - {Outcome.NOT_RUN}
    return "is unused, all that it covers passed; remove it" if ran == {Outcome.PASSED} else ""


def _unknown(check: str) -> str:
    return f"is unused, there is no check {check}; correct its id, or remove it"


def _unwaivable(check: str, environment: str) -> str:
    return f"{check} cannot be waived in {environment}; mend what it found, and remove the waiver"


def read_waivers(
    path: Path, environments: Collection[str], *, required: bool, may_be_waived: Waivable = _any
) -> Waivers:
    """Read a waivers file; `environments` are the names of all profiles.

    `may_be_waived` returns whether a check may be waived in a profile's environment, None for an unknown one.

    `Waivers.review` reports malformed waivers. Raises InputError when the file cannot be read or is not TOML.
    A missing file means no waivers, unless `required`.
    """
    source = f"--waivers {path}" if required else f"waivers {path}"
    text = read_text(path, source, optional=not required)
    return Waivers(path.name, parse_waivers(text, environments, source, may_be_waived)) if text else Waivers()


def parse_waivers(
    text: str, environments: Collection[str], source: str = "waivers", may_be_waived: Waivable = _any
) -> tuple[Waiver, ...]:
    """Return the waivers of a TOML text, malformed ones with their fault.

    Raises InputError, its message starting with `source`, when the text is not TOML.
    """
    document = parse_toml(text, source)
    tables = document.pop("waiver", [])
    if not isinstance(tables, list):
        document["waiver"], tables = tables, []
    waivers = [
        Waiver(0, line_of(text, key), f"unknown key {key}; each waiver stands under [[waiver]]")
        for key in document
    ]
    lines = [number for number, line in enumerate(text.split("\n"), 1) if _HEADING.match(line)]
    if len(lines) != len(tables):  # an inline array, or a heading inside a multi-line string
        lines = [line_of(text, "waiver")] * len(tables)
    first: dict[tuple[str, ...], int] = {}
    for number, (line, table) in enumerate(zip(lines, tables, strict=True), 1):
        waiver = _waiver(number, line, table, environments, may_be_waived)
        same = first.setdefault((waiver.check, waiver.environment, waiver.case), number)
        if same != number and not waiver.fault:
            waiver = replace(waiver, fault=f"says the same as waiver {same}; remove one of them")
        waivers.append(waiver)
    return tuple(waivers)


def _waiver(
    number: int, line: int, table: Any, environments: Collection[str], may_be_waived: Waivable
) -> Waiver:
    if not isinstance(table, dict):
        return Waiver(number, line, "is no table; each waiver stands under [[waiver]]")
    try:
        form = msgspec.convert(table, _Form, builtin_types=(date, datetime))
    except msgspec.ValidationError as error:
        texts = {key: table[key] for key in _TEXTS if isinstance(table.get(key), str)}
        return Waiver(number, line, _explained(str(error)), **texts)
    return Waiver(number, line, _fault(form, environments, may_be_waived), **msgspec.structs.asdict(form))


def _fault(form: _Form, environments: Collection[str], may_be_waived: Waivable) -> str:
    # Text without a letter or digit, such as "-", counts as blank.
    blank = [key for key in ("owner", "reason") if not any(map(str.isalnum, getattr(form, key)))]
    if blank:
        return f"{blank[0]} is blank; say who answers for the waiver, and why it is needed"
    if not form.case.strip():
        return "case is blank; name one case, or leave it out for all"
    if not _CHECK.fullmatch(form.check):
        return f"check {beginning(form.check, 80)} is no id of a check; give one such as WH-08"
    if form.environment not in environments:
        known = ", ".join(environments)
        return f"environment {beginning(form.environment, 80)} is no profile; there are {known}"
    allowed = may_be_waived(form.check, form.environment)
    if allowed is None:
        return _unknown(form.check)
    return "" if allowed else _unwaivable(form.check, form.environment)


def _explained(message: str) -> str:
    """Return a message of msgspec's validation in terms of the waivers file."""
    unknown = re.search(r"unknown field `(.*)`$", message, re.S)
    if unknown:
        return f"unknown key {unknown[1]}; the keys are {', '.join(_Form.__struct_fields__)}"
    missing = re.search(r"missing required field `(.*)`$", message)
    if missing:
        return f"{missing[1]} is missing; give it"
    if message.endswith("`$.expires`"):
        return "expires is no plain date; write it without quotes or time, such as expires = 2026-03-10"
    key = re.search(r"`\$\.(\w+)`$", message)
    return f"{key[1] if key else 'a value'} is no text; write it in quotes"
