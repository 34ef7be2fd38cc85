"""Parametrization with some cases for `make test` and the others for `make nightly`."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

__all__ = ["some_nightly"]


def some_nightly(names: Iterable[str], *nightly: str) -> list[object]:
    """Return the names as parameters; those in `nightly` are longer forms of what the others test."""
    listed = list(names)
    assert set(nightly) <= set(listed)
    return [pytest.param(name, marks=pytest.mark.nightly) if name in nightly else name for name in listed]
