"""The release gate of a CAIO Alpha Swarm dashboard, as a pytest plugin.

A check is a test function: `check` gives it its id and fix, a probe decorator (`get`, `post`, ...) the
request it needs, `cases` several of them.
"""

from pytest_caio.checks import NotApplicable, cases, check
from pytest_caio.exchanges import Exchange, Mismatch
from pytest_caio.probes import MissingInput, Probe, delete, get, head, options, patch, post, probe, put

__all__ = [
    "Exchange",
    "Mismatch",
    "MissingInput",
    "NotApplicable",
    "Probe",
    "cases",
    "check",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "probe",
    "put",
]
