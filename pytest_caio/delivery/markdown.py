"""A tracker that is a Markdown file in a checkout: one dated line for each run, under a heading."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import quote

from pytest_caio.delivery.client import NotDelivered
from pytest_caio.delivery.summary import Delivery, one_line
from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.paths import is_file, is_folder, need_file
from pytest_caio.system.textfile import read_text

__all__ = ["deliver", "preview"]

_HEADING = "## CAIO acceptance"


def deliver(path: Path, delivery: Delivery) -> Iterator[str]:
    """Write the run's line, the latest first; a line of the same run is replaced. Yields what was done.

    The rest of the file stays as it is, with its line ends and its byte order mark. Raises InputError if it
    is no text, and NotDelivered if it cannot be written.
    """
    try:
        need_file(path)  # anything else may have no end
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    report, real = _report(delivery).resolve(), path.resolve()
    if real.parent == report.parent and real.name.startswith(f"{report.stem}."):
        raise InputError(f"{path}: has the name of evidence of this run, which must stay: name another file")
    text = read_text(path, str(path), optional=True)
    raw = path.read_bytes() if is_file(path) else b""
    lines = list(StringIO(text, newline="\n"))  # each with its end; nothing else than LF ends one
    end = "\r\n" if text.count("\r\n") * 2 > len(lines) else "\n"
    mark = f"<!-- run={delivery.record.run.id} -->"
    line = f"{_line(path, delivery)} {mark}"
    own = next((number for number, one in enumerate(lines) if one.rstrip("\r\n").endswith(mark)), None)
    if own is not None:
        kept = lines[own].rstrip("\r\n")
        lines[own] = line + lines[own].removeprefix(kept)
        done = "is there already" if kept == line else "brought up to date"
    else:
        done = "written"
        place = next((number for number, one in enumerate(lines, 1) if one.rstrip() == _HEADING), 0)
        if place:
            gap = place < len(lines) and not lines[place].strip()
            place += gap
            after = [end] if place < len(lines) and not lines[place].startswith("- ") else []
            added = [*([] if gap else [end]), line + end, *after]
        else:
            place = len(lines)
            added = [*([end] if lines else []), _HEADING + end, end, line + end]
        if place and not lines[place - 1].endswith("\n"):  # the last line of the file
            added.insert(0, end)
        lines[place:place] = added
    content = (b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b"") + "".join(lines).encode()
    if content != raw:
        try:
            mode = stat.S_IMODE(path.stat().st_mode) if is_file(path) else 0o666
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
    try:
        way = os.path.relpath(_report(delivery).resolve(), path.resolve().parent)
    except ValueError:  # on another drive of Windows
        return shown
    return f"[{shown}]({quote(os.fsencode(Path(way).as_posix()))})"  # as bytes: a name need not be text


def _report(delivery: Delivery) -> Path:
    report = next((file.path for file in delivery.files if file.path.suffix == ".html"), None)
    if report is None:
        raise InputError("the report is missing in this evidence")
    return report
