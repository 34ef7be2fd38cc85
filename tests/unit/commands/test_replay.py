"""The command `replay`: judges a golden set outside a run, and writes its answers as a baseline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.commands.cli import main
from pytest_caio.replay import Answer, load_answers, save_answers
from tests.support.pace import wait_for
from tests.support.places import CHECKOUT, SUPPORT, as_toml
from tests.support.processes import runs

AGENT = "python -m pytest_caio.reference.golden.agent --lines"
NO_SCHEDULER = "dask://127.0.0.1:9"
MISFIT = f'python "{(SUPPORT / "misfits.py").as_posix()}"'
COPIER = f'python "{(SUPPORT / "copier.py").as_posix()}"'
SECRET = "Zk4vQ9rT2mXw7LpB"


@pytest.fixture
def replay(
    tmp_path: Path, demo_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Run the command on a demo profile with the given changes; return status, summary and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str, **section: object) -> tuple[int, Any, str]:
        usual = {"golden_set": str(demo_path), "runner": AGENT, "protocol": "lines", "workers": 1}
        keys = {key: value for key, value in {**usual, **section}.items() if value is not None}
        lines = [f"{key} = {as_toml(value)}" for key, value in keys.items()]
        text = "\n".join(["[bare]", "[one]", 'env_file = "one.env"', "[one.replay]", *lines, ""])
        (tmp_path / "profiles.toml").write_text(text, "utf-8")
        capsys.readouterr()
        try:
            status = main(["replay", "--profiles", "profiles.toml", *(options or ("--env", "one"))])
        except SystemExit as left:
            status = int(left.code or 0)
        out, err = capsys.readouterr()
        # On a busy machine the command may print that it is still waiting.
        told = [line for line in err.splitlines(keepends=True) if "waiting for" not in line]
        return status, json.loads(out) if out else None, "".join(told)

    return run


def asked(*options: str) -> tuple[str, ...]:
    """Return the options of a run of the profile `one`."""
    return ("--env", "one", *options)


def test_the_demo_is_ok(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options the demo's golden set is replayed by the demo's agent, which misses one case."""
    monkeypatch.chdir(CHECKOUT)
    assert main(["replay"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert list(summary.pop("misses")) == ["OUT-144"]
    assert Path(summary.pop("golden_set")).name == "golden_set.json"
    assert summary.pop("seconds") > 0
    assert summary == {
        "ok": True,
        "environment": "demo",
        "cases": 50,
        "passed": 49,
        "pass_rate": 0.98,
        "min_pass_rate": 0.95,
        "ungrounded": [],
        "fallen": None,
        "honest": True,
        "errors": [],
        "baseline": None,
    }


def test_the_baseline_contains_the_answers(replay: Callable[..., Any], tmp_path: Path) -> None:
    """The baseline has all answers; with it the same answers show no regression, and worse ones do."""
    status, summary, err = replay(*asked("--write-baseline", "kept.jsonl"))
    assert (status, summary["baseline"], err) == (0, "kept.jsonl", "")
    kept = load_answers(tmp_path / "kept.jsonl")
    assert len(kept) == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.jsonl", "profiles.toml"]
    again, summary, _ = replay(baseline="kept.jsonl")
    assert (again, summary["fallen"]) == (0, [])
    save_answers(tmp_path / "worse.jsonl", {**kept, "OUT-101": Answer("No idea.", (), ())})
    _, summary, _ = replay(runner=None, answers="worse.jsonl", baseline="kept.jsonl")
    assert (summary["fallen"], summary["honest"]) == (["OUT-101"], None)
    assert "OUT-101" in summary["misses"]


def test_a_replay_that_is_not_ok_writes_nothing(replay: Callable[..., Any], tmp_path: Path) -> None:
    """Below the threshold the status is 1 and no baseline is written, except with --write-anyway."""
    kept = tmp_path / "kept.jsonl"
    wrong = f"{MISFIT} echo --lines"
    status, summary, err = replay(*asked("--write-baseline", "kept.jsonl"), runner=wrong)
    assert (status, summary["ok"], summary["passed"], summary["baseline"]) == (1, False, 0, None)
    assert len(summary["misses"]) == 50
    assert summary["errors"][0] == "0 of 50 cases passed, and 95% must"
    assert err.splitlines()[0] == "replay: 0 of 50 cases passed, and 95% must"
    assert err.splitlines()[-1] == "replay: the baseline was not written"
    assert not kept.exists()
    status, summary, _ = replay(*asked("--write-baseline", "kept.jsonl", "--write-anyway"), runner=wrong)
    assert (status, summary["baseline"], len(load_answers(kept))) == (1, "kept.jsonl", 50)


def test_a_copier_is_not_ok(
    replay: Callable[..., Any], demo_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner that copies the expectations passes all cases and the decoy: not ok, and no baseline."""
    monkeypatch.setenv("COPIER_FILE", str(demo_path))
    status, summary, err = replay(*asked("--write-baseline", "kept.jsonl"), runner=f"{COPIER} id")
    assert (status, summary["passed"], summary["honest"]) == (1, 50, False)
    assert "it passed the decoy" in err
    assert not (tmp_path / "kept.jsonl").exists()


def test_a_broken_golden_set_is_not_ok(replay: Callable[..., Any]) -> None:
    """An error in the golden set is reported in the words of RPL-01."""
    status, summary, _ = replay(min_cases=51)
    assert (status, summary["errors"]) == (1, ["golden_set.json: 50 usable cases, at least 51 are needed"])


def test_a_baseline_is_not_replaced_unasked(replay: Callable[..., Any], tmp_path: Path) -> None:
    """An existing baseline is replaced only with --overwrite; without it the runner is not started."""
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"earlier\n")
    touched = "python -c \"open('asked', 'w')\""
    status, summary, err = replay(*asked("--write-baseline", "kept.jsonl", "--runner", touched))
    assert (status, summary) == (2, None)
    assert err.endswith("--write-baseline kept.jsonl: is there; add --overwrite to replace it\n")
    assert (kept.read_bytes(), (tmp_path / "asked").exists()) == (b"earlier\n", False)
    assert replay(*asked("--write-baseline", "kept.jsonl", "--overwrite"))[0] == 0
    assert len(load_answers(kept)) == 50


def test_the_baseline_to_write_may_be_missing(replay: Callable[..., Any], tmp_path: Path) -> None:
    """A missing baseline in the profile is accepted if it is the file to write, and else an error."""
    status, summary, _ = replay(*asked("--write-baseline", "kept.jsonl"), baseline="kept.jsonl")
    assert (status, summary["fallen"]) == (0, None)
    status, _, err = replay(*asked("--write-baseline", "new.jsonl"), baseline="none.jsonl")
    assert (status, "none.jsonl: cannot be read" in err) == (2, True)


def test_options_take_precedence_over_the_profile(
    replay: Callable[..., Any], demo_path: Path, tmp_path: Path
) -> None:
    """The runner and the golden set of the command line replace the profile's."""
    cases = json.loads(demo_path.read_text("utf-8"))[:3]
    (tmp_path / "few.json").write_text(json.dumps(cases), "utf-8")
    given = asked("--golden-set", "few.json", "--runner", AGENT)
    status, summary, _ = replay(*given, answers="none.jsonl", runner=None, golden_set=None, min_cases=3)
    assert (status, summary["golden_set"], summary["cases"], summary["passed"]) == (0, "few.json", 3, 3)


def test_no_secret_is_shown(
    replay: Callable[..., Any], demo_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets of the process or the env file that a runner prints are redacted."""
    (tmp_path / "one.env").write_text(f"INNGEST_EVENT_KEY={SECRET[::-1]}\n", "utf-8")
    monkeypatch.setenv("MODEL_API_KEY", SECRET)
    told = f"{SECRET} {SECRET[::-1]} jo.doe@lead.example"
    (tmp_path / "leaks.py").write_text(f"import sys\nsys.exit({told!r})\n", "utf-8")
    cases = json.loads(demo_path.read_text("utf-8"))[:3]
    (tmp_path / "few.json").write_text(json.dumps(cases), "utf-8")
    status, summary, err = replay(runner="python leaks.py", golden_set="few.json", min_cases=3)
    shown = json.dumps(summary) + err
    assert status == 1
    assert "[redacted: MODEL_API_KEY] [redacted: INNGEST_EVENT_KEY] j***@lead.example" in shown
    assert not [word for word in (SECRET, SECRET[::-1], "jo.doe") if word in shown]


@pytest.mark.parametrize(
    ("options", "section", "words"),
    [
        (("--env", "two"), {}, "--env two: no such profile in profiles.toml; there are bare, one"),
        (("--env", "bare"), {}, "golden_set of [bare.replay] is missing; give it there, or --golden-set"),
        ((), {"runner": None}, "runner of [one.replay] is missing; give it there, or --runner"),
        ((), {"golden_set": "none.json"}, "none.json: cannot be read (No such file or directory)"),
        ((), {"runner": "python none.py"}, "runner of [one.replay]: no such file: none.py"),
        (
            (),
            {"runner": "no-such-program"},
            "the runner did not start: the program 'no-such-program' was not found",
        ),
        ((), {"runner": None, "answers": "none.jsonl"}, "none.jsonl: cannot be read"),
        ((), {"rnner": "x"}, "unknown key rnner"),
        (asked("--write-baseline", "none/kept.jsonl"), {}, "kept.jsonl: there is no such folder"),
        (asked("--write-baseline", ".", "--overwrite"), {}, "--write-baseline .: is a folder; name a file"),
        (asked("--runner", "python 'open"), {}, "--runner: the command cannot be split into words"),
        ((), {"runner": "python 'open"}, "replay.runner: the command cannot be split into words"),
        # Each takes as long as is waited for a scheduler.
        pytest.param(
            *(asked("--replay-executor", NO_SCHEDULER), {}, f"--replay-executor {NO_SCHEDULER}: no Dask"),
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            *((), {"executor": NO_SCHEDULER}, f"replay.executor {NO_SCHEDULER}: no Dask scheduler"),
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_input_that_cannot_be_used(
    replay: Callable[..., Any], options: tuple[str, ...], section: dict[str, object], words: str
) -> None:
    """Invalid input is reported in one line, with exit status 2."""
    status, summary, err = replay(*options, **section)
    assert (status, summary, err.count("\n")) == (2, None, 1)
    assert err.startswith("python -m pytest_caio replay: ")
    assert words in err


def test_a_baseline_that_cannot_be_written(replay: Callable[..., Any], tmp_path: Path) -> None:
    """If the baseline cannot be written at the end, the summary is shown and is not ok."""
    folder = tmp_path / "kept"
    folder.mkdir()
    code = "import os, runpy, sys; os.path.isdir('kept') and os.rmdir('kept'); "
    code += "runpy.run_module('pytest_caio.reference.golden.agent', run_name='__main__')"
    given = asked("--write-baseline", "kept/kept.jsonl", "--runner", f'python -c "{code}" --lines')
    status, summary, _ = replay(*given, workers=1)
    assert (status, summary["ok"], summary["passed"], summary["baseline"]) == (1, False, 49, None)
    words = "--write-baseline kept/kept.jsonl: cannot be written (No such file or directory)"
    assert summary["errors"] == [words]


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt cannot be sent to one process there")
def test_ctrl_c_ends_the_runner(demo_path: Path, tmp_path: Path) -> None:
    """A long replay is announced on stderr, and Ctrl-C ends it and its runner without a baseline."""
    pids = tmp_path / "pids"
    (tmp_path / "profiles.toml").write_text("[one]\n", "utf-8")
    options = ["--golden-set", str(demo_path), "--runner", f"{MISFIT} hang", "--write-baseline", "kept.jsonl"]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest_caio", "replay", "--env=one", "--profiles=profiles.toml", *options],
        cwd=tmp_path,
        env=os.environ | {"MISFIT_PIDS": str(pids)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as run:
        try:
            assert run.stderr is not None
            told = "replay: waiting for the answers to 50 cases and their decoys (2 s so far)\n"
            assert run.stderr.readline() == told
            deadline = time.monotonic() + 15
            while not (pids.exists() and pids.read_text("utf-8")) and time.monotonic() < deadline:
                time.sleep(0.02)
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=20)
        finally:
            run.kill()
    assert (run.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert not (tmp_path / "kept.jsonl").exists()
    numbers = [int(number) for number in pids.read_text("utf-8").split()]
    assert numbers
    wait_for(lambda: not any(map(runs, numbers)), 1)
