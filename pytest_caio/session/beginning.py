"""What a run begins as soon as its options are known, before most of the suite is imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_caio.commandline import Options
from pytest_caio.errors import InputError
from pytest_caio.system.signals import SignalHandler
from pytest_caio.text import printable

if TYPE_CHECKING:
    from pytest_caio.reference.hosting.process import ReferenceProcess

__all__ = ["Beginning", "usage_errors"]


@contextmanager
def usage_errors() -> Iterator[None]:
    """Raise pytest's UsageError, which is one line and exit status 4, in place of an InputError."""
    try:
        yield
    except InputError as error:
        raise pytest.UsageError(printable(str(error))) from None


class Beginning:
    """The handling of signals, and the process of the reference deployment, where a profile needs one.

    Both end with the run, however it ends. The process starts while the run imports the rest of the suite and
    collects the checks. A worker starts none: it gets its controller's.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.signals = SignalHandler()
        self.reference: ReferenceProcess | None = None
        config.add_cleanup(self._end)
        self.signals.begin()  # first, so that no signal leaves the process or its files behind
        here = not hasattr(config, "workerinput")
        if here and not all(environment.base_url for environment in options.environments):
            from pytest_caio.reference.hosting.process import ReferenceProcess  # noqa: PLC0415 - only demo needs it

            self.reference = ReferenceProcess(environment="demo", faults=options.faults, access_log=False)
            self.reference.begin()

    def _end(self) -> None:
        try:
            if self.reference is not None:
                self.reference.stop()
        finally:
            self.signals.end()
