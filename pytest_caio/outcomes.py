"""Outcomes that a check may raise instead of passing: not applicable, advice, a missing input, a mismatch.

Each that asks somebody to act carries `fix`, the one action, and `by`, who can take it: `you`, the operator,
or the `developer`. They may be empty where it is raised: the check's declaration then has the action for the
way in which it failed (see `Check.advise`).
"""

from __future__ import annotations

import re
from operator import methodcaller
from typing import Literal

__all__ = [
    "HAND_OVER",
    "JUDGING",
    "PROFILES_FILE",
    "TO_BE_ANSWERED",
    "Advice",
    "Mismatch",
    "MissingInput",
    "NoAnswer",
    "NotApplicable",
    "Way",
    "told",
    "who_acts",
]

Way = str | int
"""A way to fail: a status code, a field of a report, or a word that the check has for it."""

HAND_OVER = "Hand to the developer"
"""The words with which a sentence begins that the operator copies to the developer."""
PROFILES_FILE = "the profiles file (acceptance/environments.toml, or that of --profiles)"
"""Where a fix sends whoever must change a profile."""
_KEY = re.compile(r"[A-Z][A-Z0-9_]*")
_OF_PROFILE = re.compile(r"(\w+) of (\[[^\]]*\])(?: \((.*)\))?", re.DOTALL)
_NAMED = 4


def who_acts(fix: str) -> Literal["you", "developer"]:
    """Return who takes the action that a fix describes: the developer, if there is something to hand over."""
    return "developer" if HAND_OVER in fix else "you"


def told(expected: str, observed: str) -> str:
    """Return what had to hold, if that is known, and what was seen, as one sentence wherever it is shown."""
    return f"{expected}; seen: {observed}" if expected else f"seen: {observed}"


class NotApplicable(Exception):
    """The check has nothing to judge in this environment; the text says why."""


class Advice(Exception):
    """The check cannot decide and says what to look at; the outcome is advice, even for a blocking check."""

    def __init__(self, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.fix = fix or f"{text[:1].upper()}{text[1:]}."
        self.by = who_acts(self.fix)


class MissingInput(AssertionError):
    """A check needs an input that was not given; `names` are the keys or options to give.

    A key of a profile is named as in `cutover of [production.state]`, with what is wrong in parentheses.
    """

    def __init__(self, *names: str) -> None:
        super().__init__(f"missing input: {', '.join(names)}")
        self.names = names
        self.fix = _how_to_give(names)
        self.by = "you"


def _how_to_give(names: tuple[str, ...]) -> str:
    """Return what to give and where."""
    if all(map(_KEY.fullmatch, names)):
        if len(names) > _NAMED:
            return (
                "Give the deployment's env file with --env-file FILE: not one of the values needed was given "
                f"({', '.join(names[:_NAMED])} and {len(names) - _NAMED} more)."
            )
        or_option = ", or give --token=@FILE" if names == ("DASHBOARD_AUTH_TOKEN",) else ""
        listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        place = f"to the env file (--env-file FILE){or_option}"
        return f"Copy {listed} from the service's Variables in Railway {place}."
    of_profile = _OF_PROFILE.fullmatch(names[0])
    if of_profile:
        key, table, wrong = of_profile.groups()
        if wrong:
            return f"Correct {key} under {table} in the profiles file: {wrong}."
        return f"Set {key} under {table} in {PROFILES_FILE}."
    return f"Give, or correct, in the env file or the profile: {', '.join(names)}."


TO_BE_ANSWERED = "must be answered"
"""What is expected where there was no answer to judge."""
_RUN_AGAIN = (
    "Run again: there was no whole answer to judge. If it stays, see in the deploy logs in Railway "
    "what the dashboard does with this request, and whether a proxy on the way drops it."
)


class Mismatch(AssertionError):
    """What was seen is not what the check requires; `expected` and `observed` are sentences about both.

    `fix` is the action for this failure alone. Without it the check's declaration has one for the first of
    `ways` that it knows. `named` are the words that fill the braces of that text, such as `{key}`.
    """

    def __init__(self, expected: str, observed: str, fix: str = "", *ways: Way, **named: object) -> None:
        # On one line: an answer's lines would look like pytest's own.
        super().__init__(" ".join(told(expected, observed).splitlines()))
        self.expected = expected
        self.observed = observed
        self.fix = fix
        self.by: Literal["you", "developer", ""] = who_acts(fix) if fix else ""
        self.ways = ways
        self.named = named


class NoAnswer(Mismatch):
    """A probe that got no response that can be judged; `reason` says why.

    The deployment's settings are not to blame, unless another `fix` says so.
    """

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(TO_BE_ANSWERED, reason, fix or _RUN_AGAIN)


JUDGING = methodcaller("errisinstance", Mismatch)
"""As `__tracebackhide__`: the frame raises Mismatch for a check, whose own line is what to show.

To find the lines of a frame, pytest parses its whole module, which is most of what a failed case costs.
"""
