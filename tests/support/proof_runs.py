"""Whole runs of the suite with few plugins, for the proofs of faults and variations."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.reference.dashboard.deployment import COMMIT
from tests.support import forked
from tests.support.hosted import READY_BUDGET_MS, HostedDeployment
from tests.support.places import CHECKOUT
from tests.support.scanner import Scanner
from tests.support.suite_runs import PATIENT

__all__ = [
    "CHECKOUT",
    "DIFFERENT",
    "ELSEWHERE",
    "MOST_LINES",
    "USUAL",
    "Case",
    "ask",
    "prove_together",
    "reds",
    "run",
    "turn_variables",
]

# Outcomes of a healthy deployment that are not `passed`: no second environment, no TLS, failed cases within
# the error budget, no baseline.
USUAL = {"ENV-10": "not-run", "RDY-11": "not-run", "RPL-02": "advised", "RPL-06": "not-run"}
# Checks that no fault of one deployment on loopback turns red, or not fully, and the files that prove them.
ELSEWHERE = {
    "ENV-10": "tests/gates/test_environment.py",
    **dict.fromkeys(("RDY-11", "RDY-14"), "tests/hostile/test_bad_tls.py"),
    **dict.fromkeys((f"RPL-0{n}" for n in range(1, 7)), "tests/gates/test_replay.py"),
    "PACK-01": "tests/gates/test_pack.py",
}
# There are hundreds of runs, so plugins that cost time and do not affect the outcomes are left out.
_UNUSED = ("cacheprovider", "logging", "unraisableexception", "threadexception", "faulthandler", "doctest")
_LEAN = ("--capture=no", *(part for name in _UNUSED for part in ("-p", f"no:{name}")))
MOST_LINES = 12  # beside the verdict lines, in which one cause is told
_BEARERS = ("--bearer-only", "clay", "--bearer-only", "heyreach", "--bearer-only", "instantly")


@dataclass(frozen=True)
class Case:
    """A healthy deployment with another configuration, and faults of it.

    `reds` are the checks that must be red, `options` those of `serve`, and `profile` lines of its profile.
    `longer` cases take the same way as another one, and are proved nightly.
    """

    faults: tuple[str, ...]
    reds: frozenset[str]
    options: tuple[str, ...] = ()
    profile: tuple[str, ...] = ()
    longer: bool = False


_CLAY_MISSING = frozenset(
    "AUTH-03 RDY-01 RDY-02 WH-02 WH-03 WH-04 WH-05 WH-07 WH-09 WH-10 WH-12 WH-13".split()
)
# Configurations of these cases only: query token on, reported flag only, another SDK, no secrets.
DIFFERENT = (
    Case(
        (),
        frozenset({"AUTH-04", "RDY-06", "RDY-08"}),
        profile=("query_token = true", "inngest_functions = 6"),
    ),
    Case(
        ("query-token",),
        frozenset({"AUTH-04", "RDY-08"}),
        profile=("probe_query_token = false",),
        longer=True,
    ),
    Case(("inngest-few", "inngest-wrong-key"), frozenset({"RDY-05", "RDY-06"}), ("--inngest-sdk", "old")),
    Case(("inngest-dev",), frozenset({"RDY-05"}), ("--inngest-sdk", "old"), longer=True),
    Case(("inngest-empty-key",), frozenset({"RDY-05"}), ("--inngest-sdk", "old"), longer=True),
    Case(
        ("clay-unsigned", "heyreach-open"),
        frozenset({"WH-03", "WH-04", "WH-05", "WH-07", "WH-08", "WH-12", "WH-13"}),
        _BEARERS,
    ),
    Case(("heyreach-unguarded",), frozenset({"WH-08", "WH-12"}), _BEARERS, longer=True),
    Case(("heyreach-said-open",), frozenset({"WH-08", "WH-12"}), _BEARERS, longer=True),
    Case(("dependencies-slander",), frozenset({"WH-02", "WH-12"}), ("--bearer-only", "clay"), longer=True),
    Case(("clay-vouched-for",), _CLAY_MISSING, ("--bearer-only", "clay")),
)


def run(
    folder: Path, *arguments: str, suite: tuple[str, ...] = ("acceptance",), **variables: str
) -> tuple[int, dict[str, Any]]:
    """Run the suite, on the demo or where the arguments say; return exit status and evidence.

    Assert that no output of the run contains a secret, whatever the deployment responds.
    """
    kept = folder.parent / f"{folder.name}.secrets"
    if not any(argument.startswith("--profiles") for argument in arguments):  # the demo's, with a long limit
        folder.mkdir(parents=True, exist_ok=True)
        demo = folder.parent / f"{folder.name}.toml"
        own = ("[demo]", "reference = true", 'environment = "demo"', "inngest_functions = 5")
        demo.write_text("\n".join([*own, f"ready_budget_ms = {READY_BUDGET_MS}", ""]), "utf-8")
        arguments = (*arguments, f"--profiles={demo}")
    done = forked.run(
        [
            *(*suite, "-q", "-p", "pytest_base_url.plugin"),
            *("-p", "tests.support.keeper", *_LEAN, "--allow-writes", "--expect-commit", COMMIT),
            *(PATIENT, "--evidence-dir", str(folder), *arguments),
        ],
        cwd=CHECKOUT,
        environment={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
            "KEEP_SECRETS": str(kept),
            **variables,
        },
    )
    written = list(folder.glob("*Z.json"))
    assert written, done.stdout + done.stderr
    text = written[0].read_text("utf-8")
    known = json.loads(kept.read_text("utf-8"))
    assert known
    # No string of the JSON goes over the end of a line, and many lines are equal.
    lines = "\n".join(dict.fromkeys(text.splitlines()))
    assert Scanner(known).leaks(f"{lines}\n{done.stdout}{done.stderr}") == []
    evidence: dict[str, Any] = json.loads(text)
    if len(evidence["causes"]) == 1:
        _, said = done.stdout.split("CAIO acceptance:")
        _heading, _sentence, *told, _last = said.splitlines()
        assert len(told) <= MOST_LINES, said
    return done.returncode, evidence


def ask(
    folder: Path,
    *options: str,
    faults: Sequence[str] = (),
    profile: Sequence[str] = (),
    suite: tuple[str, ...] = ("acceptance",),
    before: tuple[str, ...] = (),
    whole: Iterable[str] = (),
    turn: int | None = None,
) -> tuple[int, dict[str, Any]]:
    """Run the suite against a reference deployment with these options of `serve`, as against any other.

    `profile` are lines that its profile gets in place of its own, `suite` selects the tests of the suite, and
    `before` those of an earlier run against the same deployment. With a `turn`, a part of the cases is
    asked, other ones in each turn, except for the `whole` checks.
    """
    with HostedDeployment(*options, faults=faults, environment="production", access_log=False) as deployment:
        profiles = folder / "profiles.toml"
        lines = deployment.profiles_file.read_text("utf-8").splitlines()
        given = {line.partition(" = ")[0]: line for line in profile}
        own = [given.pop(line.partition(" = ")[0], line) for line in lines]
        profiles.write_text("\n".join([own[0], *given.values(), *own[1:]]), "utf-8")
        options = (
            *("--env=production", f"--base-url={deployment.base_url}", f"--env-file={deployment.env_file}"),
            *(f"--profiles={profiles}", f"--revoked-tokens=@{deployment.revoked_file}"),
        )
        if before:
            run(folder / "before", *options, suite=before)
        return run(folder / "evidence", *options, suite=suite, **turn_variables(turn, whole))


def turn_variables(turn: int | None, whole: Iterable[str]) -> dict[str, str]:
    """Return the variables by which a run asks a part of the cases, and all of the `whole` checks."""
    return {} if turn is None else {"TURN": str(turn), "ASK_WHOLE": " ".join(whole)}


def prove_together(
    names: Sequence[str],
    prove: Callable[[Sequence[str], Path], object],
    folder: Path,
    *,
    may_hide: bool = False,
) -> None:
    """Prove several things in one run; if that fails, prove its halves, and theirs, down to each by itself.

    `prove` asserts about the names it gets, with a new folder. Fail with the names that are not proved by
    themselves. Where all are, one of them hides or changes what another does, which fails too unless they
    `may_hide` each other: the failure names those without which the others are proved.
    """

    def complaint(part: Sequence[str]) -> str:
        try:
            prove(part, Path(tempfile.mkdtemp(dir=folder)))
        except Exception as error:  # noqa: BLE001 - any error is reported, with its name
            return f"{type(error).__name__}: {error}"
        return ""

    def unproved(part: Sequence[str], said: str) -> dict[str, str]:
        if not said or len(part) == 1:
            return dict.fromkeys(part, said) if said else {}
        middle = len(part) // 2
        halves = (part[:middle], part[middle:])
        return {name: why for half in halves for name, why in unproved(half, complaint(half)).items()}

    together = complaint(names)
    alone = unproved(names, together)
    told = [f"{name} by itself: {said}" for name, said in alone.items()]
    if together and not alone and not may_hide:
        needed = [name for name in names if not complaint([other for other in names if other != name])]
        told = [f"each is proved by itself, and all are without one of: {', '.join(needed) or 'none'}"]
    if told:
        pytest.fail("\n\n".join([*told, f"{', '.join(names)} together: {together}"]), pytrace=False)


def reds(evidence: dict[str, Any]) -> dict[str, str]:
    """Return the checks that neither passed nor were not applicable, with the observations of their cases."""
    return {
        check["id"]: "; ".join(
            f"{case['name']} {case['outcome']}: {case['observed']}"
            for case in check["cases"]
            if case["outcome"] != "passed"
        )
        for check in evidence["environments"][0]["checks"]
        if check["outcome"] not in ("passed", "not-run", USUAL.get(check["id"]))
    }
