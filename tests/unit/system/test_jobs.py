"""Background jobs, which run once: their results, their failures, and what xdist workers get of both."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest

from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.jobs import Jobs
from tests.support.pace import within
from tests.support.windows_files import LINUX_ONLY, refuse_open_files


class Found(msgspec.Struct, frozen=True):
    """A result, with a file name that is not valid Unicode."""

    name: str = "caf\udce9"
    keys: frozenset[str] = frozenset({"a"})


def broken() -> Found:
    """Raise as a job with a bug does."""
    raise KeyError("no such thing")


@pytest.fixture
def lines() -> list[str]:
    """The lines that were shown to the user."""
    return []


@pytest.fixture
def owner(lines: list[str]) -> Iterator[Jobs]:
    """The process that runs the jobs."""
    with closing(Jobs(lines.append)) as background:
        yield background


@pytest.fixture
def worker(owner: Jobs) -> Jobs:
    """A worker of that process."""
    return Jobs(lambda _: None, owner.share())


def test_a_job_runs_once(owner: Jobs) -> None:
    """A job that is started twice runs once, and every caller gets the same result."""
    calls: list[int] = []
    for _ in range(2):
        owner.start("it", lambda: calls.append(1) or Found())  # type: ignore[func-returns-value]
    assert owner.result("it", Found) is owner.result("it", Found)
    assert calls == [1]


def test_a_worker_gets_the_result(owner: Jobs, worker: Jobs) -> None:
    """A worker waits for the result and gets an equal one."""
    go = threading.Event()
    owner.start("it of a/b", lambda: Found() if go.wait(10) else broken())
    threading.Timer(0.1, go.set).start()
    assert worker.result("it of a/b", Found) == owner.result("it of a/b", Found) == Found()


def test_a_failed_job_raises_for_owner_and_worker(owner: Jobs, worker: Jobs) -> None:
    """If a job raises, asking for its result raises, in a worker too."""
    owner.start("it", broken)
    with pytest.raises(KeyError):
        owner.result("it", Found)
    with pytest.raises(RuntimeError, match="KeyError: 'no such thing'"):
        worker.result("it", Found)


def test_a_job_that_was_not_started(owner: Jobs, worker: Jobs) -> None:
    """Asking for the result of a job that was not started raises at once instead of waiting."""
    for asker in (owner, worker):
        with pytest.raises(LookupError, match="it was not started"):
            asker.result("it", Found)


def test_closing_ends_running_jobs(lines: list[str]) -> None:
    """Closing ends a running job, and closing twice is allowed."""
    background, over = Jobs(lines.append), threading.Event()
    began = time.monotonic()
    with ExitStack() as stack:
        stack.callback(over.set)
        background.start("it", lambda: Found() if over.wait(30) else broken(), over.set)
        background.close()
        background.close()
    assert within(time.monotonic() - began, 10)


def test_closing_leaves_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result is written for workers before its job counts as done, so closing leaves no folder."""

    # By folder: a job that another test abandoned may still write its result.
    there: defaultdict[Path, list[bool]] = defaultdict(list)

    def put_slowly(path: Path, content: bytes) -> None:
        time.sleep(0.3)
        there[path.parent].append(path.parent.is_dir())
        write_atomically(path, content)

    monkeypatch.setattr("pytest_caio.system.jobs.write_atomically", put_slowly)
    background, over = Jobs(lambda _: None), threading.Event()
    folder = Path(background.share())
    background.start("it", lambda: (over.wait(10), Found())[1], over.set)
    background.close()
    assert there[folder] == [True]
    assert not folder.exists()


def test_a_worker_does_not_wait_for_an_abandoned_job(
    owner: Jobs, worker: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the owner gives up on a job, a worker that waits for it gets an error."""
    monkeypatch.setattr("pytest_caio.system.jobs._END_SECONDS", 0.1)
    over = threading.Event()
    owner.start("it", lambda: (over.wait(10), Found())[1])
    threading.Timer(0.1, owner.close).start()
    try:
        with pytest.raises(RuntimeError, match="the it was given up"):
            worker.result("it", Found)
    finally:
        over.set()


def test_a_full_disk_is_an_error(owner: Jobs, worker: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a result cannot be written for the workers, neither they nor the owner wait for ever."""

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pytest_caio.system.jobs.write_atomically", full)
    owner.start("it", Found)
    with pytest.raises(OSError, match="no space left"):
        owner.result("it", Found)
    with pytest.raises((RuntimeError, LookupError), match=r"given up|not started"):
        worker.result("it", Found)


@LINUX_ONLY
def test_a_result_that_workers_hold_open(owner: Jobs, worker: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """`os.replace` onto a file that workers read is refused on Windows: no file of a job is replaced.

    Every file in the folder is held open from the moment at which it is there, as slow readers do.
    """
    refuse_open_files(monkeypatch)
    monkeypatch.setattr("pytest_caio.system.atomicfile._PATIENCE", 0.2)
    folder, go, over = Path(owner.share()), threading.Event(), threading.Event()

    def hold() -> None:
        with ExitStack() as stack:
            held: set[Path] = set()
            while not over.wait(0.005):
                for path in {*folder.glob("*.json")} - held:
                    stack.enter_context(path.open("rb"))
                    held.add(path)

    holding = threading.Thread(target=hold)
    holding.start()
    owner.start("it", lambda: Found() if go.wait(10) else broken())
    threading.Timer(0.1, go.set).start()
    try:
        assert worker.result("it", Found) == owner.result("it", Found) == Found()
    finally:
        over.set()
        holding.join()


def test_a_worker_does_not_wait_for_a_controller_that_is_gone(
    owner: Jobs, worker: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job without result or sign of life is given up, even if all its files stay: the wait has an end."""
    monkeypatch.setattr("pytest_caio.system.jobs._LOOKS", 5)
    over = threading.Event()
    owner.start("it", lambda: (over.wait(10), Found())[1])
    try:
        with pytest.raises(RuntimeError, match="the it was given up"):
            worker.result("it", Found)
    finally:
        over.set()


def test_a_long_job_shows_that_it_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker goes on waiting for a job that takes long, as the controller shows signs of life."""
    monkeypatch.setattr("pytest_caio.system.jobs._PULSE", 0.02)
    monkeypatch.setattr("pytest_caio.system.jobs._LOOKS", 20)
    over = threading.Event()
    with closing(Jobs(lambda _: None)) as controller:
        reader = Jobs(lambda _: None, controller.share())
        controller.start("it", lambda: Found() if over.wait(10) else broken())
        threading.Timer(0.6, over.set).start()
        assert reader.result("it", Found) == Found()


def test_closing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that does not end in time is given up, and asking for its result raises."""
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
    """After a wait of two seconds the user is shown what the run is waiting for."""
    lines: list[str] = []
    spoken = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        spoken.set()

    with closing(Jobs(say)) as background:
        background.start("replay", lambda: Found() if spoken.wait(60) else broken())
        background.result("replay", Found)
    assert lines == ["caio: waiting for the replay (2 s so far)"]
