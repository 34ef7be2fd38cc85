"""The words in which checks judge: each raises Mismatch with what had to hold and what was seen instead.

They make the sentences that people read, so that a check states a fact and needs no message of its own.
Judgements of a response are methods of `Exchange`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pytest_caio.outcomes import JUDGING, Mismatch, Way
from pytest_caio.text import beginning

__all__ = ["REDIS_TO_ANSWER", "must", "no", "says", "word"]

REDIS_TO_ANSWER = "Redis must answer"
"""What is expected where the deployment's Redis gave no answer; causes know it by this."""
_LONGEST = 300


def word(value: object) -> str:
    """Return a value as people write it: true, nothing, a number, words with commas between them."""
    if value is None or value in ("", [], (), {}):
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | set | frozenset):
        return beginning(", ".join(map(word, value)), _LONGEST)
    if isinstance(value, dict):
        return f"an object with {word(list(value))}"
    return beginning(str(value), _LONGEST)


def must(holds: object, expected: str, observed: str, *ways: Way, **named: object) -> None:
    """Raise Mismatch unless `holds`: `expected` is what must hold, `observed` what was seen.

    `ways` choose the check's fix, and `named` fill the words in its braces.
    """
    __tracebackhide__ = JUDGING
    if not holds:
        raise Mismatch(expected, beginning(observed, _LONGEST), "", *ways, **named)


def says(subject: str, report: object, **wanted: object) -> None:
    """Raise Mismatch unless each field of a report has the value wanted; the way is the field's name."""
    __tracebackhide__ = JUDGING
    for field, value in wanted.items():
        found = getattr(report, field)
        alike = found is value if isinstance(value, bool | None) else found == value
        must(alike, f"{subject} must say {field}: {word(value)}", f"it says {field}: {word(found)}", field)


def no(things: str, found: Collection[object] | Sequence[object], *ways: Way, **named: object) -> None:
    """Raise Mismatch if there are any; `things` is their plural, and the first one is shown."""
    __tracebackhide__ = JUDGING
    if found:
        first = word(next(iter(found)))
        observed = f"{len(found)} of them, the first: {first}" if len(found) > 1 else first
        must(False, f"no {things}", observed, *ways, **named)
