"""Load the plugin from the checkout where it is not installed; pytest skips it where it is."""

from __future__ import annotations

import pytest

from pytest_caio.plugin import load_needed

pytest_plugins = ["pytest_caio.plugin"]


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugins that the suite needs where pytest does not, as with --disable-plugin-autoload."""
    load_needed(pluginmanager)
