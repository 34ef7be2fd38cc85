"""Runners, which answer the questions: a command, with one of two protocols, or recorded answers."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple, Protocol

from pytest_caio.errors import InputError
from pytest_caio.replay.answers import Answer, Answered, Question, RunnerFailure
from pytest_caio.replay.executors import abandoned, each_done
from pytest_caio.replay.protocols import Launch, ask_each, ask_lines
from pytest_caio.replay.recorded import UNRECORDED
from pytest_caio.system.child import script_fault
from pytest_caio.system.paths import is_file, is_folder
from pytest_caio.system.program import find_program, split_words
from pytest_caio.system.watchdog import Watchdog

__all__ = ["PROTOCOLS", "CommandRunner", "RecordedRunner", "Runner", "missing_script", "split_command"]

PROTOCOLS = ("process", "lines")
_AFTERMATH = 5.0  # seconds for killing processes and collecting results after the total time
# `python3` too: on Windows it is usually a stub that opens the Store.
_WINDOWS_PYTHONS = ("python", "python.exe", "python3", "python3.exe")
_STEP = 0.5  # seconds of one wait: on Windows a signal is handled only when it ends
# Questions that one process of the lines protocol is asked in an executor: enough for its start not to count,
# and few enough for answers to arrive, and for little to be asked again where a machine is lost.
_PART = 100
_AHEAD = 1000  # parts under way in an executor, which may have as many workers


class Runner(Protocol):
    """Answers questions; it gives a failure, never raises, for one it cannot answer."""

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command, empty if there is none."""
        ...

    def ask(self, questions: Sequence[Question]) -> list[Answered]:
        """Return the outcome of each question, in their order."""
        ...

    def arrivals(self, questions: Iterable[Question]) -> Generator[tuple[int, Answered]]:
        """Yield the outcome of each question, with its place from 0, as it arrives."""
        yield from enumerate(self.ask(list(questions)))


class RecordedRunner(Runner):
    """Recorded answers: they cannot answer a decoy, so they prove nothing about honesty."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers

    @property
    def command(self) -> tuple[str, ...]:
        """No words: nothing is started."""
        return ()

    def ask(self, questions: Sequence[Question]) -> list[Answered]:
        """Return the recorded answer by id for each question, or a failure if there is none."""
        return [answered for _, answered in self.arrivals(questions)]

    def arrivals(self, questions: Iterable[Question]) -> Generator[tuple[int, Answered]]:
        """Yield the recorded answer by id for each question, or a failure if there is none, one at a time."""
        missing = RunnerFailure(UNRECORDED)
        for place, question in enumerate(questions):
            yield place, Answered(question, "", self.answers.get(question.id, missing), 0.0)


class _Placed(NamedTuple):
    place: int
    question: Question


class CommandRunner(Runner):
    """A command that reads one question as JSON and writes one answer as JSON.

    With the `protocol` `process` it is started once per case: question on stdin, then end of input; answer on
    stdout. With `lines` it is started once per worker, with one question and one answer per line, and
    restarted after it exits, hangs or prints an invalid answer; an `id` in an answer, if given, detects
    answers out of step. `command` is one string, split as a shell splits words, or a list of words; a first
    word `python` means this interpreter. `workers` is the number of workers, which are threads; with an
    `executor` (any executor of `concurrent.futures`; it is not shut down) its own are used, and `workers` is
    how many of them share a small set of questions in the protocol `lines`. `case_seconds` is the timeout of
    a case, `total_seconds` that of all; output over 1 MiB for one case is refused. Exceeding a limit fails
    only the cases concerned. Raises InputError for an unusable command or number.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        protocol: Literal["process", "lines"] = "process",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        workers: int = 4,
        executor: Executor | None = None,
        case_seconds: float = 60.0,
        total_seconds: float = 900.0,
    ) -> None:
        if protocol not in PROTOCOLS:
            raise InputError(f"replay.protocol: unknown, valid are {', '.join(PROTOCOLS)}")
        if workers < 1 or case_seconds <= 0 or total_seconds <= 0:
            raise InputError("replay: workers, case_seconds and total_seconds must be above zero")
        self._command = split_command(command)
        self._argv = (_find_program(self._command[0], cwd), *self._command[1:])
        self._protocol, self._cwd, self._env = protocol, cwd, None if env is None else dict(env)
        self._workers, self._executor = workers, executor
        self._case_seconds, self._total_seconds = case_seconds, total_seconds
        self._ended = threading.Event()

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command."""
        return self._command

    def end(self) -> None:
        """Stop the cases that run in threads, from another thread; they and all remaining cases fail."""
        self._ended.set()

    def ask(self, questions: Sequence[Question]) -> list[Answered]:
        """Return the outcome of each question, in order, within the total time.

        An error fails only the case in which it occurs.
        """
        arrived = dict(self.arrivals(questions))
        return [arrived[place] for place in range(len(questions))]

    def arrivals(self, questions: Iterable[Question]) -> Generator[tuple[int, Answered]]:
        """Yield the outcome of each question, with its place from 0, as it arrives, within the total time.

        Questions are taken as workers become free. An error fails only the case in which it occurs.
        """
        deadline = time.time() + self._total_seconds
        launch = Launch(self._argv, self._cwd, self._env, self._case_seconds, deadline)
        work = ask_each if self._protocol == "process" else ask_lines
        placed = (_Placed(place, question) for place, question in enumerate(questions))
        if self._executor is None:
            return self._from_threads(partial(work, launch), placed)
        return each_done(
            self._executor,
            partial(_ask_part, work, launch),
            self._parts(placed),
            sent=lambda part: part,
            got=lambda _, answered: answered,
            instead=lambda part, reason: [(it.place, _unasked(it.question, reason)) for it in part],
            ahead=_AHEAD,
            seconds=self._total_seconds + _AFTERMATH,
            stopped=self._ended.is_set,
        )

    def _parts(self, placed: Iterator[_Placed]) -> Iterator[list[_Placed]]:
        """Yield what an executor is given at once: one question, or a part for one long-lived process."""
        if self._protocol == "process":
            yield from ([one] for one in placed)
            return
        first = list(islice(placed, self._workers * _PART))
        size = max(1, min(_PART, -(-len(first) // self._workers)))
        yield from (first[start : start + size] for start in range(0, len(first), size))
        while part := list(islice(placed, _PART)):
            yield part

    def _from_threads(
        self, work: Callable[..., Iterator[Answered]], placed: Iterator[_Placed]
    ) -> Generator[tuple[int, Answered]]:
        """Yield the outcomes from threads, each of which takes a question as soon as it is free.

        The caller's thread takes the questions from their source, one for each worker in advance.
        """
        stop = threading.Event()
        waiting: SimpleQueue[_Placed | None] = SimpleQueue()
        arrived: SimpleQueue[tuple[int, Answered]] = SimpleQueue()

        def stopped() -> bool:
            return stop.is_set() or self._ended.is_set()

        def serve() -> None:
            # Every question that was taken is answered for, so that the caller waits for none in vain.
            taken: list[_Placed] = []

            def take() -> Iterator[Question]:
                while (one := waiting.get()) is not None:
                    taken.append(one)
                    yield one.question

            while True:
                try:
                    for answered in work(take(), stopped, watchdog):
                        arrived.put((taken.pop().place, answered))
                except Exception as error:  # an error fails only the case in which it occurs
                    if not taken:
                        raise
                    one = taken.pop()
                    reason = f"the executor lost the case: {type(error).__name__}"
                    arrived.put((one.place, _unasked(one.question, reason)))
                else:
                    return

        with closing(Watchdog()) as watchdog, ThreadPoolExecutor(self._workers, "replay") as pool:
            threads = 0
            under_way = 0
            try:
                while True:
                    while under_way < 2 * self._workers and (one := next(placed, None)) is not None:
                        waiting.put(one)
                        under_way += 1
                        if threads < self._workers:
                            pool.submit(serve)
                            threads += 1
                    if not under_way:
                        return
                    try:
                        found = arrived.get(timeout=_STEP)
                    except Empty:
                        continue
                    under_way -= 1
                    yield found
            finally:
                stop.set()  # after an interruption, do not wait for a hanging runner
                for _ in range(threads):
                    waiting.put(None)


def split_command(command: str | Sequence[str], *, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """Return the words of a command (see `split_words`); a first word `python` is this interpreter.

    Raises InputError for an empty command or an unclosed quote.
    """
    try:
        words = split_words(command, windows=windows) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise InputError(f"replay.runner: the command cannot be split into words: {error}") from error
    if not words or not words[0]:
        raise InputError("replay.runner: the command is empty")
    own = words[0] == "python" or (windows and words[0].lower() in _WINDOWS_PYTHONS)
    return (sys.executable, *words[1:]) if own else tuple(words)


def missing_script(command: str, cwd: Path) -> str:
    """Return the first word of a runner's command that is a Python file which is not there, or nothing.

    Options are passed over: what is in them may be a name for the runner alone.

    Raises InputError like `split_command`.
    """
    words = split_command(command)
    scripts = (word for word in words if word.lower().endswith(".py") and not word.startswith("-"))
    return next((word for word in scripts if not is_file(cwd / word)), "")


def _find_program(word: str, cwd: Path | None) -> str:
    """Return the program's absolute path: systems differ in what a relative path is relative to."""
    if cwd is not None and not is_folder(cwd):
        raise InputError(f"replay.cwd: the runner did not start: its working directory is no folder: {cwd}")
    program = find_program(word, cwd or Path())
    if program is None:
        raise InputError(
            f"replay.runner: the runner did not start: the program {word!r} {_lacking(word, cwd or Path())}"
        )
    if os.name != "nt" and (fault := script_fault(program)):
        raise InputError(f"replay.runner: the runner did not start: {fault}")
    return program


def _lacking(word: str, folder: Path) -> str:
    """Return in words why a program that is not on PATH, or not under its path, cannot be run."""
    name, there = Path(word).name == word, is_file(folder / word)
    if name:
        return f"was not found on PATH{f'; write ./{word} for the file in {folder}' if there else ''}"
    return "is not executable (chmod +x), or is no program" if there else "was not found"


def _unasked(question: Question, reason: str) -> Answered:
    return Answered(question, "", RunnerFailure(reason), 0.0)


def _ask_part(
    work: Callable[..., Iterator[Answered]],
    launch: Launch,
    part: Sequence[_Placed],
) -> list[tuple[int, Answered]]:
    """Return the outcomes of a part, in another process or on another machine."""
    places, questions = [one.place for one in part], [one.question for one in part]
    with closing(Watchdog()) as watchdog:
        return list(zip(places, work(launch, questions, abandoned(), watchdog), strict=True))
