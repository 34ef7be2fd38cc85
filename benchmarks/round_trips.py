"""Measures the time of a run: against the empty session, a plain loop, a slower network, and with workers.

`python -m benchmarks.round_trips` measures all of it, `--only PART` a part, `--rounds N` how often. All are
whole processes, measured in turn, and each figure is a ratio of two that ran one after the other, with its
spread. The empty session is pytest with as many tests that do nothing, and with its HTML report. All parts
but the last ask the gates that spend their time on HTTP, of a reference deployment that is already running;
`demo` is what `make acceptance` runs, with the deployment's start and stop.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pytest_caio.reference.hosting.process import ReferenceProcess

__all__ = ["main"]

LATENCY_MS = 50
FAR_MS = 200
CHECKOUT = Path(__file__).resolve().parents[1]
# The gates that spend their time on HTTP; others also read files, query Redis and run the product's agent.
GATES = tuple(f"acceptance/test_{gate}.py" for gate in ("auth", "webhooks", "readiness", "cors"))
# The same requests as anybody would write them: a test for each, and one session that keeps its connection.
PLAIN = """
import json, pathlib, pytest, requests

ASKED = json.loads(pathlib.Path(__file__).with_name("asked.json").read_text("utf-8"))

@pytest.fixture(scope="session")
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session

@pytest.mark.parametrize("n", range(len(ASKED)))
def test_request(session, n):
    method, url, headers, body = ASKED[n]
    response = session.request(
        method, url, headers=headers, data=body.encode("latin-1"), timeout=30, allow_redirects=False
    )
    assert response.status_code
"""


class Took(NamedTuple):
    """The seconds of a run by the clock, those of its processes on a processor, and what it printed.

    The second are 0 on Windows; on a busy machine only they say something.
    """

    seconds: float
    processor: float
    output: str


Pairs: TypeAlias = Sequence[tuple[Took, Took]]


def timed(*arguments: str) -> Took:
    """Run pytest once to its end; raises RuntimeError if it fails."""
    return timed_process(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments]
    )


def timed_process(command: Sequence[str]) -> Took:
    """Run a program once to its end; raises RuntimeError if it fails."""
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        # Bytecode is cached, as on other machines: later runs are measured, not the first one.
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    seconds, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return Took(seconds, sum(after[2:4]) - sum(before[2:4]), done.stdout)


def empty_session(folder: Path, tests: int) -> list[str]:
    """Write a session of this many empty tests, and return what pytest is given to run it."""
    path = folder / "test_empty.py"
    path.write_text(
        f"import pytest\n@pytest.mark.parametrize('n', range({tests}))\ndef test_nothing(n):\n    pass\n",
        "utf-8",
    )
    # Without the limit pytest reads the folder of all temporary files too, of which there may be thousands.
    report = (f"--html={folder}/empty.html", "--self-contained-html")
    return [str(path), "-c", "pytest.ini", f"--confcutdir={folder}", *report]


def asking(deployment: ReferenceProcess, folder: Path) -> list[str]:
    """Return what pytest is given to ask the gates of a deployment."""
    return [
        *(*GATES, "--env", "production", "--base-url", deployment.base_url),
        *("--env-file", str(deployment.env_file), "--evidence-dir", str(folder)),
    ]


def cases(arguments: Sequence[str]) -> int:
    """Return how many cases a run has."""
    found = re.search(r"^(\d+) tests? collected", timed("--collect-only", *arguments).output, re.M)
    assert found is not None
    return int(found[1])


def in_turn(rounds: int, base: Sequence[str], ours: Sequence[str]) -> Pairs:
    """Return what both took, measured one after the other, after a first round that is not counted."""
    timed(*base)
    timed(*ours)
    return [(timed(*base), timed(*ours)) for _ in range(rounds)]


def tell(name: str, what: str, pairs: Pairs, figure: Callable[[float, float], float]) -> None:
    """Print a figure of two times, by the clock and on a processor: median and spread of the rounds."""
    for kind, by in (("seconds", ""), ("processor", ", on a processor")):
        both = [(getattr(base, kind), getattr(ours, kind)) for base, ours in pairs]
        if not all(map(all, both)):
            continue
        found = sorted(figure(*pair) for pair in both)
        base, ours = (statistics.median(column) for column in zip(*both, strict=True))
        spread = f"{found[0]:.2f} to {found[-1]:.2f}; {ours:.2f} s against {base:.2f} s"
        print(f"{name}: {statistics.median(found):.2f} {what}{by} ({spread})", flush=True)


def share(base: float, ours: float) -> float:
    """Return how long ours took, as a share of the base."""
    return ours / base


def latency(rounds: int, folder: Path) -> None:
    """The gates against the empty session, with 50 ms added to every response."""
    with ReferenceProcess("--latency-ms", str(LATENCY_MS), access_log=False) as deployment:
        asked = asking(deployment, folder)
        tests = cases(asked)
        pairs = in_turn(rounds, empty_session(folder, tests), asked)
    name = f"{tests} cases, {LATENCY_MS} ms added"
    tell(name, "x the empty session", pairs, share)


class Asked(NamedTuple):
    """A request as a run sent it, to another deployment."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


@contextmanager
def recorded(folder: Path) -> Iterator[tuple[list[str], list[Asked]]]:
    """Yield what pytest is given to ask the gates of a deployment, and the same requests to another one.

    50 ms are added to every response of either. There are two, since both ways send a wrong login, and five
    of them lock an address out.
    """
    options = ("--latency-ms", str(LATENCY_MS))
    with ReferenceProcess(*options) as deployment:
        timed(*asking(deployment, folder))
        sent = list(map(json.loads, deployment.access_log.read_text("utf-8").splitlines()))
    left_out = ("host", "content-length", "connection")
    with (
        ReferenceProcess(*options, access_log=False) as deployment,
        ReferenceProcess(*options, access_log=False) as other,
    ):
        yield (
            asking(deployment, folder),
            [
                Asked(
                    one["method"],
                    f"{other.base_url}{one['target']}",
                    {name: value for name, value in one["headers"] if name.lower() not in left_out},
                    one.get("body", ""),
                )
                for one in sent
                if one["method"] != "WEBSOCKET" and one["target"].startswith("/")
            ],
        )


def plain(rounds: int, folder: Path) -> None:
    """The gates against a plain loop of the same requests, with 50 ms added to every response."""
    with recorded(folder) as (asked, requests):
        (folder / "asked.json").write_text(json.dumps(requests), "utf-8")
        (folder / "test_plain.py").write_text(PLAIN, "utf-8")
        loop = [str(folder / "test_plain.py"), "-c", "pytest.ini"]
        pairs = [(timed(*loop), timed(*asked)) for _ in range(min(rounds, 3))]
    name = f"{len(requests)} requests, {LATENCY_MS} ms added"
    tell(name, "x as fast as a loop of requests.Session", pairs, lambda base, ours: base / ours)


def newman(rounds: int, folder: Path) -> None:
    """The gates against newman, which runs the same requests as a Postman collection, where it is on PATH."""
    program = shutil.which("newman")
    if program is None:
        print("newman is not installed: npm install --global newman", flush=True)
        return
    with recorded(folder) as (asked, requests):
        collection = {
            "info": {
                "name": "the requests of the gates",
                "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
            },
            "item": [
                {
                    "name": f"{number}",
                    "request": {
                        "method": one.method,
                        "url": one.url,
                        "header": [{"key": name, "value": value} for name, value in one.headers.items()],
                        "body": {"mode": "raw", "raw": one.body},
                    },
                }
                for number, one in enumerate(requests)
            ],
        }
        (folder / "asked.json").write_text(json.dumps(collection), "utf-8")
        written = folder / "newman.json"
        command = [program, "run", str(folder / "asked.json"), "--ignore-redirects", "--suppress-exit-code"]
        command += ["--reporters", "json", "--reporter-json-export", str(written)]
        pairs = [(timed_process(command), timed(*asked)) for _ in range(min(rounds, 3))]
        counted = json.loads(written.read_text("utf-8"))["run"]["stats"]["requests"]
    # Those that it cannot send take it no time, so that they count for it.
    name = f"{counted['total'] - counted['failed']} of {len(requests)} requests, {LATENCY_MS} ms added"
    tell(name, "x as fast as newman", pairs, lambda base, ours: base / ours)


def far(rounds: int, folder: Path) -> None:
    """What 200 ms for every response add to a run with 50 ms, in round trips."""
    near_ms, away_ms = ("--latency-ms", str(LATENCY_MS)), ("--latency-ms", str(FAR_MS))
    with (
        ReferenceProcess(*near_ms, access_log=False) as near,
        ReferenceProcess(*away_ms, access_log=False) as away,
    ):
        pairs = in_turn(rounds, asking(near, folder), asking(away, folder))
    name = f"{FAR_MS} ms added to every response, against {LATENCY_MS} ms"
    tell(name, f"round trips of {FAR_MS} ms more", pairs, lambda near, away: (away - near) / (FAR_MS / 1000))
    tell(name, "x the time", pairs, share)


def demo(rounds: int, folder: Path) -> None:
    """The whole demo with the start of its deployment, against the empty session; and on two workers."""
    asked = ["-p", "pytest_caio.plugin", "acceptance", "--evidence-dir", str(folder)]
    tests = cases(asked)
    pairs = in_turn(rounds, empty_session(folder, tests), asked)
    tell(f"make acceptance, {tests} cases", "x the empty session", pairs, share)
    pairs = [(timed(*asked), timed(*asked, "-n", "2")) for _ in range(rounds)]
    tell("make acceptance on two workers", "x one process", pairs, share)


PARTS: dict[str, Callable[[int, Path], None]] = {
    "latency": latency,
    "plain": plain,
    "newman": newman,
    "far": far,
    "demo": demo,
}


def main() -> None:
    """Measure, and print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure (default: 3)")
    given = parser.parse_args()
    for part in [given.only] if given.only else PARTS:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[part](given.rounds, Path(folder))


if __name__ == "__main__":
    main()
