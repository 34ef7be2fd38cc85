"""Declarations of checks: ids, probes and credentials."""
