"""Filling in a runtime environment file: what is there is kept, what is missing is added, or nothing is."""
