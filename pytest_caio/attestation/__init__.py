"""Signed evidence: keys, the set of files of a run, the statement about them, and its verification."""
