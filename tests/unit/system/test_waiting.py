"""Waiting: until the result is there, however late, with a word from time to time."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from pytest_caio.system.waiting import wait_for


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speak soon, and often."""
    monkeypatch.setattr("pytest_caio.system.waiting._STEP", 0.1)
    monkeypatch.setattr("pytest_caio.system.waiting._PATIENCE", 0.1)
    monkeypatch.setattr("pytest_caio.system.waiting.REMINDER", 0.2)


class _AtTheLastMoment(Future[str]):
    """A future that is done just when it is looked at, after it was not in time."""

    def done(self) -> bool:
        if not super().done():
            self.set_result("an answer")
        return super().done()


def test_a_result_is_returned_at_once() -> None:
    """Where the result is there, nothing is said."""
    future: Future[str] = Future()
    future.set_result("an answer")
    assert wait_for(future, lambda _: pytest.fail("said something")) == "an answer"


def test_a_wait_is_told() -> None:
    """A wait is told of with its seconds, again and again, and goes on until the result is there."""
    future: Future[str] = Future()
    said: list[float] = []

    def say(waited: float) -> None:
        said.append(waited)
        if len(said) == 3:
            future.set_result("an answer")

    assert wait_for(future, say) == "an answer"
    assert said == pytest.approx([0.1, 0.3, 0.5])


def test_a_result_at_the_last_moment_counts() -> None:
    """A result that comes just as a step of the wait ends is the result, and no timeout."""
    future = _AtTheLastMoment()
    threading.Timer(0.25, future.done).start()
    assert wait_for(future, lambda _: None) == "an answer"


def test_the_future_s_own_timeout_is_raised() -> None:
    """A TimeoutError that the work itself raised is not taken for a wait that goes on."""
    future: Future[str] = Future()
    future.set_exception(TimeoutError("Redis took too long"))
    with pytest.raises(TimeoutError, match="Redis took too long"):
        wait_for(future, lambda _: pytest.fail("said something"))
