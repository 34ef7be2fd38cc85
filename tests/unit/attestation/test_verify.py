"""The commands `keygen` and `verify`: evidence is relied on only if everything about it holds."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_caio.attestation.envelope import Refused
from pytest_caio.attestation.evidence_set import EvidenceSet
from pytest_caio.attestation.keys import load_private, load_public
from pytest_caio.attestation.signing import sign_evidence
from pytest_caio.attestation.verification import trusted
from pytest_caio.commands.cli import main
from pytest_caio.evidence.ledger import append, read_ledger
from pytest_caio.evidence.since import entry_of
from pytest_caio.verdict.record import Record
from tests.support.evidence_sets import COMMIT, Keys, Written, record_of, write_set
from tests.support.in_toto import STATEMENT
from tests.support.places import CHECKOUT

Verify = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The keys with which the evidence of these tests is signed."""
    return Keys.made(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def verify(keys: Keys, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run `verify` on a statement, and return its exit status and its only line."""

    def run(statement: Path, *options: str, key: Path = keys.public) -> tuple[int, str]:
        try:
            status = main(["verify", str(statement), "--key", str(key), *options])
        except SystemExit as left:
            status = int(left.code or 0)
        out, err = capsys.readouterr()
        lines = (out + err).splitlines()
        assert len(lines) == 1, lines
        return status, lines[0]

    return run


def payload_of(written: Written) -> Any:
    """Return the statement in an envelope, not verified."""
    return json.loads(base64.b64decode(json.loads(written.statement.read_bytes())["payload"]))


def resigned(
    written: Written, keys: Keys, payload: bytes, payload_type: str = "application/vnd.in-toto+json"
) -> None:
    """Sign another payload with the same key, without the package's code."""
    envelope = json.loads(written.statement.read_bytes())
    head = f"DSSEv1 {len(payload_type)} {payload_type} {len(payload)} ".encode()
    signer: Any = load_pem_private_key(keys.private.read_bytes(), None)
    envelope["payload"] = base64.b64encode(payload).decode()
    envelope["payloadType"] = payload_type
    envelope["signatures"][0]["sig"] = base64.b64encode(signer.sign(head + payload)).decode()
    written.statement.write_text(json.dumps(envelope, separators=(",", ":")) + "\n", "utf-8")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--env", "production"),
        ("--commit", COMMIT.upper()),
        ("--commit", COMMIT[:7], "--max-age", "24h", "--env", "production"),
        ("--max-age", "1m"),
        ("--max-age", "7d"),
    ],
)
def test_a_go_is_vouched_for(tmp_path: Path, keys: Keys, verify: Verify, options: tuple[str, ...]) -> None:
    """Whole evidence of a GO is accepted, with each condition that it meets, in one line."""
    written = write_set(tmp_path, record_of(), keys)
    status, line = verify(written.statement, *options)
    assert status == 0, line
    assert line.startswith(f"GO: production at https://production.example.com, commit {COMMIT}; 0 min ago")


def test_a_go_with_a_waiver_is_warned(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A GO that relies on a waiver is WARNED in the statement, and the line says so."""
    written = write_set(tmp_path, record_of(waived=True), keys)
    assert payload_of(written)["predicate"]["result"] == "WARNED"
    status, line = verify(written.statement)
    assert (status, line.split(":")[0]) == (0, "GO (1 waived)")


def also(statement: Any, **details: str) -> None:
    """Name the environment of a statement once more, with other details."""
    environments = statement["predicate"]["caioRun"]["environments"]
    environments.append({**environments[0], **details})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--env", "staging"), "refused: the evidence is about production, not about staging"),
        (("--commit", "deadbeef"), f"refused: the commit in production was {COMMIT}, not deadbeef"),
        (("--commit", f"{COMMIT[:7]}0"), "refused: the commit in production was"),
        (("--commit", COMMIT[:6]), f"--commit {COMMIT[:6]}: give its SHA, at least the first 7 hexadecimal"),
        (("--commit", f"{COMMIT} or any"), f"--commit {COMMIT} or any: give its SHA"),
        (("--commit", "HEAD"), "--commit HEAD: give its SHA"),
        (("--max-age", "24h"), " UTC, more than 24 h ago: "),
        (("--max-age", "0m"), "--max-age 0m: give a number and m, h or d, as 90m, 24h or 7d"),
        (("--max-age", "1 day"), "--max-age 1 day: give a number and m, h or d, as 90m, 24h or 7d"),
        (("--env", ""), "--env: is empty"),
        (("--key", ""), "--key: is empty"),
        (("--commit", ""), "--commit: is empty"),
    ],
)
def test_what_is_asked_must_hold(
    tmp_path: Path, keys: Keys, verify: Verify, options: tuple[str, ...], reason: str
) -> None:
    """Another environment, another commit, an older run and options that ask nothing are refused."""
    written = write_set(tmp_path, record_of(finished=datetime.now(UTC) - timedelta(hours=25)), keys)
    status, line = verify(written.statement, *options)
    assert status == (2 if reason.startswith("--") else 1)
    assert reason in line


def test_a_pattern_that_fits_two_statements_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Two statements, as a shell's pattern gives them, are one line; neither is picked."""
    with pytest.raises(SystemExit) as left:
        main(["verify", "a.intoto.json", "b.intoto.json", "--key", "caio-evidence.pub"])
    (line,) = capsys.readouterr().err.splitlines()
    assert (left.value.code, "2 files are given; give one, STEM.intoto.json" in line) == (2, True)


def test_a_run_of_the_future_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A run that ends later than now is refused, since its age is not known."""
    written = write_set(tmp_path, record_of(finished=datetime.now(UTC) + timedelta(hours=1)), keys)
    status, line = verify(written.statement, "--max-age", "24h")
    assert (status, "the run is later than now" in line) == (1, True)


def test_a_no_go_is_signed_and_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A NO-GO is FAILED in its statement, which names the failed check, and is refused."""
    written = write_set(tmp_path, record_of("NO-GO"), keys)
    predicate = payload_of(written)["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["production/CORS-02"])
    status, line = verify(written.statement, "--env", "production")
    assert (status, "refused: the verdict is NO-GO for production" in line) == (1, True)


def test_one_go_in_a_no_go_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """An environment that is GO in a NO-GO run is refused: what both share is counted in one of them."""
    record = record_of("NO-GO", ("staging", "production"))
    record.environments[1].verdict = "GO"
    written = write_set(tmp_path, record, keys)
    status, line = verify(written.statement, "--env", "production")
    assert (status, "refused: the verdict is NO-GO" in line) == (1, True)


def test_nothing_is_stated_about_an_incomplete_run(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """An INCOMPLETE run leaves no statement, and `verify` says why there may be none."""
    written = write_set(tmp_path, record_of("INCOMPLETE"), keys)
    assert not written.statement.exists()
    status, line = verify(written.statement)
    assert (status, "an INCOMPLETE run leaves none" in line) == (2, True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s["predicate"].update(result="FAILED"), "the result is FAILED"),
        (lambda s: s["predicate"]["caioRun"].update(verdict="INCOMPLETE"), "the verdict is INCOMPLETE"),
        (lambda s: s["predicate"]["caioRun"].update(environments=[]), "the evidence is about nothing"),
        (lambda s: s["predicate"]["caioRun"].pop("verdict"), "the signed statement cannot be used"),
        (
            lambda s: s["predicate"]["caioVerification"].update(timeCreated="today"),
            "does not say when the run was",
        ),
        (lambda s: s.update(predicateType="https://slsa.dev/provenance/v1"), "about something else"),
        (lambda s: s.update(subject=[]), "the statement is about other files (none)"),
        (lambda s: s["subject"][1].update(digest={"gitCommit": "1"}), "changed since it was signed"),
        (lambda s: s["subject"][1]["digest"].update(sha256="A" * 64), "changed since it was signed"),
        (lambda s: s["subject"].append(s["subject"][0]), "the statement names a file twice"),
        (lambda s: s["subject"][0].update(name="../ledger.jsonl"), "not whole: ../ledger.jsonl is missing"),
        (lambda s: s["subject"][1].update(name=s["subject"][1]["name"].upper()), "not whole: PRODUCTION-"),
        (lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"), "about something else"),
        (lambda s: s["predicate"]["caioRun"]["environments"][0].update(verdict="go"), "the verdict is go"),
        (lambda s: also(s, verdict="NO-GO"), "the verdict is NO-GO for production"),
        (
            lambda s: s["predicate"]["caioVerification"].update(timeCreated="0001-01-01T00:00:00+14:00"),
            "when",
        ),
        (
            lambda s: s["predicate"]["caioVerification"].update(timeCreated="9999-01-01T00:00:00Z"),
            "later than",
        ),
    ],
)
def test_another_signed_statement_is_refused(
    tmp_path: Path, keys: Keys, verify: Verify, change: Callable[[Any], object], reason: str
) -> None:
    """A statement that says something else is refused, although the right key signed it."""
    written = write_set(tmp_path, record_of(), keys)
    statement = payload_of(written)
    change(statement)
    resigned(written, keys, json.dumps(statement).encode())
    status, line = verify(written.statement)
    assert (status, reason in line) == (1, True), line


def test_a_field_twice_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A statement that names a field twice is refused: another reader could take the other one."""
    written = write_set(tmp_path, record_of(), keys)
    payload = json.dumps(payload_of(written)).encode().replace(b'"result"', b'"result": "FAILED", "result"')
    resigned(written, keys, payload)
    status, line = verify(written.statement)
    assert (status, "names a field twice" in line) == (1, True)


def test_another_payload_type_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A signed payload of another type is no statement."""
    written = write_set(tmp_path, record_of(), keys)
    resigned(written, keys, json.dumps(payload_of(written)).encode(), "application/json")
    status, line = verify(written.statement)
    assert (status, "holds no in-toto statement" in line) == (1, True)


def test_another_key_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """Evidence that another key signed is refused, also if the signature claims the right key."""
    others = Keys.made(tmp_path / "others")
    written = write_set(tmp_path / "evidence", record_of(), others)
    assert verify(written.statement)[1].startswith("refused: not signed by this key: ")
    envelope = json.loads(written.statement.read_bytes())
    envelope["signatures"][0]["keyid"] = load_public(keys.public, "--key").keyid
    written.statement.write_text(json.dumps(envelope), "utf-8")
    status, line = verify(written.statement)
    assert (status, line.startswith("refused: not signed by this key: ")) == (1, True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda e: e["signatures"][0].pop("keyid"),
            "not signed by this key (the signature does not name its key)",
        ),
        (lambda e: e.update(signatures=[]), "not signed by this key"),
        (lambda e: e["signatures"][0].update(sig="!"), "no DSSE envelope"),
        (lambda e: e["signatures"][0].update(keyid=[]), "no DSSE envelope"),
        (lambda e: e["signatures"].append(e["signatures"][0]), "no DSSE envelope"),
        (lambda e: e.pop("payload"), "no DSSE envelope"),
        (lambda e: e.update(payload=5), "no DSSE envelope"),
        (lambda e: e.update(signatures=None), "no DSSE envelope"),
        (lambda e: e.update(note="by hand"), "the envelope was changed"),
        (lambda e: e["signatures"].append({"keyid": "0" * 64, "sig": "AA=="}), "the envelope was changed"),
        (lambda e: e["signatures"].insert(0, {"keyid": "0" * 64, "sig": "AA=="}), "the envelope was changed"),
        (lambda e: e["signatures"][0].update(sig=""), "not signed by this key"),
        (lambda e: e["signatures"][0].update(sig=malleable(e["signatures"][0]["sig"])), "not signed by this"),
        (lambda e: e.update(payloadType="application/json"), "not signed by this key"),
        (lambda e: e.update(payload=e["payload"].replace("e", "e\n", 1)), "envelope"),
        (lambda e: e.update(payload=e["payload"].rstrip("=")[:-1]), "no DSSE envelope"),
        (lambda e: e.update(payload=f"{e['payload']}===="), "envelope"),
        (lambda e: e.update(payload=e.pop("payload")), "the envelope was changed"),
    ],
)
def test_another_envelope_is_refused(
    tmp_path: Path, keys: Keys, verify: Verify, change: Callable[[Any], object], reason: str
) -> None:
    """An envelope without a key's id, without a signature, or of another shape is refused."""
    written = write_set(tmp_path, record_of(), keys)
    envelope = json.loads(written.statement.read_bytes())
    change(envelope)
    written.statement.write_text(json.dumps(envelope, separators=(",", ":")) + "\n", "utf-8")
    status, line = verify(written.statement)
    assert (status, reason in line) == (1, True), line


def malleable(signature: str) -> str:
    """Return a signature with the group's order added to its second half, which RFC 8032 (5.1.7) refuses."""
    raw, order = base64.b64decode(signature), 2**252 + 27742317777372353535851937790883648493
    second = int.from_bytes(raw[32:], "little") + order
    return base64.b64encode(raw[:32] + second.to_bytes(32, "little")).decode()


SPELLINGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a byte order mark": (lambda raw: b"\xef\xbb\xbf" + raw, "the envelope was changed"),
    "CRLF": (lambda raw: raw.replace(b"\n", b"\r\n"), "the envelope was changed"),
    "no line end": (bytes.rstrip, "the envelope was changed"),
    "spaces": (lambda raw: json.dumps(json.loads(raw), indent=1).encode(), "the envelope was changed"),
    "escapes": (lambda raw: raw.replace(b'"payload"', b'"\\u0070ayload"'), "the envelope was changed"),
    "a field twice": (lambda raw: raw.replace(b"{", b'{"payload":"",', 1), "names a field twice"),
    "two envelopes": (lambda raw: raw * 2, "more text follows"),
    "UTF-16": (lambda raw: raw.decode().encode("utf-16"), "UTF-16"),
    "nothing": (lambda _: b"", "not JSON"),
    "a list in lists": (lambda _: b"[" * 100_000, "nested too deeply"),
    "a list": (lambda raw: b"[" + raw + b"]", "no DSSE envelope"),
    "a number of many digits": (lambda _: b"9" * 5000, "too many digits"),
    "more than a statement has": (lambda raw: raw + b" " * 2**24, "larger than 16 MiB"),
}


def test_another_spelling_of_the_envelope_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """The same values in another spelling, and what is no envelope, are refused in one line."""
    written = write_set(tmp_path, record_of(), keys)
    raw = written.statement.read_bytes()
    for name, (spelled, reason) in SPELLINGS.items():
        written.statement.write_bytes(spelled(raw))
        status, line = verify(written.statement)
        assert (status, line.startswith("refused: "), reason in line) == (1, True, True), (name, line)


def test_a_statement_about_other_files_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """The statement of an earlier GO does not vouch for the files of a later run, under any name."""
    earlier = write_set(tmp_path, record_of(), keys)
    later = write_set(tmp_path, record_of("NO-GO"), None, at="20260225T031700Z")
    shutil.copy(earlier.statement, later.statement)
    status, line = verify(later.statement)
    assert (status, "the statement is about other files" in line) == (1, True)


def test_a_set_must_be_whole(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A file that is missing, and one that was added later, are named."""
    written = write_set(tmp_path, record_of(), keys)
    added = written.json.with_name(f"{written.json.stem}.ctrf.json")
    added.write_text("{}", "utf-8")
    assert f"refused: not signed: {added.name} was added" in verify(written.statement)[1]
    added.unlink()
    html = written.json.with_suffix(".html")
    html.unlink()
    assert f"refused: not whole: {html.name} is missing" in verify(written.statement)[1]


def test_files_that_were_moved_are_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """Files whose contents or names were exchanged, and what is no file, are refused and named."""
    written = write_set(tmp_path / "own", record_of(), keys)
    html, text = written.json.with_suffix(".html"), written.json.with_suffix(".completion.txt")

    def refused(reason: str, status: int = 1, statement: Path = written.statement) -> None:
        found, line = verify(statement)
        assert (found, reason in line) == (status, True), line

    for path in {*written.files} - {written.statement}:
        kept = path.rename(tmp_path / "kept")
        refused(f"not whole: {path.name} is missing")
        path.mkdir()
        refused(f"{path}: is a folder", 2)
        path.rmdir()
        path.write_bytes(b"")
        refused(f"changed since it was signed: {path.name}")
        kept.replace(path)
    one, other = html.read_bytes(), text.read_bytes()
    html.write_bytes(other)
    text.write_bytes(one)
    refused("changed since it was signed: ")
    html.write_bytes(one)
    text.write_bytes(other)
    copy = Path(shutil.copy(html, written.json.with_suffix(".html.bak")))
    refused(f"not signed: {copy.name} was added")
    copy.unlink()
    if os.name == "posix":
        os.mkfifo(copy)  # which nobody writes to: to read it would take for ever
        refused(f"not signed: {copy.name} was added")
        copy.unlink()
        kept = html.rename(tmp_path / "kept")
        html.symlink_to(kept)
        assert verify(written.statement)[0] == 0  # where the content lies is not stated
        kept.write_bytes(other)
        refused("changed since it was signed: ")
        html.unlink()
        html.symlink_to("/dev/zero")
        refused(f"{html}: is no file", 2)
        html.unlink()
        kept.unlink()
        html.write_bytes(one)
    # The evidence of staging in the place of production's.
    staging = write_set(tmp_path / "staging", record_of(names=("staging",)), keys)
    for path in staging.files:
        path.rename(path.with_name(path.name.replace("staging", "production")))
    refused(
        "the statement is about other files (staging-", statement=staging.json.parent / written.statement.name
    )
    assert verify(written.statement)[0] == 0


def listed(folder: Path, *records: Record) -> Path:
    """Return the ledger of a folder, with these runs."""
    path = folder / "ledger.jsonl"
    for one in records:
        assert append(path, entry_of(one)) == ""
    return path


def test_a_run_must_be_in_an_unchanged_ledger(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """Where there is a ledger, it must have the run as it was, and have no line removed, moved or changed."""
    written = write_set(tmp_path, record_of(run_id="own"), keys)
    others = [record_of(run_id=f"run {n}") for n in range(3)]
    ledger = listed(tmp_path, *others[:2], written.record, others[2])
    assert verify(written.statement)[0] == 0
    raw, head = ledger.read_bytes(), ledger.with_name("ledger.jsonl.head")
    one, two, own, last = raw.splitlines(keepends=True)
    for name, changed in {
        "the first removed": two + own + last,
        "one in the middle removed": one + own + last,
        "its own removed": one + two + last,
        "the last removed": one + two + own,
        "two swapped": two + one + own + last,
        "one added": raw + last,
        "a byte changed": raw.replace(b"run 0", b"run 9"),
        "cut": raw[:-3],
        "cut in the middle": one + two[:-9] + b"\n" + own + last,
        "emptied": b"",
        "Windows's line ends": raw.replace(b"\n", b"\r\n"),
        "a byte order mark": b"\xef\xbb\xbf" + raw,
        "an empty line": raw + b"\n",
        "a line by hand": raw + b'{"run":"by hand","verdict":"GO"}\n',
    }.items():
        ledger.write_bytes(changed)
        status, line = verify(written.statement)
        assert (status, "refused: the ledger is not as it was written: " in line) == (1, True), (name, line)
    ledger.unlink()
    assert "refused: the ledger is not as it was written: " in verify(written.statement)[1]
    head.unlink()
    for kept in (raw, one + two + own, b"".join([own, last])):  # without its head any line could be the last
        ledger.write_bytes(kept)
        assert "refused: the ledger is not as it was written: " in verify(written.statement)[1]
        assert head.write_bytes(b"") == 0
    ledger.unlink()
    other = listed(tmp_path / "other", *others)
    status, line = verify(written.statement, "--ledger", str(other))
    assert (status, f"refused: the ledger {other} does not have this run" in line) == (1, True)
    listed(tmp_path, record_of("NO-GO", run_id="own"))
    assert "says something else about production in this run" in verify(written.statement)[1]
    missing = str(tmp_path / "none.jsonl")
    assert verify(written.statement, "--ledger", missing)[0] == 2
    assert verify(written.statement, "--ledger", "")[0] == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators alone")
def test_a_ledger_behind_a_link_is_asked(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A ledger on a share, to which a link leads, is asked, and is not passed over while it is not there."""
    written = write_set(tmp_path / "reports", record_of(run_id="own"), keys)
    (tmp_path / "share").mkdir()
    (written.json.parent / "ledger.jsonl").symlink_to(tmp_path / "share" / "runs.jsonl")
    status, line = verify(written.statement)
    assert (status, "ledger.jsonl: is a link to no ledger" in line) == (2, True), line
    listed(written.json.parent, written.record, record_of("NO-GO", run_id="later"))
    assert verify(written.statement)[0] == 1
    (tmp_path / "share").rename(tmp_path / "elsewhere")
    assert verify(written.statement)[0] == 2


def test_an_older_run_is_refused(tmp_path: Path, keys: Keys, verify: Verify) -> None:
    """A GO is refused if its environment was NO-GO later; another GO or environment changes nothing."""
    written = write_set(tmp_path, record_of(run_id="own"), keys)
    listed(
        tmp_path, record_of("NO-GO"), written.record, record_of(run_id="b"), record_of("NO-GO", ("staging",))
    )
    assert verify(written.statement)[0] == 0
    listed(tmp_path, record_of("NO-GO", run_id="c"), record_of(run_id="d"))
    status, line = verify(written.statement, "--max-age", "24h")
    assert (status, "refused: an older run: production was NO-GO after it (20" in line) == (1, True)
    copied = entry_of(written.record)  # by who can write the ledger: the run once more, as the last
    assert append(tmp_path / "ledger.jsonl", copied) == ""
    assert verify(written.statement)[1] == line


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Written:
    """A signed set, whose files are put back after each change."""
    return write_set(tmp_path_factory.mktemp("signed"), record_of(), keys)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_is_refused(signed: Written, keys: Keys, data: st.DataObject) -> None:
    """Whichever byte of whichever file is changed, also of the envelope, the set is refused."""
    refuse_change(signed, keys, data)


@pytest.mark.nightly
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_many_changed_bytes_are_refused(signed: Written, keys: Keys, data: st.DataObject) -> None:
    """The same for ten thousand changes."""
    refuse_change(signed, keys, data)


@cache
def public_of(path: Path) -> Any:
    """Return the public key of a file."""
    return load_public(path, "--key")


def refuse_change(signed: Written, keys: Keys, data: st.DataObject) -> None:
    """Change, insert or remove a byte of a file of the set, or cut it; expect that it is refused."""
    path = data.draw(st.sampled_from([signed.statement, *signed.files]))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    byte = data.draw(st.integers(1, 255))
    changed = {
        "changed": before[:place] + bytes([before[place] ^ byte]) + before[place + 1 :],
        "inserted": before[:place] + bytes([byte]) + before[place:],
        "removed": before[:place] + before[place + 1 :],
        "cut": before[:place],
    }[data.draw(st.sampled_from(["changed", "inserted", "removed", "cut"]))]
    evidence, key = EvidenceSet(signed.json.parent, signed.json.stem), public_of(keys.public)
    path.write_bytes(changed)
    try:
        with pytest.raises(Refused):
            trusted(evidence, key)
    finally:
        path.write_bytes(before)


def test_another_program_can_verify(signed: Written, keys: Keys) -> None:
    """The envelope verifies with plain cryptography, after the DSSE specification, and names its files."""
    envelope = json.loads(signed.statement.read_bytes())
    payload = base64.b64decode(envelope["payload"], validate=True)
    kind = envelope["payloadType"].encode()
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    public: Any = load_pem_public_key(keys.public.read_bytes())
    signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
    public.verify(signature, message)
    with pytest.raises(InvalidSignature):
        public.verify(signature, message + b" ")
    names = {one["name"] for one in json.loads(payload)["subject"]}
    assert names == {path.name for path in signed.files} - {signed.statement.name}


# Before and after each of its calls to the system, a child of this process is killed: at each of them once.
STEPS = """
import json, os, signal, sys
from pathlib import Path
from tests.support.evidence_sets import Keys, record_of, write_set
from pytest_caio.attestation.evidence_set import EvidenceSet
from pytest_caio.attestation.keys import load_public
from pytest_caio.attestation.verification import trusted
from pytest_caio.evidence.ledger import append, read_ledger
from pytest_caio.evidence.since import entry_of
folder, keys = Path(sys.argv[1]), Keys(Path(sys.argv[2]))
key, ledger = load_public(keys.public, "--key"), folder / "ledger.jsonl"

def write(moment):
    record = record_of(run_id=f"run {moment}")
    write_set(folder, record, keys, at=f"20260224T{moment:06}Z")
    assert append(ledger, entry_of(record)) == ""

def doomed(moment):
    passed = 0
    def step(real, *given, **more):
        nonlocal passed
        for call in (lambda: None, lambda: real(*given, **more)):
            result = call()
            passed += 1
            if passed == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        return result
    for name in ("fsync", "replace"):
        setattr(os, name, lambda *given, real=getattr(os, name), **more: step(real, *given, **more))

moment, status = 0, -1
while status:
    moment += 1
    if not (child := os.fork()):
        doomed(moment)
        write(moment)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    seen = read_ledger(ledger)
    assert seen.fault == "", seen.fault
    stem = f"production-20260224T{moment:06}Z"
    whole = EvidenceSet(folder, stem)
    if whole.json.exists():
        assert json.loads(whole.json.read_bytes())["verdict"] == "GO"
    if whole.statement.exists():
        assert trusted(whole, key).predicate.run.id == f"run {moment}"
    elif seen.entries:  # a run is in the ledger only after its evidence is whole and signed
        assert seen.entries[-1].run != f"run {moment}"
assert seen.entries[-1].run == f"run {moment}"
print(moment)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_each_step(tmp_path: Path, keys: Keys) -> None:
    """A process killed before or after any call that syncs or renames leaves all whole or absent."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(tmp_path), str(keys.folder)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 4 * 3 * 2  # four files are synced and renamed, and their folder is synced


WRITING = """
import itertools, sys
from pathlib import Path
from tests.support.evidence_sets import Keys, record_of, write_set
from pytest_caio.evidence.ledger import append, read_ledger
from pytest_caio.evidence.since import entry_of
folder, keys = Path(sys.argv[1]), Keys(Path(sys.argv[2]))
for number in itertools.count(len(list(folder.glob("*.json")))):
    record = record_of(run_id=f"run {number}")
    write_set(folder, record, keys, at=f"20260224T{number:06}Z")
    assert append(folder / "ledger.jsonl", entry_of(record)) == ""
    print(number, flush=True)
"""


@pytest.mark.nightly  # the test above, at moments that time decides
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_any_moment(tmp_path: Path, keys: Keys) -> None:
    """A process that is killed while it leaves evidence leaves each file and each run whole or absent."""
    for kills, delay in enumerate((0.0, 0.001, 0.002, 0.004, 0.006, 0.01, 0.015), 1):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITING, str(tmp_path), str(keys.folder)],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.communicate(timeout=60)
        ledger = read_ledger(tmp_path / "ledger.jsonl")
        assert ledger.fault == ""
        runs = [one.run for one in ledger.entries]
        for json_file in sorted(tmp_path.glob("*Z.json")):
            assert json.loads(json_file.read_bytes())["verdict"] == "GO"
        statements = sorted(tmp_path.glob("*.intoto.json"))
        for statement in statements:
            evidence = EvidenceSet(tmp_path, statement.name.removesuffix(".intoto.json"))
            assert trusted(evidence, public_of(keys.public)).predicate.run.verdict == "GO"
        # A run is in the ledger after its files are whole and signed: each kill may leave one that is not.
        assert len(runs) <= len(statements) <= len(runs) + kills


def test_the_statement_fits_the_published_formats(tmp_path: Path, keys: Keys) -> None:
    """Each kind of statement fits the specified schema, and in-toto's own bindings read it whole."""
    from google.protobuf import json_format  # noqa: PLC0415 - slow to import
    from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult  # noqa: PLC0415
    from in_toto_attestation.v1.statement import Statement  # noqa: PLC0415
    from in_toto_attestation.v1.statement_pb2 import Statement as Message  # noqa: PLC0415

    records = [record_of(), record_of(waived=True), record_of("NO-GO", ("staging", "production"))]
    for number, (record, result) in enumerate(zip(records, ("PASSED", "WARNED", "FAILED"), strict=True)):
        payload = payload_of(write_set(tmp_path / str(number), record, keys))
        jsonschema.validate(payload, STATEMENT)
        message = Statement.copy_from_pb(json_format.ParseDict(payload, Message()))
        message.validate()
        # Without our two extension fields, no field may be unknown to the bindings.
        own = {"caioVerification", "caioRun"}
        published = {name: value for name, value in payload["predicate"].items() if name not in own}
        assert json_format.ParseDict(published, TestResult()).result == result
    payload["predicate"]["passedTest"] = payload["predicate"].pop("passedTests")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(payload, STATEMENT)


def test_a_statement_that_cannot_be_written(tmp_path: Path, keys: Keys) -> None:
    """If the statement cannot be written, one sentence says so, and no part of it is left."""
    written = write_set(tmp_path, record_of(), None)
    written.statement.mkdir()
    reason = sign_evidence(written.record, written.json, load_private(keys.private, "--sign"))
    assert reason.startswith(f"the signed statement {written.statement} could not be written: ")
    assert list(tmp_path.glob("*.tmp")) == []


def test_keys_are_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`keygen` writes a private key for its owner alone and a public one, and replaces neither."""
    folder = tmp_path / "new" / "keys"
    assert main(["keygen", "--out", str(folder)]) == 0
    assert [path.name for path in sorted(folder.iterdir())] == ["caio-evidence.key", "caio-evidence.pub"]
    private = folder / "caio-evidence.key"
    if os.name == "posix":
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    out = capsys.readouterr().out
    assert before.decode().splitlines()[1] not in out
    (folder / "caio-evidence.pub").unlink()
    with pytest.raises(SystemExit) as left:
        main(["keygen", "--out", str(folder)])
    assert left.value.code == 2
    assert "caio-evidence.key is there already" in capsys.readouterr().err
    assert private.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "is no Ed25519 public key; give caio-evidence.pub"),
        (b"private", "but a private key, which must not be handed on"),
        (b"endless", "is no Ed25519 public key; give caio-evidence.pub"),
        (b"of PowerShell 5", "key: is UTF-16; save it as UTF-8 (Set-Content -Encoding utf8)"),
    ],
)
def test_a_key_that_cannot_be_used(
    tmp_path: Path, keys: Keys, verify: Verify, content: bytes | None, reason: str
) -> None:
    """A missing public key, another file and a private key in its place are named in one line."""
    written = write_set(tmp_path, record_of(), keys)
    key = tmp_path / "key"
    if content == b"endless" and Path("/dev/zero").exists():
        key.symlink_to("/dev/zero")
    elif content == b"of PowerShell 5":  # as its > writes the variable of a CI
        key.write_text(keys.public.read_text("ascii"), "utf-16")
    elif content is not None:
        key.write_bytes(keys.private.read_bytes() if content == b"private" else content)
    status, line = verify(written.statement, key=key)
    assert (status, reason in line) == (2, True), line


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    """Where securesystemslib is missing, each command names the extra and sends no traceback."""
    blocked = (
        "import sys; sys.modules['securesystemslib'] = None\n"
        "from pytest_caio.commands.cli import main\n"
        "for words in ['keygen', '--out', 'x'], ['verify', 'x.intoto.json', '--key', 'x']:\n"
        "    try: main(words)\n"
        "    except SystemExit as left: print(left.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.split() == ["2", "2"], done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.endswith("not installed: pip install 'pytest-caio[sign]'") for line in lines)
