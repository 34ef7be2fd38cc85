"""Paths of this checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CHECKOUT", "SUPPORT"]

SUPPORT = Path(__file__).resolve().parent
"""The folder of the tests' shared code; the runners of golden sets in it are started as programs."""
CHECKOUT = SUPPORT.parents[1]
