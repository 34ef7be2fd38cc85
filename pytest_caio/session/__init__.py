"""One run under pytest: its hooks, fixtures, workers and secrets."""
