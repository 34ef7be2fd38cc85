"""Mutation test of the suite: removes each judging statement in turn, and finds out whether that is noticed.

It is noticed if a fault that should turn the check red is then missed, or if the check's own test then fails.
If neither happens, the mutant survives: no test needs the statement. It is printed, and the exit status is 1.
`python -m benchmarks.mutations` tries all statements, `--check ID` those of one check.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_caio.checks.check import GATES
from pytest_caio.reference.faults import FAULTS
from tests.support.proof_runs import CHECKOUT, DIFFERENT, ELSEWHERE, Case, ask

__all__ = ["main"]


@dataclass(frozen=True)
class Mutant:
    """One removed statement: its check, function, gate, line and text, and the gate's source without it."""

    check: str
    function: str
    gate: str
    line: int
    text: str
    source: str


_JUDGES = re.compile(
    r"(?:must|no|says|is_given|is_set|usable)\(|(?:\w+\.)?must_\w+\(|response\.report\(|responses\["
)


def check_id(function: ast.FunctionDef) -> str:
    """Return the check id that a function is decorated with, or an empty string."""
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "check":
            return str(ast.literal_eval(call.args[0]))
    return ""


def judges(node: ast.AST) -> bool:
    """Say whether a statement judges.

    It is one of the words of the suite (`must`, `no`, `says`, what begins with `must_`), an assertion, a
    raised outcome, or a report read to validate its shape.

    `raise NotApplicable` does not count: without it a check requires more, not less.
    """
    text = ast.unparse(node)
    return (
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Raise) and not text.startswith("raise NotApplicable("))
        or (isinstance(node, ast.Expr) and bool(_JUDGES.match(text)))
    )


def judging(function: ast.FunctionDef) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield each judging statement or expression of a check, with the source text that replaces it.

    If a list that must be empty (`must(not wrong, ...)`) is assigned in several ways, each is one more
    mutant.
    """
    nodes = list(ast.walk(function))
    yield from ((node, "pass") for node in nodes if isinstance(node, ast.stmt) and judges(node))
    ways: dict[str, list[ast.expr]] = {
        ast.unparse(node.args[0].operand): []
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "must"
        if isinstance(node.args[0], ast.UnaryOp) and isinstance(node.args[0].op, ast.Not)
    }
    for node in nodes:
        if isinstance(node, ast.Assign) and (name := ast.unparse(node.targets[0])) in ways:
            value = node.value
            ways[name] += [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    yield from ((way, "()") for found in ways.values() if len(found) > 1 for way in found)


def without(source: str, node: ast.stmt | ast.expr, instead: str) -> str:
    """Return a module's source with one node replaced by `instead`."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # offsets count bytes
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    return b"".join([*lines[:first], head, instead.encode(), tail, *lines[last + 1 :]]).decode()


def mutants(gate: str) -> Iterator[Mutant]:
    """Yield a mutant for every judging statement of a gate."""
    source = (CHECKOUT / "acceptance" / f"test_{gate}.py").read_text("utf-8")
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef) and (check := check_id(function)):
            for node, instead in judging(function):
                text, changed = ast.unparse(node), without(source, node, instead)
                yield Mutant(check, function.name, gate, node.lineno, text, changed)


@contextmanager
def checkout_of(mutant: Mutant | None) -> Iterator[Path]:
    """Yield a temporary folder with the tests and the suite, mutated if `mutant` is given."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("acceptance", "tests"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CHECKOUT / part, Path(folder) / part, ignore=ignored)
        for part in ("conftest.py", "pytest.ini"):
            shutil.copy(CHECKOUT / part, folder)
        if mutant:
            gate = Path(folder) / "acceptance" / f"test_{mutant.gate}.py"
            gate.write_text(mutant.source, "utf-8")
        yield Path(folder)


def misses(checkout: Path, mutant: Mutant, case: Case) -> bool:
    """Say whether the mutated check does not turn red on a deployment with the faults of `case`."""
    suite = (f"{checkout}/acceptance/test_{mutant.gate}.py::{mutant.function}",)
    with tempfile.TemporaryDirectory() as folder:
        _, evidence = ask(Path(folder), *case.options, faults=case.faults, profile=case.profile, suite=suite)
    (check,) = evidence["environments"][0]["checks"]
    return check["outcome"] in ("passed", "not-run")


def fails(checkout: Path, test: str) -> bool:
    """Say whether a test file fails; raises RuntimeError if it could not be run."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", test, "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=checkout,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{test} was not run:\n{done.stdout}{done.stderr}")
    return done.returncode == 1


def own_test(mutant: Mutant) -> str:
    """Return the test file of the check, else of its gate; an empty string if there is none."""
    test = ELSEWHERE.get(mutant.check, f"tests/gates/test_{mutant.gate}.py")
    return test if (CHECKOUT / test).exists() else ""


def noticed(mutant: Mutant) -> str:
    """Return the first fault that the mutant misses, else the test file that fails, else an empty string."""
    check = mutant.check
    named = [Case((name,), frozenset(f.reds)) for name, f in FAULTS.items() if check in f.reds]
    named += [Case((name,), frozenset(f.reds)) for name, f in FAULTS.items() if check in f.consequences]
    named += [case for case in DIFFERENT if check in case.reds]
    with checkout_of(mutant) as checkout:
        for case in named:
            if misses(checkout, mutant, case):
                return " ".join((*case.faults, *case.profile, *case.options))
        test = own_test(mutant)
        return test if test and fails(checkout, test) else ""


def main() -> int:
    """Try every statement, two at a time; return 1 if a mutant survived, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", metavar="ID", action="append", help="one check's statements; may repeat")
    args = parser.parse_args()
    started = time.perf_counter()
    tried = [mutant for gate in GATES for mutant in mutants(gate)]
    tried = [mutant for mutant in tried if not args.check or mutant.check in args.check]
    # A test that fails without any mutation would seem to notice every mutant.
    with checkout_of(None) as checkout:
        for test in sorted({own_test(mutant) for mutant in tried} - {""}):
            if fails(checkout, test):
                parser.exit(1, f"{test} fails with the suite as it is\n")
    survivors = 0
    with ThreadPoolExecutor(2) as pool:
        for mutant, by in zip(tried, pool.map(noticed, tried), strict=True):
            survivors += not by
            result = f"missed: {by}" if by else "SURVIVES"
            print(f"{mutant.check} test_{mutant.gate}.py:{mutant.line} {mutant.text}: {result}", flush=True)
    print(f"{len(tried)} statements, {survivors} survive, {time.perf_counter() - started:.0f} s")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
