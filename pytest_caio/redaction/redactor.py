"""What may be shown: the one place where secrets are taken out of everything that leaves the process."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ahocorasick

from pytest_caio.redaction.decoding import View, views
from pytest_caio.redaction.encodings import (
    COMMON_WORDS,
    MIN_LENGTH,
    search_patterns,
    secret_parts,
    whole_patterns,
)
from pytest_caio.redaction.personal import mask_addresses

__all__ = ["Redactor", "Span"]

# Credentials that the deployment makes, and that nobody can know beforehand.
_MADE = re.compile(
    r"(signing_key(?:_fallback)?_hash\W{1,8}(?!redacted)|caio_session=|(?i:set-cookie)\W{1,8}[\w-]{1,64}=)"
    r"[\w.+/=%-]{8,}"
)
_HALF_CODE = re.compile(r"%[0-9A-Fa-f]?\Z")
# Of the start of a secret, so many characters may be shown before it is known to be one.
_HARMLESS = 3
_LONGEST_START = 96  # characters, breaks included
# A test's name and the like are shown again and again.
_SHORT = 256
_MOST_REMEMBERED = 4096
# A piece that a public answer holds is taken for the secret from this length on.
_TELLING = 12


class Span(NamedTuple):
    """Where a secret stands in a text."""

    start: int
    end: int
    name: str


class _Pattern(NamedTuple):
    size: int
    name: str
    whole: bool
    reported: bool


class Redactor:
    """Replaces every known secret, in every encoding it could take, by its name.

    No run of eight characters of a secret is left, wherever a text was cut or wrapped. All pieces of all
    forms are looked for in one pass (Aho-Corasick), so the time is that of the text, however many secrets
    there are. Secrets of fewer than 8 characters and words of the report are left alone. Threads may call
    every method.
    """

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._values: set[str] = set()
        self._ordinary = COMMON_WORDS.casefold()
        self._patterns: dict[str, _Pattern] = {}
        self._late: dict[str, _Pattern] = {}  # those not in the first automaton
        self._starts: set[str] = set()
        self._changing = threading.Lock()
        self._first: Any = None
        self._automata: tuple[Any, ...] | None = ()
        self._remembered: dict[str, str] = {}
        for name, value in (secrets or {}).items():
            self.add(name, value)

    def allow(self, *texts: str) -> None:
        """Leave these words alone, also where a secret that is added later has them in it."""
        # Every piece of every secret is held against these: none is looked through twice.
        for text in dict.fromkeys(map(str.casefold, texts)):
            if text not in self._ordinary:
                self._ordinary += f"\n{text}"

    def add(self, name: str, value: str, *, reported: bool = True) -> None:
        """Make `value` known under `name`, which is shown in its place.

        `reported` is whether `secrets_in` tells of it: a session is no leak in the answer that opens it.
        """
        if value in self._values or len(value) < MIN_LENGTH or value.casefold() in self._ordinary:
            return
        found: dict[str, _Pattern] = {}
        parts = secret_parts(value)
        for core in parts:
            if len(core) >= MIN_LENGTH and core.casefold() not in self._ordinary:
                for form, whole in search_patterns(core, f"{self._ordinary}\n{name.casefold()}"):
                    if whole or form not in found:
                        found[form] = _Pattern(len(form), name, whole, reported)
        for form in whole_patterns(value) if value not in parts or not found else ():
            found[form] = _Pattern(len(form), name, True, reported)
        with self._changing:
            self._values.add(value)
            for form, pattern in found.items():
                known = self._patterns.get(form)
                if known is None or (pattern.whole and not known.whole):
                    self._patterns[form] = self._late[form] = pattern
                    self._starts.add(form[: _HARMLESS + 1])
            self._automata = None

    def secrets_in(self, text: str) -> list[str]:
        """Return the names of the secrets that `text` holds, whole or enough of them, in any form."""
        begun: dict[str, int] = {}
        until: dict[str, int] = {}
        names = set()
        for start, end, pattern in self._found(text):
            if pattern.reported:
                if start > until.get(pattern.name, -1):
                    begun[pattern.name] = start
                until[pattern.name] = max(end, until.get(pattern.name, 0))
                if pattern.whole or end - begun[pattern.name] >= _TELLING:
                    names.add(pattern.name)
        return sorted(names)

    def redact(self, text: str) -> str:
        """Return `text` with every known secret replaced by its name, and email addresses masked."""
        self._searching()
        remembered = self._remembered  # another from when there is another secret to know
        shown = remembered.get(text)
        if shown is None:
            shown = self.shown(text, self.spans(text), 0, len(text))
            if len(text) < _SHORT and len(remembered) < _MOST_REMEMBERED:
                remembered[text] = shown
        return shown

    def shown(self, text: str, spans: list[Span], start: int, end: int) -> str:
        """Return `text[start:end]` as `text` would be shown, `spans` being its own."""
        parts, done = [], start
        for span in spans:
            if span.end > start and span.start < end:
                parts += [text[done : max(done, span.start)], f"[redacted: {span.name}]"]
                done = min(span.end, end)
        shown = "".join([*parts, text[done:end]]) if parts else text[start:end]
        return mask_addresses(_MADE.sub(r"\1[redacted]", shown))

    def spans(self, text: str) -> list[Span]:
        """Return where secrets stand in `text`, in order and apart from each other."""
        spans: list[Span] = []
        longest = 0
        for start, end, pattern in self._found(text):
            if spans and start < spans[-1].end:
                name = pattern.name if pattern.size > longest else spans[-1].name
                spans[-1] = Span(spans[-1].start, max(end, spans[-1].end), name)
                longest = max(longest, pattern.size)
            else:
                spans.append(Span(start, end, pattern.name))
                longest = pattern.size
        return spans

    def undecided_suffix(self, text: str) -> int:
        """Return how many characters at the end of `text` could be the start of a secret."""
        automata = self._searching()
        end, longest = text[-_LONGEST_START:], 0
        # Of a code that is cut in two, the half says nothing yet.
        for reading in (View(end), *views(_HALF_CODE.sub("", end))):
            seen, size = reading.text, len(reading.text)
            for start in range(size - _HARMLESS):
                if seen[start : start + _HARMLESS + 1] in self._starts and any(
                    automaton.longest_prefix(seen[start:]) == size - start for automaton in automata
                ):
                    longest = max(longest, len(end) - reading.place(start))
                    break
        return longest

    def _found(self, text: str) -> list[tuple[int, int, _Pattern]]:
        """Return start, end and pattern of all that stands in `text`, also where it is broken or encoded."""
        automata = self._searching()
        if not automata:
            return []
        return sorted(
            (reading.place(last + 1 - pattern.size), reading.end(last), pattern)
            for reading in views(text)
            for automaton in automata
            for last, pattern in automaton.iter(reading.text)
        )

    def _searching(self) -> tuple[Any, ...]:
        """Return what searches for the secrets known by now.

        A secret that came late does not cost a new search of all others, as long as those are few.
        """
        automata = self._automata
        if automata is None:
            with self._changing:
                first = self._first
                if first is None or len(self._late) > len(self._patterns) // 3:
                    first = self._first = _automaton(self._patterns)
                    self._late = {}
                automata = (first, _automaton(self._late)) if self._late else (first,)
                self._remembered = {}
                self._automata = automata
        return automata

    def redact_all(self, value: Any) -> Any:
        """Return `value` redacted: text in containers is replaced, dataclasses are changed in place."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact_all(key): self.redact_all(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            items = [self.redact_all(item) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            for name, item in vars(value).items():
                # pytest keeps what it shows of a failure line by line: a secret may go over many.
                shown = self._lines(item) if name == "lines" else self.redact_all(item)
                object.__setattr__(value, name, shown)
        return value

    def _lines(self, lines: Sequence[str]) -> list[str]:
        ended = all(line.endswith("\n") for line in lines)
        text = ("" if ended else "\n").join(lines)
        return self.redact(text).splitlines(keepends=True) if ended else self.redact(text).split("\n")


def _automaton(patterns: Mapping[str, _Pattern]) -> Any:
    automaton = ahocorasick.Automaton()
    for form, pattern in patterns.items():
        automaton.add_word(form, pattern)
    automaton.make_automaton()
    return automaton
