"""Search for secrets in the outputs of a run by decoding them, the opposite of what redaction does."""

from __future__ import annotations

import html
import re
from binascii import a2b_base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

import ahocorasick

__all__ = ["Scanner"]

RUN = 8
# A line end, with the prefix that a report puts before the next line.
_LINE_BREAK = re.compile(rb"\n(?:E  )?[ \t]*(?:[-+?>|] +)?['\"]?")
_ESCAPED_BREAK = re.compile(rb"\\n[ \t]*['\"]?")
# Redaction marks are removed: the bracket of one and the text after it could look like part of a secret.
_REDACTED = re.compile(rb"\[redacted(?:: [\w ,%()-]{1,60})?\]")
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{11,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([^ux]))")
_SHORT = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return chr(int(match[1], 16)).encode("utf-8", "surrogatepass")
    if match[2]:
        return bytes([int(match[2], 16)])
    return _SHORT.get(match[3], match[3])


def _html(data: bytes) -> bytes:
    return html.unescape(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _escapes(data: bytes) -> bytes:
    return _ESCAPE.sub(_unescaped, data)


def _joined(data: bytes) -> bytes:
    return _run_on(_COLOUR.sub(b"", _run_on(data, _LINE_BREAK, b"\r")), _ESCAPED_BREAK, b"\\r")


def _run_on(data: bytes, line_break: re.Pattern[bytes], carriage_return: bytes) -> bytes:
    """Join lines without the quotes at their ends, which a pattern would find too slowly."""
    *lines, last = line_break.split(data)
    ends = (line.removesuffix(carriage_return).rstrip(b" \t") for line in lines)
    return b"".join([*(end[:-1] if end.endswith((b"'", b'"')) else end for end in ends), last])


def _codes(views: Sequence[bytes]) -> bytes:
    """Return everything that the views encode in base64 or hex, at every alignment; a repeated run once."""
    pieces = []
    texts = [view.replace(b"-", b"+").replace(b"_", b"/") for view in views]
    for run in {run for text in texts for run in _BASE64.findall(text)}:
        for part in (run[n:] for n in range(4)):
            # Drop the incomplete last byte: its missing bits, filled with zeros, would decode as "@".
            pieces.append(a2b_base64(part + b"A" * (-len(part) % 4))[: len(part) * 6 // 8])
    for run in {run for view in views for run in _HEX.findall(view)}:
        pieces += [bytes.fromhex(run[n : n + (len(run) - n) // 2 * 2].decode()) for n in range(2)]
    return b"\0".join(pieces)


def _views(whole: bytes) -> set[bytes]:
    """Return `whole` and everything that it may encode; repeated lines are decoded once."""
    data = b"\n".join(dict.fromkeys(whole.splitlines()))
    views = {
        _joined(whole),
        data,
        _html(data),
        _escapes(data),
        unquote_to_bytes(data),
        unquote_to_bytes(data.replace(b"+", b" ")),
    }
    views |= {_joined(view) for view in list(views)}
    plain = _escapes(_html(_escapes(_html(data))))  # an HTML report contains JSON that contains HTML
    views |= {plain, _joined(plain), _html(plain)}
    return views | {_codes((data, _joined(data), plain, _joined(plain), unquote_to_bytes(plain)))}


class Scanner:
    """Finds any eight consecutive characters of a secret, in any encoding."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for secret in secrets:
            for start in range(len(secret) - RUN + 1):
                run = secret[start : start + RUN]
                self._automaton.add_word(run.encode().decode("latin-1"), run)
        self._automaton.make_automaton()

    def leaks(self, data: bytes | str) -> list[str]:
        """Return the parts of secrets in `data`."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        views = (view.decode("latin-1") for view in _views(_REDACTED.sub(b"\0", raw)))
        return sorted({run for view in views for _, run in self._automaton.iter(view)})

    def leaks_under(self, *folders: Path) -> dict[str, list[str]]:
        """Return the leaks by path, including those in names of files and folders."""
        found: dict[str, list[str]] = {}
        for folder in folders:
            for path in folder.rglob("*"):
                found[str(path)] = self.leaks(path.name)
                if path.is_file():
                    found[str(path)] += self.leaks(path.read_bytes())
        return {path: leaks for path, leaks in found.items() if leaks}
