"""The inputs of the gates other than HTTP: Redis, file state, golden set, critical tests, operator record."""
