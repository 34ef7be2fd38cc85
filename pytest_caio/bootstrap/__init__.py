"""Filling in a runtime env file: existing values are kept and missing ones added, all or none."""
