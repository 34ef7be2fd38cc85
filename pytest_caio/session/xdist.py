"""Runs with workers (pytest-xdist): the data exchanged between the controller and its workers."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec
import pytest

from pytest_caio.checks.check import gate_of
from pytest_caio.gates.jobs import JOBS
from pytest_caio.session.leaks import LeakWatch, polled
from pytest_caio.session.run import Given, Run
from pytest_caio.verdict.record import Result

__all__ = ["Assignment", "WorkerHooks", "is_stop_at_failure", "report_back"]


class Assignment:
    """The input of a worker from its controller; all of it is empty in any other process."""

    def __init__(self, config: pytest.Config) -> None:
        received: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.worker = received is not None
        received = received or {}
        self.results_folder: str = received.get("caio_results_folder", "")
        given, started = received.get("caio_given"), received.get("caio_started")
        self.given = Given(**given) if given else None
        self.started = datetime.fromisoformat(started) if started else None


class WorkerHooks:
    """The hooks of the controller; pytest-xdist calls them, where it is installed."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Pass a worker the base URL, the reference deployment, the run's start, results folder and desk."""
        node.workerinput["caio_base_url"] = self._run.options.base_url
        given = self._run.given
        node.workerinput["caio_given"] = asdict(given) if given else None
        node.workerinput["caio_started"] = self._run.started.isoformat()
        node.workerinput["caio_results_folder"] = self._run.jobs.share()
        node.workerinput["caio_desk"] = self._run.desk

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Start the background jobs of a worker's checks here in the controller, where each runs once."""
        gates = {gate_of(nodeid) for nodeid in ids}
        self._run.begin([job for job in JOBS if gates.intersection(job.gates)])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take over what only a worker knows: what was deselected, and which cases were planned."""
        output = getattr(node, "workeroutput", {}).get("caio")
        if output:
            self._run.worker_stopped_by = self._run.worker_stopped_by or output["stopped_by"]
            self._run.narrowed += output["narrowed"]
            self._run.planned = max(self._run.planned, output["planned"])
            for result in polled(self._run, msgspec.convert(output["places"], list[Result])):
                self._run.tally.add(result)
        elif error and error != "keyboard-interrupt":
            self._run.narrowed.append("a worker of the run died")


def report_back(config: pytest.Config, run: Run, stopped_by: str) -> None:
    """Send the controller what only this worker knows, such as what stopped it."""
    places = msgspec.to_builtins(LeakWatch(run).places())
    output = {"narrowed": run.narrowed, "planned": run.planned, "places": places, "stopped_by": stopped_by}
    config.workeroutput["caio"] = output  # type: ignore[attr-defined]  # xdist sends it to the controller


def is_stop_at_failure(error: BaseException) -> bool:
    """Return whether -x or --maxfail stopped the workers, which pytest-xdist tells as an interruption."""
    told = re.fullmatch(r"stopping after \d+ failures", str(error))
    return told is not None and type(error).__module__.startswith("xdist.")
