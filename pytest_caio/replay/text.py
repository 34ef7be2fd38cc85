"""The text processing of the judge: words without case, punctuation and endings, and sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

__all__ = ["holds_phrase", "is_negated", "meaning", "split_sentences", "without_lead", "words"]

_BLANKS = {code: " " for code in range(128) if not chr(code).isalnum()}  # in place of what is in no word
_VOWEL = re.compile("[aeiouy]")
_WORD = re.compile(r"[^\W_]+")
_THOUSANDS = re.compile(r",(?<=\d,)(?=\d{3})")  # begins with the comma: a search for one sign is quick
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+|[;\n]+")


@lru_cache(maxsize=2**14)  # a language's common words; the others cost what they did
def _stem(word: str) -> str:
    """Return a word without the ending of an inflected form (-s, -es, -ed, -ing) and without a final e."""
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
_EMPTY = _FILLER | _NEGATIONS
# Words with which constraints begin, such as "The answer must mention".
_LEAD = _set(
    """
    must should shall need needs answer response reply output agent it the do does to that a an any from
    clearly explicitly mention state include say explain note name tell claim suggest imply
    """
)
_DEMAND = _LEAD | _set("give provide offer use cite describe confirm identify ask contain carry present")
_BAN = _LEAD | _NEGATIONS | _set("refrain")


def words(text: str) -> list[str]:
    """Return the words of a text: letters and digits, case-folded, n't as `not`, without endings."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'").replace("n't", " not")
    text = _THOUSANDS.sub("", text)
    # The same words both ways; the expression is slower, and most texts are ASCII.
    return list(map(_stem, text.translate(_BLANKS).split() if text.isascii() else _WORD.findall(text)))


def meaning(said: Iterable[str]) -> frozenset[str]:
    """Return the content words: those that are neither filler nor negations."""
    return frozenset(said) - _EMPTY


def is_negated(said: Iterable[str]) -> bool:
    """Return whether one of the words is a negation."""
    return not _NEGATIONS.isdisjoint(said)


def split_sentences(text: str) -> list[str]:
    """Return the text of each sentence; it ends after `.`, `!` or `?` and a blank, at `;` or a line end.

    No word is split or lost: the words of all sentences are those of the text.
    """
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def without_lead(constraint: str, *, ban: bool) -> list[str]:
    """Return the words of a constraint after its opening: `Do not mention an offer` gives `offer`.

    The opening of a ban includes its negation. That of a demand does not, but it includes more verbs: naming
    a proof meets a demand to use it, while using it may be exactly what a ban forbids. A constraint that is
    nothing but an opening is returned whole.
    """
    said, opening = words(constraint), _BAN if ban else _DEMAND
    kept = next((n for n, word in enumerate(said) if word not in opening), 0)
    return said[kept:]


def holds_phrase(said: Sequence[str], phrase: Sequence[str]) -> bool:
    """Return whether the words of `phrase` occur consecutively among the words said."""
    return bool(phrase) and f" {' '.join(phrase)} " in f" {' '.join(said)} "
