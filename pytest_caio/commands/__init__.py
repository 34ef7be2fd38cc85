"""The commands of `python -m pytest_caio`, one module each."""
