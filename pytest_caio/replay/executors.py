"""Work done by any executor of `concurrent.futures`, a Dask cluster's too: what is done arrives at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pytest_caio.errors import InputError

__all__ = ["abandoned", "each_done", "executor_at"]

_STEP = 0.5  # seconds of one wait: on Windows a signal is handled only when it ends
_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_Part = TypeVar("_Part")
_Sent = TypeVar("_Sent")
_Got = TypeVar("_Got")
_Done = TypeVar("_Done")


def each_done(
    executor: Executor,
    work: Callable[[_Sent], _Got],
    parts: Iterable[_Part],
    *,
    sent: Callable[[_Part], _Sent],
    got: Callable[[_Part, _Got], Iterable[_Done]],
    instead: Callable[[_Part, str], Iterable[_Done]],
    ahead: int,
    seconds: float = math.inf,
    idle: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[_Done]:
    """Yield what `work` makes of each part, as it arrives; every part is answered for exactly once.

    `sent` is what of a part goes to the executor, where `work` is called with it; `got` is what this process
    makes of the part with what comes back. At most `ahead` parts are under way. A part whose work the
    executor lost, or did not do within `seconds` in all or `idle` seconds since the last arrival, or before
    `stopped`, is answered for by `instead`, which is given the reason. The executor is not shut down.
    """
    arrived: SimpleQueue[Future[_Got]] = SimpleQueue()
    under_way: dict[Future[_Got], _Part] = {}
    started = latest = time.monotonic()

    def why_over() -> str:
        if stopped():
            return "the replay was stopped"
        late = time.monotonic() >= min(started + seconds, latest + idle)
        return "no worker took the case up before the replay's total time was over" if late else ""

    waiting, over = iter(parts), ""
    try:
        while not over:
            while len(under_way) < ahead and (part := next(waiting, None)) is not None:
                try:
                    future = executor.submit(work, sent(part))
                except Exception as error:  # noqa: BLE001 - executors have errors of their own for "is broken"
                    yield from instead(part, _lost(error))
                    continue
                under_way[future] = part
                future.add_done_callback(arrived.put)
            if not under_way:
                return
            with contextlib.suppress(Empty):
                future = arrived.get(timeout=_STEP)
                part, latest = under_way.pop(future), time.monotonic()
                failure = CancelledError() if future.cancelled() else future.exception()
                yield from instead(part, _lost(failure)) if failure else got(part, future.result())
            over = why_over()
        while under_way:
            future, part = under_way.popitem()
            future.cancel()  # what arrives of it all the same is not looked at
            yield from instead(part, over)
        for part in waiting:
            yield from instead(part, over)
    finally:
        for future in under_way:
            future.cancel()


@contextlib.contextmanager
def executor_at(address: str) -> Iterator[Executor | None]:
    """Connect to the Dask scheduler of `dask://HOST:PORT`; an empty address is no executor.

    Raises InputError where the `dask` extra is not installed, or no scheduler with workers answers there.
    """
    if not address:
        yield None
        return
    try:
        from distributed import Client  # noqa: PLC0415 - the extra `dask`
    except ImportError:
        raise InputError(
            f'replay.executor {address}: needs the extra "dask": pip install "pytest-caio[dask]"'
        ) from None
    place = f"tcp://{urlsplit(address).netloc}"
    # It logs each lost connection with a traceback. What that means for the replay is told by the replay.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL + 1)
    try:
        workers = asyncio.run(_workers(place))
        # Not before: it waits for ever for a service that accepts the connection and says nothing.
        client = Client(place, timeout=_CONNECT_SECONDS, set_as_default=False) if workers else None
    except Exception as error:  # noqa: BLE001 - another service's words are taken for lengths, names and more
        raise InputError(
            f"replay.executor {address}: no Dask scheduler answers there ({type(error).__name__}): start it "
            f"(dask scheduler), and its workers (dask worker {place})"
        ) from None
    if client is None:
        raise InputError(
            f"replay.executor {address}: the Dask scheduler has no worker: start some (dask worker {place})"
        )
    try:
        yield client.get_executor(pure=False)
    finally:
        # With the client the scheduler forgets what it was given. It is not asked to cancel it: it may hang.
        with contextlib.suppress(TimeoutError):
            client.close(_CLOSE_SECONDS)


def abandoned() -> Callable[[], bool]:
    """Return a function that says whether nobody waits any more for the work that calls this.

    It is known of a Dask worker's task alone, which goes on after the end of the replay that sent it.
    """
    dask = sys.modules.get("distributed")
    try:
        worker = dask.get_worker() if dask else None
    except ValueError:  # this is no worker
        worker = None
    if worker is None:
        return lambda: False
    tasks, key = worker.state.tasks, worker.get_current_task()

    def over() -> bool:
        task = tasks.get(key)
        return task is None or task.state == "cancelled"

    return over


async def _workers(place: str) -> dict[str, Any]:
    """Return the workers of the Dask scheduler at an address, by theirs."""
    from distributed import rpc  # noqa: PLC0415 - the extra `dask`

    async def ask() -> dict[str, Any]:
        async with rpc(place) as scheduler:
            return dict((await scheduler.identity(n_workers=-1))["workers"])

    return await asyncio.wait_for(ask(), _CONNECT_SECONDS)


def _lost(error: BaseException) -> str:
    return (
        f"the executor lost the case ({type(error).__name__}): see that its scheduler and workers run, with "
        "this version of pytest-caio, and replay"
    )
