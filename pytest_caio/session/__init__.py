"""One run under pytest: its hooks, its fixtures, its workers and its secrets."""
