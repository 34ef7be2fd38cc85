"""The state gate of the short suite: with workers, a file's name says which background jobs it needs."""

from __future__ import annotations

from acceptance.test_state import test_records_have_twins

__all__ = ["test_records_have_twins"]
