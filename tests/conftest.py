"""How the tests share a machine: a file's tests share what they start, so they stay on one worker."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep each file on one xdist worker, but for the faults: each starts a deployment of its own."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        if item.path.name != "test_faults.py":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are processors: a test waits for its processes a third of its time."""
    return (os.cpu_count() or 1) + 1
