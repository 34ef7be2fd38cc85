"""Recorded answers, judged in this process or in an executor, part by part.

To an executor go the lines of the two files as they were read, which its workers decode; what comes back is
what is counted, and the whole judgements only where they are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import cache, partial
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

__all__ = ["UNRECORDED", "Counted", "Verdict", "judge_recorded", "rules"]

UNRECORDED = "there is no recorded answer for this case"
"""Why a case that no recorded answer belongs to has failed."""

# Each part costs Dask milliseconds, so a large set goes in large parts; a small one occupies all workers too.
_PARTS = 16
_FEWEST, _MOST = 100, 2000  # cases of a part
_PART_BYTES = 2 << 20
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
) -> Generator[Counted]:
    """Yield each case once, judged; `before` are the baseline's answers, `whole` adds the results.

    What the executor loses, or judges by other rules, is judged here.
    """
    if executor is None:
        answer_to, answer_before = _finder(answers), _finder(before)
        for place, case in enumerate(cases):
            answer, then = answer_to(case.id), answer_before(case.id)
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


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What comes back from a worker of one case."""

    why: str
    grounded: bool
    sound: bool
    judgement: Judgement | None

    def counted(self) -> Verdict:
        """Return it without the judgement, which is wanted only where results are kept."""
        return Verdict(self.why, self.grounded, self.sound, None)


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
    answer_to, answer_before = _raw_finder(answers), _raw_finder(before)
    ids: list[str] = []
    lines: list[_Lines] = []
    place = size = 0
    for key, raw in _raw_cases(cases):
        ids.append(key)
        lines.append((raw, answer_to(key), answer_before(key)))
        size += sum(map(len, lines[-1]))
        if len(ids) == most or size >= _PART_BYTES:
            yield _Part(place, ids, _Packed(msgspec.msgpack.encode(lines)))
            place, size, ids, lines = place + len(ids), 0, [], []
    if ids:
        yield _Part(place, ids, _Packed(msgspec.msgpack.encode(lines)))


def _raw_cases(cases: Sequence[GoldenCase]) -> Iterable[tuple[str, bytes]]:
    if isinstance(cases, DiskList):
        return cases.raw_items()
    return ((case.id, msgspec.json.encode(case)) for case in cases)


def _finder(answers: Mapping[str, Answer]) -> Callable[[str], Answer | None]:
    """Return a function of an id that returns its answer, None without one."""
    if not isinstance(answers, DiskMap):
        return answers.get
    raw_of = answers.in_turn()  # most times they are in the order of the cases

    def find(key: str) -> Answer | None:
        raw = raw_of(key)
        return _ANSWER.decode(raw) if raw is not None else None

    return find


def _raw_finder(answers: Mapping[str, Answer]) -> Callable[[str], bytes]:
    """Return a function of an id that returns its answer as JSON, empty without one."""
    if isinstance(answers, DiskMap):
        raw_of = answers.in_turn()
        return lambda key: raw_of(key) or b""
    return lambda key: msgspec.json.encode(answers[key]) if key in answers else b""


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
    judged = (_judged(*_decoded(lines)) for lines in packed.lines())
    return msgspec.msgpack.encode([each if whole else each.counted() for each in judged])


def _arrived(part: _Part, raw: bytes, *, whole: bool) -> Iterator[Counted]:
    found = enumerate(_VERDICTS.decode(raw))
    if not whole:
        return (
            Counted(part.place + number, part.ids[number], each.why, each.grounded, each.sound, None)
            for number, each in found
        )
    both = map(_decoded, part.packed.lines())
    return (
        _counted(part.place + number, case, answer, each, whole=True)
        for (number, each), (case, answer, _) in zip(found, both, strict=True)
    )


def _decoded(lines: _Lines) -> tuple[GoldenCase, Answer | None, Answer | None]:
    case, *answers = lines
    answer, then = (_ANSWER.decode(raw) if raw else None for raw in answers)
    return _CASE.decode(case), answer, then


_CASE, _ANSWER = msgspec.json.Decoder(GoldenCase), msgspec.json.Decoder(Answer)
_LINES, _VERDICTS = msgspec.msgpack.Decoder(list[_Lines]), msgspec.msgpack.Decoder(list[Verdict])
