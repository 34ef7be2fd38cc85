"""The command `attach`: evidence is delivered exactly once, or one sentence says what to do."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.commands.cli import main
from pytest_caio.verdict.record import CauseCase, CauseRecord, WaiverRecord
from tests.support.evidence_sets import COMMIT, Keys, Written, record_of, write_set
from tests.support.places import encoded_name
from tests.support.trackers import PROJECT, Fault, Tracker

TOKEN = "ghp_Zk4vQ9rT2mXw7LpBn8YdC5sHq1"
HOOK = "/services/T0/B0/x7Kq9Lm2Pz4Rt6Wv"
GITHUB, GITLAB = f"github:{PROJECT}#7", f"gitlab:{PROJECT}#7"
TARGETS = (GITHUB, GITLAB, "jira:OPS-7", "slack:")
Attach = Callable[..., tuple[int, list[str]]]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The keys with which the evidence of these tests is signed."""
    return Keys.made(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    """The trackers on loopback."""
    started = Tracker()
    yield started
    started.close()


@pytest.fixture
def evidence(tmp_path: Path, keys: Keys) -> Written:
    """The signed evidence of a NO-GO."""
    return write_set(tmp_path / "reports", record_of("NO-GO"), keys)


@pytest.fixture
def attach(
    tracker: Tracker,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Attach:
    """Run `attach` with short pauses; return its exit status and lines, in which no secret is."""
    monkeypatch.setattr("pytest_caio.delivery.client._PAUSES", (0.01, 0.02))
    monkeypatch.setattr("pytest_caio.delivery.client._SECONDARY", 0.01)
    monkeypatch.setattr("pytest_caio.delivery.client._TIMEOUT", (1, 0.3))
    variables = {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_API_URL": tracker.base,
        "GITLAB_TOKEN": TOKEN,
        "CI_API_V4_URL": tracker.base,
        "JIRA_BASE_URL": tracker.base,
        "JIRA_EMAIL": "ops@example.com",
        "JIRA_API_TOKEN": TOKEN,
        "SLACK_WEBHOOK_URL": f"{tracker.base}{HOOK}",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)

    def run(to: str, *words: object, key: Path | None = keys.public) -> tuple[int, list[str]]:
        given = ["attach", "--to", to, *map(str, words), *(["--key", str(key)] if key else [])]
        try:
            status = main(given)
        except SystemExit as left:
            status = int(left.code or 0)
        out, err = capsys.readouterr()
        shown = out + err + caplog.text
        basic = base64.b64encode(f"ops@example.com:{TOKEN}".encode()).decode()
        assert not [secret for secret in (TOKEN, HOOK.rpartition("/")[2], basic) if secret in shown]
        assert "Traceback" not in shown
        return status, (out + err).splitlines()

    return run


def delivered(tracker: Tracker, evidence: Written, to: str) -> None:
    """Assert that everything arrived exactly once."""
    names = sorted(path.name for path in evidence.files)
    if to == "slack:":
        assert len(tracker.messages) == 1
        return
    assert len([one for one in tracker.comments if evidence.record.run.id in json.dumps(one)]) == 1
    if to != GITHUB:
        assert sorted(one["filename"] for one in tracker.attachments) == names


@pytest.mark.parametrize("to", TARGETS)
def test_a_delivery(tracker: Tracker, attach: Attach, evidence: Written, to: str) -> None:
    """The summary names each cause in the evidence's words, and the files arrive where the API takes them."""
    status, lines = attach(to, evidence.json)
    assert status == 0, lines
    delivered(tracker, evidence, to)
    text = json.dumps(tracker.messages or tracker.comments)
    (cause,) = evidence.record.causes
    for said in (cause.sentence, cause.action, "NO-GO", "production", evidence.record.run.id):
        assert said in text.replace("\\\\", "")


@pytest.mark.parametrize("to", TARGETS[:3])
def test_a_second_delivery_changes_nothing(
    tracker: Tracker, attach: Attach, evidence: Written, to: str
) -> None:
    """What is there already stays, also among many other comments: the second run sends nothing."""
    for number in range(5):
        tracker.comments.append({"id": number + 1, "html_url": "x", "body": f"other {number}"})
    assert attach(to, evidence.json)[0] == 0
    before = len(tracker.sent("POST"))
    status, lines = attach(to, evidence.json)
    assert status == 0
    assert lines[-1].endswith(" already")
    assert len(tracker.sent("POST")) == before
    delivered(tracker, evidence, to)


LOST = {
    "silence after it was taken": Fault("POST", "comment|note|services", done=True, stall=0.5),
    "silence before it was taken": Fault("POST", "comment|note|services", stall=0.5),
    "a dropped connection": Fault("POST", "comment|note|services", done=True),
    "a proxy's error after it was taken": Fault("POST", "comment|note|services", 504, done=True),
}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("to", TARGETS)
def test_a_lost_answer(tracker: Tracker, attach: Attach, evidence: Written, to: str, fault: Fault) -> None:
    """After a lost answer it is looked up whether the comment arrived; to Slack nothing is sent again."""
    fault.times = 1
    tracker.faults.append(fault)
    status, lines = attach(to, evidence.json)
    if to == "slack:":
        assert (status, "perhaps delivered; look into the channel" in lines[-1]) == (1, True)
        assert len(tracker.sent("POST")) == 1
        return
    assert status == 0, lines
    delivered(tracker, evidence, to)


LIMITS = {
    "429": Fault("POST", "comment|note|services", 429, {"Retry-After": "0"}),
    "503": Fault("GET", "comment|note|meta", 503, {"Retry-After": "0"}),
    "403 with retry-after": Fault("POST", "comment|note|services", 403, {"Retry-After": "0"}),
    "403 with a reset": Fault(
        "POST", "comments", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "RESET"}
    ),
}


@pytest.mark.parametrize("fault", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("to", TARGETS)
def test_a_rate_limit_is_waited_for(
    tracker: Tracker, attach: Attach, evidence: Written, to: str, fault: Fault
) -> None:
    """A rate limit is waited for as long as the server says, and then everything arrives once."""
    soon = {name: value.replace("RESET", str(int(time.time()) - 1)) for name, value in fault.headers.items()}
    tracker.faults.append(Fault(fault.method, fault.path, fault.status, soon))
    status, lines = attach(to, evidence.json)
    assert status == 0, lines
    delivered(tracker, evidence, to)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("POST", "comments", 403, {"Retry-After": "3600"}), "run this again in 3600 seconds"),
        (
            Fault("POST", "comments", 403, body='{"message": "You have exceeded a secondary rate limit."}'),
            "its rate limit is reached, 3 times",
        ),
    ],
    ids=["an hour", "secondary"],
)
def test_a_long_rate_limit_is_told(
    tracker: Tracker, attach: Attach, evidence: Written, fault: Fault, said: str
) -> None:
    """Nobody waits for an hour: one sentence says when to try again. A secondary limit need not say when."""
    fault.times = 9
    tracker.faults.append(fault)
    status, lines = attach(GITHUB, evidence.json)
    assert (status, len(lines), said in lines[0]) == (1, 1, True), lines
    assert tracker.comments == []


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 413, 418, 422])
def test_a_refusal_is_one_sentence(tracker: Tracker, attach: Attach, evidence: Written, code: int) -> None:
    """Each refusal is one sentence that says what to do, for each tracker, and is not tried again."""
    for to in TARGETS:
        tracker.faults.append(Fault("POST", "", code, body=json.dumps({"message": TOKEN})))
        before = len(tracker.sent("POST"))
        status, lines = attach(to, evidence.json)
        assert (status, len(lines)) == (1, 1), lines
        assert lines[0].startswith("not delivered: ")
        assert f" answered {code}: " in lines[0]
        assert len(tracker.sent("POST")) == before + 1


def test_a_server_that_is_down(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """After three tries without an answer one sentence says so."""
    tracker.faults.append(Fault("GET", "", 502, times=99))
    status, lines = attach(GITHUB, evidence.json)
    assert (status, lines) == (1, ["not delivered: GitHub: it answered 502, 3 times; run this again later"])
    assert len(tracker.received) == 3


@pytest.mark.parametrize("to", TARGETS)
def test_a_server_that_is_not_there(
    attach: Attach, evidence: Written, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """A refused connection carried nothing: it is tried again, and one sentence says what was wrong."""
    for name in ("GITHUB_API_URL", "CI_API_V4_URL", "JIRA_BASE_URL", "SLACK_WEBHOOK_URL"):
        monkeypatch.setenv(name, f"http://127.0.0.1:9{HOOK}")
    status, lines = attach(to, evidence.json)
    assert (status, len(lines)) == (1, 1)
    assert lines[0].endswith(
        "it cannot be reached from here, directly and without a proxy, 3 times; run this again later"
    )


@pytest.mark.parametrize("to", TARGETS)
def test_nothing_follows_a_redirect_to_another_host(
    tracker: Tracker, attach: Attach, evidence: Written, to: str
) -> None:
    """A redirect to another host is not followed, whatever is sent; one on the same host is."""
    other = Tracker()
    try:
        for method in ("GET", "POST"):
            where = f"{other.base}/elsewhere"
            tracker.faults[:] = [Fault(method, "", 307, {"Location": where})]
            status, lines = attach(to, evidence.json)
            if tracker.faults[0].times:  # nothing is read from Slack
                continue
            assert (status, "sends on to another host" in lines[-1]) == (1, True), lines
        assert other.received == []
        assert not tracker.comments
        tracker.messages.clear()
        tracker.attachments.clear()
        own = [one.path for one in tracker.received if one.method == "POST"][-1]
        tracker.faults[:] = [Fault("POST", "", 308, {"Location": own})]
        assert attach(to, evidence.json)[0] == 0
    finally:
        other.close()


def test_files_on_a_release(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """With --release, GitHub gets the files as assets, and the comment links them; a second run adds none."""
    status, lines = attach(GITHUB, "--release", "v1", evidence.json)
    assert status == 0, lines
    assert sorted(one["name"] for one in tracker.assets) == sorted(path.name for path in evidence.files)
    assert all(one["browser_download_url"] in tracker.comments[0]["body"] for one in tracker.assets)
    status, lines = attach(GITHUB, "--release", "v1", evidence.json)
    assert (status, len(tracker.assets)) == (0, len(evidence.files))


@pytest.mark.parametrize("done", [True, False])
def test_a_half_made_asset_is_replaced(
    tracker: Tracker, attach: Attach, evidence: Written, *, done: bool
) -> None:
    """A 502 that leaves an asset in the state `starter`: it is removed, and the file is uploaded again."""
    tracker.faults.append(Fault("POST", "assets", 502, done=done))
    status, lines = attach(GITHUB, "--release", "v1", evidence.json)
    assert status == 0, lines
    assert len(tracker.sent("DELETE")) == int(done)
    assert {one["state"] for one in tracker.assets} == {"uploaded"}
    assert len(tracker.assets) == len(evidence.files)


def test_an_asset_with_other_content_is_kept(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """An asset of the same name with other content is not replaced: one sentence says what to do."""
    name = evidence.json.name
    tracker.assets.append({"id": 1, "name": name, "state": "uploaded", "size": 3, "digest": "sha256:00"})
    status, lines = attach(GITHUB, "--release", "v1", evidence.json)
    assert (status, f"has another file named {name}" in lines[-1]) == (1, True)
    assert tracker.assets[0]["size"] == 3


def test_the_status_of_the_commit(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """GitHub gets one status of the deployed commit, also after a lost answer; else a line says why not."""
    tracker.faults.append(Fault("POST", "statuses", done=True))
    assert attach(GITHUB, evidence.json)[0] == 0
    assert attach(GITHUB, evidence.json)[1][-1] == f"status of {COMMIT[:12]}: is set already"
    (status,) = tracker.statuses
    assert (status["state"], status["context"]) == ("failure", "caio/production")
    assert status["target_url"] == tracker.comments[0]["html_url"]
    tracker.commits.clear()
    status_, lines = attach(GITHUB, evidence.json)
    assert (status_, lines[-1].endswith("not set: this repository has no such commit")) == (0, True)


def test_an_issue_follows_the_verdict(
    tracker: Tracker, attach: Attach, keys: Keys, evidence: Written, tmp_path: Path
) -> None:
    """Without a number, an issue is opened on NO-GO, gets the next NO-GO, and is closed on GO."""
    to = f"github:{PROJECT}"
    tracker.faults.append(Fault("POST", "/issues$", done=True, stall=0.5))
    assert attach(to, evidence.json)[0] == 0
    assert attach(to, evidence.json)[0] == 0
    (issue,) = tracker.issues
    assert issue["title"] == "Acceptance: production is NO-GO"
    assert (issue["state"], tracker.comments) == ("open", [])
    later = write_set(tmp_path / "later", record_of("NO-GO", run_id="6a3e"), keys, at="20260225T031700Z")
    assert attach(to, later.json)[0] == 0
    assert len(tracker.comments) == 1
    good = write_set(tmp_path / "good", record_of(run_id="7b4f"), keys, at="20260226T031700Z")
    assert attach(to, good.json)[0] == 0
    assert (issue["state"], len(tracker.issues), len(tracker.comments)) == ("closed", 1, 2)
    status, lines = attach(to, good.json)
    assert (status, lines[0]) == (0, "issue about production: none is open, and none is needed")


def test_a_comment_mentions_nobody(tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path) -> None:
    """What a deployment answers is inline code in the comment: no mention, no markup, no hidden text."""
    evil = "@everyone <!-- --> `x` ![](https://evil.example) | \u202e\x1b[31m"
    cause = CauseRecord(
        "production", evil, evil, "developer", ["AUTH-05"], [CauseCase("AUTH-05", evil, evil, evil)] * 3
    )
    written = write_set(tmp_path, record_of("NO-GO", causes=[cause] * 400), keys)
    for to in TARGETS:
        assert attach(to, written.json)[0] == 0
    body = tracker.comments[0]["body"]
    assert len(body) <= 65_536
    assert "the report has the rest" in body
    outside = "".join(body.split("`")[::2])
    assert "@everyone" not in outside.replace("\\", "")
    assert "<!--" not in body.partition("\n")[2].replace("\\<", "").replace("`", "") or "\\<" in body
    assert "\x1b" not in body
    assert "\u202e" not in body
    (message,) = tracker.messages
    assert len(message["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in message["blocks"])


def test_waivers_are_named(tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path) -> None:
    """A waiver on which a GO relies is named, with owner, reason and last day; an unused one is not."""
    record = record_of(waived=True)
    fields = {
        "case": "*",
        "environment": "production",
        "owner": "Ana",
        "expires": "2026-03-01",
        "problem": "",
    }
    record.waivers = [
        WaiverRecord(number=n, line=n, check=check, reason="HeyReach", days_left=5, used=used, **fields)  # type: ignore[arg-type]
        for n, check, used in ((1, "CORS-02", True), (2, "WH-08", False))
    ]
    written = write_set(tmp_path, record, keys)
    for to in (GITHUB, "slack:"):
        assert attach(to, written.json)[0] == 0
    for text in (tracker.comments[0]["body"], json.dumps(tracker.messages)):
        assert "waived: CORS-02 in production until 2026-03-01; Ana: HeyReach" in text
        assert "WH-08" not in text


def test_jira_knows_its_limit(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """A file above the site's limit is told before anything is sent."""
    tracker.upload_limit = 10
    status, lines = attach("jira:OPS-7", evidence.json)
    assert (status, "is larger than the 10 bytes that this site allows" in lines[0]) == (1, True)
    assert tracker.sent("POST") == []


def test_only_verified_evidence_is_attached(
    tracker: Tracker, attach: Attach, evidence: Written, keys: Keys, tmp_path: Path
) -> None:
    """Changed, unsigned and mixed evidence is not attached, except with --unverified, which is said."""
    other = write_set(tmp_path / "reports", record_of(), None, at="20260225T031700Z")
    status, lines = attach(GITHUB, other.json)
    assert (status, "not attached: it is not signed" in lines[0]) == (1, True)
    status, lines = attach(GITHUB, other.json, evidence.json)
    assert (status, "files of several runs" in lines[0]) == (2, True)
    status, lines = attach(GITHUB, evidence.json, key=None)
    assert (status, "or --unverified" in lines[0]) == (2, True)
    evidence.json.with_suffix(".html").write_text("<p>better</p>", "utf-8")
    status, lines = attach(GITHUB, evidence.json)
    assert (status, "not attached: changed since it was signed" in lines[0]) == (1, True)
    assert tracker.received == []
    assert attach(GITHUB, "--unverified", evidence.json, key=None)[0] == 0
    assert "not verified when it was attached" in tracker.comments[0]["body"]


def test_a_dry_run_sends_nothing(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """--dry-run prints the files and the comment, and sends nothing; it needs no credentials."""
    for to in (*TARGETS, "markdown:tracker.md"):
        status, lines = attach(to, "--dry-run", evidence.json.parent)
        assert status == 0
        assert any(line.startswith(evidence.json.name) for line in lines)
        assert any(evidence.record.causes[0].sentence in line for line in lines)
    assert tracker.received == []


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("github:acme", "--to github:acme: give github:OWNER/REPO#N"),
        ("trello:7", "--to trello: give github:OWNER/REPO#N"),
        ("jira:ops", "--to jira:ops: give"),
        (f"https://x:{TOKEN}@example.com", "--to https: give"),
    ],
)
def test_a_target_that_is_none(attach: Attach, evidence: Written, to: str, said: str) -> None:
    """A target that cannot be read is named with the valid forms; what may be a secret is not quoted."""
    status, lines = attach(to, evidence.json)
    assert (status, said in lines[-1]) == (2, True), lines


def test_missing_credentials_are_named(
    attach: Attach, evidence: Written, tracker: Tracker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A missing credential is named, with what it is; a file can hold it; http is for loopback only."""
    monkeypatch.delenv("GITHUB_TOKEN")
    status, lines = attach(GITHUB, evidence.json)
    assert (status, "GITHUB_TOKEN is missing: set it to a token" in lines[0]) == (2, True)
    file = tmp_path / ".env.tracker"
    file.write_text(f"GITHUB_TOKEN={TOKEN}\n", "utf-8")
    assert attach(GITHUB, evidence.json, "--credentials", file)[0] == 0
    assert tracker.received[0].headers["Authorization"] == f"Bearer {TOKEN}"
    monkeypatch.setenv("GITHUB_API_URL", "http://github.example.com")
    status, lines = attach(GITHUB, evidence.json, "--credentials", file)
    assert (status, "GITHUB_API_URL: must be a URL that starts with https://" in lines[0]) == (2, True)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_markdown_tracker(attach: Attach, keys: Keys, evidence: Written, tmp_path: Path, end: str) -> None:
    """A Markdown file gets one dated line for each run, the latest first; everything else in it stays."""
    path = tmp_path / "docs" / encoded_name("träcker.md")
    path.parent.mkdir()
    before = f"# Cutover{end}{end}## CAIO acceptance{end}{end}Only links.{end}{end}## Later{end}"
    path.write_bytes(before.encode())
    assert attach(f"markdown:{path}", evidence.json)[0] == 0
    once = path.read_bytes()
    assert attach(f"markdown:{path}", evidence.json)[0] == 0
    assert path.read_bytes() == once
    good = write_set(tmp_path / "reports", record_of(run_id="7b4f"), keys, at="20260226T031700Z")
    assert attach(f"markdown:{path}", good.json)[0] == 0
    text = path.read_bytes().decode()
    lines = [line for line in text.split(end) if line.startswith("- ")]
    assert [word in line for word, line in zip(("**GO**", "**NO-GO**"), lines, strict=True)] == [True, True]
    assert evidence.record.causes[0].sentence in lines[1]
    assert f"](../reports/{evidence.json.stem}.html)" in lines[1]
    kept = [line for line in text.split(end) if line and not line.startswith("- ")]
    assert kept == [line for line in before.split(end) if line]
    assert ("\r" in text) is (end == "\r\n")


def test_a_markdown_tracker_is_made(attach: Attach, evidence: Written, tmp_path: Path) -> None:
    """A file that is not there is made, with its heading; a folder that is not there is told."""
    path = tmp_path / "tracker.md"
    assert attach(f"markdown:{path}", evidence.json)[0] == 0
    assert path.read_text("utf-8").startswith("## CAIO acceptance\n\n- 20")
    status, lines = attach(f"markdown:{tmp_path / 'no' / 'tracker.md'}", evidence.json)
    assert (status, "not delivered: " in lines[0]) == (1, True)


def test_the_words_are_everywhere_the_same(
    tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path
) -> None:
    """Comment, message and document name the causes in the same order and words, which are the evidence's."""
    causes: list[Any] = [
        CauseRecord(
            "production", f"Sentence {n} about * and _.", f"Action {n}: set A_B=1.", who, [f"AUTH-0{n}"], []
        )
        for n, who in ((1, "you"), (2, "developer"))
    ]
    written = write_set(tmp_path, record_of("NO-GO", causes=causes), keys)
    comments = []
    for to in (GITHUB, "jira:OPS-7", "slack:"):
        assert attach(to, written.json)[0] == 0
        comments += [one["body"] for one in tracker.comments]
        tracker.comments.clear()
    texts = [
        comments[0].replace("\\", ""),
        "\n".join(paragraph["content"][0]["text"] for paragraph in comments[1]["content"]),
        "\n".join(block["text"]["text"] for block in tracker.messages[0]["blocks"]),
    ]
    for text in texts:
        places = [text.index(said) for cause in causes for said in (cause.action, cause.sentence)]
        assert places == sorted(places)
