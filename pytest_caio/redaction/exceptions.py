"""Redaction of exceptions: of their arguments and attributes, their causes, and the members of groups."""

from __future__ import annotations

import types
from contextlib import suppress
from typing import Any

from pytest_caio.redaction.redactor import Redactor

__all__ = ["redact_exception"]

_LINKS = ("__cause__", "__context__")
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)


def redact_exception(error: BaseException, redactor: Redactor) -> BaseException:
    """Redact an exception in place and return it; a group, which cannot be changed, is replaced."""
    shown: BaseException = _Redaction(redactor).of(error)
    return shown


class _Redaction:
    """Redacts one exception and all that it leads to, which may lead back to it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor.redact
        self._seen: dict[int, Any] = {}

    def of(self, error: Any) -> Any:
        if id(error) in self._seen:
            return self._seen[id(error)]
        self._seen[id(error)] = error
        shown = self._group(error) if isinstance(error, BaseExceptionGroup) else error
        suppressed = error.__suppress_context__
        for name in _LINKS:
            linked = getattr(error, name)
            setattr(shown, name, None if linked is None else self.of(linked))
        shown.__suppress_context__ = suppressed
        if shown is error and not isinstance(error, BaseExceptionGroup):
            error.args = self._value(error.args)
        attributes = {**_fields(error), **vars(error)}
        for name, value in attributes.items():
            redacted = self._value(value)
            # An OSError changes its text when its file name is set, even to None.
            if shown is not error or redacted is not value:
                with suppress(AttributeError, TypeError):  # some cannot be set
                    setattr(shown, name, redacted)
        return shown

    def _group(self, error: BaseExceptionGroup[Any]) -> BaseExceptionGroup[Any]:
        message, members = self._redact(error.message), [self.of(member) for member in error.exceptions]
        if message == error.message and all(a is b for a, b in zip(members, error.exceptions, strict=True)):
            return error
        # Of the base class, which picks ExceptionGroup where it can: a subclass may take other arguments.
        shown = self._seen[id(error)] = BaseExceptionGroup(message, members)
        return shown.with_traceback(error.__traceback__)

    def _value(self, value: Any) -> Any:
        """Return a value redacted; an object is replaced by its redacted text where that has a secret."""
        if isinstance(value, str):
            return self._redact(value)
        if type(value) in (tuple, list):
            return type(value)(map(self._value, value))
        if type(value) is dict:
            return {self._value(key): self._value(item) for key, item in value.items()}
        if value is None or isinstance(value, int | float | BaseException | types.TracebackType):
            return value
        try:
            text = repr(value)
        except Exception:  # noqa: BLE001 - an object of others that cannot be shown shows no secret
            return value
        shown = self._redact(text)
        return value if shown == text else shown


def _fields(error: BaseException) -> dict[str, Any]:
    """Return what an exception holds in fields of its class, such as the file name of an OSError."""
    found = {}
    for kind in type(error).__mro__[:-2]:  # without those of BaseException and object
        for name, field in vars(kind).items():
            if isinstance(field, _DESCRIPTORS) and not name.startswith("__"):
                with suppress(AttributeError):
                    found[name] = getattr(error, name)
    return found
