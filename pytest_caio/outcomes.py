"""What a check may say instead of passing: not applicable, advice, a missing input, a mismatch."""

from __future__ import annotations

__all__ = ["Advice", "Mismatch", "MissingInput", "NoAnswer", "NotApplicable"]


class NotApplicable(Exception):
    """The check has nothing to judge in this environment; the text says why."""


class Advice(Exception):
    """The check cannot tell here, and says what to look at: it advises, even where it blocks otherwise."""


class MissingInput(AssertionError):
    """A check needs an input that was not given; `names` are the keys or options to give."""

    def __init__(self, *names: str) -> None:
        super().__init__(f"missing input: {', '.join(names)}")
        self.names = names


class Mismatch(AssertionError):
    """An answer that is not what a check must see: `expected` and `observed`, each in words."""

    def __init__(self, expected: str, observed: str) -> None:
        super().__init__(f"expected {expected}; observed {observed}")
        self.expected = expected
        self.observed = observed


class NoAnswer(Mismatch):
    """A probe that got no answer at all."""

    def __init__(self, reason: str) -> None:
        super().__init__("an answer", reason)
