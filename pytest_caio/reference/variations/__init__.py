"""Every way the reference deployment can differ and be as healthy, each a row of a table.

What a deployment may word, order, send or leave out as it likes: a check that minds is wrong. They are
written like faults, and turn nothing red.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_caio.reference.faults.fault import Fault, by_name
from pytest_caio.reference.variations.content import CONTENT
from pytest_caio.reference.variations.format import FORMAT

__all__ = ["VARIATIONS"]

VARIATIONS: Mapping[str, Fault] = by_name(FORMAT, CONTENT)
