"""The requests of a run: planned, sent once each, and their responses."""
