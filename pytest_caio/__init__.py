"""The release gate of a CAIO Alpha Swarm dashboard, as a pytest plugin.

A check is a test function: `check` gives it its id and fix, a probe decorator (`get`, `post`, ...) the
request it needs, `cases` several of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_caio.checks.check import cases, check
    from pytest_caio.checks.probe import (
        Credential,
        Effect,
        Probe,
        delete,
        get,
        head,
        options,
        patch,
        post,
        probe,
        put,
    )
    from pytest_caio.checks.words import must, no, says
    from pytest_caio.environments.environment import Environment
    from pytest_caio.outcomes import Advice, Mismatch, MissingInput, NotApplicable
    from pytest_caio.probing.exchange import Exchange

__all__ = [
    "Advice",
    "Credential",
    "Effect",
    "Environment",
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
    "must",
    "no",
    "options",
    "patch",
    "post",
    "probe",
    "put",
    "says",
]

_HOMES = {
    **dict.fromkeys(("Advice", "Mismatch", "MissingInput", "NotApplicable"), "outcomes"),
    **dict.fromkeys(("cases", "check"), "checks.check"),
    **dict.fromkeys(("must", "no", "says"), "checks.words"),
    "Environment": "environments.environment",
    "Exchange": "probing.exchange",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the commands and the runners need neither pytest nor it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'checks.probe')}"), name)
