"""Findings that are kept on disk, on their way to another xdist worker."""

from __future__ import annotations

import json

import msgspec

from pytest_caio.gates.state import StateFindings
from pytest_caio.state import Comparison, Summary, Survey, Unequal
from pytest_caio.system.diskmap import DiskList, DiskMap
from pytest_caio.system.jobs import Jobs


def test_findings_on_disk_reach_a_worker() -> None:
    """What is kept on disk, or is a view of it, arrives in a worker as the same data."""
    keys = DiskMap(bytes.decode)
    keys.add("caio:cadence:lead:1", b"a")
    unequal = DiskList(msgspec.msgpack.Decoder(Unequal).decode)
    unequal.append(msgspec.msgpack.encode(Unequal("a.json", "key", "is missing")))
    found = StateFindings(
        prefix="caio",
        compared=Comparison({}, unequal, (), (), ()),
        surveyed=Survey({}, (), (), (), keys.keys(), keys.keys()),
        summary=Summary(ok=True, dry_run=False, prefix="caio", counts={}, digests=keys),
    )
    controller = Jobs(lambda _: None)
    folder = controller.share()
    controller.start("state", lambda: found)
    worker = Jobs(lambda _: None, folder)
    arrived = worker.result("state", StateFindings)
    controller.close()
    assert arrived.surveyed is not None
    assert arrived.compared is not None
    assert arrived.summary is not None
    assert arrived.surveyed.records == {"caio:cadence:lead:1"}
    assert arrived.compared.unequal == [Unequal("a.json", "key", "is missing")]
    assert json.dumps(arrived.summary.digests) == '{"caio:cadence:lead:1": "a"}'
