"""Redaction of all that this process writes to standard output, standard error and logs."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from pytest_caio.redaction.exceptions import redact_exception
from pytest_caio.redaction.lasting import lasting
from pytest_caio.redaction.redactor import Redactor

__all__ = ["Streams"]

_CONTEXT = 48  # characters already written that the next text is searched with: a secret may begin in them

_ROW = "...."  # longer than what is shown of the beginning of a secret


class Streams:
    """Redacts standard output, standard error and log handlers, from `install` to `close`.

    The stream objects stay the same, so that code that holds one, such as pytest's capturing, is covered
    too. The output of other processes is not, because it does not pass through Python.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._stack = ExitStack()

    def install(self) -> None:
        """Start redacting."""
        for stream in dict.fromkeys((sys.stdout, sys.stderr)):
            if stream is not None:
                self._watch(stream)
        self._watch_logs()

    def close(self) -> None:
        """Write what was held back, and restore every stream and handler; may be called twice."""
        self._stack.close()

    def redact_arguments(self, owner: Any, name: str) -> None:
        """Redact the arguments of the method `name` of `owner`, until `close`.

        The call is left out where the method would write bytes of a path that are no text, as pytest's cache.
        """
        original = getattr(owner, name)
        redact_all = self._redactor.redact_all

        def call(*arguments: Any) -> None:
            with suppress(UnicodeEncodeError):
                original(*map(redact_all, arguments))

        self._replace(owner, name, call)

    def redact_sections(self, item: type[Any]) -> None:
        """Redact what a test's report shows of its output, until `close`; of most tests that is nothing."""
        original, redact_all = item.add_report_section, self._redactor.redact_all

        def add(self: Any, when: str, key: str, content: str) -> None:
            if content:
                original(self, *map(redact_all, (when, key, content)))

        self._replace(item, "add_report_section", add)

    def redact_items(self, texts: list[str]) -> None:
        """Redact the items of a list, until `close`."""
        before = list(texts)
        self._stack.callback(texts.__setitem__, slice(None), before)
        texts[:] = map(self._redactor.redact, texts)

    def _replace(self, owner: Any, name: str, method: Callable[..., Any]) -> None:
        before = vars(owner).get(name)
        setattr(owner, name, method)
        self._stack.callback(*((setattr, owner, name, before) if before else (delattr, owner, name)))

    def _watch(self, stream: Any) -> None:
        # The buffer below the text layer, if there is one: bytes are written to it directly.
        sink = getattr(stream, "buffer", stream)
        encoding = "" if sink is stream else stream.encoding
        if sink is not stream:
            stream.flush()
        self._stack.enter_context(lasting(sink, _told(sink)))
        watched = _Watched(sink.write, self._redactor, encoding)
        self._stack.callback(watched.release)
        self._replace(sink, "write", watched.write)
        if sink is not stream:
            self._stack.callback(stream.flush)

    def _watch_logs(self) -> None:
        original, redact = logging.Handler.format, self._redactor.redact

        def redacted(handler: logging.Handler, record: logging.LogRecord) -> str:
            return redact(original(handler, record))

        self._replace(logging.Handler, "format", redacted)
        # A handler of another plugin may write a record without formatting it.
        make = logging.Logger.makeRecord

        def made(*arguments: Any, **named: Any) -> logging.LogRecord:
            record = make(*arguments, **named)
            with suppress(Exception):  # the message does not fit its arguments: logging says so
                record.msg, record.args = record.getMessage(), ()
            for name, value in vars(record).items():
                if isinstance(value, str):
                    setattr(record, name, redact(value))
            if record.exc_info and record.exc_info[1]:
                redact_exception(record.exc_info[1], self._redactor)
            return record

        self._replace(logging.Logger, "makeRecord", made)
        # httpcore's debug log has the headers of a response before the redactor knows the session in them.
        client = logging.getLogger("httpcore")
        self._stack.callback(client.setLevel, client.level)
        client.setLevel(logging.WARNING)


def _told(sink: Any) -> Callable[[OSError], None]:
    """Return what says on standard error, unless that is `sink`, that the stream takes no more."""

    def tell(error: OSError) -> None:
        if sys.stderr is not None and getattr(sys.stderr, "buffer", sys.stderr) is not sink:
            with suppress(OSError, ValueError):
                reason = error.strerror or "it is closed"
                sys.stderr.write(
                    f"caio: standard output takes no more ({reason}); the evidence has the verdict\n"
                )

    return tell


class _Watched:
    """A stream's redacting `write`: a suffix that may become a secret waits for the next write."""

    def __init__(self, write: Callable[[Any], Any], redactor: Redactor, encoding: str) -> None:
        self._write = write
        self._redactor = redactor
        self._encoding = encoding
        self._before = ""  # written already
        self._held = ""
        self._writing = threading.RLock()

    def write(self, written: Any) -> int:
        """Write all that cannot be the beginning of a secret; return the length of `written`."""
        given = bytes(written).decode(self._encoding, "surrogateescape") if self._encoding else str(written)
        with self._writing:
            whole = self._before + self._held + given
            if given == "." and not self._held and self._is_row(whole):
                self._show(given)
                self._before = whole[-_CONTEXT:]
                return len(written)
            spans = self._redactor.spans(whole)
            end = max(len(self._before), len(whole) - self._redactor.undecided_suffix(whole))
            for span in spans:
                if span.start < end < span.end:
                    end = max(len(self._before), span.start)
            self._show(self._redactor.shown(whole, spans, len(self._before), end))
            # Only after the write: pytest writes a text that the stream cannot encode again, escaped.
            self._before, self._held = whole[max(0, end - _CONTEXT) : end], whole[end:]
        return len(written)

    def _is_row(self, text: str) -> bool:
        """Return whether a text ends in dots, as pytest writes for passed tests, that are in no secret.

        Nothing that ends in them is then a secret, or the beginning of one.
        """
        return text.endswith(_ROW) and not self._redactor.in_some_secret(_ROW)

    def release(self) -> None:
        """Write what was held back."""
        with self._writing:
            held, self._held = self._held, ""
            self._show(self._redactor.redact(held))

    def _show(self, text: str) -> None:
        if not text:
            return
        if not self._encoding:
            self._write(text)
            return
        try:
            shown = text.encode(self._encoding, "surrogateescape")
        except UnicodeEncodeError:  # the name of a secret has a character that the stream's code page lacks
            shown = text.encode(self._encoding, "backslashreplace")
        self._write(shown)
