"""Measures redaction: its share of a whole run, and how its time grows with the text and the secrets.

Everything is measured in one run on one machine, so that the ratios hold on other machines: the time in the
redactor's methods divided by the time of the run, and the time for ten times the text, or ten times the
secrets, divided by the time for one.
"""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pytest_caio.redaction.redactor import Redactor

ROUNDS = 5
CHECKOUT = Path(__file__).resolve().parents[1]
SECRETS = (10, 100)
CHARACTERS = (100_000, 1_000_000)
# The public methods of Redactor. A call from inside another one is not timed again.
METHODS = ("add", "allow", "secrets_in", "redact", "shown", "spans", "undecided_suffix", "redact_all")
# A pytest plugin for the run: it times every call, in every thread, and writes all times to a file.
PLUGIN = """
import json, os, threading, time
from pathlib import Path
from pytest_caio.redaction.redactor import Redactor

BEGAN, LOCAL, SPENT, CALLS = time.perf_counter(), threading.local(), [], {}

def timed(name, method):
    def call(*arguments, **named):
        if getattr(LOCAL, "inside", False):
            return method(*arguments, **named)
        LOCAL.inside, began = True, time.thread_time()
        try:
            return method(*arguments, **named)
        finally:
            LOCAL.inside = False
            SPENT.append(time.thread_time() - began)
            CALLS[name] = CALLS.get(name, 0.0) + SPENT[-1]
    return call

for name in METHODS:
    setattr(Redactor, name, timed(name, getattr(Redactor, name)))

def pytest_unconfigure():
    times = {"run": time.perf_counter() - BEGAN, "spent": sum(SPENT), "calls": len(SPENT), "by": CALLS}
    Path(os.environ["REDACTION_TIMES"]).write_text(json.dumps(times), "utf-8")
"""


def part_of_a_run(folder: Path) -> dict[str, float]:
    """Run the suite on demo; return the seconds of the run and of redaction, and the number of its calls."""
    (folder / "redaction_times.py").write_text(PLUGIN.replace("METHODS", repr(METHODS)), "utf-8")
    times = folder / "times.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "acceptance", "-q", "-p", "redaction_times", "--allow-writes"),
            *("-p", "no:cacheprovider", "--evidence-dir", str(folder)),
        ],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "PYTEST_ADDOPTS": "",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPATH": str(folder),
            "REDACTION_TIMES": str(times),
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    found: dict[str, float] = json.loads(times.read_text("utf-8"))
    return found


def redactor(secrets: int, chance: random.Random) -> Redactor:
    """Return a redactor with this number of secrets of 32 characters."""
    alphabet = string.ascii_letters + string.digits + "-_"
    return Redactor({f"SECRET_{n}": "".join(chance.choices(alphabet, k=32)) for n in range(secrets)})


def body(characters: int, chance: random.Random) -> str:
    """Return text like a deployment's responses: lines of JSON with words and numbers."""
    parts, size = [], 0
    while size < characters:
        words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(3, 11))) for _ in range(9)]
        parts.append(
            json.dumps({words[0]: " ".join(words), "n": chance.random(), "to": f"{words[1]}@a.example"})
        )
        size += len(parts[-1]) + 1
    return "\n".join(parts)[:characters]


def best(*works: Callable[[], object]) -> list[float]:
    """Return the shortest time in seconds of each of `works`, run in turn; the first round is a warm-up."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS + 1):
        for work, taken in zip(works, times, strict=True):
            began = time.thread_time()
            work()
            taken.append(time.thread_time() - began)
    return [min(taken[1:]) for taken in times]


def main() -> None:
    """Measure, and print three lines."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [part_of_a_run(Path(folder)) for _ in range(ROUNDS)]
    found = min(runs, key=lambda one: one["spent"] / one["run"])
    print(
        f"redaction is {found['spent'] / found['run']:.1%} of a whole run on demo: "
        f"{found['spent'] * 1000:.0f} ms in {found['calls']:.0f} calls, of {found['run']:.2f} s "
        f"(best of {ROUNDS})"
    )
    chance = random.Random(20)
    few, many = (redactor(count, chance) for count in SECRETS)
    short, long = (body(size, chance) for size in CHARACTERS)
    once, ten_times = best(lambda: few.redact(short), lambda: few.redact(long))
    once, ten_times = once / len(short), ten_times / len(long)
    print(
        f"ten times the text: {once * 1e9:.0f} ns and {ten_times * 1e9:.0f} ns a character, "
        f"ratio {ten_times / once:.2f} (best of {ROUNDS} each)"
    )
    with_few, with_many = best(lambda: few.redact(long), lambda: many.redact(long))
    print(
        f"{SECRETS[1]} secrets in place of {SECRETS[0]}: {with_few * 1000:.0f} ms and "
        f"{with_many * 1000:.0f} ms for {CHARACTERS[1]:,} characters, ratio {with_many / with_few:.2f} "
        f"(best of {ROUNDS} each)"
    )


if __name__ == "__main__":
    main()
