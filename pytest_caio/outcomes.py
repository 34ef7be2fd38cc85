"""Outcomes that a check may raise instead of passing: not applicable, advice, a missing input, a mismatch."""

from __future__ import annotations

__all__ = ["Advice", "Mismatch", "MissingInput", "NoAnswer", "NotApplicable"]


class NotApplicable(Exception):
    """The check has nothing to judge in this environment; the text says why."""


class Advice(Exception):
    """The check cannot decide and says what to look at; the outcome is advice, even for a blocking check."""


class MissingInput(AssertionError):
    """A check needs an input that was not given; `names` are the keys or options to give."""

    def __init__(self, *names: str) -> None:
        super().__init__(f"missing input: {', '.join(names)}")
        self.names = names


_RUN_AGAIN = (
    "Run again: there was no whole answer to judge. If it stays, see in the deploy logs in Railway "
    "what the dashboard does with this request, and whether a proxy on the way drops it."
)


class Mismatch(AssertionError):
    """A response that is not what the check requires; `expected` and `observed` describe both in words.

    `fix` replaces the check's own where this way to fail needs another.
    """

    def __init__(self, expected: str, observed: str, fix: str = "") -> None:
        super().__init__(f"expected {expected}; observed {observed}")
        self.expected = expected
        self.observed = observed
        self.fix = fix


class NoAnswer(Mismatch):
    """A probe that got no response that can be judged; `reason` says why.

    The deployment's settings are not to blame, unless another `fix` says so.
    """

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__("an answer", reason, fix or _RUN_AGAIN)
