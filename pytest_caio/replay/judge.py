"""The rubric: four scores from 1 to 5, each with its reason, and the verdict on one answer.

Scoring is deterministic and compares words; case, punctuation and inflected endings are ignored (see `text`).
A *content word* is neither filler nor a negation. Shares are rounded down, so only a complete share gives 5.

- **tools**: 1 + 4 x the share of expected tools that were called, less 1 for every N other tools that were
  called, N being the number of expected tools, at least 1. The tool of a trace entry is an expected tool that
  is the whole entry or its part before a `(`, `:`, `=`, `{`, `[` or blank, the longest there is; or else the
  first name with an underscore in it, or else the part before the first of these signs, blanks aside.
  Blanks, `-`, `.` and `:` in a name count as `_`.
- **groundedness**: a claim is a sentence with a number, or with three or more content words, that the
  question does not contain. It is grounded if 60% of those words and all of its numbers are in the retrieved
  chunks. 1 + 4 x the share of grounded claims; 5 for an answer without claims, such as an empty one. A label
  at a sentence's start (`Next step: ...`) is no part of the claim. About the answer itself, and so none, is
  what is labelled `Intent:` with at most six content words and no number, or `Confidence:` with at most two.
- **completeness**: 1 + 4 x the share of positive constraints met; 5 if there are none. A constraint, without
  its opening ("Must mention ..."), is met if its words occur in the answer consecutively, or if 60% of its
  content words and all of its numbers occur; if it is negated, one of those words must also occur in a
  negated sentence.
- **consistency**: with a baseline answer, 1 + 5 x the overlap of content words (Dice), at most 5; else 4.
- A **negative constraint** is violated if a sentence without a negation contains all content words of what it
  forbids. One that forbids to call, use, invoke or run certain tools is also violated if one was called.

A case fails on tools <= 2, groundedness <= 2, a violated negative constraint, or a mean below 4.0. Meeting
one more constraint never lowers a score, except groundedness, which depends on what is claimed. Comparing
words cannot detect paraphrases without common words, what exactly a long negated sentence negates, or chunks
that the runner made up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set
from functools import cached_property, lru_cache

import msgspec

from pytest_caio.replay.answers import Answer
from pytest_caio.replay.golden import GoldenCase
from pytest_caio.replay.text import (
    MARKS,
    NEGATION,
    content,
    cut,
    cut_each,
    holds_phrase,
    is_negated,
    meaning,
    split_sentences,
    without_lead,
    words,
)

__all__ = ["MEAN_NEEDED", "Judgement", "Score", "judge"]

MEAN_NEEDED = 4.0
_FAILING = 2  # tools or groundedness at or below this fail the case
_NO_BASELINE = 4
_ENOUGH = 0.6  # share of a constraint's or a claim's content words
_CLAIM_WORDS = 3
_INTENT_WORDS = 6
_NAME = re.compile(r"\w+(?:[.-]\w+)*")
_TOOL_ENDS = re.compile(r"[(:={\[]")
_CALL = re.compile(r"[^(={\[]*")  # without its arguments
_FIRST_PART = re.compile(r"[^(:={\[\s]*")
_PART_ENDS = re.compile(r"[(:={\[\s]|$")
_LABEL = re.compile(r"[\W_]*(\w+(?:[ /-]\w+){0,3})[*_`]*:(?=\W|$)")
_TOOL_BAN = re.compile(
    r"(?:do not|don't|never|must not|avoid)?\s*(?:call|use|invoke|run)(?:ing)?\s+(?:the\s+)?(.+)", re.I
)
_TOOL_LIST = re.compile(r"(?:\s*,\s*(?:or|and)?|\s+(?:or|and))\s*")
_NOTHING: frozenset[str] = frozenset()
_PLAIN_WORD = re.compile(r"[^\W_]+")


class Score(msgspec.Struct, frozen=True):
    """One score, 1 (worst) to 5, and its reason."""

    value: int
    reason: str


class Judgement(msgspec.Struct, frozen=True):
    """The four scores of an answer, the negative constraints it violated, and whether the case passed.

    `why` is the reason for a failure, empty for a pass.
    """

    tools: Score
    groundedness: Score
    completeness: Score
    consistency: Score
    violations: tuple[str, ...]
    mean: float
    passed: bool
    why: str

    @property
    def grounded(self) -> bool:
        """Whether groundedness is above the failing score."""
        return self.groundedness.value > _FAILING


class _Text:
    """An answer's text, cut once for all scores: the content of each sentence, and of them all.

    `beside` are other texts, which are cut with it.
    """

    def __init__(self, output: str, beside: Sequence[str]) -> None:
        self.output = output
        self.sentences, self.ends = split_sentences(output)
        both = cut_each([*self.sentences, *beside])
        self.cut, self.beside = both[: len(self.sentences)], both[len(self.sentences) :]
        self.parts = [frozenset(content(sentence)) for sentence in self.cut]
        self.content = _NOTHING.union(*self.parts)

    def shown(self, place: int) -> str:
        """Return a sentence with the sign at its end."""
        return (self.sentences[place] + self.ends[place].strip("\n;")).strip()

    @cached_property
    def phrase(self) -> str:
        """The words of the text, with a blank on either side of each."""
        return f" {' '.join(words(' '.join(self.cut)))} "


def judge(case: GoldenCase, answer: Answer, baseline: str = "") -> Judgement:
    """Judge an answer by the rubric of this module; `baseline` replaces the text of the case's baseline."""
    text = _Text(answer.actual_output, (case.input_query, *answer.rag_context_chunks))
    wanted = _wanted(case.expected_tools)
    called = _called(answer.tool_trace_log, wanted)
    tools = _tools(wanted, called)
    grounded = _groundedness(text)
    complete = _completeness(case.positive_constraints, text)
    consistent = _consistency(text, baseline or case.baseline_text)
    violations = _violated(case.negative_constraints, text, called, answer.tool_trace_log)
    mean = (tools.value + grounded.value + complete.value + consistent.value) / 4
    why = [f"tools {tools.value}: {tools.reason}"] if tools.value <= _FAILING else []
    why += [f"groundedness {grounded.value}: {grounded.reason}"] if grounded.value <= _FAILING else []
    why += [f"violated: {ban}" for ban in violations]
    if mean < MEAN_NEEDED and not why:
        lowest = min(complete, tools, grounded, consistent, key=lambda score: score.value)
        why = [f"mean {mean:.2f} is below {MEAN_NEEDED}: {lowest.reason}"]
    return Judgement(tools, grounded, complete, consistent, violations, mean, not why, "; ".join(why))


def _share(part: int, whole: int) -> int:
    return 1 + 4 * part // whole


@lru_cache(maxsize=1024)
def _normal(tool: str) -> str:
    return "_".join(_PLAIN_WORD.findall(tool.casefold())) or tool.strip()


@lru_cache(maxsize=1024)
def _wanted(tools: tuple[str, ...]) -> Mapping[str, str]:
    """Return the expected tools by their normalized names."""
    return {_normal(tool): tool for tool in tools}


def _called(trace: Sequence[str], wanted: Collection[str]) -> set[str]:
    """Return the normalized names of the tools called according to a trace log; so are those `wanted`."""
    called = set()
    names = "\n".join(wanted)
    for entry in trace:
        first = _FIRST_PART.match(entry)
        name = _normal(first[0]) if first else ""
        # The parts after the first have names that begin with its name and an underscore.
        if name in wanted and name[:1].isalnum() and f"{name}_" not in names:
            called.add(name)
            continue
        # The expected tool may itself have such a sign in it, so the longest part that is one counts.
        parts = [_normal(entry[: end.start()]) for end in _PART_ENDS.finditer(entry)]
        expected_tool = next((part for part in reversed(parts) if part in wanted), "")
        called.add(expected_tool or _first_name(entry))
    called.discard("")
    return called


def _first_name(entry: str) -> str:
    names = map(_normal, _NAME.findall(entry))
    return next((name for name in names if "_" in name), _normal(_TOOL_ENDS.split(entry, 1)[0]))


def _tools(wanted: Mapping[str, str], called: set[str]) -> Score:
    """Score the calls; `wanted` are the expected tools by their normalized names."""
    missing = [tool for name, tool in wanted.items() if name not in called]
    extra = sorted(called.difference(wanted))
    value = _share(len(wanted) - len(missing), len(wanted)) if wanted else 5
    said = f"{len(wanted) - len(missing)} of {len(wanted)} expected tools were called"
    said += f"; not called: {', '.join(missing)}" if missing else ""
    said += f"; called beyond them: {', '.join(extra[:5])}" if extra else ""
    return Score(max(1, value - len(extra) // max(1, len(wanted))), said)


def _enough(wanted: Set[str], left: Set[str]) -> bool:
    """Return whether wanted words are there but for those that are left."""
    if not left:
        return True
    return len(wanted) - len(left) >= _ENOUGH * len(wanted) and not any(map(str.isdigit, left))


def _groundedness(text: _Text) -> Score:
    """Score the claims; beside the text are the question and the retrieved chunks."""
    question, *chunks = text.beside
    asked = MARKS.union(content(question))
    sources = f" {' , '.join(chunks)} "
    claims, quoted = [], 0
    for place, said in enumerate(text.parts):
        sentence = text.sentences[place]
        label = _LABEL.match(sentence) if ":" in sentence else None
        new = (frozenset(content(cut(sentence[label.end() :]))) if label else said) - asked
        if label and _is_of_itself(label[1].casefold(), new):
            continue
        if len(new) < _CLAIM_WORDS and not any(map(str.isdigit, new)):
            continue
        if f" {text.cut[place].strip()} " in sources:  # a quotation, whose words need not be looked for
            quoted += 1
        else:
            claims.append((place, new))
    whole = quoted + len(claims)
    if not whole:
        return Score(5, "the answer claims nothing beyond the question")
    # A claim's words are mostly in the first passages: then the others need not be looked through.
    left: set[str] = set().union(*[new for _, new in claims])
    for chunk in chunks:
        if not left:
            break
        left.difference_update(content(chunk))
    loose = [place for place, new in claims if not _enough(new, new & left)] if left else []
    reason = f"{whole - len(loose)} of {whole} claims are in the retrieved chunks"
    reason += f"; not there: {text.shown(loose[0])[:120]!r}" if loose else ""
    return Score(_share(whole - len(loose), whole), reason)


def _is_of_itself(label: str, said: Set[str]) -> bool:
    """Return whether what stands behind a label is about the answer: what it is for, or how sure it is."""
    if label == "intent":
        return len(said) <= _INTENT_WORDS and not any(map(str.isdigit, said))
    return label == "confidence" and len(said) < _CLAIM_WORDS


def _completeness(constraints: Sequence[str], text: _Text) -> Score:
    if not constraints:
        return Score(5, "nothing is demanded of the text")
    unmet = [constraint for constraint in constraints if not _met(constraint, text)]
    reason = f"{len(constraints) - len(unmet)} of {len(constraints)} positive constraints are met"
    reason += f"; not met: {'; '.join(unmet[:3])}" if unmet else ""
    return Score(_share(len(constraints) - len(unmet), len(constraints)), reason)


def _met(constraint: str, text: _Text) -> bool:
    demand, wanted, negated = _demanded(constraint)
    if not demand:  # a constraint without a word can only be met literally
        return constraint.strip() in text.output
    if wanted and _enough(wanted, wanted - text.content) and not (negated and _nowhere_denied(wanted, text)):
        return True
    return holds_phrase(text.phrase, demand)


def _nowhere_denied(wanted: frozenset[str], text: _Text) -> bool:
    return all(NEGATION not in said or wanted.isdisjoint(said) for said in text.parts)


@lru_cache(maxsize=1024)
def _demanded(constraint: str) -> tuple[list[str], frozenset[str], bool]:
    """Return a demand's words after its opening, their content words, and whether they are negated."""
    said = without_lead(constraint, ban=False)
    return said, meaning(said), is_negated(said)


def _consistency(text: _Text, baseline: str) -> Score:
    if not baseline.strip():
        return Score(_NO_BASELINE, "there is no baseline answer")
    now, then = text.content - MARKS, frozenset(content(cut(baseline))) - MARKS
    both = len(now) + len(then)
    overlap = 2 * len(now & then) / both if both else float(text.output.split() == baseline.split())
    return Score(min(5, 1 + int(5 * overlap)), f"{overlap:.0%} of the words are those of the baseline answer")


def _violated(bans: Sequence[str], text: _Text, called: Set[str], trace: Sequence[str]) -> tuple[str, ...]:
    """Return which of the bans the text or the calls of a trace log violate."""
    found = []
    for ban in bans:
        forbidden, tools = _banned(ban)
        # Seldom are all of the words in the text at all.
        if (tools and not tools.isdisjoint(_done(called, trace))) or (
            forbidden
            and forbidden <= text.content
            and any(forbidden <= said and NEGATION not in said for said in text.parts)
        ):
            found.append(ban)
    return tuple(found)


def _done(called: Set[str], trace: Sequence[str]) -> Set[str]:
    """Return the tools that a ban may mean: it names no arguments, which an expected tool may have."""
    return called | {_normal(call[0]) for call in map(_CALL.match, trace) if call}


@lru_cache(maxsize=1024)
def _banned(constraint: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the content words that a ban forbids, and the normalized names of tools it forbids to call."""
    ban = _TOOL_BAN.fullmatch(constraint.strip().rstrip("."))
    named = {_normal(name) for name in _TOOL_LIST.split(ban[1])} if ban else set()
    tools = frozenset(named | {name.removesuffix("_tool") for name in named})
    return meaning(without_lead(constraint, ban=True)), tools
