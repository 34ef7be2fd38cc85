"""Dask clusters as executors: workers and schedulers that go away, hang or are something else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from pytest_caio.commands.cli import main
from pytest_caio.errors import InputError
from pytest_caio.replay import Question, executors
from pytest_caio.replay.executors import executor_at
from tests.support.judged import judged
from tests.support.pace import wait_for
from tests.support.places import CHECKOUT
from tests.support.processes import runs
from tests.support.recorded import write_recorded


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[tuple[str, Any]]:
    """A Dask cluster of processes on loopback: its address as an executor's, and itself."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=str(folder / "dask"),
    ) as local:
        yield local.scheduler_address.replace("tcp://", "dask://"), local


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")  # of Dask's own threads and sockets, at its end
def test_a_dask_worker_may_be_killed(tmp_path: Path) -> None:
    """With a worker killed in the middle nothing is lost or judged twice, and all is as it is here."""
    write_recorded(tmp_path, 10_000)
    here = judged(tmp_path, None)
    with cluster(tmp_path) as (address, local), executor_at(address) as executor:
        assert executor is not None

        def kill(results: int) -> None:
            if results == 2500:
                local.workers[0].process.process._process.kill()

        assert judged(tmp_path, executor, arrived=kill) == here


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_runs_the_runner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command replays the demo's cases on a cluster, also if a worker is killed meanwhile."""
    profile = tmp_path / "p.toml"
    profile.write_text("[one]\n", "utf-8")
    golden = CHECKOUT / "pytest_caio" / "reference" / "golden" / "golden_set.json"
    agent = "python -m pytest_caio.reference.golden.agent"
    with cluster(tmp_path) as (address, local), ThreadPoolExecutor(1) as beside:
        victim = local.workers[1]

        def kill() -> None:
            time.sleep(1.0)
            victim.process.process._process.kill()

        killed = beside.submit(kill)
        asked = ["--golden-set", str(golden), "--runner", agent, "--replay-executor", address]
        status = main(["replay", "--env", "one", "--profiles", str(profile), *asked])
        killed.result()
    summary = json.loads(capsys.readouterr().out)
    assert (status, summary["cases"], summary["passed"], summary["honest"]) == (0, 50, 49, True)


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
def test_no_dask_scheduler_answers() -> None:
    """A scheduler that is not there, or has no worker, is said in one line."""
    pytest.importorskip("distributed")
    with (
        pytest.raises(InputError, match="no Dask scheduler answers there"),
        executor_at("dask://127.0.0.1:9"),
    ):
        pass


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(sys.platform == "win32", reason="processes are looked for as POSIX systems do")
@pytest.mark.parametrize("ending", ["the replay is left", "its worker is killed"])
@pytest.mark.parametrize("protocol", ["process", "lines"])
def test_no_runner_outlives_its_replay(tmp_path: Path, misfit: Any, protocol: str, ending: str) -> None:
    """After Ctrl-C, or the end of a worker, a hanging runner is soon gone from the cluster's machines."""
    pids = tmp_path / "pids"
    environment = os.environ | {"MISFIT_PIDS": str(pids)}
    with cluster(tmp_path, 1) as (address, local):
        with executor_at(address) as executor, ThreadPoolExecutor(1) as beside:
            runner = misfit("hang", protocol, executor=executor, case_seconds=600, env=environment)
            asked = beside.submit(runner.ask, [Question("Q", "?")])
            wait_for(lambda: pids.exists() and pids.read_text("utf-8"))
            first = _numbers(pids)
            if ending == "its worker is killed":
                local.workers[0].process.process._process.kill()
                wait_for(lambda: not any(map(runs, first)))
            runner.end()
            asked.result()
        wait_for(lambda: not any(map(runs, first + _numbers(pids))))


def _numbers(pids: Path) -> list[int]:
    return list(map(int, pids.read_text("utf-8").split()))


@contextmanager
def service(first_words: bytes) -> Iterator[str]:
    """A service on loopback that is no Dask scheduler and says one thing to each caller: its address."""

    class Say(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(first_words)
            self.rfile.read()

    with ThreadingTCPServer(("127.0.0.1", 0), Say) as server, ThreadPoolExecutor(1) as beside:
        beside.submit(server.serve_forever, 0.05)
        try:
            yield f"dask://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64, b"SSH-2.0-OpenSSH\r\n", b""]
)
def test_another_service_is_no_dask_scheduler(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """A web server, one that says bytes at random and one that says nothing are told in one line, in time."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "_CONNECT_SECONDS", 1.0)
    with (
        service(said) as address,
        pytest.raises(InputError, match="no Dask scheduler answers there"),
        executor_at(address),
    ):
        pass


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
def test_a_worker_is_no_dask_scheduler(tmp_path: Path) -> None:
    """The address of a Dask worker, given for the scheduler's, is told in one line."""
    with cluster(tmp_path, 1) as (_, local):
        address = local.workers[0].worker_address.replace("tcp://", "dask://")
        with pytest.raises(InputError, match="no Dask scheduler answers there"), executor_at(address):
            pass


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
def test_a_dask_scheduler_may_go_away(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A scheduler that is gone for good in the middle of a replay costs nothing but time."""
    write_recorded(tmp_path, 10_000)
    here = judged(tmp_path, None)
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "_CONNECT_SECONDS", 1.0)
    with cluster(tmp_path) as (address, local):
        with executor_at(address) as executor:
            client: Any = getattr(executor, "_client")  # noqa: B009 - a name of Dask's own

            def close(results: int) -> None:
                if results == 2500:
                    local.close()
                    wait_for(lambda: client.status == "closed")

            found = judged(tmp_path, executor, arrived=close)
        assert found == here
    assert "distributed.client" not in {record.name for record in caplog.records}
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be halted there")
def test_a_dask_scheduler_that_hangs_is_left(tmp_path: Path) -> None:
    """A connection to a scheduler that no longer answers is given up, whatever is under way."""
    pytest.importorskip("distributed")
    command = [sys.executable, "-c", HALTED, str(tmp_path / "dask")]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.stdout.split() == ["left"], done.stderr


HALTED = """
import os
import signal
import subprocess
import sys
import time
from distributed import Client
from pytest_caio.replay.executors import executor_at

def main(folder):
    os.mkdir(folder)
    start = [sys.executable, "-m", "dask"]
    file = os.path.join(folder, "scheduler.json")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    where = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    scheduler = subprocess.Popen([*start, "scheduler", *where, "--scheduler-file", file], **quiet)
    more = ["--no-dashboard", "--no-nanny", "--nthreads", "1", "--local-directory", folder]
    worker = subprocess.Popen([*start, "worker", "--scheduler-file", file, *more], **quiet)
    try:
        with Client(scheduler_file=file, set_as_default=False) as client:
            client.wait_for_workers(1)
            address = client.scheduler.address.replace("tcp://", "dask://")
        with executor_at(address) as executor:
            executor.submit(time.sleep, 60)
            scheduler.send_signal(signal.SIGSTOP)
        print("left")
    finally:
        worker.kill()
        scheduler.kill()
        worker.wait()
        scheduler.wait()

if __name__ == "__main__":
    main(sys.argv[1])
"""
