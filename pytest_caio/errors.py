"""Errors that carry one clear line for the person who gave the input."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(Exception):
    """Input that cannot be used: the text is one line that names the option, file or key, never a value."""
