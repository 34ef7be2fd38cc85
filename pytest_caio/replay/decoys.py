"""Decoys: cases generated anew in every run, which expose a runner that copies the expectations.

There are three kinds. They look like the golden set's own cases and are inserted among them at random:

- **sealed**: a real question, reworded in every second decoy, under a new id; its expectations are random
  codes that exist nowhere else. Only a runner that has seen the expectations passes.
- **swapped**: the id of one real case with the question of another, judged by the expectations of the
  first, whose tools the question does not call for. A runner that looks answers up by id passes.
- **reworded**: a real question in other words under a new id, judged like the original. An honest runner
  passes; one that looks answers up by id or by the question's text passes the original and fails this.
  One failure may be chance; failing most of those whose originals passed is not.

What decoys cannot detect: a runner that finds cases by similarity of the question, courtesies included, gives
the same answers as one that retrieves well; and a runner that answers properly whenever the file does not
help gains nothing from the file. Keeping the golden set where no runner can read it excludes both.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from pytest_caio.replay.answers import Answer
from pytest_caio.replay.golden import GoldenCase
from pytest_caio.replay.judge import judge

__all__ = ["Kind", "Trial", "fresh_id", "make_decoys", "mingle", "mingled", "reword"]

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
    """A case sent to the runner, real or decoy; `origin` is the id of the real case with its question."""

    kind: Kind
    case: GoldenCase
    origin: str


def make_decoys(cases: Sequence[GoldenCase], rng: random.Random | None = None) -> list[Trial]:
    """Make decoys from the cases: 2 sealed, 3 swapped and 6 reworded, or fewer if there are fewer cases.

    `rng` defaults to the system's random source; tests pass another. A swapped decoy needs two cases with
    expected tools, none of which they share.
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
    """Return the real cases in order, with each decoy inserted at a random position."""
    return list(mingled(cases, decoys, rng))


def mingled(
    cases: Sequence[GoldenCase], decoys: Sequence[Trial], rng: random.Random | None = None
) -> Iterator[Trial]:
    """Yield what `mingle` returns, one at a time."""
    rng = rng or secrets.SystemRandom()
    total = len(cases) + len(decoys)
    inserted = dict(zip(rng.sample(range(total), len(decoys)), decoys, strict=True))
    real = iter(cases)
    for place in range(total):
        if (decoy := inserted.get(place)) is not None:
            yield decoy
        else:
            case = next(real)
            yield Trial("real", case, case.id)


def fresh_id(used: set[str], rng: random.Random) -> str:
    """Return a new id that looks like those in `used`, and add it to `used`.

    Take an existing id and replace its digits by random ones; without digits, combine the parts of existing
    ids. If 100 attempts give no new id, append random digits. Raises RuntimeError after 200 attempts.
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
    """Reword a question without changing its meaning: add a courtesy around it, and one inside it.

    The inner one prevents a search for the original question as a substring. It follows a small word, or
    else any lower-case word, so that it does not split a name.
    """
    said = question.split()
    lower = [place for place, word in enumerate(said[:-1], 1) if word.isalpha() and word.islower()]
    if gaps := [place for place in lower if said[place - 1] in _SMALL_WORDS] or lower:
        said.insert(rng.choice(gaps), rng.choice(_ASIDES))
    return rng.choice(_OPENINGS).format(" ".join(said))


def _swaps(cases: Sequence[GoldenCase], rng: random.Random) -> list[tuple[GoldenCase, GoldenCase]]:
    """Pair cases (for the id, for the question) without a common tool: to answer one is to fail the other."""
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
    """Return whether the tools that `asked` expects would score more than 1 with `claimed`."""
    return judge(claimed, Answer("", asked.expected_tools, ())).tools.value > 1
