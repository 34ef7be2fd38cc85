"""Environments: profiles, env files, and the rules for an environment's settings."""
