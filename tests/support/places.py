"""Paths of this checkout, and names of files."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["CHECKOUT", "SUPPORT", "as_toml", "encoded_name"]

SUPPORT = Path(__file__).resolve().parent
"""The folder of the tests' shared code; the runners of golden sets in it are started as programs."""
CHECKOUT = SUPPORT.parents[1]


def encoded_name(name: str) -> str:
    """Return a file's name whose bytes are UTF-8, also where the locale (`LC_ALL=C`) has no such letters."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape")) if os.name == "posix" else name


def as_toml(value: object) -> str:
    """Return a value as TOML, its paths with their letters, also where the locale has no such letters."""
    text = json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape").decode("utf-8")
