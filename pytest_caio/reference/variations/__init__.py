"""All variations: ways in which the reference deployment can differ and stay healthy.

Each changes something that a deployment may word, order, send or leave out as it likes, so a check that turns
red because of one is wrong. Variations are written like faults.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_caio.reference.faults.fault import Fault, by_name
from pytest_caio.reference.variations.access import ACCESS
from pytest_caio.reference.variations.content import CONTENT
from pytest_caio.reference.variations.format import FORMAT
from pytest_caio.reference.variations.operation import OPERATION

__all__ = ["VARIATIONS"]

VARIATIONS: Mapping[str, Fault] = by_name(FORMAT, CONTENT, OPERATION, ACCESS)
