"""Fixtures of the report tests: a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import launch


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium, closed after each file: while it is open, no other test could run an event loop."""
    with launch() as browser:
        yield browser
