"""Background jobs: work that a run does once beside its requests, with results for every xdist worker."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pytest_caio.system.atomicfile import once_free, write_atomically
from pytest_caio.system.waiting import wait_for

__all__ = ["Jobs"]

_Found = TypeVar("_Found", bound=msgspec.Struct)
_GLANCE = 0.02  # seconds between two looks at a result file
_PULSE = 2.0  # seconds between two signs that a job is still under way
# Looks without such a sign after which a worker gives up. A number, since a clock also counts the time in
# which the machine was asleep; 30 seconds or more.
_LOOKS = 1500
_END_SECONDS = 10.0  # for jobs to stop; one that does not must not delay the end of the run


class Jobs:
    """The jobs of a run, by name.

    Without workers they run in threads of the only process. With workers they run in threads of the
    controller, which writes the results to the folder that `share` returns; a worker gets this folder as
    `results_folder`. `say` writes a line of progress to the terminal.

    In the folder, a job that is under way has an empty file, which nobody opens and the controller touches
    every two seconds; its result gets a name of its own. So no file is replaced or removed while a worker
    reads it, which Windows would refuse, and a worker stops waiting when the controller can no longer answer.
    """

    def __init__(self, say: Callable[[str], None], results_folder: str = "") -> None:
        self._say = say
        self._results_folder = Path(results_folder) if results_folder else None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._closed = threading.Event()
        self._futures: dict[str, Future[Any]] = {}
        self._ends: list[Callable[[], None]] = []
        self._results: dict[str, msgspec.Struct] = {}

    def share(self) -> str:
        """Return the folder in which workers find the results of jobs that are started from now on."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="caio-run-", ignore_cleanup_errors=True)
            threading.Thread(target=self._pulse, args=(self._folder.name,), daemon=True).start()
        return self._folder.name

    def start(
        self, name: str, work: Callable[[], msgspec.Struct], end: Callable[[], None] = lambda: None
    ) -> None:
        """Start `work` unless a job of this name was started; `end`, called from another thread, stops it."""
        if name in self._futures:
            return
        self._ends.append(end)
        future = self._futures[name] = Future()
        path = None
        if self._folder is not None:
            path = _path(self._folder.name, name)
            _sign(path).touch()
        # Not an executor: the interpreter would wait for its threads at exit, however long they take.
        threading.Thread(target=_do, args=(work, future, path), name=f"caio {name}", daemon=True).start()

    def result(self, name: str, kind: type[_Found]) -> _Found:
        """Return the result of a job, waiting for it.

        Raises LookupError if the job was not started. A failed job raises its own error, in a worker
        RuntimeError with that error as text.
        """
        if name not in self._results:
            self._results[name] = self._await(name, kind)
        found = self._results[name]
        assert isinstance(found, kind)
        return found

    def _await(self, name: str, kind: type[_Found]) -> _Found:
        if self._results_folder is not None:
            text = _read_result(_path(str(self._results_folder), name), name)
            value, trouble = json.loads(text)
            if trouble:
                raise RuntimeError(trouble)
            return msgspec.convert(value, kind)
        if name not in self._futures:
            raise LookupError(f"{name} was not started")
        found: _Found = wait_for(
            self._futures[name],
            lambda waited: self._say(f"caio: waiting for the {name} ({waited:.0f} s so far)"),
        )
        return found

    def close(self) -> None:
        """Stop the jobs under way within ten seconds, and remove the folder; may be called twice."""
        self._closed.set()
        while self._ends:
            self._ends.pop()()
        wait(self._futures.values(), _END_SECONDS)
        for name, future in self._futures.items():
            with suppress(InvalidStateError):  # most are done
                future.set_exception(TimeoutError(f"the {name} did not end in time"))
        if self._folder is not None:
            for name in self._futures:  # one by one: the folder cannot be removed while a worker reads in it
                with suppress(OSError):
                    _sign(_path(self._folder.name, name)).unlink()
            self._folder.cleanup()
            self._folder = None

    def _pulse(self, folder: str) -> None:
        while not self._closed.wait(_PULSE):
            for name, future in list(self._futures.items()):
                if not future.done():
                    with suppress(OSError):
                        os.utime(_sign(_path(folder, name)))


def _path(folder: str, name: str) -> Path:
    # In hexadecimal: file systems may not distinguish capitals, or exclude characters.
    return Path(folder) / f"{name.encode().hex()}.json"


def _sign(path: Path) -> Path:
    """Return the path of the file that is there while the job of this result is under way."""
    return path.with_suffix(".begun")


def _read_result(path: Path, name: str) -> str:
    """Wait for a result of the controller, and return it.

    Raises LookupError if its job was not started, and RuntimeError if there will be none.
    """
    sign = _sign(path)
    if not (sign.exists() or path.exists()):
        raise LookupError(f"{name} was not started")
    seen, looks = 0, 0
    while looks < _LOOKS:
        try:
            touched = sign.stat().st_mtime_ns
        except OSError:
            looks = _LOOKS  # the job has ended: this look is the last
        else:
            seen, looks = touched, looks + 1 if touched == seen else 0
        with suppress(FileNotFoundError):
            return once_free(lambda: path.read_text("utf-8"))
        time.sleep(_GLANCE)
    raise RuntimeError(f"the {name} was given up")


def _do(work: Callable[[], msgspec.Struct], future: Future[Any], path: Path | None) -> None:
    # Written for the workers first: once the future is done, the folder may be removed.
    try:
        found = work()
        if path is not None:
            _publish(path, found)
    except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
        if path is not None:
            with suppress(OSError):
                _publish(path, None, f"{type(error).__name__}: {error}")
        with suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with suppress(InvalidStateError):  # `close` did not wait for it any longer
            future.set_result(found)
    finally:
        if path is not None:
            with suppress(OSError):
                once_free(lambda: _sign(path).unlink(missing_ok=True))


def _publish(path: Path, found: msgspec.Struct | None, trouble: str = "") -> None:
    # A file name need not be valid Unicode; the standard library's json writes it, msgspec would not.
    plain = found and msgspec.to_builtins(found, enc_hook=_plain)
    write_atomically(path, json.dumps([plain, trouble]).encode())


def _plain(found: object) -> object:
    """Return what is kept on disk, or is a view of it, as what JSON has."""
    if isinstance(found, Mapping):
        return dict(found)
    if isinstance(found, Set | Sequence):
        return list(found)
    raise NotImplementedError
