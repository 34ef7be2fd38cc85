"""The commands of `python -m pytest_caio`, a module each."""
