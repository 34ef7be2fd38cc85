"""Where things are in this checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CHECKOUT", "SUPPORT"]

SUPPORT = Path(__file__).resolve().parent
"""The folder of what the tests share; runners of golden sets among it are started as programs."""
CHECKOUT = SUPPORT.parents[1]
