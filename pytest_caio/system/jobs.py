"""Work that a run does once, beside its requests, whichever of its processes asks for the result."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.waiting import wait_for

__all__ = ["Jobs"]

_Found = TypeVar("_Found", bound=msgspec.Struct)
_GLANCE = 0.02
_END_SECONDS = 10.0  # for what was told to end; what does not obey must not hold up the end of the run


class Jobs:
    """The work under way, by name.

    A run of one process does it in threads. Where there are workers, the process that started them does it
    and leaves the results in a folder, `share`, which a worker is given as `results_folder`. `say` writes a
    line of progress to the person watching.
    """

    def __init__(self, say: Callable[[str], None], results_folder: str = "") -> None:
        self._say = say
        self._results_folder = Path(results_folder) if results_folder else None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._futures: dict[str, Future[Any]] = {}
        self._ends: list[Callable[[], None]] = []
        self._results: dict[str, msgspec.Struct] = {}

    def share(self) -> str:
        """Return the folder in which workers find the results of what is started from now on."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="caio-run-", ignore_cleanup_errors=True)
        return self._folder.name

    def start(
        self, name: str, work: Callable[[], msgspec.Struct], end: Callable[[], None] = lambda: None
    ) -> None:
        """Begin `work`, once; `end` is what stops it, from another thread."""
        if name in self._futures:
            return
        self._ends.append(end)
        future = self._futures[name] = Future()
        path = None
        if self._folder is not None:
            path = _path(self._folder.name, name)
            path.touch()  # a worker that asks for what was not started learns so at once
        # An executor's threads would be waited for when the interpreter ends, however long that takes.
        threading.Thread(target=_do, args=(work, future, path), name=f"caio {name}", daemon=True).start()

    def result(self, name: str, kind: type[_Found]) -> _Found:
        """Return the result of the work, waiting for it.

        Raises RuntimeError where the work broke, LookupError where it was not started.
        """
        if name not in self._results:
            self._results[name] = self._await(name, kind)
        found = self._results[name]
        assert isinstance(found, kind)
        return found

    def _await(self, name: str, kind: type[_Found]) -> _Found:
        if self._results_folder is not None:
            path = _path(str(self._results_folder), name)
            if not path.exists():
                raise LookupError(f"{name} was not started")
            try:
                while not (text := path.read_text("utf-8")):
                    time.sleep(_GLANCE)
            except FileNotFoundError:
                raise RuntimeError(f"the {name} was given up") from None
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
        """End what is under way, within ten seconds, and remove the folder; may be called twice."""
        while self._ends:
            self._ends.pop()()
        wait(self._futures.values(), _END_SECONDS)
        for name, future in self._futures.items():
            with suppress(InvalidStateError):  # most are done
                future.set_exception(TimeoutError(f"the {name} did not end in time"))
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _path(folder: str, name: str) -> Path:
    return Path(folder) / f"{quote(name, safe='')}.json"


def _do(work: Callable[[], msgspec.Struct], future: Future[Any], path: Path | None) -> None:
    # Left for the workers first: once the future is done, the folder may be removed.
    try:
        found = work()
        if path is not None:
            _publish(path, found)
    except BaseException as error:  # noqa: BLE001 - whoever asks for the result is told
        if path is not None:
            _publish_trouble(path, error)
        with suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with suppress(InvalidStateError):  # given up on meanwhile
            future.set_result(found)


def _publish(path: Path, found: msgspec.Struct | None, trouble: str = "") -> None:
    # A name of a file need not be valid Unicode; the standard library writes it all the same.
    write_atomically(path, json.dumps([found and msgspec.to_builtins(found), trouble]).encode())


def _publish_trouble(path: Path, error: BaseException) -> None:
    try:
        _publish(path, None, f"{type(error).__name__}: {error}")
    except OSError:  # a worker must not wait for what cannot be written
        with suppress(OSError):
            path.unlink(missing_ok=True)
