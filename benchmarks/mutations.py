"""Empties each judging statement of the suite in turn, and sees that something wrong is missed without it.

What is wrong is a fault that turns the check red, else a case of the check's own test. A statement that
neither misses is one that nothing proves: it is printed, and the exit status is 1.
`python -m benchmarks.mutations` tries all of them, `--check ID` those of one check.
"""

from __future__ import annotations

import argparse
import ast
import os
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
    """One statement emptied: its check, function, place and text, and the gate's source without it."""

    check: str
    function: str
    gate: str
    line: int
    text: str
    source: str


def check_id(function: ast.FunctionDef) -> str:
    """Return the id that a function is decorated with, or an empty text."""
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "check":
            return str(ast.literal_eval(call.args[0]))
    return ""


def judges(node: ast.AST) -> bool:
    """Say whether a statement judges: an assertion, an outcome raised, a report read for its shape alone.

    What does not apply is no judgement: without that the check asks for more, not for less.
    """
    text = ast.unparse(node)
    return (
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Raise) and not text.startswith("raise NotApplicable("))
        or (isinstance(node, ast.Expr) and text.startswith(("response.report(", "responses[")))
    )


def judging(function: ast.FunctionDef) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Return each statement of a check that judges, and what stands in its place when it is emptied.

    Where something that must be empty (`assert not wrong`) is found in several ways, each is one more.
    """
    nodes = list(ast.walk(function))
    yield from ((node, "pass") for node in nodes if isinstance(node, ast.stmt) and judges(node))
    ways: dict[str, list[ast.expr]] = {
        ast.unparse(node.test.operand): []
        for node in nodes
        if isinstance(node, ast.Assert)
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    }
    for node in nodes:
        if isinstance(node, ast.Assign) and (name := ast.unparse(node.targets[0])) in ways:
            value = node.value
            ways[name] += [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    yield from ((way, "()") for found in ways.values() if len(found) > 1 for way in found)


def without(source: str, node: ast.stmt | ast.expr, instead: str) -> str:
    """Return a module's source with something else in the place of one node."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # offsets count bytes
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    return b"".join([*lines[:first], head, instead.encode(), tail, *lines[last + 1 :]]).decode()


def mutants(gate: str) -> Iterator[Mutant]:
    """Return every judging statement of a gate, emptied."""
    source = (CHECKOUT / "acceptance" / f"test_{gate}.py").read_text("utf-8")
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef) and (check := check_id(function)):
            for node, instead in judging(function):
                text, changed = ast.unparse(node), without(source, node, instead)
                yield Mutant(check, function.name, gate, node.lineno, text, changed)


@contextmanager
def checkout_of(mutant: Mutant | None) -> Iterator[Path]:
    """Give a folder with the suite, as it is or with a statement emptied, and the tests."""
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
    """Say whether a check finds nothing wrong with a deployment that has a fault."""
    suite = (f"{checkout}/acceptance/test_{mutant.gate}.py::{mutant.function}",)
    with tempfile.TemporaryDirectory() as folder:
        _, evidence = ask(Path(folder), *case.options, faults=case.faults, profile=case.profile, suite=suite)
    (check,) = evidence["environments"][0]["checks"]
    return check["outcome"] in ("passed", "not-run")


def fails(checkout: Path, test: str) -> bool:
    """Say whether a file of tests fails; raises RuntimeError where it was not run."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", test, "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=checkout,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{test} was not run:\n{done.stdout}{done.stderr}")
    return done.returncode == 1


def own_test(mutant: Mutant) -> str:
    """Return the file of tests that is the check's own, or its gate's; an empty text where there is none."""
    test = ELSEWHERE.get(mutant.check, f"tests/gates/test_{mutant.gate}.py")
    return test if (CHECKOUT / test).exists() else ""


def noticed(mutant: Mutant) -> str:
    """Return the first fault that a suite without this statement misses, or the test that fails of it."""
    check = mutant.check
    named = [Case(name, frozenset(f.reds)) for name, f in FAULTS.items() if check in f.reds]
    named += [Case(name, frozenset(f.reds)) for name, f in FAULTS.items() if check in f.consequences]
    named += [case for case in DIFFERENT if check in case.reds]
    with checkout_of(mutant) as checkout:
        for case in named:
            if misses(checkout, mutant, case):
                return " ".join(filter(None, (case.fault, case.profile, *case.options)))
        test = own_test(mutant)
        return test if test and fails(checkout, test) else ""


def main() -> int:
    """Try every statement, two at a time; return 1 where one survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", metavar="ID", action="append", help="one check's statements; may repeat")
    args = parser.parse_args()
    started = time.perf_counter()
    tried = [mutant for gate in GATES for mutant in mutants(gate)]
    tried = [mutant for mutant in tried if not args.check or mutant.check in args.check]
    # A test that fails as it is would notice everything.
    with checkout_of(None) as checkout:
        for test in sorted({own_test(mutant) for mutant in tried} - {""}):
            if fails(checkout, test):
                parser.exit(1, f"{test} fails with the suite as it is\n")
    survivors = 0
    with ThreadPoolExecutor(2) as pool:
        for mutant, by in zip(tried, pool.map(noticed, tried), strict=True):
            survivors += not by
            told = f"missed: {by}" if by else "SURVIVES"
            print(f"{mutant.check} test_{mutant.gate}.py:{mutant.line} {mutant.text}: {told}", flush=True)
    print(f"{len(tried)} statements, {survivors} survive, {time.perf_counter() - started:.0f} s")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
