"""Executors: what they lose is answered for, and golden sets larger than memory or one machine are judged."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_caio.commands.cli import main
from pytest_caio.replay import (
    CommandRunner,
    Question,
    RunnerFailure,
    load_answers,
    recorded,
    save_answers,
)
from tests.support.judged import judged
from tests.support.places import CHECKOUT, SUPPORT, as_toml
from tests.support.recorded import MISSED, write_recorded

ASLEEP = 'python -c "import time; time.sleep(0.3); print(1)"'


class Losing(ThreadPoolExecutor):
    """An executor that loses every second part: it refuses, fails or cancels it."""

    given = 0

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        """Refuse, fail, cancel or do the work, in turn."""
        self.given += 1
        if self.given % 4 == 1:
            raise RuntimeError("cannot schedule new futures after shutdown")
        lost: Future[Any] = Future()
        if self.given % 4 == 2:
            lost.set_exception(OSError("the machine is gone"))
            return lost
        if self.given % 4 == 3:
            lost.cancel()
            lost.set_running_or_notify_cancel()
            return lost
        # As to another process; not every executor's pickler knows the newest protocol.
        work, arguments = pickle.loads(pickle.dumps((work, arguments), 4 + self.given // 4 % 2))
        return super().submit(work, *arguments, **named)


def test_recorded_answers_are_judged_alike_everywhere(tmp_path: Path) -> None:
    """Here and in an executor that loses parts, every answer is judged once and alike."""
    write_recorded(tmp_path, 1130)
    here, results = judged(tmp_path, None)
    assert (here.asked, here.passed, len(here.misses)) == (1130, 1130 - 1130 // MISSED, 1130 // MISSED)
    assert [results[place].id for place in sorted(results)] == [f"OUT-{n:07}" for n in range(1130)]
    with Losing(1) as losing:
        assert judged(tmp_path, losing) == (here, results)
        assert losing.given == 12
        assert judged(tmp_path, losing, kept=False) == (here, {})


class Weighing(ThreadPoolExecutor):
    """An executor that notes how many bytes it is given with each part."""

    def __init__(self) -> None:
        super().__init__(1)
        self.given: list[int] = []

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        """Weigh the part, and do the work."""
        self.given.append(len(pickle.dumps(arguments, 4)))
        return super().submit(work, *arguments, **named)


def test_large_answers_go_in_small_parts(tmp_path: Path) -> None:
    """However large the answers, in whatever order, and even if some are missing: no part is large."""
    _, answers = write_recorded(tmp_path, 330)
    lines = answers.read_text("utf-8").splitlines()
    del lines[200:210]
    lines[100:180] = lines[179:99:-1]
    padded = [line.replace('"tokens"', f'"more": "{"x" * 80_000}", "tokens"') for line in lines[150:]]
    answers.write_text("\n".join([*lines[:150], *padded]) + "\n", "utf-8")
    here = judged(tmp_path, None, kept=False)
    assert (here[0].asked, here[0].passed) == (330, 330 - 10 - 6)
    with Weighing() as weighing:
        assert judged(tmp_path, weighing, kept=False) == here
    assert max(weighing.given) < recorded.PART_BYTES + 10_000  # what the lines are packed in
    assert judged(tmp_path, None)[0] == here[0]


class Older(Executor):
    """An executor whose workers have another version of the package, which lets every answer pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        """Do the work at once, with the other version."""
        done: Future[Any] = Future()
        lenient = recorded.Verdict("", grounded=True, sound=True, judgement=None)
        with self._monkeypatch.context() as other:
            other.setattr(recorded, "_judged", lambda *_: lenient)
            other.setattr(recorded, "rules", lambda: "of the other version")
            try:
                done.set_result(work(*arguments, **named))
            except RuntimeError as error:
                done.set_exception(error)
        return done


def test_workers_with_another_version_do_not_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose package judges differently has no say: its part is judged here."""
    write_recorded(tmp_path, 250)
    here = judged(tmp_path, None, kept=False)
    assert judged(tmp_path, Older(monkeypatch), kept=False) == here


def test_the_first_hundred_misses_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary of a set without a single pass stays small: a hundred misses, and the counts of all."""
    golden, answers = write_recorded(tmp_path, 300)
    save_answers(
        answers,
        {key: msgspec.structs.replace(it, tool_trace_log=()) for key, it in load_answers(answers).items()},
    )
    keys = {"golden_set": golden.name, "answers": answers.name}
    lines = [f"{key} = {as_toml(value)}" for key, value in keys.items()]
    (tmp_path / "p.toml").write_text("\n".join(["[one.replay]", *lines, ""]), "utf-8")
    assert main(["replay", "--env", "one", "--profiles", str(tmp_path / "p.toml")]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["cases"], summary["passed"]) == (300, 0)
    assert list(summary["misses"]) == [f"OUT-{n:07}" for n in range(100)]


def test_a_stopped_replay_does_not_wait_for_its_executor() -> None:
    """The end of a runner in an executor ends the replay: what was not answered is a failure."""
    runner_of: list[CommandRunner] = []
    with ThreadPoolExecutor(1) as executor:
        runner_of.append(CommandRunner(ASLEEP, executor=executor))
        arrivals = runner_of[0].arrivals(Question(f"Q-{n}", "?") for n in range(50))
        first = next(arrivals)
        runner_of[0].end()
        rest = dict([first, *arrivals])
    assert sorted(rest) == list(range(50))
    assert sum(it.outcome == RunnerFailure("the replay was stopped") for it in rest.values()) >= 40


def test_answers_arrive_before_the_last_is_asked(tmp_path: Path) -> None:
    """Questions are taken from their source as answers arrive: the source is never far ahead."""
    runner = CommandRunner(
        ["python", str(SUPPORT / "misfits.py"), "echo", "--lines"], protocol="lines", workers=2
    )
    taken: list[int] = []

    def questions() -> Iterator[Question]:
        for n in range(40):
            taken.append(n)
            yield Question(f"Q-{n}", "?")

    for count, _ in enumerate(runner.arrivals(questions())):
        assert len(taken) <= count + 4
    assert len(taken) == 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--replay-executor", "10.0.0.1"], "--replay-executor 10.0.0.1: write dask://HOST:PORT"),
        (["--replay-executor", "tcp://h:1"], "--replay-executor tcp://h:1: write dask://HOST:PORT"),
        (
            ["--replay-executor", "dask://[::::]:1"],
            "--replay-executor dask://[::::]:1: write dask://HOST:PORT",
        ),
        (["--replay-executor", "dask://a..b:1"], "--replay-executor dask://a..b:1: write dask://HOST:PORT"),
        (["--replay-executor", "dask://h:65536"], "--replay-executor dask://h:65536: write dask://HOST:PORT"),
        (["--replay-executor", "dask://h:1\n"], "--replay-executor dask://h:1\\n: write dask://HOST:PORT"),
        (["--replay-executor", f"dask://{'a' * 64}:1"], ":1: write dask://HOST:PORT"),
        (["--replay-executor", ""], "--replay-executor: is empty"),
    ],
)
def test_an_executor_that_is_none(capsys: pytest.CaptureFixture[str], options: list[str], words: str) -> None:
    """An address that is not a Dask scheduler's is refused in one line."""
    with pytest.raises(SystemExit) as left:
        raise SystemExit(main(["replay", *options]))
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


PEAK = """
import sys
from pathlib import Path
from pytest_caio.replay import RecordedRunner, load_answers, load_golden, replay_each
from tests.support.peaks import peak_mib
folder = Path(sys.argv[1])
figures = replay_each(
    load_golden(folder / "golden.jsonl"),
    RecordedRunner(load_answers(folder / "answers.jsonl")),
    lambda *_: None,
)
print(figures.asked, peak_mib())
"""


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="peaks are not measured there")
def test_memory_does_not_grow_with_the_cases(tmp_path: Path) -> None:
    """100,000 recorded cases are judged in at most 1.2 times the memory of 10,000."""
    peaks = []
    for cases in (10_000, 100_000):
        write_recorded(tmp_path, cases)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(tmp_path)],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        asked, peak = done.stdout.split()
        assert int(asked) == cases
        peaks.append(float(peak))
    assert peaks[1] <= 1.2 * peaks[0]
