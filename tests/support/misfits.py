"""Runners that misbehave in many ways: `python misfits.py WAY [--lines]`."""

# ruff: noqa: T201 (a runner answers on standard output)
from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["main"]

GOOD = {"actual_output": "fine", "tool_trace_log": [], "rag_context_chunks": [], "metadata": {}}


def main(way: str, lines: bool) -> None:
    """Misbehave in the given way."""
    if way == "ignore":  # responds without reading anything
        print(json.dumps(GOOD), flush=True)
        return
    if way == "eager":  # responds before it receives a case
        print("\n".join([json.dumps(GOOD)] * 3), flush=True)
        time.sleep(60)
    for count, text in enumerate(_questions(lines)):
        answer(way, count, text)


def answer(way: str, count: int, text: str) -> None:
    """Respond to one case in the given way."""
    asked = json.loads(text)
    if way == "crash":
        sys.exit("the model key is missing")
    if way == "faint" and count % 3 == 1:
        os._exit(7)
    if way == "hang" or (way == "nap" and "slow" in asked["input_query"]):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        Path(os.environ.get("MISFIT_PIDS", os.devnull)).write_text(f"{os.getpid()} {child.pid}", "utf-8")
        time.sleep(60)
    while way == "babble":
        sys.stdout.write("x" * 4096)
    while way == "blank":
        print("\n" * 4096)
    while way == "mutter":
        print("x" * 4096, file=sys.stderr)
        time.sleep(0.001)
    if way == "orphan":  # a child outlives it and keeps its output open
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    if way == "words":  # as an agent prints the words of a person, in whatever encoding Python has
        print(json.dumps(GOOD | {"actual_output": "Grüße — ✓ 漢"}, ensure_ascii=False), flush=True)
        return
    said = {
        "rubbish": "Traceback: no answer today",
        "logging": json.dumps(GOOD) + " INFO done",
        "nan": json.dumps(GOOD | {"metadata": {"score": math.nan}}),
        "twice": json.dumps(GOOD)[:-1] + ', "actual_output": ""}',
        "silent": "",
        "array": "[]",
        "shape": json.dumps(GOOD | {"tool_trace_log": [1]}),
        "short": json.dumps({"actual_output": "fine"}),
        "deep": json.dumps(GOOD)[:-2] + '"deep": ' + "[" * 100_000,
        "latin": "\N{LATIN SMALL LETTER E WITH ACUTE}",
        "other": json.dumps(GOOD | {"id": "another"}),
        "echo": json.dumps(GOOD | {"actual_output": text}),
    }.get(way, json.dumps(GOOD))
    sys.stdout.buffer.write(said.encode("latin-1") + b"\n")
    sys.stdout.flush()


def _questions(lines: bool) -> Iterator[str]:
    if lines:
        yield from sys.stdin
    else:
        yield sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], "--lines" in sys.argv)
