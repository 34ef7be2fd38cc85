"""The replay that a profile configures, run once for all checks of the replay gate."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from functools import cached_property
from pathlib import Path

import msgspec

from pytest_caio.checks.check import case_name
from pytest_caio.checks.probe import Probe
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import ReplaySection
from pytest_caio.errors import InputError
from pytest_caio.gates.requirements import needs_replay
from pytest_caio.outcomes import Mismatch, MissingInput
from pytest_caio.replay import (
    CaseResult,
    CommandRunner,
    GoldenSet,
    RecordedRunner,
    Replay,
    Runner,
    load_answers,
    load_golden,
    run_replay,
)
from pytest_caio.replay.executors import executor_at
from pytest_caio.replay.runners import missing_script
from pytest_caio.text import listed

__all__ = ["Replay", "ReplayFindings", "ReplayJob", "golden_cases", "golden_set", "listed", "replay_runner"]


_MEND = "Correct what is named, in the profile's replay section or in the file that it names, then replay."


class ReplayFindings(msgspec.Struct, frozen=True, dict=True):
    """The outcome of a replay, or why it failed."""

    outcome: Replay | None = None
    failure: str = ""

    @property
    def result(self) -> Replay:
        """The outcome. Raises Mismatch when the golden set could not be replayed."""
        if self.outcome is None:
            raise Mismatch("the golden set must be replayed", self.failure, _MEND)
        return self.outcome

    @cached_property
    def results(self) -> Mapping[str, tuple[CaseResult, ...]]:
        """The results by name of their test case; replacing unsafe characters may give two cases one name."""
        named: dict[str, tuple[CaseResult, ...]] = {}
        for result in self.result.cases:
            name = case_name(result.id)
            named[name] = (*named.get(name, ()), result)
        return named


class ReplayJob:
    """The replay of an environment's golden set; call it once. Another thread may `end` it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._runner: CommandRunner | None = None

    def __call__(self) -> ReplayFindings:
        """Replay the golden set and return the findings; an unusable input is their `failure`."""
        section = _section(self._environment)
        try:
            golden = golden_set(self._environment)
            baseline = load_answers(Path(section.baseline)) if section.baseline else None
            with executor_at(section.executor) as executor:
                runner = replay_runner(section, self._environment.name, executor)
                self._runner = runner if isinstance(runner, CommandRunner) else None
                outcome = run_replay(
                    golden,
                    runner,
                    min_pass_rate=section.min_pass_rate,
                    baseline=baseline,
                    executor=executor,
                )
        except InputError as error:
            return ReplayFindings(failure=str(error))
        return ReplayFindings(outcome)

    def end(self) -> None:
        """End the runner, and with it the replay."""
        if self._runner is not None:
            self._runner.end()


def replay_runner(section: ReplaySection, name: str, executor: Executor | None) -> Runner:
    """Return what answers the questions of the profile `name`, a command in `executor` if there is one.

    Raises InputError for recorded answers that cannot be read, and for a command that cannot be run.
    """
    if section.answers:
        return RecordedRunner(load_answers(Path(section.answers)))
    if lacking := missing_script(section.runner, Path(section.cwd)):
        raise InputError(f"runner of [{name}.replay]: no such file: {lacking}")
    return CommandRunner(section.runner, **section.runner_options, executor=executor)


def golden_set(environment: Environment) -> GoldenSet:
    """Read the golden set of the environment's profile. Raises InputError when it cannot be read."""
    section = _section(environment)
    return load_golden(Path(section.golden_set), section.min_cases)


def golden_cases(environment: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Return one test case for each golden case. Raises MissingInput naming the key to set."""
    needs_replay(environment)
    try:
        return {case.id: () for case in golden_set(environment).cases}
    except InputError as error:
        raise MissingInput(f"golden_set of [{environment.name}.replay] ({error})") from None


def _section(environment: Environment) -> ReplaySection:
    return environment.profile.replay or ReplaySection()
