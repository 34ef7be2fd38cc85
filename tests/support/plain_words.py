"""What people read is plain English: no source, no value of Python, no text of a library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["PLACES", "not_plain", "unplain_fact", "unplain_fix", "unplain_line"]

_SOURCE = re.compile(
    r"(?<=\s)[=!]=(?=\s)|\bis (?:not )?(?:True|False|None)\b|\b(?:True|False|None)\b|\['|'\]"
    r"|\bnot \w+\.\w|^not \w+$|\blen\(|response\.|status_code|AssertionError|XFailed|deselected"
    r"|Expecting value"
)
_LIBRARY = re.compile(r"`[^`]*`")
_KINDS = re.compile(r"`(?:\$[^`]*|null|str|int|float|bool|object|array)[ |`]")
_UNFILLED = re.compile(r"(?<!\{)\{[a-z_]+\}(?!\})")
# A fix names a variable, an option, a file, a setting, a page, or who must act.
PLACES = re.compile(
    r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|--[a-z]|env file|profile|base URL|developer|Railway|GHL|/sales|Redis"
    r"|operator's settings|runner|hive directory|page|golden set|[Rr]un again"
)
_LONGEST = 80  # words


def unplain_fact(text: str) -> str:
    """Return what is no plain English in what was expected or observed, or an empty string."""
    found = _SOURCE.search(text) or _LIBRARY.search(text)
    return found[0] if found else ""


def unplain_line(text: str) -> str:
    """Return what is no plain English in a line that is shown; a command or a key may stand in quotes."""
    found = _SOURCE.search(text) or _KINDS.search(text)
    return found[0] if found else ""


def unplain_fix(text: str) -> str:
    """Return what is wrong with a fix: a brace unfilled, a tool that Windows lacks, no place, its length."""
    if found := _UNFILLED.search(text) or re.search("openssl", text):
        return found[0]
    if not PLACES.search(text):
        return "no place"
    return "too long" if len(text.split()) > _LONGEST else ""


def not_plain(evidence: Mapping[str, Any]) -> list[str]:
    """Return each text of a run's evidence that is not plain, with the check and what is wrong with it."""
    causes = [
        f"cause of {', '.join(cause['checks'])}: {wrong!r} in {text!r}"
        for cause in evidence["causes"]
        for wrong, text in (
            (unplain_fact(cause["sentence"]), cause["sentence"]),
            (unplain_fix(cause["action"]), cause["action"]),
        )
        if wrong
    ]
    return causes + [
        f"{check['id']}: {wrong!r} in {text!r}"
        for environment in evidence["environments"]
        for check in environment["checks"]
        for wrong, text in _judged(check)
        if wrong
    ]


def _judged(check: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cases: Iterable[Mapping[str, Any]] = check["cases"]
    for case in cases:
        if case["outcome"] != "passed":
            yield from ((unplain_fact(case[key]), case[key]) for key in ("expected", "observed"))
    if check["outcome"] not in ("passed", "not-run"):
        yield unplain_fix(check["fix"]), check["fix"]
