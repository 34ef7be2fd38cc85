"""Load the plugin from the checkout where it is not installed; pytest skips it where it is."""

pytest_plugins = ["pytest_caio.plugin"]
