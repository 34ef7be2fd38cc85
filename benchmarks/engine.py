"""Measures replay, judging, evidence and migration: ratios that are measured in one run, with their spread.

`python -m benchmarks.engine` measures all of it, `--only PART` a part, `--small` the short form (a minute),
and `--largest` kills and repeats a migration of 1,000,000 records. Memory is the peak of a process that does
nothing else. Times are of the wall clock, those of judging and evidence of the processor; each ratio is of
two measurements that were taken one after the other.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.replay import (
    CommandRunner,
    RecordedRunner,
    load_answers,
    load_golden,
    replay_each,
    run_replay,
)
from pytest_caio.replay.executors import executor_at
from pytest_caio.state import (
    compare,
    connect,
    migrate,
    read_records,
    read_summary,
    summary_faults,
    survey,
    write_summary,
)
from pytest_caio.state.records import Record
from tests.support.peaks import peak_mib
from tests.support.recorded import write_recorded

__all__ = ["main"]

CHECKOUT = Path(__file__).resolve().parents[1]
GOLDEN = CHECKOUT / "pytest_caio" / "reference" / "golden" / "golden_set.json"
START_SECONDS = 0.4  # a runner that loads a model client and an index takes longer
AGENT = (
    f"import runpy, sys, time; time.sleep({START_SECONDS}); "
    "runpy.run_module('pytest_caio.reference.golden.agent', run_name='__main__')"
)
PIPELINE = 500


def main() -> int:
    """Measure, and print one line for each figure; return 0, or 1 where a result is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--small", action="store_true", help="the short form")
    parser.add_argument("--largest", action="store_true", help="1,000,000 records (5 GB of disk, an hour)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure (default: 3)")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(CHILDREN[given.child[0]](*given.child[1:])))
        return 0
    parts = [given.only] if given.only else list(PARTS)
    for part in parts:
        PARTS[part](given)
    return 0


def ratios(name: str, base: Sequence[float], ours: Sequence[float], what: str) -> None:
    """Print how many times as fast `ours` is as `base`: the median of the pairs, and the spread."""
    found = sorted(slow / fast for slow, fast in zip(base, ours, strict=True))
    print(
        f"{name}: {statistics.median(found):.2f} x as fast as {what} ({found[0]:.2f} to {found[-1]:.2f}; "
        f"{statistics.median(ours):.2f} s against {statistics.median(base):.2f} s)",
        flush=True,
    )


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def start(*words: object) -> subprocess.Popen[str]:
    """Start a process of its own, which prints what it finds, with the peak of its memory in MiB."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.engine", "--child", *map(str, words)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_ADDOPTS": ""},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def child(*words: object) -> dict[str, Any]:
    """Return what a process of its own finds."""
    with start(*words) as process:
        printed, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{words[0]} ended with {process.returncode}")
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


@contextmanager
def dask(folder: str) -> Iterator[Executor | None]:
    """Two Dask workers, processes on loopback, as an executor; None where Dask is not installed."""
    if importlib.util.find_spec("distributed") is None:
        print('Dask is not installed: pip install "pytest-caio[dask]"', flush=True)
        yield None
        return
    from distributed import LocalCluster  # noqa: PLC0415 - the extra `dask`

    settings = {"host": "127.0.0.1", "dashboard_address": None, "local_directory": folder}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **settings) as cluster,
        executor_at(cluster.scheduler_address.replace("tcp://", "dask://")) as executor,
    ):
        yield executor


def replay(given: argparse.Namespace) -> None:
    """50 cases, and a runner that takes 0.4 s to start: one after the other, pooled, warm, on Dask."""
    golden = load_golden(GOLDEN)
    rounds = 1 if given.small else given.rounds

    def asked(protocol: Any, workers: int, executor: Executor | None = None) -> None:
        command = ["python", "-c", AGENT, *(["--lines"] if protocol == "lines" else [])]
        runner = CommandRunner(command, protocol=protocol, cwd=CHECKOUT, workers=workers, executor=executor)
        found = run_replay(golden, runner, decoys=False)
        if sum(case.passed for case in found.cases) != 49:
            raise RuntimeError(f"the demo's agent misses one case of 50: {found.misses}")

    with tempfile.TemporaryDirectory() as folder, dask(folder) as executor:
        ways = {
            "pooled, 4 workers": partial(asked, "process", 4),
            "warm lines, 2 workers": partial(asked, "lines", 2),
        }
        if executor is not None:
            ways["warm lines, 2 Dask workers"] = partial(asked, "lines", 2, executor)
        taken: dict[str, list[float]] = {name: [] for name in ["old", *ways]}
        for _ in range(rounds):
            taken["old"].append(timed(partial(asked, "process", 1)))
            for name, way in ways.items():
                taken[name].append(timed(way))
    for name in ways:
        ratios(f"replay of 50 cases, {name}", taken["old"], taken[name], "one process a case in a row")


def judge_recorded(folder: str, executor: Executor | None = None) -> dict[str, Any]:
    """Judge the recorded answers of a folder."""
    place = Path(folder)
    started = time.perf_counter()
    golden, answers = load_golden(place / "golden.jsonl"), load_answers(place / "answers.jsonl")
    read, used = time.perf_counter(), time.process_time()
    figures = replay_each(golden, RecordedRunner(answers), executor=executor)
    ended = time.perf_counter()
    return {
        "cases": figures.asked,
        "read": read - started,
        "judged": ended - read,
        "processor": time.process_time() - used,
        "peak": peak_mib(),
    }


def judging(given: argparse.Namespace) -> None:
    """Recorded answers, 1.5 kB a case, judged by one core, and by two Dask workers."""
    sizes = (200, 2000) if given.small else (1000, 10_000, 100_000)
    rounds = 1 if given.small else given.rounds
    with tempfile.TemporaryDirectory() as folder:
        found: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
        for size in sizes:
            (Path(folder) / str(size)).mkdir()
            write_recorded(Path(folder) / str(size), size)
        for _ in range(rounds):
            for size in sizes:
                found[size].append(child("judging", Path(folder) / str(size)))
        first = found[sizes[0]]
        for size in sizes:
            each = found[size]
            rates = sorted(size / one["processor"] for one in each)
            slower = [
                one["processor"] / size / (of["processor"] / sizes[0])
                for one, of in zip(each, first, strict=True)
            ]
            more = [one["peak"] / of["peak"] for one, of in zip(each, found[sizes[-2]], strict=True)]
            print(
                f"judging {size:,}: {statistics.median(slower):.2f} x the time a case of {sizes[0]:,} "
                f"({min(slower):.2f} to {max(slower):.2f}), {max(more):.2f} x the memory of {sizes[-2]:,}; "
                f"{statistics.median(rates):,.0f} a second ({rates[0]:,.0f} to {rates[-1]:,.0f}), "
                f"{max(one['peak'] for one in each):.0f} MiB",
                flush=True,
            )
        with dask(folder) as executor:
            if executor is not None:
                place = str(Path(folder) / str(sizes[-1]))
                alone, shared, workers, of_all = [], [], [], []
                for warmed in (None, executor):  # both have imported what they need before they are measured
                    judge_recorded(str(Path(folder) / str(sizes[0])), warmed)
                for _ in range(rounds):
                    alone.append(judge_recorded(place))
                    before = of_children()
                    shared.append(judge_recorded(place, executor))
                    used = [now - then for now, then in zip(of_children(), before, strict=True)]
                    workers.append(max(used))
                    of_all.append((sum(used) + shared[-1]["processor"]) / 2)
                one, two = ([each["judged"] for each in which] for which in (alone, shared))
                ratios(f"judging {sizes[-1]:,}, two Dask workers", one, two, "one core")
                # By the clock both are bound by the cores that are free; in processor time each is not.
                one, here = ([each["processor"] for each in which] for which in (alone, shared))
                ratios("the same in processor time, the busier worker", one, workers, "one core")
                ratios("the same, client and scheduler in one process", one, here, "one core")
                ratios("the same, half of all processes, as on two free cores", one, of_all, "one core")


def of_children() -> list[float]:
    """Return the processor time of each process that this one started, in seconds."""
    import psutil  # noqa: PLC0415 - Dask needs it, and nothing else here

    return [sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True)]


class LastTest:
    """Knows when the last test ended, in processor time."""

    ended = 0.0

    def pytest_runtest_logfinish(self) -> None:
        """Note the time, after each test."""
        self.ended = time.process_time()


def run_pytest(*arguments: str) -> dict[str, Any]:
    """Run pytest in this process: its processor time, that after the last test, and the peak of memory."""
    last = LastTest()
    status = pytest.main(["-q", "-p", "no:cacheprovider", *arguments], plugins=[last])
    if status not in (0, 1):
        raise RuntimeError(f"pytest ended with {status}")
    used = time.process_time()
    return {"processor": used, "end": used - last.ended, "peak": peak_mib()}


def evidence(given: argparse.Namespace) -> None:
    """A run with a golden set of so many recorded cases, each a test, against as many empty tests."""
    sizes = (50, 200) if given.small else (100, 1000, 10_000)
    rounds = 1 if given.small else given.rounds
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            write_recorded(place, size)
            keys = {"golden_set": str(place / "golden.jsonl"), "answers": str(place / "answers.jsonl")}
            lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
            profile = ["[bench]", 'base_url = "http://127.0.0.1:9"', "[bench.replay]", *lines, ""]
            (place / "p.toml").write_text("\n".join(profile), encoding="utf-8")
            (place / "test_empty.py").write_text(
                f"import pytest\n@pytest.mark.parametrize('n', range({size}))\ndef test_n(n):\n    pass\n",
                encoding="utf-8",
            )
            suite = ("acceptance/test_replay.py", "--env", "bench", "--profiles", str(place / "p.toml"))
            html = (f"--html={folder}/empty.html", "--self-contained-html")
            ours, empty = [], []
            for _ in range(rounds):
                empty.append(child("pytest", str(place / "test_empty.py"), "-c", "pytest.ini", *html))
                ours.append(child("pytest", *suite, "--evidence-dir", str(place / "reports")))
            written = sum(path.stat().st_size for path in (place / "reports").rglob("*") if path.is_file())
        taken = sorted(o["processor"] / e["processor"] for o, e in zip(ours, empty, strict=True))
        print(
            f"evidence of {size:,} cases: {statistics.median(taken):.2f} x the empty session "
            f"({taken[0]:.2f} to {taken[-1]:.2f}), in processor time; verdict and evidence at its end "
            f"{statistics.median(o['end'] for o in ours):.2f} s of {ours[-1]['processor']:.2f} s, "
            f"{max(o['peak'] for o in ours):.0f} MiB, {written / rounds / 2**20:.1f} MiB of files a run",
            flush=True,
        )


def migration(given: argparse.Namespace) -> None:
    """Files of 300 bytes migrated into a real Redis, against a bare pipelined SET; killed, and run again."""
    sizes = [200, 2000] if given.small else [1000, 10_000, 100_000]
    for size in sizes:
        rounds = 1 if given.small else given.rounds
        with tempfile.TemporaryDirectory() as folder, RedisServer() as server:
            hive = write_hive(Path(folder), size)
            factors, found, compared = [], {}, {}
            for _ in range(rounds):
                bare = child("bare", hive, server.url)
                found = child("migrate", hive, server.url, folder)
                compared = child("compare", hive, server.url, folder)
                factors.append(found["seconds"] / bare["seconds"])
                if found["migrated"] != size or compared["unequal"]:
                    raise RuntimeError(f"{size} records: {found}, {compared}")
        print(
            f"migration of {size:,} records: {statistics.median(factors):.1f} x a bare pipelined SET "
            f"({min(factors):.1f} to {max(factors):.1f}); {found['seconds']:.1f} s and "
            f"{found['peak']:.0f} MiB, compared in {compared['seconds']:.1f} s and "
            f"{compared['peak']:.0f} MiB",
            flush=True,
        )
    run_again(1_000_000 if given.largest else sizes[-1])


def run_again(size: int) -> None:
    """Kill a migration when a third of the records is written, run it again, and compare."""
    with tempfile.TemporaryDirectory() as folder, RedisServer() as server, connect(server.url) as client:
        hive = write_hive(Path(folder), size)
        with start("migrate", hive, server.url, folder) as killed:
            while client.dbsize() < size // 3 and killed.poll() is None:
                time.sleep(0.001)
            killed.kill()
        found = child("migrate", hive, server.url, folder)
        compared = child("compare", hive, server.url, folder)
        if found["migrated"] + found["already_equal"] != size or compared["unequal"]:
            raise RuntimeError(f"{size} records: {found}, {compared}")
        print(
            f"migration of {size:,} records, killed when {found['already_equal']:,} were written and run "
            f"again: {found['seconds']:.1f} s, {found['processor']:.1f} s of processor time, "
            f"{found['peak']:.0f} MiB; compared in {compared['seconds']:.1f} s, {compared['peak']:.0f} MiB",
            flush=True,
        )


def bare(hive: str, url: str) -> dict[str, Any]:
    """Send the values of a hive to an empty Redis, in pipelines, and empty it again."""
    with connect(url) as client:
        pairs = ((r.key, r.text) for r in read_records(Path(hive), "caio") if isinstance(r, Record))
        seconds, more = 0.0, True
        while more:
            batch = [pair for pair, _ in zip(pairs, range(PIPELINE), strict=False)]
            more = len(batch) == PIPELINE
            started = time.perf_counter()
            with client.pipeline(transaction=False) as pipe:
                for key, text in batch:
                    pipe.set(key, text)
                pipe.execute()
            seconds += time.perf_counter() - started
        client.flushall(asynchronous=True)  # of a million keys it takes longer than the client waits
    return {"seconds": seconds}


def migrated(hive: str, url: str, folder: str) -> dict[str, Any]:
    """Migrate a hive as the command does, with the summary that the state gate reads."""
    started = time.perf_counter()
    with connect(url) as client:
        summary = migrate(Path(hive), client, "caio")
    write_summary(Path(folder) / "summary.json", summary)
    return {
        "seconds": time.perf_counter() - started,
        "processor": time.process_time(),
        "migrated": summary.migrated,
        "already_equal": summary.already_equal,
        "peak": peak_mib(),
    }


def compared(hive: str, url: str, folder: str) -> dict[str, Any]:
    """Compare a hive with Redis as the state gate does, and empty Redis."""
    started = time.perf_counter()
    with connect(url) as client:
        summary = read_summary(Path(folder) / "summary.json")
        faults = summary_faults(summary, "caio", survey(client, "caio"))
        unequal = len(compare(Path(hive), client, "caio", migrated=summary.digests).unequal) + len(faults)
        client.flushall(asynchronous=True)  # of a million keys it takes longer than the client waits
    return {"seconds": time.perf_counter() - started, "unequal": unequal, "peak": peak_mib()}


def write_hive(parent: Path, records: int) -> Path:
    """Write a hive directory of leads, each about 300 bytes."""
    hive = parent / "hive"
    folder = hive / "cadence_state"
    folder.mkdir(parents=True)
    for n in range(records):
        steps = [{"step": step, "sent": f"2026-02-{step + 1:02}T09:00:00+00:00"} for step in range(3)]
        lead = {"email": f"lead{n}@customer.example", "status": "active", "score": n / 7, "steps": steps}
        (folder / f"{n}.json").write_text(json.dumps(lead, indent=2), encoding="utf-8")
    return hive


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "replay": replay,
    "judging": judging,
    "evidence": evidence,
    "migration": migration,
}
CHILDREN: dict[str, Callable[..., dict[str, Any]]] = {
    "judging": judge_recorded,
    "pytest": run_pytest,
    "bare": bare,
    "migrate": migrated,
    "compare": compared,
}


if __name__ == "__main__":
    raise SystemExit(main())
