"""The data exchanged with a runner: questions, answers and failures, and files of recorded answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.diskmap import DiskMap
from pytest_caio.system.jsonlines import read_records
from pytest_caio.system.strictjson import NotJson, decode_json, in_words

__all__ = [
    "ALONE",
    "Answer",
    "Answered",
    "KeptAnswers",
    "Question",
    "RunnerFailure",
    "load_answers",
    "parse_answer",
    "save_answers",
]


ALONE = "print the answer alone, as one JSON object, and logs to standard error"
"""How to correct a runner that prints anything else."""


class Question(msgspec.Struct, frozen=True):
    """All that a runner is given: this type has no expectations, so none can reach a runner."""

    id: str
    input_query: str

    def payload(self) -> str:
        """Return the JSON for the runner: two fields, one line, ASCII (safe in any Windows code page)."""
        return json.dumps({"id": self.id, "input_query": self.input_query})


class Answer(msgspec.Struct, frozen=True):
    """A runner's answer: its text, the tools it called, in order, and the passages it retrieved."""

    actual_output: str
    tool_trace_log: tuple[str, ...]
    rag_context_chunks: tuple[str, ...]
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class RunnerFailure(msgspec.Struct, frozen=True):
    """Why a case got no answer."""

    reason: str


class Answered(msgspec.Struct, frozen=True):
    """One question, the exact text written to the runner (`handed`), and its outcome.

    `handed` is empty when nothing was written: no time was left, the runner could not be started, or the
    answers were recorded.
    """

    question: Question
    handed: str
    outcome: Answer | RunnerFailure
    duration_ms: float


class _Reply(Answer, frozen=True):
    id: str | None = None


class _Kept(Answer, frozen=True, kw_only=True):
    id: str


def parse_answer(raw: bytes, question: Question) -> Answer | RunnerFailure:
    """Parse a runner's output as the answer to `question`; unusable output becomes a failure with the reason.

    The output is one JSON object. Unknown fields are ignored, but an `id`, if given, must be the question's.
    """
    if not raw.strip():
        return RunnerFailure("the runner printed nothing")
    try:
        reply = decode_json(raw, _Reply)
    except msgspec.ValidationError as error:
        return RunnerFailure(
            f"the runner's answer has a shape that the suite does not know: {in_words(error)}"
        )
    except NotJson as error:
        if error.end is not None:
            rest = raw.decode("utf-8-sig")[error.end :][:80].strip()
            return RunnerFailure(f"the runner printed more after its answer, {rest!r}; {ALONE}")
        start = raw[:80].decode("utf-8", "replace").strip()
        return RunnerFailure(f"what the runner printed is {error}; it begins {start!r}; {ALONE}")
    if reply.id not in (None, question.id):
        return RunnerFailure("the runner answered another question than the one it was asked")
    return Answer(reply.actual_output, reply.tool_trace_log, reply.rag_context_chunks, reply.metadata)


def load_answers(path: Path) -> Mapping[str, Answer]:
    """Read recorded answers by case id: `{"id", ...answer}` objects as JSON lines or a JSON array.

    JSON lines are read one at a time, and an answer is decoded at each look: 100,000 of them are kept as
    JSON, and most of it on disk. Raises InputError, naming file, line and field, for an unreadable file, a
    record that is not an answer, or a duplicate id.
    """
    records, problems = read_records(path, "actual_output")
    if problems:
        raise InputError(problems[0])
    answers = KeptAnswers()
    for record in records:
        try:
            kept = decode_json(record.raw, _Kept)
        except (NotJson, msgspec.ValidationError) as error:
            raise InputError(f"{path.name}, {record.where}: no recorded answer: {in_words(error)}") from error
        if not answers.add(kept.id, record.raw):
            raise InputError(f"{path.name}, {record.where}, field id: already used by an earlier answer")
    return answers


class KeptAnswers(DiskMap[Answer]):
    """Answers by case id, most of them on disk, each as its line of a file of recorded answers."""

    def __init__(self) -> None:
        super().__init__(msgspec.json.Decoder(Answer).decode)

    def keep(self, key: str, answer: Answer, place: int) -> None:
        """Keep an answer at its place among the others, from 0."""
        self.add(key, _line(key, answer), place + 1)

    def save(self, path: Path) -> None:
        """Write the answers as `save_answers` does."""
        _write(path, self.raw_values())


def save_answers(path: Path, answers: Mapping[str, Answer]) -> None:
    """Write answers by case id as JSON lines, for use as recorded answers or as a baseline.

    The write is atomic. Raises OSError where the file cannot be written.
    """
    _write(path, (_line(key, answer) for key, answer in answers.items()))


def _line(key: str, answer: Answer) -> bytes:
    return msgspec.json.encode({"id": key, **msgspec.structs.asdict(answer)})


def _write(path: Path, lines: Iterable[bytes]) -> None:
    write_atomically(path, (line + b"\n" for line in lines))
