"""The extra of this package that the reference deployment needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_caio.errors import InputError

__all__ = ["of_the_extra"]


@contextmanager
def of_the_extra() -> Iterator[None]:
    """Raise InputError, with what to install, where an import of this block finds no module."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"serve needs {error.name}: pip install 'pytest-caio[demo]'") from None
