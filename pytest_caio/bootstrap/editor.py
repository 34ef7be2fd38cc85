"""Editing of an env file's text, one key at a time; everything else stays the same, byte for byte."""

from __future__ import annotations

import re
from io import StringIO

from dotenv.parser import parse_stream

from pytest_caio.errors import InputError

__all__ = ["EnvFileEditor"]

_MARK = "\ufeff"  # a byte order mark, as Windows editors write it
_NEWLINE = re.compile(r"\r\n|\n|\r")
# python-dotenv's grammar: blank lines, `export`, the key, then `=`; each may have blanks after it.
_HEAD = re.compile(r"(\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+))([^\S\r\n]*)(=[^\S\r\n]*)?")
_OLD_VALUE = re.compile(
    r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\r\n]*?(?=[^\S\r\n]+#|[^\S\r\n]*(?:[\r\n]|\Z))", re.DOTALL
)
_PLAIN = re.compile(r"[\w./:@%+,=?&~*-]+", re.ASCII)


class EnvFileEditor:
    """The definitions, comments and blank lines of an env file in order, each with its original text.

    `raw` is content that `EnvFile.parse` accepts.
    """

    def __init__(self, raw: bytes) -> None:
        text = raw.decode("utf-8")
        self._mark = _MARK if text.startswith(_MARK) else ""
        self._parts = [(part.key, part.original.string) for part in parse_stream(StringIO(text))]
        ends = _NEWLINE.findall(text)
        self._newline = max(dict.fromkeys(ends), key=ends.count, default="\n")

    def put(self, key: str, value: str) -> None:
        """Set the value of `key`: in its definition, or in a new line at the end if there is none.

        If a key is defined twice, the last definition counts, and is the one changed. Raises InputError for a
        value that an env file cannot contain.
        """
        written = _written(key, value)
        places = [index for index, (known, _) in enumerate(self._parts) if known == key]
        if places:
            self._parts[places[-1]] = (key, _replaced(self._parts[places[-1]][1], written))
            return
        if self._parts and not self._parts[-1][1].endswith(("\n", "\r")):
            self._parts.append((None, self._newline))
        self._parts.append((key, f"{key}={written}{self._newline}"))

    def encode(self) -> bytes:
        """Return the text as UTF-8, with the byte order mark it had."""
        return (self._mark + "".join(text for _, text in self._parts)).encode("utf-8")


def _written(key: str, value: str) -> str:
    """Return a value as written in an env file: bare if that is safe, else in single quotes."""
    if not value.isprintable():
        raise InputError(f"{key}: has a line break or another character that cannot be seen in it")
    if "${" in value:
        raise InputError(f"{key}: has ${{ in it, which env files take for the name of another key")
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _replaced(text: str, written: str) -> str:
    """Return the definition `text` with another value; the rest of the line and its comment stay."""
    head = _HEAD.match(text)
    if head is None:  # every definition that python-dotenv accepts matches
        raise InputError("an env file's line cannot be changed; write it as KEY=value")
    name, gap, equals = head[1], head[2], head[3]
    rest = text[head.end() :]
    if equals is None:  # `KEY`, perhaps with a comment
        gap, equals, rest = "", "=", gap + rest
    elif len(equals) > 1 and rest.startswith("#"):  # `KEY= # comment` is empty
        equals, rest = "=", equals[1:] + rest
    else:
        old = _OLD_VALUE.match(rest)
        rest = rest[old.end() :] if old else rest
    if rest.startswith("#"):
        rest = f" {rest}"  # a # is a comment only after a blank
    return f"{name}{gap}{equals}{written}{rest}"
