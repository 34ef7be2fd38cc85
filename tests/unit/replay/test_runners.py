"""Runners: what they are handed, and that none of them can hold up or spoil the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from pytest_caio.errors import InputError
from pytest_caio.replay import Answer, CommandRunner, Question, RunnerFailure, runners
from pytest_caio.replay.answers import parse_answer
from pytest_caio.replay.runners import missing_script, split_command
from pytest_caio.system.program import find_program
from tests.support.pace import stretched, wait_for, within
from tests.support.places import CHECKOUT, SUPPORT
from tests.support.processes import runs

Misfit = Callable[..., CommandRunner]
QUESTIONS = [Question(f"Q-{n}", f"What of number {n}?") for n in range(4)]
BOTH = pytest.mark.parametrize("protocol", ["process", "lines"])


@BOTH
@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("crash", "status 1: …the model key is missing"),
        ("babble", "more than 1 MiB"),
        ("blank", "more than 1 MiB"),
        (
            "rubbish",
            "what the runner printed is not JSON: a value is expected (",
        ),
        ("array", "a shape that the suite does not know: it must be an object, and is an array"),
        (
            "shape",
            "a shape that the suite does not know: tool_trace_log[0] must be text, and is a whole number",
        ),
        ("short", "know: it lacks tool_trace_log"),
        ("deep", "what the runner printed is not usable JSON: nested too deeply"),
        ("latin", "what the runner printed is not UTF-8 text"),
        ("logging", "printed more after its answer, 'INFO done'; print the answer alone"),
        ("nan", "NaN is no JSON number"),
        ("twice", "an object names a field twice"),
        ("other", "answered another question"),
    ],
)
def test_a_bad_runner_costs_its_cases(misfit: Misfit, way: str, protocol: str, said: str) -> None:
    """Each way of giving no answer is a failure of each case, with its reason in words."""
    for exchange in misfit(way, protocol).ask(QUESTIONS[:2]):
        assert isinstance(exchange.outcome, RunnerFailure)
        assert said in exchange.outcome.reason


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_passed_over(mark: str) -> None:
    """A runner on Windows that prints a byte order mark before its JSON has answered."""
    said = {"actual_output": "fine", "tool_trace_log": [], "rag_context_chunks": []}
    found = parse_answer(json.dumps(said).encode(mark), QUESTIONS[0])
    assert found == Answer("fine", (), ())


@pytest.mark.skipif(os.name == "nt", reason="Windows does not run scripts by their first line")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#!/usr/bin/env python3\r\nprint()\r\n", "has Windows line ends (CRLF)"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "has a byte order mark before its first line"),
        (b"#!/no/such/interpreter\n", "the interpreter that its first line names was not found"),
        (b"\x01\x02", "is no program, and has no first line that names its interpreter (#!)"),
    ],
)
def test_a_script_that_does_not_start(tmp_path: Path, content: bytes, words: str) -> None:
    """CRLF in a script, and what else keeps it from starting, is said in words."""
    script = tmp_path / "runner"
    script.write_bytes(content)
    script.chmod(0o755)
    try:
        (exchange,) = CommandRunner("./runner", cwd=tmp_path).ask(QUESTIONS[:1])
        assert isinstance(exchange.outcome, RunnerFailure)
        said = exchange.outcome.reason
    except InputError as error:
        said = str(error)
    assert "the runner did not start: " in said
    assert words in said


@pytest.mark.skipif(os.name == "nt", reason="every file is executable there")
@pytest.mark.parametrize(
    ("command", "folder", "words"),
    [
        ("./runner.txt", ".", "is not executable (chmod +x)"),
        ("runner.txt", ".", "was not found on PATH; write ./runner.txt"),
        ("./runer.txt", ".", "the program './runer.txt' was not found"),
        ("./runner.txt", "nowhere", "its working directory is no folder"),
    ],
)
def test_a_runner_that_is_not_there(tmp_path: Path, command: str, folder: str, words: str) -> None:
    """A mistyped path, a file that is not executable and a wrong folder are told apart."""
    (tmp_path / "runner.txt").write_text("#!/bin/sh\n", "utf-8")
    with pytest.raises(InputError) as caught:
        CommandRunner(command, cwd=tmp_path / folder)
    assert "the runner did not start: " in str(caught.value)
    assert words in str(caught.value)


@BOTH
@pytest.mark.parametrize("way", ["hang", "mutter", "silent"])
def test_a_hanging_runner_is_ended_in_time(misfit: Misfit, way: str, protocol: str) -> None:
    """A runner that hangs, only fills its error output or says nothing is over at its time limit."""
    limit, started = stretched(0.5), time.monotonic()
    exchanges = misfit(way, protocol, case_seconds=limit).ask(QUESTIONS[:2])
    assert within(time.monotonic() - started, 10 * limit)
    reasons = [
        exchange.outcome.reason for exchange in exchanges if isinstance(exchange.outcome, RunnerFailure)
    ]
    silent = way == "silent" and protocol == "process"
    assert len(reasons) == 2
    assert all(("printed nothing" if silent else "no answer in time") in reason for reason in reasons)


@BOTH
def test_a_hanging_runner_takes_its_descendants_along(misfit: Misfit, protocol: str, tmp_path: Path) -> None:
    """After the time limit neither the runner nor the process that it had started is there."""
    pids = tmp_path / "pids"
    env = os.environ | {"MISFIT_PIDS": str(pids)}
    misfit("hang", protocol, case_seconds=stretched(1.2), env=env).ask(QUESTIONS[:1])
    assert _gone(pids)


@BOTH
def test_only_the_slow_case_is_lost(misfit: Misfit, protocol: str) -> None:
    """One case that hangs costs itself; those before and after it are answered."""
    questions = [*QUESTIONS[:2], Question("S", "a slow one"), *QUESTIONS[2:]]
    exchanges = misfit("nap", protocol, case_seconds=stretched(1.2), workers=1).ask(questions)
    assert [isinstance(exchange.outcome, Answer) for exchange in exchanges] == [True, True, False, True, True]


@BOTH
def test_answers_in_any_script(misfit: Misfit, protocol: str) -> None:
    """A runner that prints non-ASCII JSON is understood, also where Python prints a code page (Windows)."""
    env = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    (exchange,) = misfit("words", protocol, env=env).ask(QUESTIONS[:1])
    assert isinstance(exchange.outcome, Answer), exchange.outcome
    assert exchange.outcome.actual_output == "Grüße — ✓ 漢"


def test_a_runner_that_dies_is_started_again(misfit: Misfit) -> None:
    """A long-lived runner that dies at its second question costs that one, and the next is answered."""
    exchanges = misfit("faint", "lines", workers=1).ask(QUESTIONS)
    assert [isinstance(exchange.outcome, Answer) for exchange in exchanges] == [True, False, True, False]


def test_a_runner_may_not_speak_first(misfit: Misfit) -> None:
    """A long-lived runner that prints answers ahead of the questions has none of them taken for one."""
    outcomes = [exchange.outcome for exchange in misfit("eager", "lines", workers=1).ask(QUESTIONS[:2])]
    assert any("before it was asked" in o.reason for o in outcomes if isinstance(o, RunnerFailure))


def test_a_runner_that_reads_nothing_is_not_waited_for(misfit: Misfit) -> None:
    """A question larger than any pipe, put to a runner that ignores it, is over with the runner's answer."""
    (exchange,) = misfit("ignore").ask([Question("Q", "x" * 3_000_000)])
    assert isinstance(exchange.outcome, Answer)


def test_an_orphan_that_holds_the_output_is_not_waited_for(misfit: Misfit) -> None:
    """A runner that answered and ended counts, though its descendant keeps the pipe open."""
    started = time.monotonic()
    (exchange,) = misfit("orphan").ask(QUESTIONS[:1])
    assert isinstance(exchange.outcome, Answer)
    assert within(time.monotonic() - started, 5)


@BOTH
def test_the_payload_is_the_question_and_nothing_else(misfit: Misfit, protocol: str) -> None:
    """What the runner reads is, character for character, what was recorded: id and input_query."""
    questions = [*QUESTIONS, Question("Ü-\\9", 'Grüße, "Dana" \u2028 \U0001f600\nand a second line')]
    exchanges = misfit("echo", protocol).ask(questions)
    assert [exchange.question for exchange in exchanges] == questions
    for exchange, question in zip(exchanges, questions, strict=True):
        assert isinstance(exchange.outcome, Answer)
        assert exchange.outcome.actual_output == exchange.handed
        assert json.loads(exchange.handed) == {"id": question.id, "input_query": question.input_query}
        assert exchange.handed.count("\n") == 1


@BOTH
def test_the_total_time_is_bounded(misfit: Misfit, protocol: str) -> None:
    """When the total time is over, cases that wait are not asked, and the run ends."""
    started = time.monotonic()
    exchanges = misfit("hang", protocol, case_seconds=30, total_seconds=0.5, workers=1).ask(QUESTIONS)
    assert within(time.monotonic() - started, 6)
    reasons = [
        exchange.outcome.reason for exchange in exchanges if isinstance(exchange.outcome, RunnerFailure)
    ]
    assert "no answer in time" in reasons[0]
    assert reasons[1:] == ["not asked: the replay's total time was over"] * 3
    assert [exchange.handed for exchange in exchanges[1:]] == [""] * 3


def test_any_executor_will_do(misfit: Misfit) -> None:
    """Processes in place of threads answer alike, in the questions' order, and are left running."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        for protocol in ("process", "lines"):
            exchanges = misfit("echo", protocol, executor=executor).ask(QUESTIONS)
            assert executor.submit(abs, -1).result() == 1
            assert [exchange.question for exchange in exchanges] == QUESTIONS, protocol
            assert all(isinstance(exchange.outcome, Answer) for exchange in exchanges), protocol


def test_an_executor_without_a_free_worker_is_given_up(
    misfit: Misfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases that an executor never takes up become failures when the total time is over."""
    monkeypatch.setattr(runners, "_AFTERMATH", 0.1)
    release = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        executor.submit(release.wait, 30)
        exchanges = misfit("echo", executor=executor, total_seconds=0.3).ask(QUESTIONS)
        release.set()
    failures = [exchange.outcome for exchange in exchanges]
    assert (
        failures == [RunnerFailure("no worker took the case up before the replay's total time was over")] * 4
    )


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt cannot be sent to one process there")
def test_an_interruption_does_not_wait_for_the_runner(tmp_path: Path) -> None:
    """Ctrl-C during a hanging case ends the run at once, and the runner with it."""
    pids = tmp_path / "pids"
    code = f"""
        from pytest_caio.replay import CommandRunner, Question
        runner = CommandRunner(["python", {str(SUPPORT / "misfits.py")!r}, "hang"], workers=1)
        runner.ask([Question("Q", "x")] * 9)
    """
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"MISFIT_PIDS": str(pids)},
        cwd=CHECKOUT,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: pids.exists() and pids.read_text("utf-8"))
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, stderr = run.communicate(timeout=300)
    assert within(time.monotonic() - began, 10)
    assert b"KeyboardInterrupt" in stderr
    assert _gone(pids)


@pytest.mark.parametrize(
    ("command", "windows", "words"),
    [
        ("python 'my runner.py' --fast", False, (sys.executable, "my runner.py", "--fast")),
        (["python", "a b"], False, (sys.executable, "a b")),
        (r"python C:\tools\run.py", True, (sys.executable, r"C:\tools\run.py")),
        (r'"C:\Program Files\run.exe" --k "a b"', True, (r"C:\Program Files\run.exe", "--k", "a b")),
        (r'python --x="C:\tool box\y" z', True, (sys.executable, r"--x=C:\tool box\y", "z")),
        (r'"C:\tool box\"run.exe "C:\x\"', True, ("C:\\tool box\\run.exe", "C:\\x\\")),
        (r"python C:\Users\O'Brien\x.py 'a b'", True, (sys.executable, r"C:\Users\O'Brien\x.py", "a b")),
        ('npm run "" agent ', True, ("npm", "run", "", "agent")),
        ("python3 x.py", False, ("python3", "x.py")),
        ("Python3.exe x.py", True, (sys.executable, "x.py")),
    ],
)
def test_commands_are_split_as_the_system_writes_them(
    command: str | list[str], windows: bool, words: tuple[str, ...]
) -> None:
    """A command is a list, or text by the rules of the system; `python` is this interpreter.

    On Windows, quoted parts such as `--x="C:\\tool box\\y"` are kept.
    """
    assert split_command(command, windows=windows) == words


@pytest.mark.parametrize("command", ['python "open', r'python "C:\x', '"'])
def test_a_quote_that_is_left_open_on_windows(command: str) -> None:
    """On Windows too, a quote without an end is named."""
    with pytest.raises(InputError, match="cannot be split into words"):
        split_command(command, windows=True)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("agent", "here/agent.cmd"),  # the runner's folder comes before PATH
        ("npm", "path/npm.cmd"),  # never the shell script of the same name
        ("npm.cmd", "path/npm.cmd"),
        ("tool", "path/tool.exe"),
        ("bin/run", "here/bin/run.bat"),
        ("./agent", "here/agent.cmd"),
        ("bin/tool", None),  # a path is not searched for in PATH
        ("notes", None),  # notes.txt is no program
        ("agent.py", None),
    ],
)
def test_programs_are_found_as_windows_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, found: str | None
) -> None:
    """A runner without `.exe` is found by the endings of PATHEXT, in the profile's cwd and in PATH."""
    for name in ("here/agent.cmd", "here/agent.py", "here/notes.txt", "here/bin/run.bat", "path/agent.exe"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("npm", "npm.cmd", "tool.exe"):
        (tmp_path / "path" / name).touch()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PATHEXT", ".COM;.EXE;.BAT;.CMD")
    program = find_program(word, tmp_path / "here", windows=True)
    assert program == (found and str(tmp_path / found))


@pytest.mark.parametrize("command", ["", [], [""], "python 'open", "no-such-program-here", "./no/such/file"])
def test_a_command_that_cannot_work_is_an_input_error(command: str | list[str]) -> None:
    """An empty, broken or missing command is named before anything is run."""
    with pytest.raises(InputError, match=r"replay\.runner"):
        CommandRunner(command)


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    """A script that is not in the runner's folder is named; the value of an option is not taken for one."""
    (tmp_path / "agent.py").touch()
    assert missing_script('python agent.py --rules="C:\\tool box\\rules.py"', tmp_path) == ""
    assert missing_script("python agnet.py agent.py", tmp_path) == "agnet.py"
    assert missing_script("python -m agent --lines", tmp_path) == ""


def test_numbers_and_protocol_are_checked() -> None:
    """A protocol that is not known, and a limit of nothing, are input errors."""
    with pytest.raises(InputError, match="process, lines"):
        CommandRunner("python x.py", protocol="pigeon")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="above zero"):
        CommandRunner("python x.py", case_seconds=0)


def _gone(pids: Path) -> bool:
    """Wait until none of the processes runs any more, and say whether that took less than 5 seconds."""
    numbers, began = [int(pid) for pid in pids.read_text("utf-8").split()], time.monotonic()
    wait_for(lambda: not any(map(runs, numbers)), 60)
    return bool(numbers) and within(time.monotonic() - began, 5)
