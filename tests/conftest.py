"""How the tests share a machine: a file's tests share what they start, so they stay on one worker."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep each file on one xdist worker, but for the faults: each starts a deployment of its own."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        if item.path.name != "test_faults.py":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
