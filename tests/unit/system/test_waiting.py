"""Waiting for a result, with a message from time to time."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from pytest_caio.system.waiting import wait_for


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait before a message and between messages."""
    monkeypatch.setattr("pytest_caio.system.waiting._STEP", 0.1)
    monkeypatch.setattr("pytest_caio.system.waiting._PATIENCE", 0.1)
    monkeypatch.setattr("pytest_caio.system.waiting.REMINDER", 0.2)


class _AtTheLastMoment(Future[str]):
    """A future that completes exactly when `done` is called after a timeout."""

    def done(self) -> bool:
        if not super().done():
            self.set_result("an answer")
        return super().done()


def test_a_result_is_returned_at_once() -> None:
    """A result that exists is returned without a message."""
    future: Future[str] = Future()
    future.set_result("an answer")
    assert wait_for(future, lambda _: pytest.fail("said something")) == "an answer"


def test_a_wait_is_announced_repeatedly() -> None:
    """A wait is announced with its seconds, repeatedly, until the result arrives."""
    future: Future[str] = Future()
    said: list[float] = []

    def say(waited: float) -> None:
        said.append(waited)
        if len(said) == 3:
            future.set_result("an answer")

    assert wait_for(future, say) == "an answer"
    assert said == pytest.approx([0.1, 0.3, 0.5])


def test_a_result_at_the_last_moment_counts() -> None:
    """A result that arrives just as a step of the wait times out is returned."""
    future = _AtTheLastMoment()
    threading.Timer(0.25, future.done).start()
    assert wait_for(future, lambda _: None) == "an answer"


def test_the_future_s_own_timeout_is_raised() -> None:
    """A TimeoutError that the work itself raised is raised, not taken for a wait that goes on."""
    future: Future[str] = Future()
    future.set_exception(TimeoutError("Redis took too long"))
    with pytest.raises(TimeoutError, match="Redis took too long"):
        wait_for(future, lambda _: pytest.fail("said something"))
