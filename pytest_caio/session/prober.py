"""Makes the prober of a run, with which the HTTP client is imported."""

from __future__ import annotations

from collections.abc import Callable

from pytest_caio.commandline import Options
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.prober import Prober
from pytest_caio.probing.transport import Transport

__all__ = ["make_prober"]


def make_prober(options: Options, learn: Callable[[Exchange], None]) -> Prober:
    """Return a prober with the limits of `options`; `learn` is called with each response."""
    return Prober(
        lambda: Transport(timeout=options.timeout, on_answer=learn),
        connections=options.connections,
        rate=options.rate,
    )
