"""No output of a run contains a secret that is echoed, printed, logged or raised, in any encoding."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_caio.commands.cli import main
from tests.support.echo import ENCODINGS, echoing
from tests.support.nightly import some_nightly
from tests.support.planted import HEADER, VERBOSE, Planted
from tests.support.scanner import Scanner

# One run sends everything to every output; the others, with other options of pytest, send only some of it.
SOME = "chatter or bearers or cookie or are_ready or instantly"
WAYS = {
    "everything": (*VERBOSE, "--junitxml={evidence}/run.xml", "-o", "junit_logging=all"),
    "not captured": ("-s", *VERBOSE, "--log-cli-level=DEBUG", "-k", SOME),
    "quiet, with logs": (
        "-q",
        "-k",
        SOME,
        "--log-file={evidence}/run.log",
        "--log-file-level=DEBUG",
        "--tb=native",
        "--log-level=DEBUG",
    ),
    "workers": ("-n", "1", *VERBOSE, "--junitxml={evidence}/run.xml", "-k", SOME),
    # pytest takes long to write a full trace, so only some tests run.
    "full trace": (
        "--full-trace",
        "--tb=auto",
        "-l",
        "--capture=tee-sys",
        "-k",
        "test_raises or test_compares or are_ready",
    ),
    "collected": ("--collect-only",),
    "fixtures": ("--fixtures", "-v"),
    "planned": ("--plan", "-vv"),
}


@pytest.mark.parametrize(
    "way", some_nightly(WAYS, "everything", "not captured", "full trace", "fixtures", "workers")
)
def test_no_output_contains_a_secret(way: str, tmp_path: Path) -> None:
    """With an echoing deployment and tests that print every secret, no output of the run contains one."""
    planted = Planted(tmp_path, HEADER.replace("'", "") if way != "workers" else string.ascii_letters)
    encodings = list(ENCODINGS.values())
    told = [encodings[n % len(encodings)](secret) for n, secret in enumerate(planted.known)]
    together = 6 if way == "full trace" else 4
    texts = [" ".join(told[n : n + together]) for n in range(0, len(told), together)]
    with echoing() as (url, cookies):
        outcome = planted.run(url, *WAYS[way], texts=texts)
    assert "INTERNALERROR" not in outcome.stdout + outcome.stderr, outcome.stdout[-3000:]
    if way in ("collected", "fixtures", "planned"):
        assert outcome.status == 0, outcome.stdout + outcome.stderr
        assert len(outcome.lines) > 20
    else:
        assert outcome.lines[-1:] == ["NO-GO"], outcome.stdout[-3000:] + outcome.stderr[-3000:]
        assert "[redacted: " in outcome.stdout
    assert planted.leaks(outcome, cookies) == {}


# Every file that a run leaves or hands on, by how its name ends.
LEFT = (
    *(".html", "Z.json", ".junit.xml", ".ctrf.json", ".completion.txt", ".intoto.json", "run.xml"),
    *("ledger.jsonl", "ledger.jsonl.head", "summary.md", "tracker.md"),
)


def test_no_file_of_the_evidence_contains_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JUnit, CTRF, completion, ledger, summary, signature, annotations, comment: none contains a secret."""
    planted = Planted(tmp_path, HEADER.replace("'", ""))
    assert main(["keygen", "--out", str(tmp_path / "keys")]) == 0
    folder = tmp_path / "evidence"
    around = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    with echoing() as (url, cookies):
        outcome = planted.run(
            url,
            *(*WAYS["everything"], "--sign={evidence}/../keys/caio-evidence.key"),
            *("-k", "chatter or are_ready or near_misses or bearers or secrets"),
            gates=["chatter", "readiness", "auth", "environment"],
            texts=[" ".join(ENCODINGS["JSON"](secret) for secret in planted.known[:3])],
            environment=around,
        )
    assert "::error " in outcome.stdout
    given = ["--key", str(tmp_path / "keys" / "caio-evidence.pub"), str(outcome.evidence_path)]
    assert main(["attach", "--to", f"markdown:{folder / 'tracker.md'}", *given]) == 0
    names = [path.name for path in folder.iterdir()]
    assert [end for end in LEFT if not any(name.endswith(end) for name in names)] == []
    assert [name for name in names if not name.endswith((*LEFT, ".lock"))] == []
    assert planted.leaks(outcome, cookies) == {}
    assert Scanner([*planted.known, *cookies]).leaks("".join(capsys.readouterr())) == []


FORMS = st.lists(st.sampled_from(sorted(ENCODINGS)), min_size=1, max_size=2)
ALPHABETS = st.sampled_from(
    [
        string.ascii_letters + string.digits + "-_",
        HEADER.replace("'", ""),
        "0123456789abcdef",
        string.ascii_lowercase,
    ]
)
OPTIONS = st.lists(
    st.sampled_from(
        ["-v", "-s", "-l", "-rA", "-vv", "--tb=long", "--tb=native", "--tb=line", "--setup-show", "-q"]
    ),
    max_size=4,
    unique=True,
)


# Each example is a run of the plugin, so there are few of them, and hypothesis does not shrink them.
@pytest.mark.nightly
@settings(max_examples=3, deadline=None, derandomize=False, database=None, phases=["explicit", "generate"])
# An example in which no line holds eight characters of the secret.
@example(string.ascii_letters, [["HEX", "wrapped"]] * 3, "", [], False)
@given(
    ALPHABETS, st.lists(FORMS, min_size=3, max_size=3), st.text(HEADER, max_size=12), OPTIONS, st.booleans()
)
def test_any_secret_in_any_form(
    alphabet: str, forms: list[list[str]], beside: str, options: list[str], workers: bool
) -> None:
    """No output of a run contains a random secret, in any nesting of two encodings."""
    with tempfile.TemporaryDirectory() as folder, echoing() as (url, cookies):
        planted = Planted(Path(folder), alphabet)
        texts = [
            beside + _coded(secret, names) + beside
            for secret, names in zip(planted.known, forms, strict=False)
        ]
        outcome = planted.run(
            url,
            *(
                *options,
                "--junitxml={evidence}/run.xml",
                "--log-file={evidence}/run.log",
            ),
            *(("-n", "1") if workers else ()),
            gates=["chatter", "cors"],
            texts=texts,
        )
        assert "INTERNALERROR" not in outcome.stdout + outcome.stderr, outcome.stdout[-3000:]
        assert outcome.lines[-1:] == ["NO-GO"], outcome.stdout[-3000:] + outcome.stderr[-3000:]
        assert planted.leaks(outcome, cookies) == {}


def _coded(text: str, forms: list[str]) -> str:
    for form in forms:
        text = ENCODINGS[form](text)
    return text
