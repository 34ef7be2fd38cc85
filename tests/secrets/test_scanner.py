"""The scanner finds planted secrets, in every encoding and every output of a run."""

from __future__ import annotations

import html
import json
import string
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.echo import ENCODINGS, echoing
from tests.support.planted import VERBOSE, Planted
from tests.support.scanner import Scanner

SECRETS = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=24, max_size=64)
# The formats that enclose a text in an output.
HOLDERS = {
    "a line": lambda text: f"before {text} after",
    "JSON": lambda text: json.dumps({"said": text}),
    "HTML": lambda text: f"<td>{html.escape(text)}</td>",
    "JSON in HTML": lambda text: f'<div data-x="{html.escape(json.dumps([text]))}">',
    "an attribute of XML": lambda text: f"<property value={quoteattr(text)}/>",
    "a repr": lambda text: repr({"said": text}),
    "a diff": lambda text: f"E     - {text}\nE     ? ^^^\nE     + other",
    "a repr in HTML in JSON": lambda text: json.dumps({"x": html.escape(repr(text))}),
}


@given(SECRETS, st.sampled_from(sorted(ENCODINGS)), st.sampled_from(sorted(HOLDERS)))
def test_a_secret_in_any_encoding_is_found(secret: str, form: str, holder: str) -> None:
    """A secret in any encoding, in any enclosing format, is found."""
    assert Scanner([secret]).leaks(HOLDERS[holder](ENCODINGS[form](secret)))


@given(SECRETS, st.integers(0, 16))
def test_eight_characters_are_enough(secret: str, start: int) -> None:
    """Eight consecutive characters of a secret are a leak, seven are not."""
    assert Scanner([secret]).leaks(f"<<{secret[start : start + 8]}>>")
    assert not Scanner([secret]).leaks(secret[:7])


def test_names_of_files_are_scanned(tmp_path: Path) -> None:
    """A secret in the name of a folder is found."""
    (tmp_path / "k3y-of-the-house").mkdir()
    assert Scanner(["k3y-of-the-house"]).leaks_under(tmp_path)


UNGUARDED = """
from pytest_caio.redaction.redactor import Redactor
Redactor.spans = lambda self, text: []
Redactor.undecided_suffix = lambda self, text: 0
"""
EVERYWHERE = (
    *VERBOSE,
    "--junitxml={evidence}/run.xml",
    "-o",
    "junit_logging=all",
    "--log-file={evidence}/run.log",
)


@pytest.mark.parametrize(
    "workers",
    [pytest.param((), id="one process"), pytest.param(("-n", "1"), id="workers", marks=pytest.mark.nightly)],
)
def test_every_output_is_scanned(workers: tuple[str, ...], tmp_path: Path) -> None:
    """Without redaction, planted secrets are found in every file of a run and in its terminal output."""
    planted = Planted(tmp_path, string.ascii_letters)
    (tmp_path / "unguarded.py").write_text(UNGUARDED, "utf-8")
    with echoing() as (url, _):
        outcome = planted.run(
            url,
            *("-p", "unguarded", *EVERYWHERE, *workers, "-k", "chatter or readiness"),
            texts=[planted.known[0], planted.known[1]],
        )
    found = {Path(where).name for where in planted.leaks(outcome, [])}
    expected = {outcome.evidence_path.name, outcome.html_path.name, "run.xml", "stdout", "lastfailed"}
    # With workers there is no log file, and the controller keeps no list of tests.
    assert expected | (set() if workers else {"run.log", "nodeids"}) <= found
