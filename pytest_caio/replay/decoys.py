"""Decoys: cases made afresh in every run, by which a runner that copies expectations gives itself away.

Three kinds, in form like the golden set's own cases, and put among them at random places:

- **sealed**: a real question, half of the time reworded, under an id never used; its expectations are
  random codes that exist nowhere else. Passed only by a runner that was shown the expectations.
- **swapped**: the id of one real case with the question of another, judged by the first one's
  expectations, whose tools the question does not call for. Passed by a runner that looks answers up by id.
- **reworded**: a real question in other words under an id never used, judged as the real one is. This one
  an honest runner passes: a runner that finds its answers by id, or by the question's text, passes the
  original and fails this. One miss is chance; that most of those whose originals passed are missed is not.

What stays unseen: a runner that finds a case by likeness of the question, courtesies and all, cannot be
told by its answers from one that retrieves well, and one that answers properly whenever the file does not
help gains nothing by the file. A golden set that is kept where no runner can read it shuts both out.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Sequence
from typing import Literal

import msgspec

from pytest_caio.replay.answers import Answer
from pytest_caio.replay.golden import GoldenCase
from pytest_caio.replay.judge import judge

__all__ = ["Kind", "Trial", "fresh_id", "make_decoys", "mingle", "reword"]

Kind = Literal["real", "sealed", "swapped", "reworded"]
_COUNTS = {"sealed": 2, "swapped": 3, "reworded": 6}
_OPENINGS = (
    "Could you help me with this? {}",
    "Hello. {}",
    "Please take care of this for me: {}",
    "One more for today: {}",
    "{} Thanks in advance.",
    "{} I would be glad of an answer soon.",
)
_ASIDES = ("- please -", "(please)", "(kindly)")
_SMALL_WORDS = frozenset(
    "a about an and are by did do does for from has in is of on our the to was we with".split()
)


class Trial(msgspec.Struct, frozen=True):
    """A case that is put to the runner, real or not; `origin` is the real case whose question it carries."""

    kind: Kind
    case: GoldenCase
    origin: str


def make_decoys(cases: Sequence[GoldenCase], rng: random.Random | None = None) -> list[Trial]:
    """Make decoys out of the cases: 2 sealed, 3 swapped, 6 reworded, fewer where the cases are fewer.

    `rng` is the system's own randomness unless a test brings another. A swapped decoy needs two cases with
    expected tools in which nothing is common.
    """
    rng = rng or secrets.SystemRandom()
    used = {case.id for case in cases}
    trials: list[Trial] = []

    def pick(kind: str) -> list[GoldenCase]:
        return rng.sample(cases, min(_COUNTS[kind], len(cases)))

    for number, case in enumerate(pick("sealed")):
        code = f"{rng.getrandbits(64):016x}"
        sealed = GoldenCase(
            id=fresh_id(used, rng),
            input_query=reword(case.input_query, rng) if number % 2 else case.input_query,
            expected_tools=(f"audit_{code[:8]}",),
            positive_constraints=(f"States the audit code {code}",),
            negative_constraints=(),
        )
        trials.append(Trial("sealed", sealed, case.id))
    for claimed, asked in _swaps(cases, rng):
        swapped = msgspec.structs.replace(claimed, input_query=asked.input_query)
        trials.append(Trial("swapped", swapped, asked.id))
    for case in pick("reworded"):
        twin = msgspec.structs.replace(
            case, id=fresh_id(used, rng), input_query=reword(case.input_query, rng)
        )
        trials.append(Trial("reworded", twin, case.id))
    return trials


def mingle(
    cases: Sequence[GoldenCase], decoys: Sequence[Trial], rng: random.Random | None = None
) -> list[Trial]:
    """Return the real cases in their order with the decoys among them, each at a random place."""
    rng = rng or secrets.SystemRandom()
    trials = [Trial("real", case, case.id) for case in cases]
    for decoy in decoys:
        trials.insert(rng.randrange(len(trials) + 1), decoy)
    return trials


def fresh_id(used: set[str], rng: random.Random) -> str:
    """Return an id like those in `used`, and add it to them.

    Digits are drawn anew in a real id of the same length; ids without digits lend their parts, place by
    place. Where no such id is free, digits are added to one.
    """
    known = sorted(used)
    for attempt in range(200):
        model = rng.choice(known)
        if any(sign.isdigit() for sign in model):
            made = re.sub(r"\d", lambda _: str(rng.randrange(10)), model)
        else:
            parts = re.split(r"([\W_]+)", model)
            alike = [other for other in (re.split(r"([\W_]+)", i) for i in known) if len(other) == len(parts)]
            made = "".join(rng.choice(alike)[place] for place in range(len(parts)))
        if attempt >= 100:
            made += str(rng.randrange(1000))
        if made not in used:
            used.add(made)
            return made
    raise RuntimeError("no fresh id was found")


def reword(question: str, rng: random.Random) -> str:
    """Put a question in other words that mean the same: a courtesy around it, and one within.

    The one within follows a small word, or else any in lower case, so that it parts no name; it keeps the
    old question from standing whole in the new one, where it could be looked for.
    """
    said = question.split()
    lower = [place for place, word in enumerate(said[:-1], 1) if word.isalpha() and word.islower()]
    if gaps := [place for place in lower if said[place - 1] in _SMALL_WORDS] or lower:
        said.insert(rng.choice(gaps), rng.choice(_ASIDES))
    return rng.choice(_OPENINGS).format(" ".join(said))


def _swaps(cases: Sequence[GoldenCase], rng: random.Random) -> list[tuple[GoldenCase, GoldenCase]]:
    """Pair cases (whose id, whose question) with no tool in common: to answer one is to fail the other."""
    pairs: list[tuple[GoldenCase, GoldenCase]] = []
    for claimed in rng.sample(cases, min(len(cases), 100)):
        if len(pairs) == _COUNTS["swapped"]:
            break
        for asked in rng.sample(cases, min(len(cases), 20)):
            if claimed.expected_tools and asked.expected_tools and not _shares_tools(claimed, asked):
                pairs.append((claimed, asked))
                break
    return pairs


def _shares_tools(claimed: GoldenCase, asked: GoldenCase) -> bool:
    """Say whether the tools that `asked` expects are worth anything to the judge of `claimed`."""
    return judge(claimed, Answer("", asked.expected_tools, ())).tools.value > 1
