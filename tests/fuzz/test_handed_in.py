"""Whatever people hand in, a run ends with a verdict, or with one line that names the file, line or key."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_caio.commands.cli import main
from pytest_caio.contract import cards, operation, reports
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.environments.profiles import SECTIONS, Profile
from pytest_caio.environments.tokens import read_revoked, read_token
from pytest_caio.errors import InputError
from pytest_caio.gates.operator import read_sends
from pytest_caio.probing.exchange import Exchange
from pytest_caio.reference.dashboard.settings import fresh_settings
from pytest_caio.replay import (
    Answer,
    Answered,
    GoldenSet,
    Question,
    Runner,
    RunnerFailure,
    load_answers,
    load_golden,
    run_replay,
)
from pytest_caio.replay.answers import parse_answer
from pytest_caio.text import printable
from pytest_caio.verdict.waivers import read_waivers
from tests.support.in_process import http_cases, judged, judged_answers, options_of

URL = "https://caio.example.com"
EXAMPLES = pytest.mark.parametrize("examples", [50, pytest.param(10_000, marks=pytest.mark.nightly)])


def fuzz(examples: int, strategy: st.SearchStrategy[Any], test: Callable[[Any], None]) -> None:
    """Run a test with this many examples of a strategy."""
    kept = settings(
        max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )

    def drawn(example: Any) -> None:  # given() keeps its wrapped function, which must be a new one
        test(example)

    kept(given(strategy)(drawn))()


def one_line(action: Callable[[], object], *names: str) -> object:
    """Return what an action gives, or None where it refuses in one line that has one of the names in it."""
    said = ""
    try:
        return action()
    except InputError as error:
        said = printable(str(error))  # as the run shows it
    assert len(said.splitlines()) == 1
    assert any(name in said for name in names), said
    return None


ODD = st.sampled_from(
    [
        *(
            "",
            " ",
            "*",
            "null",
            "true",
            "True;",
            "0",
            "-1",
            "1e999",
            "9" * 4301,
            "nan",
            "a b",
            "a,b",
            ",",
            "=",
            "#",
        ),
        *(
            "https://[bad",
            "https://",
            "http://a:b@c/",
            "https://a.example/ b",
            "//x",
            "https://\u00e9.example",
        ),
        *(
            "https://xn--.example:99999",
            "https://[::1%25lo]",
            "redis://:p/w@h:1/0",
            "redis://[",
            "rediss://h:x/99",
        ),
        *(
            "${A}",
            "${{shared.A}}",
            "${A:-${B}}",
            "$A",
            "${",
            "<token>",
            "changeme",
            "signkey-prod-zz",
            "signkey-",
        ),
        *(
            "\u201cx\u201d",
            "\ufeffx",
            "\u00a0",
            "x\u200by",
            "\ud7ff",
            "\U0001f600",
            "\x1b[2J",
            "\u202e",
            "\x85x",
        ),
        *(
            "caio:staging",
            "caio:production:state",
            "C:\\Users\\me\\x",
            "../..",
            "/",
            "x" * 300,
            "\x00",
            "'",
            '"',
        ),
    ]
)
TEXT = ODD | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LINE = st.builds(
    lambda lead, key, equals, quote, value: f"{lead}{key}{equals}{quote}{value}{quote}",
    st.sampled_from(["", "", "", "export ", "  ", "# ", "set "]),
    st.sampled_from([*RUNTIME_KEYS, "EXTRA_API_KEY", "lower", "A B", ""]),
    st.sampled_from(["=", "=", "=", " = ", ": ", ""]),
    st.sampled_from(["", "", "'", '"', "\u201c"]),
    TEXT,
)


@st.composite
def files(draw: st.DrawFn, line: st.SearchStrategy[str], most: int = 8) -> bytes:
    """Draw the content of a text file: lines, in an encoding, with either line end; or any bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=40))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    text = end.join(draw(st.lists(line, max_size=most))) + draw(st.sampled_from(["", end]))
    encoding = draw(st.sampled_from([*["utf-8"] * 5, "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    return text.encode(encoding, "replace")


@EXAMPLES
def test_env_files(examples: int, tmp_path: Path) -> None:
    """Any env file leads to the gate's own outcomes, or to one line with the file and the line."""
    path = tmp_path / "fuzz.env"

    def test(content: bytes) -> None:
        path.write_bytes(content)
        profile = tmp_path / "p.toml"
        profile.write_text(f'[production]\nbase_url = "{URL}"\n', "utf-8")
        options = one_line(
            lambda: options_of(
                tmp_path, caio_env=["production"], caio_env_file=str(path), caio_profiles="p.toml"
            ),
            f"env file {path}",
        )
        if options is not None:
            judged(options)

    fuzz(examples, files(LINE), test)


@EXAMPLES
def test_variables_of_the_process(examples: int, tmp_path: Path) -> None:
    """Any value of a variable leads to the gate's own outcomes, or to one line with the variable's name."""
    (tmp_path / "p.toml").write_text("[production]\n", "utf-8")
    names = st.sampled_from(
        [*RUNTIME_KEYS, *(f"PRODUCTION_{key}" for key in RUNTIME_KEYS), "MY_TOKEN", "HOME"]
    )
    value = (TEXT | st.sampled_from(["\udcff", "token\n", "a\udc80b", "\r\n"])).map(
        lambda text: text.replace("\0", "")
    )

    def test(variables: dict[str, str]) -> None:
        options = one_line(
            lambda: options_of(tmp_path, variables, caio_env=["production"], caio_profiles="p.toml"),
            "the process environment",
        )
        if options is not None:
            judged(options)

    base = st.just({"CAIO_BASE_URL": URL})
    fuzz(examples, st.builds(dict.__or__, base, st.dictionaries(names, value, max_size=6)), test)


KEYS = [
    *Profile.__struct_fields__,
    *(key for section in SECTIONS.values() for key in section.__struct_fields__),
]


# Not a lambda: Hypothesis reads the file of one to describe it, which LC_ALL=C and the path's letters end.
def _lists(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=2).map(lambda found: f"[{', '.join(found)}]")


VALUE = st.recursive(
    st.sampled_from(
        ["1", "-1", "0.5", "inf", "nan", "true", "2026-02-24", "2026-02-24T00:00:00Z", "07:00:00"]
    )
    | st.sampled_from(
        ["''", '"C:\\Users\\me"', '"C:\\tools"', "1" * 4301, "{}", "x", "0x1", "1__0", '"""a\nb"""']
    )
    | TEXT.map(lambda text: json.dumps(text, ensure_ascii=False))
    | TEXT.map(lambda text: f"'{text}'"),
    _lists,
    max_leaves=3,
)
TOML = st.one_of(
    st.builds(lambda key, value: f"{key} = {value}", st.sampled_from([*KEYS, "typo", "a.b"]), VALUE),
    st.sampled_from(
        ["[production]", "[production.state]", "[production.replay]", "[production.pack]", "[staging]"]
    ),
    st.sampled_from(
        ["[production.operator]", "[[production]]", "# x", "", "[", "['']", "[a.b.c]", "reference = true"]
    ),
    st.text(max_size=8),
)


@EXAMPLES
def test_profiles(examples: int, tmp_path: Path) -> None:
    """Any profiles file leads to the gates' own outcomes, or to one line with the file and the line."""
    path = tmp_path / "p.toml"

    def test(content: bytes) -> None:
        path.write_bytes(b'[production]\nbase_url = "https://caio.example.com"\n' + content)
        options = one_line(
            lambda: options_of(tmp_path, caio_env=["production"], caio_profiles="p.toml"),
            str(path),
            "base_url of profile production",
            "env file",
            "--env production",
        )
        if options is not None:
            judged(options)

    fuzz(examples, files(TOML), test)


class Parrot(Runner):
    """A runner that repeats every second question, so that decoys and answers are judged too."""

    command = ("parrot",)

    def ask(self, questions: list[Question]) -> list[Answered]:
        """Return an answer to every second question, and a failure for the others."""
        answers = [Answer(question.input_query, ("t",), (question.input_query,)) for question in questions]
        failure = RunnerFailure("not today")
        return [
            Answered(question, "", failure if number % 2 else answer, 0.0)
            for number, (question, answer) in enumerate(zip(questions, answers, strict=True))
        ]


FIELDS = ["id", "input_query", "expected_tools", "positive_constraints", "negative_constraints", "baseline"]
JSON = st.recursive(
    st.sampled_from(
        ["1", "NaN", "1e999", "null", "true", '"\\ud800"', "9" * 4301, "[", "}", "{}", "[]", "'x'"]
    )
    | TEXT.map(json.dumps),
    _lists,
    max_leaves=3,
)
GOOD = {"id": "A", "input_query": "What?", "expected_tools": ["t"], "positive_constraints": ["Says a"]}
CASE = st.builds(
    lambda own, more: "{" + ", ".join([*(f'"{k}": {json.dumps(v)}' for k, v in own.items()), *more]) + "}",
    st.fixed_dictionaries(
        {}, optional={k: st.just(v) for k, v in {**GOOD, "negative_constraints": []}.items()}
    ),
    st.lists(
        st.builds(lambda key, value: f'"{key}": {value}', st.sampled_from([*FIELDS, "cases"]), JSON),
        max_size=2,
    ),
)
JSON_LINE = (
    CASE | JSON | st.sampled_from(["[", "]", ",", "// x", "# x", '{"cases": [', "]}", "id,input_query", ""])
)


@EXAMPLES
def test_golden_sets(examples: int, tmp_path: Path) -> None:
    """Any golden set is replayed, with each problem in one line that names the set."""
    path = tmp_path / "set.json"

    def test(content: bytes) -> None:
        path.write_bytes(content)
        golden = one_line(lambda: load_golden(path, 2), str(path))
        assert isinstance(golden, GoldenSet)
        for problem in golden.problems:
            assert problem.startswith("set.json"), problem
            assert "Traceback" not in problem
        run_replay(golden, Parrot())  # type: ignore[arg-type]

    fuzz(examples, files(JSON_LINE), test)


@EXAMPLES
def test_answers(examples: int, tmp_path: Path) -> None:
    """Any output of a runner is an answer or a reason, and any record is read or refused."""
    path = tmp_path / "record.jsonl"
    fields = ["id", "actual_output", "tool_trace_log", "rag_context_chunks", "metadata", "sent_at", "to"]
    record = st.lists(st.builds(lambda k, v: f'"{k}": {v}', st.sampled_from(fields), JSON), max_size=5)
    line = record.map(lambda found: "{" + ", ".join(found) + "}") | JSON_LINE

    def test(content: bytes) -> None:
        assert isinstance(parse_answer(content, Question("A", "What?")), Answer | RunnerFailure)
        path.write_bytes(content)
        one_line(lambda: load_answers(path), "record.jsonl")
        one_line(lambda: read_sends(path), "record.jsonl")

    fuzz(examples, files(line), test)


@EXAMPLES
def test_token_files(examples: int, tmp_path: Path) -> None:
    """Any file of tokens gives tokens, or one line with the option that holds none of the file's text."""
    path = tmp_path / "tokens.txt"

    def test(content: bytes) -> None:
        path.write_bytes(content)
        one_line(lambda: read_token(path), "--token")
        one_line(lambda: read_revoked(path), "--revoked-tokens")

    fuzz(examples, files(LINE | TEXT, most=3), test)


@EXAMPLES
def test_waivers_files(examples: int, tmp_path: Path) -> None:
    """Any waivers file gives waivers, malformed ones with their fault, or one line with the file."""
    path = tmp_path / "w.toml"
    keys = st.sampled_from(["check", "environment", "owner", "reason", "expires", "case", "typo"])
    line = st.builds(lambda key, value: f"{key} = {value}", keys, VALUE) | st.just("[[waiver]]") | TOML

    def test(content: bytes) -> None:
        path.write_bytes(content)
        one_line(lambda: read_waivers(path, ["production"], required=True), f"--waivers {path}")

    fuzz(examples, files(line), test)


@EXAMPLES
def test_options(examples: int, tmp_path: Path) -> None:
    """Any value of an option leads to the gate's own outcomes, or to one line with the option."""
    (tmp_path / "p.toml").write_text(f'[production]\nbase_url = "{URL}"\n[staging]\n', "utf-8")
    options = {
        "base_url": "--base-url",
        "caio_token": "--token",
        "caio_env_file": "env file",
        "caio_waivers": "--waivers",
        "caio_revoked": "--revoked-tokens",
        "caio_wait_ready": "--wait-ready",
        "caio_commit": "--expect-commit",
        "caio_connections": "--max-connections",
        "caio_rate": "--request-rate",
        "caio_timeout": "--http-timeout",
        "caio_evidence": "--evidence-dir",
        "caio_profiles": "profiles",
    }
    value = (TEXT | st.sampled_from(["\udcff", "@", "@.", "@p.toml", "."])).map(
        lambda text: text.replace("\0", "")
    )

    def test(given_options: dict[str, str]) -> None:
        kept = {"caio_env": ["production"], "caio_profiles": "p.toml", **given_options}
        names = (options[name] for name in given_options)
        read = one_line(lambda: options_of(tmp_path, **kept), *names, "--env")
        if read is not None:
            judged(read)

    fuzz(examples, st.dictionaries(st.sampled_from(list(options)), value, min_size=1, max_size=2), test)


@EXAMPLES
def test_commands(examples: int, tmp_path: Path) -> None:
    """Whatever file and values `bootstrap` is given, it fills the file in, or says in lines why not."""
    path = tmp_path / "fuzz.env"
    value = (TEXT | st.sampled_from(["\udcff", "@", "@."])).map(lambda text: text.replace("\0", ""))
    pair = st.builds(lambda key, text: f"{key}={text}", st.sampled_from(RUNTIME_KEYS), value)

    def test(drawn: tuple[bytes, list[str]]) -> None:
        content, pairs = drawn
        path.write_bytes(content)
        options = [word for text in pairs for word in ("--set", text)]
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status = main(
                    ["bootstrap", "--env-file", str(path), "--mode", "production", "--dry-run", *options]
                )
            except SystemExit as ended:
                status = ended.code
                assert err.getvalue().count("\n") == 1
        assert status in (0, 1, 2)
        assert "itself failed" not in err.getvalue(), err.getvalue()
        assert path.read_bytes() == content

    fuzz(examples, st.tuples(files(LINE), st.lists(pair, max_size=2)), test)


MODELS = [
    model
    for module in (reports, cards, operation)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, msgspec.Struct)
]
PLAIN = {bool: True, int: 1, str: "tier_1", float: 1.5, datetime: "2026-02-24T12:00:00Z"}
# A report with every field of every report, of the type that one of them has; a part of it has them all too.
FLAT = {
    field.encode_name: PLAIN.get(field.type, {})
    for model in MODELS
    for field in msgspec.structs.fields(model)
}
LISTS = ("unauthed_providers", "required_failures", "errors")
PARTS = ("redis", "inngest", "webhooks", "instantly_report", "heyreach_report", "classifier", "campaign_ref")
PARTS = (
    *PARTS,
    "dependencies",
    "provider_auth",
    "auth",
    "ramp",
    "gatekeeper",
    "today",
    "clay",
    "compliance_checks",
)
INNER = {**FLAT, **{name: [] for name in LISTS}, **dict.fromkeys(PARTS, FLAT)}
WHOLE = {**INNER, "dependencies": INNER, **{name: [FLAT] for name in ("pending_emails", "emails", "leads")}}


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(WHOLE)), inner, max_size=5)


PART = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | TEXT
    | st.just("2026-02-24T12:00:00"),
    _nested,
    max_leaves=12,
)
CHANGES = st.lists(
    st.tuples(st.lists(st.sampled_from(list(WHOLE)), min_size=1, max_size=3), PART), max_size=3
)


def changed(changes: list[tuple[list[str], Any]]) -> bytes:
    """Return the whole report with the values at some of its paths replaced."""
    report = copy.deepcopy(WHOLE)
    for path, value in changes:
        part: Any = report
        for name in path[:-1]:
            inner = part[name] if isinstance(part, dict) and name in part else None
            inner = inner[0] if isinstance(inner, list) and inner else inner
            part = inner if isinstance(inner, dict) else part
        part[path[-1]] = value
    return json.dumps(report).encode()


BODY = (
    CHANGES.map(changed)
    | PART.map(lambda found: json.dumps(found).encode())
    | st.sampled_from([b"", b"<html><form action=/login>", b'{"ready": true, "ready": false}', b"[" * 9999])
    | st.binary(max_size=30)
)
NAMES = ["Content-Type", "Location", "Set-Cookie", "WWW-Authenticate", "Vary", "Age", "X-Cache", "Allow"]
ALLOWED = [f"Access-Control-Allow-{name}" for name in ("Origin", "Methods", "Headers", "Credentials")]
USUAL = [
    "application/json",
    "text/html",
    "caio_session=a.b; Path=/",
    "/login?next=/",
    "http://[",
    "*",
    "max-age=x",
]
HEADER = st.tuples(
    st.sampled_from([*NAMES, *ALLOWED]),
    (ODD | st.sampled_from(USUAL)).map(lambda text: text.replace("\0", "")),
)


@EXAMPLES
def test_answers_of_the_deployment(examples: int, tmp_path: Path) -> None:
    """Whatever a deployment answers, a check passes, fails or says that it cannot judge; none breaks."""
    (tmp_path / "p.toml").write_text("[production]\ninngest_functions = 5\n", "utf-8")
    settings = fresh_settings("production", URL, "redis://:a-long-password-of-redis@127.0.0.1:9/0")
    (environment,) = options_of(
        tmp_path, {**settings, "CAIO_BASE_URL": URL}, caio_env=["production"], caio_profiles="p.toml"
    ).environments
    now = datetime(2026, 2, 24, 12, tzinfo=UTC)
    answers = st.builds(
        lambda status, headers, body: partial(
            Exchange, started=now, elapsed_ms=5.0, status_code=status, headers=tuple(headers), body=body
        ),
        st.sampled_from([*[200] * 8, 401, 403, 404, 302, 307, 429, 503, 204, 0, 999]),
        st.lists(HEADER, max_size=4),
        BODY,
    )
    checks = http_cases(environment)

    def test(drawn: tuple[int, int, list[Callable[..., Exchange]]]) -> None:
        number, place, made = drawn
        cases = checks[number]
        function, planned = cases[place % len(cases)]
        asked = enumerate(planned.requests.items())
        judged_answers(
            function, planned, {label: made[n % len(made)](request) for n, (label, request) in asked}
        )

    some = st.lists(answers, min_size=1, max_size=3)
    fuzz(examples, st.tuples(st.integers(0, len(checks) - 1), st.integers(0, 200), some), test)
