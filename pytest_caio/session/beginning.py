"""What a run begins as soon as its options are known, before most of the suite is imported."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from pytest_caio.arguments import asks_nothing
from pytest_caio.commandline import Options
from pytest_caio.errors import InputError
from pytest_caio.probing.desk import GARBAGE, Desk, Fork, connect, may_fork
from pytest_caio.session.head_start import HEAD_START
from pytest_caio.system.signals import SignalHandler
from pytest_caio.text import printable

if TYPE_CHECKING:
    from pytest_caio.probing.asker import Asker
    from pytest_caio.probing.exchange import Exchange
    from pytest_caio.probing.prober import Prober
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
    """The handling of signals, the prober's process, and a reference deployment's, where one is needed.

    All end with the run, however it ends. The processes start while the run imports the rest of the suite and
    collects the checks. A worker starts none: it gets its controller's.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._options = options
        self._ahead = config.stash.get(HEAD_START, None)
        self.signals = self._ahead.signals if self._ahead else SignalHandler()
        self.reference: ReferenceProcess | None = None
        self._fork: Fork | None = None
        self._desk: Desk | None = None
        received: dict[str, str] | None = getattr(config, "workerinput", None)
        self.desk = received.get("caio_desk", "") if received else ""
        """The address where all workers have their requests sent; empty in a run without workers."""
        config.add_cleanup(self._end)
        # What is imported and collected is no garbage, and to look for some in it takes a tenth of a run.
        self._threshold = gc.get_threshold()
        gc.set_threshold(0)
        self.signals.begin()  # first, so that no signal leaves a process or its files behind
        if received is not None:
            return
        if not options.plan and not asks_nothing(config.option):
            self._begin_asking(shared=getattr(config.option, "dist", "no") != "no")
        needed = not all(environment.base_url for environment in options.environments)
        if self._ahead is not None and needed and not options.faults:
            self.reference = self._ahead.reference
            return
        if self._ahead is not None:
            self._ahead.reference.begin_stop()
        if needed:
            from pytest_caio.reference.hosting.process import ReferenceProcess  # noqa: PLC0415 - only demo needs it

            self.reference = ReferenceProcess(environment="demo", faults=options.faults, access_log=False)
            self.reference.begin()

    def prober(self, learn: Callable[[Exchange], None]) -> Prober | Asker:
        """Return the prober of this run; `learn` is called with each response that this process gets."""
        from pytest_caio.probing.asker import Asker, ProberGoneError  # noqa: PLC0415 - the fork needs it not

        if self._fork is not None:
            return Asker(self._fork.connection, learn, self._fork.end)
        if self.desk and self._desk is None:
            try:
                return Asker(connect(self.desk), learn)
            except (OSError, EOFError):
                raise ProberGoneError from None
        prober = _make_prober(self._options, learn)
        if self._desk is not None:
            self._desk.serve(prober)
        return prober

    def _begin_asking(self, *, shared: bool) -> None:
        if shared:
            self._desk = Desk()
            self.desk = self._desk.address
        # Before a thread, and before what else ends when its input does: a fork would hold that open.
        if may_fork():
            with suppress(OSError):  # there may be no more processes: then it is a thread
                self._fork = Fork(self._make_forked_prober, self._desk)
                if self._desk is not None:
                    self._desk.close()  # this copy: nobody would answer a worker here after the fork's end

    def _make_forked_prober(self) -> Prober:
        if self._ahead is not None:
            self._ahead.reference.begin_stop()  # close this copy of its input: it ends when all are closed
        return _make_prober(self._options)

    def keep(self) -> None:
        """Search nothing that exists now for garbage, since it lives until the end, and the rest seldom."""
        gc.freeze()
        gc.set_threshold(GARBAGE, *self._threshold[1:])

    def _end(self) -> None:
        gc.freeze()  # Python searches once more when it ends
        gc.set_threshold(*self._threshold)
        with ExitStack() as stack:  # each ends, even if ending another fails
            stack.callback(self.signals.end)
            if self.reference is not None:
                stack.callback(self.reference.stop)
            if self._desk is not None:
                stack.callback(self._desk.close)
            if self._fork is not None:
                stack.callback(self._fork.end)


def _make_prober(options: Options, learn: Callable[[Exchange], None] = lambda _: None) -> Prober:
    # With them httpx is imported, which takes 0.1 s: in the fork, if there is one.
    from pytest_caio.probing.prober import Prober  # noqa: PLC0415
    from pytest_caio.probing.transport import Transport  # noqa: PLC0415

    return Prober(
        lambda: Transport(timeout=options.timeout, on_answer=learn),
        connections=options.connections,
        rate=options.rate,
    )
