"""What is written to standard output and error, and to logs, by whoever it may be: redacted."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from pytest_caio.redaction.redactor import Redactor

__all__ = ["Streams"]

_CONTEXT = 48  # characters already shown that a secret may have begun in


class Streams:
    """Redacts what is written to standard output and error and to log handlers while it stands.

    The streams stay the objects they were, so that whoever holds one, as pytest's capturing does, is
    guarded too. What other processes write is not: they write past Python.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._stack = ExitStack()

    def install(self) -> None:
        """Stand guard."""
        for stream in dict.fromkeys((sys.stdout, sys.stderr)):
            if stream is not None:
                self._watch(stream)
        self._watch_logs()

    def close(self) -> None:
        """Show what was held back, and leave every stream and handler as it was; may be called twice."""
        self._stack.close()

    def redact_arguments(self, owner: Any, name: str) -> None:
        """Redact what is handed to the method `name` of `owner`, as long as the guard stands."""
        original = getattr(owner, name)
        tree = self._redactor.redact_all
        self._replace(owner, name, lambda *arguments: original(*map(tree, arguments)))

    def _replace(self, owner: Any, name: str, method: Callable[..., Any]) -> None:
        before = vars(owner).get(name)
        setattr(owner, name, method)
        self._stack.callback(*((setattr, owner, name, before) if before else (delattr, owner, name)))

    def _watch(self, stream: Any) -> None:
        # Under the text layer, where that has one: what is written as bytes passes there too.
        sink = getattr(stream, "buffer", stream)
        encoding = "" if sink is stream else stream.encoding
        if sink is not stream:
            stream.flush()
        watched = _Watched(sink.write, self._redactor, encoding)
        self._stack.callback(watched.release)
        self._replace(sink, "write", watched.write)
        if sink is not stream:
            self._stack.callback(stream.flush)

    def _watch_logs(self) -> None:
        original, text = logging.Handler.format, self._redactor.redact

        def redacted(handler: logging.Handler, record: logging.LogRecord) -> str:
            return text(original(handler, record))

        self._replace(logging.Handler, "format", redacted)
        # What the HTTP client logs, it logs before anybody knows the session that is in it.
        wire = logging.getLogger("httpcore")
        self._stack.callback(wire.setLevel, wire.level)
        wire.setLevel(logging.WARNING)


class _Watched:
    """A stream's `write`, redacted; the beginning of what may become a secret waits for the next write."""

    def __init__(self, write: Callable[[Any], Any], redactor: Redactor, encoding: str) -> None:
        self._write = write
        self._redactor = redactor
        self._encoding = encoding
        self._before = ""  # shown already
        self._held = ""
        self._writing = threading.RLock()

    def write(self, written: Any) -> int:
        """Write all of it that cannot be the beginning of a secret; return how much was given."""
        given = bytes(written).decode(self._encoding, "surrogateescape") if self._encoding else str(written)
        with self._writing:
            whole = self._before + self._held + given
            spans = self._redactor.spans(whole)
            end = max(len(self._before), len(whole) - self._redactor.undecided_suffix(whole))
            for span in spans:
                if span.start < end < span.end:
                    end = max(len(self._before), span.start)
            self._show(self._redactor.shown(whole, spans, len(self._before), end))
            # Only now: a text that a stream cannot encode is written again, escaped.
            self._before, self._held = whole[max(0, end - _CONTEXT) : end], whole[end:]
        return len(written)

    def release(self) -> None:
        """Write what waits."""
        with self._writing:
            held, self._held = self._held, ""
            self._show(self._redactor.redact(held))

    def _show(self, text: str) -> None:
        if text:
            self._write(text.encode(self._encoding, "surrogateescape") if self._encoding else text)
