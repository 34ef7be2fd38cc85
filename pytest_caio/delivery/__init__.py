"""Delivery of evidence: what a tracker is given, and how each tracker takes it exactly once."""
