"""The release gate of a CAIO Alpha Swarm dashboard, as a pytest plugin.

A check is a test function: `check` gives it its id and fix, a probe decorator (`get`, `post`, ...) the
request it needs, `cases` several of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_caio.checks import Advice, NotApplicable, cases, check
    from pytest_caio.exchanges import Exchange, Mismatch
    from pytest_caio.probes import MissingInput, Probe, delete, get, head, options, patch, post, probe, put

__all__ = [
    "Advice",
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

_HOMES = {
    "Advice": "checks",
    "Exchange": "exchanges",
    "Mismatch": "exchanges",
    "NotApplicable": "checks",
    "cases": "checks",
    "check": "checks",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the commands and the runners need neither pytest nor it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'probes')}"), name)
