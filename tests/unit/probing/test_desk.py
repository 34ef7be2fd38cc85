"""What the process that sends requests tells of them."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import Any

import pytest

from pytest_caio.checks.probe import Request
from pytest_caio.probing import desk
from pytest_caio.probing.exchange import Exchange


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100])
def test_a_message_is_bounded(count: int) -> None:
    """Outcomes that wait are told in order, few in one message, since each may be of a MiB."""
    outcomes: SimpleQueue[tuple[int | str, Future[Any]] | None] = SimpleQueue()
    for number in range(count):
        future: Future[Any] = Future()
        future.set_result(number)
        outcomes.put((number, future))
    outcomes.put(None)
    ours, theirs = Pipe()
    desk._tell(outcomes, theirs)
    theirs.close()
    told = []
    while ours.poll():
        try:
            told.append(pickle.loads(ours.recv_bytes()))
        except EOFError:
            break
    assert [key for message in told for key, _, _ in message] == list(range(count))
    assert max(map(len, told), default=0) <= 16


@pytest.mark.parametrize("retried", [False, True])
def test_a_message_is_bounded_in_bytes(*, retried: bool) -> None:
    """Responses of a MiB are told one by one, also where that is the size of an earlier attempt."""
    outcomes: SimpleQueue[tuple[int | str, Future[Any]] | None] = SimpleQueue()
    request, now = Request("GET", "http://a.example", "/"), datetime.now(UTC)
    large = Exchange(request, now, 1.0, 200, body=b"x" * (1 << 20))
    for number in range(4):
        future: Future[Any] = Future()
        future.set_result(Exchange(request, now, 1.0, 200, earlier=(large,)) if retried else large)
        outcomes.put((number, future))
    outcomes.put(None)
    ours, theirs = Pipe()
    teller = threading.Thread(target=desk._tell, args=(outcomes, theirs))
    teller.start()
    told: list[Any] = []
    while sum(map(len, told)) < 4:
        told.append(pickle.loads(ours.recv_bytes()))
    teller.join()
    assert [[key for key, _, _ in message] for message in told] == [[0], [1], [2], [3]]
