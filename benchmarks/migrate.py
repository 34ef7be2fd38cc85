"""Measures `migrate-state` as a ratio to a bare pipelined SET of the same values in the same run."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.state import connect, migrate, read_records
from pytest_caio.state.records import Record

__all__ = ["main"]

_PIPELINE = 500


def main() -> int:
    """Measure, and print one line; return 0 if every record was migrated, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory() as folder, RedisServer() as server, connect(server.url) as client:
        hive = Path(folder)
        write_hive(hive, records)
        pairs = [(r.key, r.text) for r in read_records(hive, "caio") if isinstance(r, Record)]
        started = time.perf_counter()
        for start in range(0, len(pairs), _PIPELINE):
            with client.pipeline(transaction=False) as pipe:
                for key, text in pairs[start : start + _PIPELINE]:
                    pipe.set(key, text)
                pipe.execute()
        bare = time.perf_counter() - started
        del pairs
        client.flushall()
        started = time.perf_counter()
        summary = migrate(hive, client, "caio")
        ours = time.perf_counter() - started
    print(
        f"migrate-state: {records} records in {ours:.2f} s, {ours / bare:.1f} x a bare pipelined SET"
        f" ({bare:.2f} s); ok: {str(summary.ok).lower()}"
    )
    return 0 if summary.ok and summary.migrated == records else 1


def write_hive(hive: Path, records: int) -> None:
    """Write a hive directory of leads, each about 300 bytes."""
    folder = hive / "cadence_state"
    folder.mkdir()
    for n in range(records):
        steps = [{"step": step, "sent": f"2026-02-{step + 1:02}T09:00:00+00:00"} for step in range(3)]
        lead = {"email": f"lead{n}@customer.example", "status": "active", "score": n / 7, "steps": steps}
        (folder / f"{n}.json").write_text(json.dumps(lead, indent=2), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
