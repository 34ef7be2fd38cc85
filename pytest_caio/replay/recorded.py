"""Recorded answers, judged in this process or in an executor, part by part.

To an executor go the lines of the two files as they were read, which its workers decode; what comes back is
what is counted, and the whole judgements only where they are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import cache, partial
from itertools import chain
from operator import index
from pathlib import Path
from pickle import PickleBuffer
from typing import NamedTuple, SupportsIndex

import msgspec

from pytest_caio.replay.answers import Answer
from pytest_caio.replay.executors import each_done
from pytest_caio.replay.golden import GoldenCase
from pytest_caio.replay.honesty import CaseResult
from pytest_caio.replay.judge import Judgement, judge
from pytest_caio.system.diskmap import DiskList, DiskMap

__all__ = ["PART_BYTES", "UNRECORDED", "Counted", "Passed", "Verdict", "judge_recorded", "rules"]

UNRECORDED = "there is no recorded answer for this case"
"""Why a case that no recorded answer belongs to has failed."""
PART_BYTES = 4 << 20
"""How many bytes of cases and answers an executor is given at once at most, unless a single case has more."""

# Each part costs Dask milliseconds, so a large set goes in large parts; a small one occupies all workers too.
_PARTS = 16
_FEWEST, _MOST = 100, 4000  # cases of a part
_AHEAD = 8  # parts under way
_IDLE_SECONDS = 60.0  # without a judgement, after which an executor is no longer waited for


class Counted(NamedTuple):
    """What is counted of a case: why it failed, empty for a pass; whether its answer is grounded, as one that
    is missing is; whether the baseline's answer passes. `result` is None where only that is wanted.
    """

    place: int
    id: str
    why: str
    grounded: bool
    sound: bool
    result: CaseResult | None


def judge_recorded(
    cases: Sequence[GoldenCase],
    answers: Mapping[str, Answer],
    before: Mapping[str, Answer],
    executor: Executor | None,
    *,
    whole: bool,
) -> Generator[Counted | Passed]:
    """Yield each case once, judged; `before` are the baseline's answers, `whole` adds the results.

    What the executor loses, or judges by other rules, is judged here. Cases that an executor judged, and that
    there is nothing to say of, are told together.
    """
    if executor is None:
        each = chain.from_iterable(lines for _, lines in _pages(cases, answers, before))
        for place, (case, answer, then) in enumerate(map(_decoded, each)):
            yield _counted(place, case, answer, _judged(case, answer, then), whole=whole)
        return
    yield from each_done(
        executor,
        partial(_judge_part, whole=whole, wanted=rules()),
        _parts(cases, answers, before),
        sent=lambda part: part.packed,
        got=partial(_arrived, whole=whole),
        instead=lambda part, _: _arrived(part, _judge_lines(part.packed, whole=whole), whole=whole),
        ahead=_AHEAD,
        idle=_IDLE_SECONDS,
    )


class Passed(NamedTuple):
    """Cases that passed with grounded answers; in `sound` of them the baseline's answer passes too."""

    cases: int
    sound: int


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What is found of one case."""

    why: str
    grounded: bool
    sound: bool
    judgement: Judgement | None

    def counted(self) -> Verdict:
        """Return it without the judgement, which is wanted only where results are kept."""
        return Verdict(self.why, self.grounded, self.sound, None)


class _Judged(msgspec.Struct, frozen=True, array_like=True):
    """What comes back from a worker of a part: each case by its number in it that is not one of `passed`."""

    passed: Passed
    told: list[tuple[int, Verdict]]


class _Packed:
    """A MessagePack of `_Lines`; a pickler of protocol 5, such as Dask's, does not copy it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type[_Packed], tuple[object]]:
        return _Packed, (PickleBuffer(self._raw) if index(protocol) >= 5 else self._raw,)

    def lines(self) -> list[_Lines]:
        """Return the lines of each case."""
        return _LINES.decode(self._raw)


class _Part(NamedTuple):
    """Cases with the place of the first."""

    place: int
    ids: list[str]
    packed: _Packed


_Lines = tuple[bytes, bytes, bytes]
"""A case, its answer and the baseline's answer as JSON, empty where there is none."""


def _judged(case: GoldenCase, answer: Answer | None, then: Answer | None) -> Verdict:
    judgement = judge(case, answer, then.actual_output if then else "") if answer is not None else None
    sound = then is not None and judge(case, then).passed
    if judgement is None:
        return Verdict(UNRECORDED, grounded=True, sound=sound, judgement=None)
    return Verdict(judgement.why, judgement.grounded, sound, judgement)


def _counted(place: int, case: GoldenCase, answer: Answer | None, found: Verdict, *, whole: bool) -> Counted:
    result = None
    if whole:
        result = CaseResult(
            id=case.id,
            input_query=case.input_query,
            kind="real",
            origin=case.id,
            passed=not found.why,
            judgement=found.judgement,
            answer=answer,
            failure="" if answer is not None else found.why,
            handed="",
            duration_ms=0.0,
        )
    return Counted(place, case.id, found.why, found.grounded, found.sound, result)


def _parts(
    cases: Sequence[GoldenCase], answers: Mapping[str, Answer], before: Mapping[str, Answer]
) -> Iterator[_Part]:
    most = min(_MOST, max(_FEWEST, -(-len(cases) // _PARTS)))
    place = size = 0
    ids: list[str] = []
    lines: list[_Lines] = []
    for some_ids, some in _pages(cases, answers, before):
        for start, end in _bounded(some):
            added, more = some[start:end], _size(some[start:end])
            if lines and (len(lines) + len(added) > most or size + more > PART_BYTES):
                yield _Part(place, ids, _Packed(msgspec.msgpack.encode(lines)))
                place, size, ids, lines = place + len(ids), 0, [], []
            ids += some_ids[start:end]
            lines += added
            size += more
    if lines:
        yield _Part(place, ids, _Packed(msgspec.msgpack.encode(lines)))


def _pages(
    cases: Sequence[GoldenCase], answers: Mapping[str, Answer], before: Mapping[str, Answer]
) -> Iterator[tuple[list[str], list[_Lines]]]:
    """Yield ids and lines of so many cases at once that few steps are taken for each."""
    answers_to, answers_before = _finder(answers), _finder(before)
    for page in _raw_cases(cases):
        ids = [key for key, _ in page]
        both = answers_to(ids), answers_before(ids)
        yield ids, list(zip([raw for _, raw in page], *both, strict=True))


def _raw_cases(cases: Sequence[GoldenCase]) -> Iterable[Sequence[tuple[str, bytes]]]:
    if isinstance(cases, DiskList):
        return cases.raw_pages(_FEWEST)
    return ([(case.id, msgspec.json.encode(case))] for case in cases)


def _finder(answers: Mapping[str, Answer]) -> Callable[[Sequence[str]], list[bytes]]:
    """Return a function of ids that returns their answers as JSON, empty without one."""
    if isinstance(answers, DiskMap):
        raw_of = answers.in_turn()  # most times they are in the order of the cases
        return lambda ids: [raw or b"" for raw in raw_of(ids)]
    return lambda ids: [msgspec.json.encode(answers[key]) if key in answers else b"" for key in ids]


def _bounded(lines: Sequence[_Lines], start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield start and end of pieces of lines that are no larger than a part, or are a single case."""
    if len(lines) > 1 and _size(lines) > PART_BYTES:
        half = len(lines) // 2
        yield from _bounded(lines[:half], start)
        yield from _bounded(lines[half:], start + half)
    else:
        yield start, start + len(lines)


def _size(lines: Sequence[_Lines]) -> int:
    return sum(map(len, chain.from_iterable(lines)))


@cache
def rules() -> str:
    """Return what identifies the code that judges: two versions may judge an answer differently."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256("".join(path.read_text("utf-8") for path in sources).encode()).hexdigest()


def _judge_part(packed: _Packed, *, whole: bool, wanted: str) -> bytes:
    """Judge a part in another process or on another machine. Raises RuntimeError where the rules differ."""
    if wanted != rules():
        raise RuntimeError("this worker has another version of pytest-caio")
    return _judge_lines(packed, whole=whole)


def _judge_lines(packed: _Packed, *, whole: bool) -> bytes:
    passed = sound = 0
    told = []
    for number, lines in enumerate(packed.lines()):
        found = _judged(*_decoded(lines))
        if whole or found.why or not found.grounded:
            told.append((number, found if whole else found.counted()))
        else:
            passed += 1
            sound += found.sound
    return msgspec.msgpack.encode(_Judged(Passed(passed, sound), told))


def _arrived(part: _Part, raw: bytes, *, whole: bool) -> Iterator[Counted | Passed]:
    found = _JUDGED.decode(raw)
    yield found.passed
    if not whole:
        for number, each in found.told:
            yield Counted(part.place + number, part.ids[number], each.why, each.grounded, each.sound, None)
        return
    for (number, each), (case, answer, _) in zip(found.told, map(_decoded, part.packed.lines()), strict=True):
        yield _counted(part.place + number, case, answer, each, whole=True)


def _decoded(lines: _Lines) -> tuple[GoldenCase, Answer | None, Answer | None]:
    case, *answers = lines
    answer, then = (_ANSWER.decode(raw) if raw else None for raw in answers)
    return _CASE.decode(case), answer, then


_CASE, _ANSWER = msgspec.json.Decoder(GoldenCase), msgspec.json.Decoder(Answer)
_LINES, _JUDGED = msgspec.msgpack.Decoder(list[_Lines]), msgspec.msgpack.Decoder(_Judged)
