"""Empties each assertion of the suite in turn, and sees that a fault which turns its check red then does not.

An assertion that no fault misses is one that nothing proves: it is printed, and the exit status is 1.
`--check ID` tries the assertions of one check.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pytest_caio.reference.faults import FAULTS
from tests.proof_runs import CHECKOUT, DIFFERENT, Case, ask

GATES = ("auth", "webhooks", "readiness", "cors", "state")
# What is proved by tests of their own: it does not rest on a fault of a deployment on loopback over http.
ELSEWHERE = {"RDY-11", *(f"STATE-0{n}" for n in range(1, 6))}


@dataclass(frozen=True)
class Mutant:
    """One assertion emptied: its check, its function, its place, and the module's source without it."""

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
    """Say whether a statement judges: an assertion, or a report that is read for nothing but its shape."""
    read = isinstance(node, ast.Expr) and ast.unparse(node).startswith("response.report(")
    return isinstance(node, ast.Assert) or read


def mutants(gate: str) -> Iterator[Mutant]:
    """Return every judging statement of a gate, emptied."""
    source = (CHECKOUT / "acceptance" / f"test_{gate}.py").read_text("utf-8")
    lines = source.splitlines(keepends=True)
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef) and check_id(function):
            for node in ast.walk(function):
                if isinstance(node, ast.stmt) and judges(node):
                    first, last = node.lineno - 1, node.end_lineno or node.lineno
                    emptied = [*lines[:first], " " * node.col_offset + "pass\n", *lines[last:]]
                    text = ast.unparse(node)
                    yield Mutant(check_id(function), function.name, gate, node.lineno, text, "".join(emptied))


def is_red(suite: Path, mutant: Mutant, case: Case) -> bool:
    """Say whether a check of a suite is red on a deployment with a fault."""
    narrowed = (f"{suite}/test_{mutant.gate}.py::{mutant.function}",)
    with tempfile.TemporaryDirectory() as folder:
        _, evidence = ask(
            Path(folder), *case.options, fault=case.fault, profile=case.profile, narrowed=narrowed
        )
    checks = evidence["environments"][0]["checks"]
    return {c["outcome"] for c in checks if c["id"] == mutant.check} <= {"failed", "advised"}


def noticed(mutant: Mutant) -> Case | None:
    """Return the first fault that a suite without this assertion misses, or None."""
    check = mutant.check
    named = [Case(name, frozenset(f.reds)) for name, f in FAULTS.items() if check in f.reds]
    named += [Case(name, frozenset(f.reds)) for name, f in FAULTS.items() if check in f.consequences]
    named += [case for case in DIFFERENT if check in case.reds]
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "acceptance"
        shutil.copytree(CHECKOUT / "acceptance", suite, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(CHECKOUT / "conftest.py", folder)
        shutil.copy(CHECKOUT / "pytest.ini", folder)
        (suite / f"test_{mutant.gate}.py").write_text(mutant.source, "utf-8")
        return next((case for case in named if not is_red(suite, mutant, case)), None)


def main() -> int:
    """Try every assertion, two at a time; return 1 where one survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", metavar="ID", action="append", help="one check's assertions; may repeat")
    args = parser.parse_args()
    started = time.perf_counter()
    tried = [mutant for gate in GATES for mutant in mutants(gate) if mutant.check not in ELSEWHERE]
    tried = [mutant for mutant in tried if not args.check or mutant.check in args.check]
    survivors = 0
    with ThreadPoolExecutor(2) as pool:
        for mutant, by in zip(tried, pool.map(noticed, tried), strict=True):
            survivors += not by
            told = " ".join(("missed:", by.fault, by.profile, *by.options)) if by else "SURVIVES"
            print(f"{mutant.check} test_{mutant.gate}.py:{mutant.line} {mutant.text}: {told}", flush=True)
    print(f"{len(tried)} assertions, {survivors} survive, {time.perf_counter() - started:.0f} s")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
