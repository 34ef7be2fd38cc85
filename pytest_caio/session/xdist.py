"""A run with workers (pytest-xdist): what the controller tells them, does for them and learns from them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import pytest

from pytest_caio.checks.check import gate_of
from pytest_caio.gates.jobs import JOBS
from pytest_caio.session.run import Given, Run

__all__ = ["Assignment", "WorkerHooks", "report_back"]


class Assignment:
    """What a worker was told by its controller; all of it is empty in a process that is no worker."""

    def __init__(self, config: pytest.Config) -> None:
        told: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.worker = told is not None
        told = told or {}
        self.results_folder: str = told.get("caio_results_folder", "")
        given, started = told.get("caio_given"), told.get("caio_started")
        self.given = Given(**given) if given else None
        self.started = datetime.fromisoformat(started) if started else None


class WorkerHooks:
    """The hooks of the controller, which pytest calls only where there is pytest-xdist."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the reference deployment is, when the run began, where it finds results."""
        given = self._run.given
        node.workerinput["caio_given"] = asdict(given) if given else None
        node.workerinput["caio_started"] = self._run.started.isoformat()
        node.workerinput["caio_results_folder"] = self._run.jobs.share()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Start the background jobs that a worker will ask for, here, where each is done once."""
        gates = {gate_of(nodeid) for nodeid in ids}
        self._run.begin([job for job in JOBS if job.gate in gates])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take over what a worker alone could see: what was deselected, and how many cases there were."""
        told = getattr(node, "workeroutput", {}).get("caio")
        if told:
            self._run.narrowed += told["narrowed"]
            self._run.planned = max(self._run.planned, told["planned"])
        elif error and error != "keyboard-interrupt":
            self._run.narrowed.append("a worker of the run died")


def report_back(config: pytest.Config, run: Run) -> None:
    """Tell the controller, from a worker, what that alone could see."""
    told = {"narrowed": run.narrowed, "planned": run.planned}
    config.workeroutput["caio"] = told  # type: ignore[attr-defined]  # xdist's way back
