"""The redactor: the one place where secrets are removed from everything that leaves the process."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

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

_Value = TypeVar("_Value")

# Credentials that the deployment generates, which no input contains.
_MADE = re.compile(
    r"(signing_key(?:_fallback)?_hash\W{1,8}(?!redacted)|caio_session=|(?i:set-cookie)\W{1,8}[\w-]{1,64}="
    r"|\bt=\d{9,11}(?:&|&amp;|%26)s(?:=|%3[Dd]))"
    r"[\w.+/=%-]{8,}"
)
_HALF_CODE = re.compile(
    r"(?:%[0-9A-Fa-f]?|\\++(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)?|&(?:#[xX]?[0-9A-Fa-f]{0,5})?)\Z"
)
# How many characters of what may become a secret are shown without waiting for the next ones.
_HARMLESS = 3
_LONGEST_START = 96  # characters of a secret's start at the end of a text, breaks included
# Short texts, as names of tests and fixes of checks, are redacted many times: the results are remembered.
_SHORT = 512
_MOST_REMEMBERED = 4096
# Longer ones hold no secret most times, and many responses are the same: that is remembered.
_LONG = 4096
_MOST_CLEAN = 1024
# From this length on, a piece of a secret in a response counts as a leak.
_TELLING = 12


class Span(NamedTuple):
    """The position of a secret in a text (`end` is exclusive), and the name to show in its place."""

    start: int
    end: int
    name: str


class _Pattern(NamedTuple):
    size: int
    name: str
    whole: bool
    reported: bool


class Redactor:
    """Replaces every known secret, in each of its encodings, by its name.

    No run of eight characters of a secret is left, also where a text was cut or wrapped. All pieces of all
    encodings are searched for in one pass (Aho-Corasick): the time depends on the length of the text, not on
    the number of secrets. Secrets of fewer than 8 characters and words of the report are not redacted. All
    methods are thread-safe.
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
        self._harmless: set[str] = set()  # those remembered that hold nothing to redact
        self._clean: set[str] = set()  # texts that hold no secret
        self._in_some: dict[str, bool] = {}  # whether some secret contains a text
        self._suffixes: dict[str, int] = {}  # how many characters may start a secret, by the end of a text
        for name, value in (secrets or {}).items():
            self.add(name, value)

    def allow(self, *texts: str) -> None:
        """Do not redact these texts, even if a secret that is added later contains them."""
        # Every piece of every secret is searched for in these, so no text is added twice.
        for text in dict.fromkeys(map(str.casefold, texts)):
            if text not in self._ordinary:
                self._ordinary += f"\n{text}"

    def add(self, name: str, value: str, *, reported: bool = True) -> None:
        """Add the secret `value`; `name` is shown in its place.

        `secrets_in` reports it only if `reported`: a session is not a leak in the response that opens it.
        """
        if value in self._values or len(value) < MIN_LENGTH or value.casefold() in self._ordinary:
            return
        found: dict[str, _Pattern] = {}
        made = cache(lambda size, whole: _Pattern(size, name, whole, reported))
        parts = secret_parts(value)
        for core in parts:
            if len(core) >= MIN_LENGTH and core.casefold() not in self._ordinary:
                for encoded, whole in search_patterns(core, f"{self._ordinary}\n{name.casefold()}"):
                    if whole or encoded not in found:
                        found[encoded] = made(len(encoded), whole)
        for encoded in whole_patterns(value) if value not in parts or not found else ():
            found[encoded] = made(len(encoded), True)
        with self._changing:
            self._values.add(value)
            for encoded, pattern in found.items():
                known = self._patterns.get(encoded)
                if known is None or (pattern.whole and not known.whole):
                    self._patterns[encoded] = self._late[encoded] = pattern
                    self._starts.add(encoded[: _HARMLESS + 1])
            self._automata = None

    def secrets_in(self, text: str) -> list[str]:
        """Return the names of the secrets in `text`, in any encoding: whole, or 12 characters of them."""
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
        if self._automata is None:
            self._current_automata()
        remembered, harmless = self._remembered, self._harmless  # both are new after a secret is added
        shown = remembered.get(text)
        if shown is None:
            shown = self.shown(text, self.spans(text), 0, len(text))
            if len(text) < _SHORT and len(remembered) < _MOST_REMEMBERED:
                remembered[text] = shown
                if shown == text:
                    harmless.add(text)
        return shown

    def redact_keys(self, words: dict[str, _Value]) -> dict[str, _Value]:
        """Return `words` with its keys redacted; the same object where none of them holds a secret."""
        if self._automata is None:
            self._current_automata()
        if words.keys() <= self._harmless:
            return words
        return {self.redact(word): value for word, value in words.items()}

    def shown(self, text: str, spans: list[Span], start: int, end: int) -> str:
        """Return `text[start:end]` redacted; `spans` are those of the whole `text`."""
        parts, done = [], start
        for span in spans:
            if span.end > start and span.start < end:
                parts += [text[done : max(done, span.start)], f"[redacted: {span.name}]"]
                done = min(span.end, end)
        shown = "".join([*parts, text[done:end]]) if parts else text[start:end]
        made = "=" in shown or "signing_key" in shown  # no text without them matches, and most have neither
        return mask_addresses(_MADE.sub(r"\1[redacted]", shown) if made else shown)

    def spans(self, text: str) -> list[Span]:
        """Return the spans of secrets in `text`, in order, with overlapping ones merged."""
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

    def in_some_secret(self, text: str) -> bool:
        """Return whether some secret, in one of its encodings, contains `text`."""
        if self._automata is None:
            self._current_automata()
        known = self._in_some  # it is new after a secret is added
        if text not in known:
            with self._changing:
                known[text] = any(text in encoded for encoded in self._patterns)
        return known[text]

    def undecided_suffix(self, text: str) -> int:
        """Return how many characters at the end of `text` could be the start of a secret."""
        if self._automata is None:
            self._current_automata()
        suffixes = self._suffixes  # it is new after a secret is added, and is read before the automata
        end, longest = text[-_LONGEST_START:], 0
        if end in suffixes:  # as of a row of dots
            return suffixes[end]
        automata = self._current_automata()
        # A code that is cut in two cannot be decoded yet.
        for view in (View(end), *views(_HALF_CODE.sub("", end))):
            seen, size = view.text, len(view.text)
            for start in range(size - _HARMLESS):
                if seen[start : start + _HARMLESS + 1] in self._starts and any(
                    automaton.longest_prefix(seen[start:]) == size - start for automaton in automata
                ):
                    longest = max(longest, len(end) - view.place(start))
                    break
        if len(suffixes) < _MOST_CLEAN:
            suffixes[end] = longest
        return longest

    def _found(self, text: str) -> list[tuple[int, int, _Pattern]]:
        """Return start, end and pattern of every match in any of the views of `text`."""
        if self._automata is None:
            self._current_automata()
        clean = self._clean  # it is new after a secret is added
        if text in clean:
            return []
        # After `clean` was read: what is found to be clean is so for all secrets that it was made for.
        automata = self._current_automata()
        if not automata:
            return []
        found = sorted(
            (view.place(last + 1 - pattern.size), view.end(last), pattern)
            for view in views(text)
            for automaton in automata
            for last, pattern in automaton.iter(view.text)
        )
        if not found and len(text) <= _LONG and len(clean) < _MOST_CLEAN:
            clean.add(text)
        return found

    def _current_automata(self) -> tuple[Any, ...]:
        """Return the automata that search for the secrets known by now, building them after a change.

        Secrets that were added late get an automaton of their own, so that the large one is not rebuilt for
        each of them; it is rebuilt once they are more than a third of all patterns.
        """
        automata = self._automata
        if automata is None:
            with self._changing:
                first = self._first
                if first is None or len(self._late) > len(self._patterns) // 3:
                    first = self._first = _automaton(self._patterns)
                    self._late = {}
                automata = (first, _automaton(self._late)) if self._late else (first,)
                self._remembered, self._harmless, self._clean = {}, set(), set()
                self._suffixes, self._in_some = {}, {}
                self._automata = automata
        return automata

    def redact_all(self, value: Any) -> Any:
        """Return `value` redacted: text in containers is replaced, dataclasses are changed in place."""
        if isinstance(value, str):
            return self.redact(value)
        if value is None or isinstance(value, int):
            return value
        if isinstance(value, list):
            return list(map(self.redact_all, value))
        if isinstance(value, tuple):
            return tuple(map(self.redact_all, value))
        if isinstance(value, dict):
            return {self.redact_all(key): self.redact_all(item) for key, item in value.items()}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            for name, item in vars(value).items():
                # pytest stores the text of a failure as a list of lines, and a secret may span several.
                shown = self._lines(item) if name == "lines" else self.redact_all(item)
                object.__setattr__(value, name, shown)
        return value

    def _lines(self, lines: Sequence[str]) -> list[str]:
        ended = all(line.endswith("\n") for line in lines)
        text = ("" if ended else "\n").join(lines)
        return self.redact(text).splitlines(keepends=True) if ended else self.redact(text).split("\n")


def _automaton(patterns: Mapping[str, _Pattern]) -> Any:
    automaton = ahocorasick.Automaton()
    for encoded, pattern in patterns.items():
        automaton.add_word(encoded, pattern)
    automaton.make_automaton()
    return automaton
