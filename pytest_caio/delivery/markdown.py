"""A tracker that is a Markdown file in a checkout: one dated line for each run, under a heading."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from pytest_caio.delivery.client import NotDelivered
from pytest_caio.delivery.summary import Delivery, one_line
from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.paths import is_folder
from pytest_caio.system.textfile import read_text

__all__ = ["deliver", "preview"]

_HEADING = "## CAIO acceptance"


def deliver(path: Path, delivery: Delivery) -> Iterator[str]:
    """Write the run's line, the latest first; a line of the same run is replaced. Yields what was done.

    The rest of the file stays as it is, with its line ends and its byte order mark. Raises InputError if it
    is no text, and NotDelivered if it cannot be written.
    """
    text = read_text(path, str(path), optional=True)
    raw = path.read_bytes() if path.is_file() else b""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    mark = f"<!-- run={delivery.record.run.id} -->"
    line = f"{_line(path, delivery)} {mark}"
    own = [number for number, one in enumerate(lines) if one.endswith(mark)]
    if own:
        done = "is there already" if lines[own[0]] == line else "brought up to date"
        lines[own[0]] = line
    else:
        done = "written"
        if _HEADING not in map(str.rstrip, lines):
            lines += [*([""] if lines else []), _HEADING]
        place = [one.rstrip() for one in lines].index(_HEADING) + 1
        gap = place < len(lines) and not lines[place].strip()
        after = [""] if place + gap < len(lines) and not lines[place + gap].startswith("- ") else []
        lines[place : place + gap] = ["", line, *after]
    content = (b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b"") + (end.join(lines) + end).encode()
    if content != raw:
        try:
            mode = stat.S_IMODE(path.stat().st_mode) if raw else 0o666
            write_atomically(path, content, mode)
        except OSError as error:
            missing = not is_folder(path.resolve().parent)
            mend = "make its folder first" if missing else "make it writable"
            raise NotDelivered(
                f"{path}: {error.strerror or 'is in use'}: {mend}, or name another file"
            ) from None
    yield f"line in {path}: {done}"


def preview(path: Path, delivery: Delivery) -> Iterator[str]:
    """Yield the line that `deliver` writes, without the mark by which it is found again."""
    yield f'under the heading "{_HEADING}", in place of an earlier line of this run:'
    yield _line(path, delivery)


def _line(path: Path, delivery: Delivery) -> str:
    return f"- {one_line(delivery.record, lambda shown: _linked(path, delivery, shown))}"


def _linked(path: Path, delivery: Delivery, shown: str) -> str:
    """Return the text as a link to the report, relative to the tracker."""
    report = next((file.path for file in delivery.files if file.path.suffix == ".html"), None)
    if report is None:
        raise InputError("the report is missing in this evidence")
    try:
        way = os.path.relpath(report.resolve(), path.resolve().parent)
    except ValueError:  # on another drive of Windows
        return shown
    return f"[{shown}]({quote(Path(way).as_posix())})"
