"""The two protocols of a runner's command: one process a case, or one process and a line a case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from pytest_caio.replay.answers import ALONE, Answer, Answered, Question, RunnerFailure, parse_answer
from pytest_caio.system.child import Child, ChildError, why_not_started
from pytest_caio.system.watchdog import Watchdog

__all__ = ["Launch", "ask_each", "ask_lines"]

_FAREWELL = 0.5  # seconds for a runner of the lines protocol to exit by itself


class Launch(msgspec.Struct, frozen=True):
    """How to start a runner, as plain data: an executor may send it to another process or machine.

    `deadline` is wall-clock time (`time.time()`), the only clock that machines share.
    """

    argv: tuple[str, ...]
    cwd: Path | None
    env: dict[str, str] | None
    case_seconds: float
    deadline: float

    def until(self) -> float:
        """Return the deadline of a case that starts now, on this machine's monotonic clock."""
        return time.monotonic() + min(self.case_seconds, self.deadline - time.time())


def ask_each(
    launch: Launch,
    questions: Iterable[Question],
    stopped: Callable[[], bool] = lambda: False,
    watchdog: Watchdog | None = None,
) -> Iterator[Answered]:
    """Answer each question in a process of its own."""

    def ask(question: Question, payload: bytes, until: float) -> Answer | RunnerFailure:
        child = Child(launch.argv, cwd=launch.cwd, env=launch.env, stopped=stopped, watchdog=watchdog)
        try:
            child.send(payload, last=True)
            return parse_answer(child.read_all(until), question)
        finally:
            child.close()

    for question in questions:
        yield _timed(launch, question, ask, stopped)


def ask_lines(
    launch: Launch,
    questions: Iterable[Question],
    stopped: Callable[[], bool] = lambda: False,
    watchdog: Watchdog | None = None,
) -> Iterator[Answered]:
    """Answer all questions in one process, replaced after each failure, since its state is then unknown."""
    child: Child | None = None

    def ask(question: Question, payload: bytes, until: float) -> Answer | RunnerFailure:
        nonlocal child
        outcome: Answer | RunnerFailure | None = None
        try:
            child = child or Child(
                launch.argv, cwd=launch.cwd, env=launch.env, stopped=stopped, watchdog=watchdog
            )
            if child.spoke():
                raise ChildError(f"the runner printed something before it was asked; {ALONE}")
            child.send(payload)
            outcome = parse_answer(child.read_line(until), question)
        finally:
            if child is not None and not isinstance(outcome, Answer):
                child.close()
                child = None
        return outcome

    try:
        for question in questions:
            yield _timed(launch, question, ask, stopped)
    finally:
        if child is not None:
            child.close(_FAREWELL)


def _timed(
    launch: Launch,
    question: Question,
    ask: Callable[[Question, bytes, float], Answer | RunnerFailure],
    stopped: Callable[[], bool],
) -> Answered:
    started, until = time.monotonic(), launch.until()
    if stopped() or until <= started:
        reason = "the replay was stopped" if stopped() else "the replay's total time was over"
        return Answered(question, "", RunnerFailure(f"not asked: {reason}"), 0.0)
    payload = question.payload() + "\n"  # exactly the text that is written and recorded
    try:
        outcome = ask(question, payload.encode(), until)
    except ChildError as error:
        outcome = RunnerFailure(str(error))
    except OSError as error:
        reason = why_not_started(launch.argv[0], launch.cwd, error)
        payload, outcome = "", RunnerFailure(f"the runner did not start: {reason}")
    return Answered(question, payload, outcome, round((time.monotonic() - started) * 1000, 1))
