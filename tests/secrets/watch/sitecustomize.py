"""Python runs this module at its start if its folder is on PYTHONPATH: record the process's connections."""

import watching  # noqa: F401 - imported for its side effect

__all__ = []
