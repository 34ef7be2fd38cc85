"""Every way the reference deployment can differ and be as healthy, one small function a variation.

What a deployment may word, order, send or leave out as it likes: a check that minds is wrong. They are
written like faults, and turn nothing red.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pytest_caio.reference.faults.fault import Fault
from pytest_caio.reference.variations.content import SAYING
from pytest_caio.reference.variations.format import WRITING

__all__ = ["VARIATIONS"]

VARIATIONS: Mapping[str, Fault] = MappingProxyType({**WRITING, **SAYING})
