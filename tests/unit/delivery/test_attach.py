"""The command `attach`: evidence is delivered exactly once, or one sentence says what to do."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import trustme

from pytest_caio.commands.cli import main
from pytest_caio.delivery.client import Client
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


@pytest.fixture(scope="module")
def server() -> Iterator[Tracker]:
    """The trackers on loopback."""
    started = Tracker()
    yield started
    started.close()


@pytest.fixture
def tracker(server: Tracker) -> Tracker:
    """The trackers, with nothing in them."""
    server.forget()
    return server


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Written:
    """The signed evidence of a NO-GO, which no test changes."""
    return write_set(tmp_path_factory.mktemp("evidence"), record_of("NO-GO"), keys)


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
    monkeypatch.setattr("pytest_caio.delivery.client._LOOKS", (0.01, 0.02))
    monkeypatch.setattr("pytest_caio.delivery.client._SECONDARY", 0.01)
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
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
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


def delivered(tracker: Tracker, evidence: Written, to: str, case: object = "") -> None:
    """Assert that everything arrived exactly once."""
    names = sorted(path.name for path in evidence.files)
    if to == "slack:":
        assert len(tracker.messages) == 1, case
        return
    assert len([one for one in tracker.comments if evidence.record.run.id in json.dumps(one)]) == 1, case
    if to != GITHUB:
        assert sorted(one["filename"] for one in tracker.attachments) == names, case
    if to.startswith("jira"):
        assert len(tracker.links) == 1, case


def test_a_delivery(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """The summary names each cause in the evidence's words, and files arrive where the API takes them."""
    for to in TARGETS:
        tracker.forget()
        status, lines = attach(to, evidence.json)
        assert status == 0, lines
        delivered(tracker, evidence, to)
        text = json.dumps(tracker.messages or tracker.comments)
        (cause,) = evidence.record.causes
        for said in (cause.sentence, cause.action, "NO-GO", "production", evidence.record.run.id):
            assert said in text.replace("\\\\", ""), (to, said)


def test_a_second_delivery_changes_nothing(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """What is there already stays, also on a later page of a list: the second run sends nothing."""
    for to in TARGETS[:3]:
        tracker.forget()
        for number in range(5):
            tracker.comments.append({"id": number + 1, "html_url": "x", "body": f"other {number}"})
        assert attach(to, evidence.json)[0] == 0
        before = len(tracker.sent("POST"))
        status, lines = attach(to, evidence.json)
        assert status == 0
        assert lines[-1].endswith(" already"), lines
        assert len(tracker.sent("POST")) == before
        delivered(tracker, evidence, to)


# What is posted: a comment, a note, a link or a message, and where it is possible a file.
POSTED = "comment|note|services|remotelink"
LOST = {
    "a dropped connection": Fault("POST", POSTED, done=True),
    "a connection dropped before it was taken": Fault("POST", POSTED),
    "a proxy's error after it was taken": Fault("POST", POSTED, 504, done=True),
    "a proxy's error before it was taken": Fault("POST", POSTED, 502),
    "busy, after it was taken": Fault("POST", POSTED, 503, {"Retry-After": "0"}, done=True),
    "sent on to read what is done": Fault("POST", POSTED, 303, {"Location": "/elsewhere"}, done=True),
}


def after_a_lost_answer(
    tracker: Tracker, attach: Attach, evidence: Written, to: str, *, fault: Fault, case: str
) -> None:
    """Deliver with this fault, and assert that everything arrives once, or that Slack's message may have."""
    tracker.forget()
    tracker.faults.append(replace(fault))
    status, lines = attach(to, evidence.json)
    assert tracker.faults[0].times == 0, case
    if to == "slack:":
        assert (status, "perhaps delivered; look into the channel" in lines[-1]) == (1, True), (case, lines)
        assert len(tracker.sent("POST")) == 1, case
        return
    assert status == 0, (case, to, lines)
    delivered(tracker, evidence, to, case)


def test_a_lost_answer(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """After a lost answer it is looked up whether the comment arrived; to Slack nothing is sent again."""
    for case, fault in LOST.items():
        for to in TARGETS:
            after_a_lost_answer(tracker, attach, evidence, to, fault=fault, case=case)
    # An attachment of Jira is looked up too.
    for done in (True, False):
        fault = Fault("POST", "attachments", 504, done=done)
        after_a_lost_answer(tracker, attach, evidence, "jira:OPS-7", fault=fault, case=f"a file, {done}")


def test_no_answer(
    tracker: Tracker, attach: Attach, evidence: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out is a lost answer, whether the server took the request or not."""
    monkeypatch.setattr("pytest_caio.delivery.client._TIMEOUT", (1, 0.6))
    taken, lost = (Fault("POST", POSTED, done=done, stall=True) for done in (True, False))
    for to in TARGETS:
        after_a_lost_answer(tracker, attach, evidence, to, fault=taken, case="taken")
    after_a_lost_answer(tracker, attach, evidence, GITHUB, fault=lost, case="not taken")


# Each thing that is posted and can be looked up, with the path of the request that creates it.
LATE = {
    GITHUB: "/issues/7/comments",
    f"github:{PROJECT}": "/issues$",
    GITLAB: "/notes$",
    "jira:OPS-7": "/comment$",
    "jira:OPS-7 ": "/attachments$",
}


def once(tracker: Tracker, evidence: Written, to: str) -> bool:
    """Return whether everything is there exactly once; of two issues one is closed."""
    if to == f"github:{PROJECT}":
        return [one["state"] for one in tracker.issues].count("open") == 1
    names = [one["filename"] for one in tracker.attachments]
    files = [path.name for path in evidence.files] if to.startswith("jira") else []
    return len(tracker.comments) == 1 and (not files or sorted(names) == sorted(files))


def test_what_arrives_late_is_there_once(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """What is taken only after it was looked for, or after its repetition, is there once in the end.

    After the first look it is found by the next one; after the repetition, the second is removed; and after
    the end of the command, which says so, the same command removes the second.
    """
    for to, path in LATE.items():
        for when in ("GET", "POST", "after the end"):
            if (when, path) == ("GET", "/attachments$"):  # which are listed at another path
                continue
            tracker.forget()
            tracker.faults.append(Fault("POST", path, late=when))
            status, lines = attach(to.strip(), evidence.json)
            assert status == 0, (to, when, lines)
            assert lines[-1].startswith("an answer was lost, ") is (when != "GET"), (to, when, lines)
            assert once(tracker, evidence, to), (to, when)
            if when == "after the end":
                ((_, request),) = tracker.held
                tracker.arrive(when, request.path)
                assert not once(tracker, evidence, to), to
                sent = len(tracker.sent("POST"))
                status, lines = attach(to.strip(), evidence.json)
                assert (status, len(tracker.sent("POST"))) == (0, sent), lines
                assert once(tracker, evidence, to), to


def test_what_cannot_be_removed_is_told(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """A second comment that may not be removed is one sentence; one in which somebody wrote is kept."""
    for to in (GITHUB, GITLAB, "jira:OPS-7"):
        tracker.forget()
        tracker.faults += [Fault("POST", LATE[to], late="POST"), Fault("DELETE", "", 403)]
        status, lines = attach(to, evidence.json)
        assert (
            status,
            lines[-1].endswith(" arrived twice, and the second cannot be removed: remove it by hand"),
        ) == (1, True), lines
    tracker.forget()
    assert attach(GITHUB, evidence.json)[0] == 0
    tracker.comments.append(
        {**tracker.comments[0], "id": 2, "body": f"{tracker.comments[0]['body']}\nSeen by Ana."}
    )
    assert attach(GITHUB, evidence.json)[0] == 0
    assert len(tracker.comments) == 2


def test_a_lost_file_of_gitlab(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """An upload to GitLab cannot be looked up: one sentence says to repeat, which leaves one note."""
    tracker.faults.append(Fault("POST", "uploads", 502, done=True))
    status, lines = attach(GITLAB, evidence.json)
    assert (status, "run this again; nothing refers to a file" in lines[-1]) == (1, True)
    assert tracker.comments == []
    assert attach(GITLAB, evidence.json)[0] == 0
    assert len(tracker.comments) == 1


LIMITS = {
    "429": Fault("POST", POSTED, 429, {"Retry-After": "5"}),
    "429 until a date that is past": Fault(
        "POST", POSTED, 429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    ),
    "429 without a time": Fault("POST", POSTED, 429),
    "503": Fault("GET", "comment|note|meta", 503, {"Retry-After": "0"}),
    "403 with retry-after": Fault("POST", POSTED, 403, {"Retry-After": "0"}),
    "403 with a reset": Fault(
        "POST", "comments", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "RESET"}
    ),
    "403 of a secondary limit": Fault(
        "POST", POSTED, 403, body='{"message": "You have exceeded a secondary rate limit."}'
    ),
}


def test_a_rate_limit_is_waited_for(
    tracker: Tracker, attach: Attach, evidence: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate limit is waited for as long as the server says, which a line tells, and all arrives once."""
    pauses: list[float] = []
    monkeypatch.setattr("pytest_caio.delivery.client.time.sleep", pauses.append)
    for case, fault in LIMITS.items():
        for to in TARGETS:
            tracker.forget()
            soon = {
                name: value.replace("RESET", str(int(time.time()) - 1))
                for name, value in fault.headers.items()
            }
            tracker.faults.append(replace(fault, headers=soon))
            status, lines = attach(to, evidence.json)
            assert status == 0, (case, to, lines)
            told = [line for line in lines if line.endswith("its rate limit is reached; waiting 5 seconds")]
            assert len(told) == (case == "429"), lines
            delivered(tracker, evidence, to, (case, to))
    assert sum(pauses) < 60


def test_a_long_rate_limit_is_told(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """Nobody waits for an hour: one sentence says when to try again. A secondary limit need not say when."""
    late = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    secondary = '{"message": "You have exceeded a secondary rate limit."}'
    for fault, said in (
        (Fault("POST", POSTED, 403, {"Retry-After": "3600"}), "run this again in 3600 seconds"),
        (Fault("POST", POSTED, 429, {"Retry-After": late}), "run this again in 7"),
        (Fault("POST", POSTED, 429, {"Retry-After": "9" * 400}), "run this again in 1000000 seconds"),
        (Fault("POST", POSTED, 403, body=secondary), "its rate limit is reached, 3 times"),
    ):
        for to in TARGETS if fault.status == 403 else TARGETS[:1]:
            tracker.forget()
            tracker.faults.append(replace(fault, times=9))
            status, lines = attach(to, evidence.json)
            assert (status, said in lines[-1]) == (1, True), (to, lines)
            assert (tracker.comments, tracker.messages) == ([], [])


def test_a_refusal_is_one_sentence(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """Each refusal is one sentence that says what to do, for each tracker, and is not tried again."""
    for code in (400, 401, 403, 404, 410, 413, 418, 422):
        for to in TARGETS:
            tracker.forget()
            tracker.faults.append(Fault("POST", "", code, body=json.dumps({"message": TOKEN})))
            status, lines = attach(to, evidence.json)
            assert (status, len(lines)) == (1, 1), lines
            assert lines[0].startswith("not delivered: ")
            assert f" answered {code}: " in lines[0]
            assert len(tracker.sent("POST")) == 1


def test_an_address_that_is_not_the_api(
    tracker: Tracker, attach: Attach, evidence: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address with a part too many or too few names its key; white space around it changes nothing."""
    for to, key in ((GITHUB, "GITHUB_API_URL"), (GITLAB, "CI_API_V4_URL"), ("jira:OPS-7", "JIRA_BASE_URL")):
        tracker.forget()
        monkeypatch.setenv(key, f"{tracker.base}/somewhere")
        status, lines = attach(to, evidence.json)
        assert (status, "404" in lines[0], key in lines[0]) == (1, True, True), lines
        monkeypatch.setenv(key, f" {tracker.base}/ \n")
        assert attach(to, evidence.json)[0] == 0
        delivered(tracker, evidence, to)


@pytest.mark.parametrize("code", [408, 500, 502, 504, 507, 520, 522, 524, 599])
def test_a_proxy_that_gives_up(tracker: Tracker, attach: Attach, evidence: Written, code: int) -> None:
    """Whatever a proxy says in place of an answer that it did not get, what it passed on may be done."""
    for to in TARGETS:
        for done in (True, False):
            tracker.forget()
            tracker.faults.append(Fault("POST", "comment|notes|services", code, done=done))
            status, lines = attach(to, evidence.json)
            if to == "slack:":
                said = f"it answered {code}: the message is perhaps delivered; look into the channel"
                assert (status, said in lines[-1], len(tracker.sent("POST"))) == (1, True, 1), lines
            else:
                assert status == 0, lines
                delivered(tracker, evidence, to)


def test_a_server_that_is_down(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """After three tries without an answer one sentence says so."""
    for to, name in ((GITHUB, "GitHub"), (GITLAB, "GitLab"), ("jira:OPS-7", "Jira")):
        tracker.forget()
        tracker.faults.append(Fault("GET", "", 502, times=99))
        status, lines = attach(to, evidence.json)
        assert (status, lines) == (
            1,
            [f"not delivered: {name}: it answered 502, 3 times; run this again later"],
        )
        assert len(tracker.received) == 3


def test_an_answer_of_another_program(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """An answer that is no JSON, or JSON of another shape, is one sentence, whichever request gets it."""
    for body in ("<html>", "{}", "[1]", "null"):
        for to in TARGETS[:3]:
            for method in ("GET", "POST"):
                tracker.forget()
                tracker.faults.append(Fault(method, "", 200, body=body, times=99))
                status, lines = attach(to, evidence.json)
                assert status in (0, 1), (body, to, method)
                if status:
                    told = lines[-1]
                    assert told.startswith("not delivered: "), lines
                    assert "is right" in told or "that of the API" in told, told


def test_only_what_the_api_made_is_delivered(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """A page, or nothing, in place of what a request makes or changes is no delivery, whichever it is of."""
    places = (
        (GITHUB, "POST", "comments|statuses"),
        (GITHUB, "POST", "statuses"),
        (f"github:{PROJECT}", "POST", "issues$"),
        (f"github:{PROJECT}", "POST", "statuses"),
        (GITLAB, "POST", "uploads"),
        (GITLAB, "POST", "notes"),
        ("jira:OPS-7", "POST", "attachments"),
        ("jira:OPS-7", "POST", "comment"),
        ("jira:OPS-7", "POST", "remotelink"),
    )
    for to, method, path in places:
        for code, body in ((200, "<html>"), (202, "{}"), (204, ""), (200, "[]"), (200, "[1]"), (200, "null")):
            tracker.forget()
            tracker.faults.append(Fault(method, path, code, body=body))
            status, lines = attach(to, evidence.json)
            told = lines[-1]
            assert (status, told.startswith("not delivered: ")) == (1, True), (to, path, code, body, lines)
            assert "address is that of the API" in told, told
            assert attach(to, evidence.json)[0] == 0
            if to in TARGETS[2:]:
                delivered(tracker, evidence, to)


def test_an_answer_beyond_all_bounds(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """JSON that is nested without end, and a time that no clock reaches, are no faults of this program."""
    tracker.faults.append(Fault("GET", "comments", 200, body="[" * 200_000))
    status, lines = attach(GITHUB, evidence.json)
    assert (status, "without JSON: see that its address" in lines[-1]) == (1, True), lines
    for headers, fits in (
        ({"Retry-After": "Fri, 01 Jan 99999999999999999999 00:00:00 GMT"}, True),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 400}, False),
    ):
        tracker.forget()
        tracker.faults.append(Fault("POST", "comments", 429, headers))
        status, lines = attach(GITHUB, evidence.json)
        assert fits is (status == 0), lines
        assert fits or "run this again in 1000000 seconds" in lines[-1], lines


def test_slack_must_say_ok(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """A page in the place of Slack's `ok` is no delivery."""
    tracker.faults.append(Fault("POST", "services", 200, body="<html>"))
    status, lines = attach("slack:", evidence.json)
    assert (status, "answered without Slack's `ok`" in lines[0]) == (1, True)


def test_at_most_three_tries(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """A request is sent three times at most, whatever goes wrong in turn, and then one sentence says so."""
    for to in (GITHUB, GITLAB):
        tracker.forget()
        for status in (502, 429, 503):
            tracker.faults.append(Fault("POST", "comments|notes", status, times=1))
        status, lines = attach(to, evidence.json)
        assert (status, lines[-1].endswith("3 times, and nothing arrived: run this again")) == (1, True), (
            lines
        )
        assert len([path for path in tracker.sent("POST") if "uploads" not in path]) == 3


def test_a_server_that_is_not_there(
    attach: Attach, evidence: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused connection carried nothing: it is tried again, and one sentence says what was wrong."""
    for name in ("GITHUB_API_URL", "CI_API_V4_URL", "JIRA_BASE_URL", "SLACK_WEBHOOK_URL"):
        monkeypatch.setenv(name, f"http://127.0.0.1:9{HOOK}")
    for to in TARGETS:
        status, lines = attach(to, evidence.json)
        assert (status, len(lines)) == (1, 1)
        assert lines[0].endswith(
            "it cannot be reached from here, directly and without a proxy, 3 times; run this again later"
        )


def test_nothing_follows_a_redirect_to_another_host(
    tracker: Tracker, attach: Attach, evidence: Written
) -> None:
    """A redirect or a next page on another host is not followed; one on the same host is."""
    other = Tracker()
    host = other.base.partition("://")[2]
    try:
        for to in TARGETS:
            for method in ("GET", "POST"):
                ways = {301: other.base, 302: f"//{host}/x", 307: other.base, 308: other.base}
                for code, where in ways.items() if to == GITHUB else [(307, other.base)]:
                    tracker.forget()
                    tracker.faults.append(Fault(method, "", code, {"Location": where}))
                    status, lines = attach(to, evidence.json)
                    if tracker.faults[0].times:  # nothing is read from Slack
                        continue
                    assert (status, "sends on to another host" in lines[-1]) == (1, True), lines
                    assert (tracker.comments, tracker.messages) == ([], [])
            tracker.forget()
            assert attach(to, evidence.json)[0] == 0
            own = next(one.path for one in tracker.received if one.method == "POST")
            tracker.forget()
            tracker.faults.append(Fault("POST", "", 308, {"Location": own}))
            assert attach(to, evidence.json)[0] == 0
            delivered(tracker, evidence, to)
        for to in (GITHUB, GITLAB):
            tracker.forget()
            next_page = {"Link": f'<{other.base}/next>; rel="next"'}
            tracker.faults.append(Fault("GET", "comments|notes", 200, next_page, "[]"))
            status, lines = attach(to, evidence.json)
            assert (status, "sends on to another host" in lines[-1]) == (1, True), lines
        assert other.received == []
    finally:
        other.close()


def test_one_address_in_other_forms(
    tracker: Tracker, attach: Attach, evidence: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host in capitals, an address with a login in it, and a relative next page are the same server."""
    port = urlsplit(tracker.base).port
    tracker.base = f"http://localhost:{port}"  # as which the server links to itself
    try:
        for base in (f"http://LocalHost:{port}", f"http://user:pw@localhost:{port}"):
            for name in ("GITHUB_API_URL", "CI_API_V4_URL"):
                monkeypatch.setenv(name, base)
            for to in (GITHUB, GITLAB):
                tracker.forget()
                tracker.comments = [{"id": n + 1, "html_url": "x", "body": "x"} for n in range(120)]
                for _ in range(2):
                    release = ("--release", "v1") if to == GITHUB else ()
                    status, lines = attach(to, evidence.json, *release)
                    assert status == 0, (base, lines)
                delivered(tracker, evidence, to)
    finally:
        tracker.base = f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("link", ["?sort=asc&page=2", "{path}?page=2", "//{host}{path}?page=2"])
def test_a_relative_next_page(tracker: Tracker, attach: Attach, evidence: Written, link: str) -> None:
    """A next page is found by a link that is relative to the page before (RFC 8288, 3.2)."""
    assert attach(GITHUB, evidence.json)[0] == 0
    path = next(one.path for one in tracker.received if one.method == "POST" and "comments" in one.path)
    tracker.comments[:0] = [{"id": n + 900, "html_url": "x", "body": "x"} for n in range(100)]
    given = link.format(path=path, host=tracker.base.partition("://")[2])
    tracker.faults.append(Fault("GET", "comments", 200, {"Link": f'<{given}>; rel="next"'}, "[]"))
    status, lines = attach(GITHUB, evidence.json)
    assert (status, lines[0].endswith("is there already")) == (0, True), lines


@pytest.mark.parametrize("address", ["http://[", "http://127.0.0.1:99999999/x", "http://127.0.0.1:x/"])
def test_an_address_that_is_none(tracker: Tracker, attach: Attach, evidence: Written, address: str) -> None:
    """A next page whose address cannot be read is one sentence."""
    tracker.faults.append(Fault("GET", "comments", 200, {"Link": f'<{address}>; rel="next"'}, "[]"))
    said = ["not delivered: GitHub leads to no address: see that its address is right"]
    assert attach(GITHUB, evidence.json) == (1, said)


def test_a_login_in_a_redirect_is_not_shown(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """Of an address on another host, which may have a login in it, only the host is told."""
    where = {"Location": "http://user:hidden@127.0.0.2/x"}
    tracker.faults.append(Fault("GET", "comments", 302, where))
    status, lines = attach(GITHUB, evidence.json)
    assert (status, "(127.0.0.2)" in lines[0], "hidden" in lines[0]) == (1, True, False), lines


def test_a_private_authority(
    tracker: Tracker, attach: Attach, evidence: Written, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A tracker whose certificate a private authority signed is reached only if that one is trusted."""
    authority, bundle = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with closing(Tracker(authority.issue_cert("127.0.0.1").configure_cert)) as private:
        monkeypatch.setenv("GITHUB_API_URL", private.base)
        status, lines = attach(GITHUB, evidence.json)
        assert (status, "with --ca-bundle FILE" in lines[0], private.received) == (1, True, [])
        assert attach(GITHUB, evidence.json, "--ca-bundle", bundle)[0] == 0
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        assert attach(GITHUB, evidence.json)[0] == 0
        delivered(private, evidence, GITHUB)
        for wrong, said in ((tmp_path / "none.pem", "No such file"), (evidence.json, "has no certificate")):
            status, lines = attach(GITHUB, evidence.json, "--ca-bundle", wrong)
            assert (status, f"--ca-bundle {wrong}: {said}" in lines[0]) == (2, True), lines
        assert attach(GITHUB, evidence.json, "--ca-bundle", "")[0] == 2


def test_the_link_of_jira_has_the_latest_verdict(
    tracker: Tracker, attach: Attach, keys: Keys, evidence: Written, tmp_path: Path
) -> None:
    """Jira has one link to each environment, which each run brings up to date."""
    assert attach("jira:OPS-7", evidence.json)[0] == 0
    (link,) = tracker.links.values()
    assert link["object"]["title"] == "CAIO acceptance of production: NO-GO"
    good = write_set(tmp_path, record_of(run_id="7b4f"), keys, at="20260226T031700Z")
    assert attach("jira:OPS-7", good.json)[1][-1] == "link to production on OPS-7: brought up to date"
    (link,) = tracker.links.values()
    assert link["object"]["title"] == "CAIO acceptance of production: GO"
    assert link["object"]["url"] == "https://production.example.com"
    assert link["object"]["status"] == {"resolved": True}


def test_what_people_write_about_a_run_is_not_its_comment(
    tracker: Tracker, attach: Attach, evidence: Written
) -> None:
    """A comment in which somebody names the run, or answers to it, neither counts as its comment nor goes."""
    said = f"Checked: run {evidence.record.run.id}. <!-- caio-acceptance run={evidence.record.run.id} -->"
    people = {"type": "doc", "version": 1, "content": [{"type": "text", "text": said}]}
    for to in TARGETS[:3]:
        tracker.forget()
        own = {"id": 1, "html_url": "x", "body": people if to.startswith("jira") else f"> {said}"}
        tracker.comments.append(dict(own))
        for _ in range(2):
            assert attach(to, evidence.json)[0] == 0
        assert (tracker.comments[0], len(tracker.comments)) == (own, 2), to


def test_files_on_a_release(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """With --release, GitHub gets the files as assets, and the comment links them; a second run adds none."""
    status, lines = attach(GITHUB, "--release", "v1", evidence.json)
    assert status == 0, lines
    assert sorted(one["name"] for one in tracker.assets) == sorted(path.name for path in evidence.files)
    assert all(one["browser_download_url"] in tracker.comments[0]["body"] for one in tracker.assets)
    status, lines = attach(GITHUB, "--release", "v1", evidence.json)
    assert (status, len(tracker.assets)) == (0, len(evidence.files))


@pytest.mark.parametrize("tag", ["v1#draft", "v1?draft", "v1/../v1", "%761", "v1/"])
def test_only_the_release_that_is_named(
    tracker: Tracker, attach: Attach, evidence: Written, tag: str
) -> None:
    """A tag with characters that an address uses is that tag, and never another release gets the files."""
    status, lines = attach(GITHUB, evidence.json, "--release", tag)
    assert (status, tracker.assets, " answered 404: " in lines[-1]) == (1, [], True), lines
    (asked,) = tracker.received
    assert asked.path == f"/repos/{PROJECT}/releases/tags/{quote(tag, safe='')}"


@pytest.mark.parametrize(
    ("api", "url", "allowed"),
    [
        ("https://api.github.com", "https://uploads.github.com/x", True),
        ("https://api.octocorp.ghe.com", "https://uploads.octocorp.ghe.com/x", True),
        ("https://github.example.com/api/v3", "https://github.example.com/api/uploads/x", True),
        ("https://api.octocorp.ghe.com", "https://uploads.other.ghe.com/x", False),
        ("https://api.octocorp.ghe.com", "http://uploads.octocorp.ghe.com/x", False),
        ("https://api.octocorp.ghe.com", "https://uploads.octocorp.ghe.com:8443/x", False),
        ("https://api.example.com", "https://uploads.example.com/x", False),
        ("https://api.evilghe.com", "https://uploads.evilghe.com/x", False),
        ("https://github.example.com", "https://uploads.github.com/x", False),
    ],
)
def test_where_a_release_takes_files(api: str, url: str, allowed: bool) -> None:
    """Only the host for uploads that belongs to GitHub's API gets the token with the files."""
    with Client("GitHub", api, "GITHUB_API_URL", {}, tell=str) as client:
        assert client.allows(url) is allowed


def test_a_half_made_asset_is_replaced(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """A 502 that leaves an asset in the state `starter`: it is removed, and the file is uploaded again."""
    late = [Fault("POST", "assets"), Fault("POST", "assets", 422, done=True)]
    for case, faults, removed in (
        ("half", [Fault("POST", "assets", 502, done=True)], 1),
        ("none", [Fault("POST", "assets", 502)], 0),
        ("twice", [Fault("POST", "assets", 502, done=True, times=2)], 2),
        ("a limit", [Fault("POST", "assets", 403, {"Retry-After": "0"})], 0),
        ("whole, which arrives after it was looked for", late, 0),
    ):
        tracker.forget()
        tracker.faults.extend(faults)
        status, lines = attach(GITHUB, "--release", "v1", evidence.json)
        assert status == 0, (case, lines)
        assert len(tracker.sent("DELETE")) == removed, case
        assert {one["state"] for one in tracker.assets} == {"uploaded"}
        assert sorted(one["name"] for one in tracker.assets) == sorted(path.name for path in evidence.files)


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
    tracker.faults.append(Fault("POST", "/issues$", 504, done=True))
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


def test_each_environment_has_its_own_verdict(
    tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path
) -> None:
    """Of two environments, only that which is NO-GO gets an issue; the status of the other links to none."""
    record = record_of("NO-GO", ("staging", "production"))
    record.environments[0].verdict = record.environments[0].headline = "GO"
    record.causes = record.causes[1:]
    for names in (("staging", "production"), ("production", "staging")):  # whichever comes last
        tracker.forget()
        record.environments.sort(key=lambda one: names.index(one.name))
        evidence = write_set(tmp_path / names[0], record, keys)
        status, lines = attach(f"github:{PROJECT}", evidence.json)
        assert (status, "issue about staging: none is open, and none is needed" in lines) == (0, True), lines
        (issue,) = tracker.issues
        assert issue["title"] == "Acceptance: production is NO-GO"
        told = {one["context"]: (one["state"], one.get("target_url")) for one in tracker.statuses}
        assert told == {
            "caio/staging": ("success", None),
            "caio/production": ("failure", issue["html_url"]),
        }
        assert attach("jira:OPS-7", evidence.json)[0] == 0
        links = {one["object"]["title"]: one["object"]["status"] for one in tracker.links.values()}
        assert links == {
            "CAIO acceptance of staging: GO": {"resolved": True},
            "CAIO acceptance of production: NO-GO": {"resolved": False},
        }
        assert attach(f"markdown:{tmp_path / 'tracker.md'}", evidence.json)[0] == 0
        text = (tmp_path / "tracker.md").read_text("utf-8")
        assert "**NO-GO** [" in text
        assert f"staging GO (commit {COMMIT[:12]})" in text
        assert f"production (commit {COMMIT[:12]})" in text


def test_an_issue_is_closed_beside_another(
    tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path
) -> None:
    """The issue of an environment that is GO again is closed, although the other is NO-GO still."""
    both = ("staging", "production")
    bad = write_set(tmp_path / "bad", record_of("NO-GO", both), keys)
    assert attach(f"github:{PROJECT}", bad.json)[0] == 0
    record = record_of("NO-GO", both, run_id="7b4f")
    record.environments[0].verdict = record.environments[0].headline = "GO"
    later = write_set(tmp_path / "later", record, keys, at="20260226T031700Z")
    assert attach(f"github:{PROJECT}", later.json)[0] == 0
    assert [(one["title"], one["state"]) for one in tracker.issues] == [
        ("Acceptance: staging is NO-GO", "closed"),
        ("Acceptance: production is NO-GO", "open"),
    ]
    links = {one["context"].partition("/")[2]: one["target_url"] for one in tracker.statuses}
    assert links == {name: one["html_url"] for name, one in zip(both, tracker.issues, strict=True)}
    assert "## CAIO acceptance of staging and production: NO-GO\n" in tracker.comments[0]["body"]


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


def test_a_reason_that_is_no_cause_is_named(
    tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path
) -> None:
    """A NO-GO for a waiver alone is told with its reason, wherever it goes."""
    record = record_of("NO-GO")
    record.causes, record.reasons = [], ["waiver 1 (w.toml, line 1), CORS-02 in production: remove @it_"]
    written = write_set(tmp_path, record, keys)
    for to in (*TARGETS, f"markdown:{tmp_path / 'tracker.md'}"):
        tracker.forget()
        assert attach(to, written.json)[0] == 0
        text = json.dumps(tracker.messages or tracker.comments, ensure_ascii=False)
        if to.startswith("markdown:"):
            text = (tmp_path / "tracker.md").read_text("utf-8")
            assert ": waiver 1 (w.toml, line 1), CORS-02" in text
        told = text.replace("\\", "").replace("\u2060", "")
        assert told.count(record.reasons[0]) == 1, to


def test_jira_knows_its_limit(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """A file above the site's limit is told before anything is sent."""
    tracker.upload_limit = 10
    status, lines = attach("jira:OPS-7", evidence.json)
    assert (status, "is larger than the 10 bytes that this site allows" in lines[0]) == (1, True)
    assert tracker.sent("POST") == []


def test_only_verified_evidence_is_attached(
    tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path
) -> None:
    """Changed, unsigned and mixed evidence is not attached, except with --unverified, which is said."""
    evidence = write_set(tmp_path / "reports", record_of("NO-GO"), keys)
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


def test_the_latest_run_of_a_folder_is_one(attach: Attach, keys: Keys, tmp_path: Path) -> None:
    """The latest run is delivered, and none is picked where two runs, as two jobs of CI, have one second."""
    for number in range(8):
        write_set(tmp_path, record_of("GO", run_id=f"early{number}"), keys, at=f"2026010{number + 1}T000000Z")
    write_set(tmp_path, record_of("GO", run_id="first"), keys)
    write_set(tmp_path, record_of("GO", run_id="second"), keys, at="20260224T031700Z-2")
    status, lines = attach(f"markdown:{tmp_path / 'tracker.md'}", tmp_path)
    assert (status, "run=second" in (tmp_path / "tracker.md").read_text("utf-8")) == (0, True), lines
    write_set(tmp_path, record_of("GO", ["staging"], run_id="third"), keys)
    status, lines = attach(f"markdown:{tmp_path / 'tracker.md'}", tmp_path)
    said = "several runs are the latest (production-20260224T031700Z, production-20260224T031700Z-2, staging-"
    assert (status, said in lines[0]) == (2, True), lines


def test_a_dry_run_sends_nothing(tracker: Tracker, attach: Attach, evidence: Written) -> None:
    """--dry-run prints what each tracker would get, with the files that it takes; it needs no credentials."""
    for to in (*TARGETS, "markdown:tracker.md", f"{GITHUB} --release v1"):
        status, lines = attach(*to.split(), "--dry-run", evidence.json.parent)
        assert status == 0
        takes = to not in (GITHUB, "slack:", "markdown:tracker.md")
        assert any(line.startswith(evidence.json.name) for line in lines) is takes
        assert any(evidence.record.causes[0].sentence in line for line in lines)
        assert any(line.startswith("## ") for line in lines) is ("hub" in to or "lab" in to)
    assert tracker.received == []


def test_a_dry_run_names_all_that_may_be_sent(
    tracker: Tracker, attach: Attach, keys: Keys, tmp_path: Path
) -> None:
    """Issues, statuses and links are printed, each with what it depends on, which a dry run does not ask."""
    record = record_of("NO-GO", ("staging", "production"))
    record.environments[0].verdict = record.environments[0].headline = "GO"
    evidence = write_set(tmp_path, record, keys)
    had = f"if {PROJECT} has the commit {COMMIT}: its status caio/"
    good = "staging, success (GO: https://staging.example.com), linked to"
    bad = "production, failure (NO-GO: https://production.example.com), linked to"
    issue = "if an issue about {} is open: the comment below on it"
    run = f"{record.run.finished[:16].replace('T', ' ')} UTC, run {record.run.id}, commit {COMMIT}"
    link = "a link to https://{0}.example.com, in place of an earlier one to it: CAIO acceptance of {0}: "
    expected = {
        GITHUB: (
            f"on {PROJECT}#7 the comment below, in place of an earlier one of this run",
            f"{had}{good} that comment",
            f"{had}{bad} that comment",
            "the comment:",
        ),
        f"github:{PROJECT}": (
            f"{issue.format('staging')}, and it is closed",
            f"{issue.format('production')}; else a new issue "
            '"Acceptance: production is NO-GO" that begins with it',
            f"{had}{good} its issue, if there is one",
            f"{had}{bad} its issue, if there is one",
        ),
        GITLAB: (f"if {PROJECT}#7 has no note of this run, these files in the project, and the note:",),
        "jira:OPS-7": (
            *(
                f"{path.name} ({path.stat().st_size} bytes) on OPS-7, unless it is there"
                for path in evidence.files
            ),
            f"{link.format('staging')}GO ({run}; resolved)",
            f"{link.format('production')}NO-GO ({run}; not resolved)",
            "if OPS-7 has no comment of this run, this one:",
        ),
    }
    for to, lines in expected.items():
        status, shown = attach(to, "--dry-run", evidence.json)
        assert (status, [line for line in lines if line not in shown]) == (0, []), shown
    assert tracker.received == []
    _, shown = attach(GITHUB, "--dry-run", "--release", "v1", evidence.json)
    assert (
        f"{evidence.json.name} ({evidence.json.stat().st_size} bytes) on the release v1, unless it is there"
        in shown
    )
    assert "the comment, in which the names of the files are links:" in shown


def test_a_dry_run_prints_what_is_sent(
    tracker: Tracker, attach: Attach, evidence: Written, tmp_path: Path
) -> None:
    """What a dry run prints of a comment, a message and a line is what the tracker then gets."""
    path = tmp_path / "tracker.md"
    for to in (GITHUB, "jira:OPS-7", "slack:", f"markdown:{path}"):
        tracker.forget()
        _, shown = attach(to, "--dry-run", evidence.json)
        assert attach(to, evidence.json)[0] == 0
        sent: list[str] = []
        if to == GITHUB:
            sent = tracker.comments[0]["body"].splitlines()
        elif to.startswith("jira"):
            paragraphs = tracker.comments[0]["body"]["content"]
            sent = "\n".join(one["content"][0]["text"] for one in paragraphs).splitlines()
        elif to == "slack:":
            sent = "\n".join(one["text"]["text"] for one in tracker.messages[0]["blocks"]).splitlines()
        else:
            sent = [path.read_text("utf-8").splitlines()[-1].partition(" <!--")[0]]
        assert shown[-len(sent) :] == sent, to


def test_what_is_empty_or_not_there_is_named(attach: Attach, evidence: Written, tmp_path: Path) -> None:
    """An empty option, a file that is not there and a missing argument are one line each."""
    for words, said in (
        (("--key", "", evidence.json), "--key: is empty"),
        (("--credentials", "", evidence.json, "--unverified"), "--credentials: is empty"),
        (("--release", "", evidence.json, "--unverified"), "--release: is empty"),
        (("--unverified", tmp_path / "none"), f"{tmp_path / 'none'}: there is no such file or folder"),
        (
            ("--unverified",),
            "the following arguments are required: FILES; python -m pytest_caio attach --help",
        ),
        (
            ("--unverified", "--wrong", evidence.json),
            "there is no --wrong; python -m pytest_caio attach --help",
        ),
    ):
        status, lines = attach(GITHUB, *words, key=None)
        assert (status, len(lines), said in lines[0]) == (2, 1, True), lines


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("github:acme", "--to github: give github:OWNER/REPO#N"),
        ("trello:7", "--to trello: give github:OWNER/REPO#N"),
        ("jira:ops", "--to jira: give"),
        (f"slack:https://hooks.slack.com/services/T/B/{TOKEN}", "--to slack: give"),
        (f"github:https://{TOKEN}@github.com/acme/caio", "--to github: give"),
        (TOKEN, "--to: give"),
        (f"{TOKEN}_1:x", "--to: give"),
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
def test_a_markdown_tracker(attach: Attach, keys: Keys, tmp_path: Path, end: str) -> None:
    """A Markdown file gets one dated line for each run, the latest first; everything else in it stays."""
    evidence = write_set(tmp_path / "reports", record_of("NO-GO"), keys)
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


HEADING = "## CAIO acceptance"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            f"a\fb\vc\x1cd\x85e\u2028f\rg\n{HEADING}\n\f\nh\r\ni\n",
            f"a\fb\vc\x1cd\x85e\u2028f\rg\n{HEADING}\n\f\nLINE\n\nh\r\ni\n",
        ),
        (f"a\n{HEADING}\r\nb\n\nc", f"a\n{HEADING}\r\n\nLINE\n\nb\n\nc"),
        (f"\ufeffa\r\n\r\n{HEADING}", f"\ufeffa\r\n\r\n{HEADING}\r\n\r\nLINE\r\n"),
        ("a\n\nb", f"a\n\nb\n\n{HEADING}\n\nLINE\n"),
    ],
    ids=["separators", "mixed", "CRLF", "no heading"],
)
def test_the_rest_of_a_markdown_tracker_stays(
    attach: Attach, evidence: Written, tmp_path: Path, before: str, after: str
) -> None:
    """Every character of a tracker stays, its line ends too; a second time changes nothing."""
    path = tmp_path / "tracker.md"
    path.write_bytes(before.encode())
    for _ in range(2):
        assert attach(f"markdown:{path}", evidence.json)[0] == 0
        assert re.sub(r"- 20.* -->", "LINE", path.read_bytes().decode()) == after


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name of a file is text")
def test_a_markdown_tracker_links_to_any_folder(attach: Attach, keys: Keys, tmp_path: Path) -> None:
    """Evidence in a folder whose name is no text of this system is linked by its bytes."""
    written = write_set(tmp_path / os.fsdecode(b"reports \xff"), record_of("GO"), keys)
    tracker = tmp_path / "tracker.md"
    assert attach(f"markdown:{tracker}", written.json)[0] == 0
    assert f"(reports%20%FF/{written.json.stem}.html)" in tracker.read_text("utf-8")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_markdown_tracker_that_is_no_file(attach: Attach, evidence: Written, tmp_path: Path) -> None:
    """A pipe, which nobody may ever write to, is refused."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    status, lines = attach(f"markdown:{path}", evidence.json)
    assert (status, f"{path}: is no file" in lines[0]) == (2, True)


def test_a_markdown_tracker_is_no_evidence(attach: Attach, keys: Keys, tmp_path: Path) -> None:
    """No file of the evidence is taken for a tracker, and none is added to it, also through a link."""
    written = write_set(tmp_path / "reports", record_of("GO"), keys)
    before = {path: path.read_bytes() for path in written.files}
    named = [*before, written.json.with_suffix(".md")]
    if os.name == "posix":  # Windows makes links for administrators alone
        named.append(tmp_path / "tracker.md")
        named[-1].symlink_to(written.json.with_suffix(".html"))
    for path in named:
        status, lines = attach(f"markdown:{path}", written.json)
        assert (status, "evidence of this run" in lines[0]) == (2, True), lines
        assert {path: path.read_bytes() for path in written.files} == before
    assert attach(f"markdown:{written.json.parent / 'tracker.md'}", written.json)[0] == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("text", ["", "# Runs\n"])
def test_the_rights_to_a_markdown_tracker_stay(
    attach: Attach, evidence: Written, tmp_path: Path, text: str
) -> None:
    """A file that only its owner may read stays so, also an empty one."""
    path = tmp_path / "tracker.md"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    assert attach(f"markdown:{path}", evidence.json)[0] == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_markdown_tracker_is_made(attach: Attach, evidence: Written, tmp_path: Path) -> None:
    """A file that is not there is made, with its heading; a folder that is not there is told."""
    path = tmp_path / "tracker.md"
    assert attach(f"markdown:{path}", evidence.json)[0] == 0
    assert path.read_text("utf-8").startswith("## CAIO acceptance\n\n- 20")
    status, lines = attach(f"markdown:{tmp_path / 'no' / 'tracker.md'}", evidence.json)
    assert (status, "No such file or directory: make its folder first, or" in lines[0]) == (1, True)


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
