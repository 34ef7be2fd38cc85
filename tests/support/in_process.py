"""What a run does with the files, options and variables that people hand in, up to its first request."""

from __future__ import annotations

import importlib.util
import inspect
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from pytest_caio.checks.check import MARK, Check
from pytest_caio.commandline import Options
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.rules import env_diff
from pytest_caio.gates.jobs import JOBS
from pytest_caio.gates.leaks import find_leaks
from pytest_caio.outcomes import Advice, MissingInput, NotApplicable
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.plan import Plan, Planned
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.session.secrets import RunSecrets
from tests.support.gate_runs import SUITE
from tests.support.places import encoded_name

__all__ = ["http_cases", "judged", "judged_answers", "options_of"]

_MEANT = (AssertionError, Advice, NotApplicable, MissingInput)
_TODAY = date(2026, 2, 24)
_GIVEN: Mapping[str, Any] = {
    "base_url": None,
    "caio_env": None,
    "caio_token": None,
    "caio_env_file": None,
    "caio_profiles": None,
    "caio_waivers": None,
    "caio_revoked": None,
    "caio_writes": False,
    "caio_plan": False,
    "caio_wait_ready": 0.0,
    "caio_commit": None,
    "caio_evidence": None,
    "caio_sign": None,
    "caio_ledger": None,
    "caio_against": None,
    "caio_connections": 64,
    "caio_rate": 0.0,
    "caio_timeout": 10.0,
    "caio_faults": [],
    "caio_executor": None,
}


def options_of(folder: Path, environment: Mapping[str, str] | None = None, **given: object) -> Options:
    """Return the options of a command line in `folder`. Raises InputError like the run itself."""
    config: Any = SimpleNamespace(
        option=SimpleNamespace(**{**_GIVEN, **given}),
        invocation_params=SimpleNamespace(dir=folder, args=["--base-url"]),
        rootpath=folder,
        args=[],
    )
    native = {name: encoded_name(value) for name, value in (environment or {}).items()}
    with patch.dict(os.environ, native, clear=True):
        return Options.read(config, SUITE)


def judged(options: Options) -> dict[str, str]:
    """Judge what needs no response: every function of cases, the environment gate, the plan and redaction.

    Return an outcome for each check of the environment gate. Raises whatever would break a run or a check.
    """
    environments = options.environments
    redactor, plan = Redactor(), Plan()
    secrets = RunSecrets(redactor)
    secrets.learn_environments(environments)
    outcomes = {}
    for environment in environments:
        for declared, _ in _checks():
            for case in declared.expand(environment) if callable(declared.cases) else ():
                plan.add(f"{declared.id} {len(plan.cases)}", declared, case)
        for job in JOBS:
            job.can_start(environment)
        for name, function in _environment_gate():
            for case_name in _case_names(name, environment):
                outcomes[name] = _outcome(function, environment, environments, case_name)
    for planned in plan.cases.values():
        if planned.obstacle is not None and not isinstance(planned.obstacle, _MEANT):
            raise planned.obstacle
        for request in planned.requests.values():
            secrets.learn_request(request)
    plan.table(writes=True)
    redactor.redact_all(env_diff(environments))
    options.waivers.review([], _TODAY, {environment.name for environment in environments}, whole=False)
    return outcomes


def http_cases(environment: Environment) -> list[list[tuple[Any, Planned]]]:
    """Return for each check that is judged by responses alone its cases: its function, and the requests."""
    found = []
    for declared, function in _checks():
        needed = {"response", "responses"} & inspect.signature(function).parameters.keys()
        if needed and inspect.signature(function).parameters.keys() <= _known_fixtures():
            plan = Plan()
            for case in declared.expand(environment):
                plan.add(case.name, declared, case)
            found.append([(function, planned) for planned in plan.cases.values() if planned.requests])
    return [cases for cases in found if cases]


def judged_answers(function: Any, planned: Planned, answers: Mapping[str, Exchange]) -> str:
    """Judge a case by these responses; return its outcome. Raises whatever would break the check."""
    case = planned.case
    given = {"responses": answers, "response": next(iter(answers.values()))}
    leaks = partial(find_leaks, environment=case.environment, secrets_in=lambda _: [])
    found = _outcome(function, case.environment, (case.environment,), case.name, leaks_in=leaks, **given)
    for answer in answers.values():
        _ = answer.summary, answer.opened_session, leaks(answer)
    return found


def _known_fixtures() -> set[str]:
    return {"environment", "environments", "case", "show_table", "response", "responses", "leaks_in"}


def _outcome(
    function: Any, environment: Environment, asked: Sequence[Environment], case: str, **more: object
) -> str:
    known = {"environment": environment, "environments": asked, "case": case, "show_table": _shown, **more}
    wanted = inspect.signature(function).parameters
    try:
        function(**{name: known[name] for name in wanted})
    except _MEANT as outcome:
        return type(outcome).__name__
    return "passed"


def _shown(_title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    assert all(len(row) == len(columns) for row in rows)


def _case_names(check_id: str, environment: Environment) -> list[str]:
    (declared,) = (declared for declared, _ in _checks() if declared.id == check_id)
    return [case.name for case in declared.expand(environment) if case.obstacle is None]


def _environment_gate() -> Iterator[tuple[str, Any]]:
    # ENV-12 judges the answers of a Redis server.
    return ((d.id, f) for d, f in _checks() if d.gate == "environment" and d.id != "ENV-12")


@cache
def _checks() -> list[tuple[Check, Any]]:
    found = []
    for path in sorted(SUITE.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"in_process_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for function in vars(module).values():
            marks = getattr(function, "pytestmark", [])
            found += [(mark.args[0], function) for mark in marks if mark.name == MARK]
    return found
