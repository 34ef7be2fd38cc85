"""Work that is done once: its result, its failure, and what a worker is told of both."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest

from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.jobs import Jobs
from tests.support.pace import within


class Found(msgspec.Struct, frozen=True):
    """A result; a file's name in it need not be valid Unicode."""

    name: str = "caf\udce9"
    keys: frozenset[str] = frozenset({"a"})


def broken() -> Found:
    """Break as work does that has a mistake in it."""
    raise KeyError("no such thing")


@pytest.fixture
def lines() -> list[str]:
    """What was said to the person watching."""
    return []


@pytest.fixture
def owner(lines: list[str]) -> Iterator[Jobs]:
    """The process that does the work."""
    with closing(Jobs(lines.append)) as background:
        yield background


@pytest.fixture
def worker(owner: Jobs) -> Jobs:
    """A worker of that process."""
    return Jobs(lambda _: None, owner.share())


def test_work_is_done_once(owner: Jobs) -> None:
    """Work that is started twice runs once, and each asker is given the same result."""
    calls: list[int] = []
    for _ in range(2):
        owner.start("it", lambda: calls.append(1) or Found())  # type: ignore[func-returns-value]
    assert owner.result("it", Found) is owner.result("it", Found)
    assert calls == [1]


def test_worker_is_given_the_result(owner: Jobs, worker: Jobs) -> None:
    """A worker waits for the result and is given an equal one."""
    go = threading.Event()
    owner.start("it of a/b", lambda: Found() if go.wait(10) else broken())
    threading.Timer(0.1, go.set).start()
    assert worker.result("it of a/b", Found) == owner.result("it of a/b", Found) == Found()


def test_broken_work_is_told(owner: Jobs, worker: Jobs) -> None:
    """Work that breaks raises where its result is asked for, in a worker too."""
    owner.start("it", broken)
    with pytest.raises(KeyError):
        owner.result("it", Found)
    with pytest.raises(RuntimeError, match="KeyError: 'no such thing'"):
        worker.result("it", Found)


def test_work_that_was_not_started(owner: Jobs, worker: Jobs) -> None:
    """Asking for what nobody started is an error at once, rather than a wait without end."""
    for asker in (owner, worker):
        with pytest.raises(LookupError, match="it was not started"):
            asker.result("it", Found)


def test_closing_ends_the_work(lines: list[str]) -> None:
    """Closing ends what is under way, and removes what workers were to find."""
    background, over = Jobs(lines.append), threading.Event()
    began = time.monotonic()
    with ExitStack() as stack:
        stack.callback(over.set)
        background.start("it", lambda: Found() if over.wait(30) else broken(), over.set)
        background.close()
        background.close()
    assert within(time.monotonic() - began, 10)


def test_closing_leaves_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left for workers is whole before the work counts as done, so nothing comes after the folder."""

    there: list[bool] = []

    def put_slowly(path: Path, content: bytes) -> None:
        time.sleep(0.3)
        there.append(path.parent.is_dir())
        write_atomically(path, content)

    monkeypatch.setattr("pytest_caio.system.jobs.write_atomically", put_slowly)
    background, over = Jobs(lambda _: None), threading.Event()
    folder = Path(background.share())
    background.start("it", lambda: (over.wait(10), Found())[1], over.set)
    background.close()
    assert there == [True]
    assert not folder.exists()


def test_worker_does_not_wait_for_what_is_given_up(
    owner: Jobs, worker: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the work is given up, a worker that waits for it is told so."""
    monkeypatch.setattr("pytest_caio.system.jobs._END_SECONDS", 0.1)
    over = threading.Event()
    owner.start("it", lambda: (over.wait(10), Found())[1])
    threading.Timer(0.1, owner.close).start()
    try:
        with pytest.raises(RuntimeError, match="the it was given up"):
            worker.result("it", Found)
    finally:
        over.set()


def test_a_full_disk_is_told(owner: Jobs, worker: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a result cannot be left for the workers, neither they nor the run wait for ever."""

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pytest_caio.system.jobs.write_atomically", full)
    owner.start("it", Found)
    with pytest.raises(OSError, match="no space left"):
        owner.result("it", Found)
    with pytest.raises((RuntimeError, LookupError), match=r"given up|not started"):
        worker.result("it", Found)


def test_closing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that does not end when told to is given up on; who asks for its result is told."""
    monkeypatch.setattr("pytest_caio.system.jobs._END_SECONDS", 0.3)
    background, over = Jobs(lambda _: None), threading.Event()
    with ExitStack() as stack:
        stack.callback(over.set)
        background.start("it", lambda: Found() if over.wait(30) else broken())
        began = time.monotonic()
        background.close()
        seconds = time.monotonic() - began
        assert seconds >= 0.3
        assert within(seconds, 5)
        with pytest.raises(TimeoutError, match="the it did not end in time"):
            background.result("it", Found)


def test_long_wait_is_announced() -> None:
    """After two seconds the person watching is told what is waited for."""
    lines: list[str] = []
    spoken = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        spoken.set()

    with closing(Jobs(say)) as background:
        background.start("replay", lambda: Found() if spoken.wait(60) else broken())
        background.result("replay", Found)
    assert lines == ["caio: waiting for the replay (2 s so far)"]
