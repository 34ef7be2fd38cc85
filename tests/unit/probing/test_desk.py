"""What the process that sends requests tells of them."""

from __future__ import annotations

import pickle
from concurrent.futures import Future
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import Any

import pytest

from pytest_caio.probing import desk


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
