"""The text processing of the judge: words without case, punctuation and endings, and sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "MARKS",
    "NEGATION",
    "content",
    "cut",
    "cut_each",
    "holds_phrase",
    "is_negated",
    "meaning",
    "split_sentences",
    "without_lead",
    "words",
]

NEGATION = "!"
"""What stands in the content of a text for each of its negations; it is in no word."""
MARKS = frozenset({"", NEGATION})
"""What the content of a text holds beside its content words: nothing for filler, and NEGATION."""

# UTF-8 in one pass: ASCII letters in lower case, and blanks in place of other ASCII signs, save of a NUL.
_ASCII = bytes(range(128))
_PLAIN = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in _ASCII[1:])
_PLAIN = b"\0" + _PLAIN + bytes(range(128, 256))
_MOST_KNOWN = 2**15
_VOWEL = re.compile("[aeiouy]")
_THOUSANDS = re.compile(r",(?<=\d,)(?=\d{3})")  # begins with the comma: a search for one sign is quick
# What ends a sentence, its first sign a group. It begins with a set of signs, which is searched for quickly.
_SENTENCE = re.compile(r"([.!?;\n])(?:(?<=[.!?])[\"')\]]*\s+|(?<=[;\n])[;\n]*)")


class _Known(dict[str, str]):
    """What a function makes of a word: of a language's common words, quicker than a cached function."""

    def __init__(self, make: Callable[[str], str]) -> None:
        self._make = make

    def __missing__(self, word: str) -> str:
        if word.isdigit():  # there is no end of numbers, so none is kept
            return word
        if len(self) >= _MOST_KNOWN:  # of words that are none
            self.clear()
        self[word] = made = self._make(word)
        return made


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


_stem_of = _Known(_stem).__getitem__


def _set(text: str) -> frozenset[str]:
    return frozenset(map(_stem_of, text.split()))


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


def _content(word: str) -> str:
    """Return the stem of a content word; NEGATION for a negation, and nothing for filler."""
    stem = _stem(word)
    return NEGATION if stem in _NEGATIONS else "" if stem in _FILLER else stem


_content_of = _Known(_content).__getitem__


def words(cut_text: str) -> list[str]:
    """Return the words of a text that was cut, without endings."""
    return list(map(_stem_of, cut_text.split()))


def content(cut_text: str) -> Iterator[str]:
    """Yield for each word of a text that was cut its content word without ending, or what of MARKS it is."""
    return map(_content_of, cut_text.split())


def cut_each(texts: Sequence[str]) -> list[str]:
    """Return texts as `cut` does, quicker than one by one."""
    parts = _plain("\0".join(texts)).split("\0")
    # Else there is a NUL in one of them.
    return parts if len(parts) == len(texts) else list(map(cut, texts))


def cut(text: str) -> str:
    """Return the words of a text, of letters and digits, case-folded, n't as `not`, with blanks between."""
    return _plain(text).replace("\0", " ")


def _plain(text: str) -> str:
    """Return case-folded text, with blanks for what is in no word and no NUL, and n't as `not`."""
    ascii_alone = text.isascii()  # which most texts are, and for which all of this is quick
    if not ascii_alone:
        text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    if "'" in text and ("'t" in text or "'T" in text):
        text = (text.lower() if ascii_alone else text).replace("n't", " not")
    if "," in text:
        text = _THOUSANDS.sub("", text)
    raw = text.encode("utf-8", "surrogatepass")
    if not ascii_alone:
        for sign in set(raw.translate(None, _ASCII).decode("utf-8", "surrogatepass")):
            if not sign.isalnum():
                text = text.replace(sign, " ")
        raw = text.encode()
    return raw.translate(_PLAIN).decode()


def meaning(said: Sequence[str]) -> frozenset[str]:
    """Return the content words among words without endings."""
    return frozenset(said) - _EMPTY


def is_negated(said: Sequence[str]) -> bool:
    """Return whether one of the words, which are without endings, is a negation."""
    return not _NEGATIONS.isdisjoint(said)


def split_sentences(text: str) -> tuple[list[str], list[str]]:
    """Return the sentences of a text, blank ones included, and the sign at the end of each.

    A sentence ends after `.`, `!` or `?` and a blank, at `;` or a line end; the last has no sign at its end.
    No word is split or lost: the words of all sentences are those of the text.
    """
    cut = _SENTENCE.split(text)
    return cut[::2], [*cut[1::2], ""]


def without_lead(constraint: str, *, ban: bool) -> list[str]:
    """Return the words of a constraint after its opening: `Do not mention an offer` gives `offer`.

    The opening of a ban includes its negation. That of a demand does not, but it includes more verbs: naming
    a proof meets a demand to use it, while using it may be exactly what a ban forbids. A constraint that is
    nothing but an opening is returned whole.
    """
    said, opening = words(cut(constraint)), _BAN if ban else _DEMAND
    for place, word in enumerate(said):
        if word not in opening:
            return said[place:]
    return said


def holds_phrase(said: str, phrase: Sequence[str]) -> bool:
    """Return whether the words of `phrase` follow each other in `said`, words with blanks around each."""
    return bool(phrase) and f" {' '.join(phrase)} " in said
