"""Text as the judge compares it: words without case, punctuation and filler, and sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["holds_phrase", "is_negated", "meaning", "sentences", "split_sentences", "without_lead", "words"]

_VOWEL = re.compile("[aeiouy]")
_WORD = re.compile(r"[^\W_]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+|[;\n]+")


def _stem(word: str) -> str:
    """Drop the ending that an inflected form adds: -s, -es, -ed, -ing, and a last e."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes", "oes")):
        word = word[:-2]
    elif word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    bare = word.removesuffix("ing") if word.endswith("ing") else word.removesuffix("ed")
    if bare != word and len(bare) > 2 and _VOWEL.search(bare):
        doubled = bare[-1] == bare[-2] and bare[-1] not in "lsz"
        word = bare[:-1] if doubled else bare
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _set(text: str) -> frozenset[str]:
    return frozenset(map(_stem, text.split()))


_FILLER = _set(
    """
    a about after all also an and any are as at be been before being but by can could did do does for from has
    had have he her him his how i if in into is it its may me might more most my of on or our out over own she
    so some such than that the their them then there these they this those to too under up us was we were what
    when where which while who whom whose why will with would you your
    """
)
_NEGATIONS = _set(
    "no not never none nor neither nothing without cannot refuse decline avoid forbidden prohibited"
)
# How constraints begin: the words of telling somebody what an answer is to say.
_LEAD = _set(
    """
    must should shall need needs answer response reply output agent it the do does to that a an any from
    clearly explicitly mention state include say explain note name tell claim suggest imply
    """
)
_DEMAND = _LEAD | _set("give provide offer use cite describe confirm identify ask contain carry present")
_BAN = _LEAD | _NEGATIONS | _set("refrain")


def words(text: str) -> list[str]:
    """Return the words of a text: letters and digits, case folded, n't as `not`, endings dropped."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    text = _THOUSANDS.sub("", text.replace("n't", " not"))
    return [_stem(word) for word in _WORD.findall(text)]


def meaning(said: Iterable[str]) -> frozenset[str]:
    """Return the content words among words: those that are neither filler nor negation."""
    return frozenset(said) - _FILLER - _NEGATIONS


def is_negated(said: Iterable[str]) -> bool:
    """Say whether a word of denial is among words."""
    return not _NEGATIONS.isdisjoint(said)


def sentences(text: str) -> list[list[str]]:
    """Return the words of each sentence: it ends after `.`, `!`, `?` and a blank, at `;` or a line end."""
    return [words(part) for part in split_sentences(text)]


def split_sentences(text: str) -> list[str]:
    """Return the sentences themselves."""
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def without_lead(constraint: str, *, ban: bool) -> list[str]:
    """Return the words of a constraint after its opening: `Do not mention an offer` gives `offer`.

    A ban's opening takes its denial along. A demand's leaves it, and takes more verbs: to use a proof is
    demanded by naming it, while using it may be all that is forbidden. One that is all opening stays whole.
    """
    said, opening = words(constraint), _BAN if ban else _DEMAND
    kept = next((n for n, word in enumerate(said) if word not in opening), 0)
    return said[kept:]


def holds_phrase(said: Sequence[str], phrase: Sequence[str]) -> bool:
    """Say whether the words of `phrase` stand among words one after another."""
    return bool(phrase) and f" {' '.join(phrase)} " in f" {' '.join(said)} "
