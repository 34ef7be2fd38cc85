"""The operator gate: a red check says what is wrong, harmless variations are none; faults: `test_faults`."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from acceptance.test_operator import test_cards_are_recent as judge_cards
from pytest_caio.checks.probe import get
from pytest_caio.contract.cards import Card, Queue
from pytest_caio.contract.operation import Email, EmailHistory
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.errors import InputError
from pytest_caio.gates.freshness import answered_at
from pytest_caio.gates.operator import read_sends
from pytest_caio.gates.queue import QueueFindings
from pytest_caio.outcomes import Mismatch
from pytest_caio.probing.exchange import Exchange
from pytest_caio.reference.dashboard.app import build_app
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.dashboard.settings import fresh_settings, write_settings
from pytest_caio.reference.faults import FAULTS
from pytest_caio.reference.faults.verbs import edit_json, open_door, publish, rewrite
from pytest_caio.reference.hosting.listening import loopback_socket
from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.reference.hosting.server import Server
from pytest_caio.reference.variations import VARIATIONS as WAYS
from tests.support.gate_runs import Gate, ask_gate

# What a red check says of a fault: check and words. The faults of one deployment concern different checks.
SAID: tuple[Mapping[str, tuple[str, str]], ...] = (
    {
        "dry-run-errors": ("OPS-01", "campaign not found"),
        "ramp-limit-high": ("OPS-03", "it is 250"),
        "cards-old": (
            "OPS-06",
            "2 cards, the first: email-002 is 300 minutes old; 1 sendable, 1 resolvable",
        ),
        "sent-half-proved": ("OPS-07", "email-another: no proof_evidence_id"),
        "no-clean-days": ("OPS-09", "0 of 3 days were clean"),
        "bookmark-elsewhere": ("OPS-10", "sent to https://other.example/sales"),
    },
    {
        "ramp-unlimited": ("OPS-03", "must be a whole number, and is nothing"),
        "cards-unclassified": (
            "OPS-05",
            "email-001 lacks classifier.target_platform, classifier.queue_origin",
        ),
        "cards-undated": ("OPS-06", "does not say when it was made"),
        "sent-disproved": ("OPS-07", "proof_status does not say proved"),
        "queue-tires": ("OPS-04", "500"),
    },
)
LAWFUL = dict.fromkeys(("unsubscribe_present", "signature_present", "cta_present", "footer_present"), True)
NOW = datetime(2026, 2, 24, 12, tzinfo=UTC)


def healthy(_: Deployment) -> None:
    """Leave the deployment as it is."""


def nothing_there(deployment: Deployment) -> None:
    """Have nothing pending, and nothing sent."""
    WAYS["queues-empty"].apply(deployment)


def training_only(deployment: Deployment) -> None:
    """Have cards for training alone, which lack what others have."""

    def edit(body: dict[str, Any]) -> None:
        body["pending_emails"] = [{"email_id": "t-1", "synthetic": True, "timestamp": "2020-01-01"}]
        body["count"] = 1

    WAYS["queues-empty"].apply(deployment)
    edit_json("/api/pending-emails", edit)(deployment)


def unread(deployment: Deployment) -> None:
    """Have a Redis that the machine which asks cannot reach."""
    publish("REDIS_URL", "redis://127.0.0.1:9/0")(deployment)


def unread_and_told(deployment: Deployment) -> None:
    """Have such a Redis, and a history with its proofs."""
    unread(deployment)
    WAYS["history-proved"].apply(deployment)


def zoneless(deployment: Deployment) -> None:
    """Tell every time in UTC without saying so, and in whole seconds."""

    def plain(text: str) -> str:
        return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()

    def edit(body: dict[str, Any]) -> None:
        body["refreshed_at"] = plain(body["refreshed_at"])
        for card in body["pending_emails"]:
            card["timestamp"] = plain(card["timestamp"])

    edit_json("/api/pending-emails", edit)(deployment)


def absolute(deployment: Deployment) -> None:
    """Redirect with whole URLs of this host."""

    def change(asked: Incoming, reply: Reply) -> None:
        if "location" in reply.headers:
            reply.headers["location"] = f"http://{asked.headers['host']}{reply.headers['location']}"

    for path in ("/sales", "/ChiefAIOfficer"):
        rewrite(path, change)(deployment)


def wired(deployment: Deployment) -> None:
    """Serve the sales page to everybody, with its script."""
    open_door(lambda asked: asked.path == "/sales")(deployment)


def scripted(deployment: Deployment) -> None:
    """Have the sales page's script in a file of its own."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.body = b"<!doctype html><script src=/static/sales.js defer></script><table></table>"

    rewrite("/sales", change, was=200)(deployment)


# What a queue without a card about a person shows nothing of.
UNSEEN = dict.fromkeys(("OPS-05", "OPS-06", "OPS-11"), "not-run")
VARIATIONS: Mapping[Callable[[Deployment], None], dict[str, str]] = {
    healthy: {},
    nothing_there: {**UNSEEN, "OPS-07": "not-run", "OPS-08": "advised"},
    training_only: {**UNSEEN, "OPS-07": "not-run", "OPS-08": "advised"},
    unread: {"OPS-07": "not-run", "OPS-08": "advised"},
    unread_and_told: {},
    zoneless: {},
    absolute: {},
    wired: {},
    # The file is not read, since nobody knows of it before the page is: a person has to look.
    scripted: {"OPS-10": "advised"},
}


def break_by(faults: Iterable[str], deployment: Deployment) -> None:
    """Give a deployment several faults."""
    for fault in faults:
        FAULTS[fault].apply(deployment)


@contextmanager
def serving(
    change: Callable[[Deployment], None], redis_url: str, folder: Path
) -> Iterator[dict[str, object]]:
    """Serve a changed deployment in a thread; give the profile's own keys."""
    bound = loopback_socket("127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    deployment = Deployment(fresh_settings("production", base_url, redis_url))
    change(deployment)
    env_file = folder / f"{bound.getsockname()[1]}.env"
    write_settings(env_file, deployment.published)
    deployment.published["REDIS_URL"] = redis_url  # where its state is, whatever the file says
    server = Server(build_app(deployment, 3), bound)
    started = threading.Event()
    thread = threading.Thread(target=server.serve_until_stopped, args=(started.set,))
    thread.start()
    try:
        assert started.wait(20)
        yield {"base_url": base_url, "env_file": str(env_file)}
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One run of the gate, with writes, for a deployment of each kind and for profiles of one of them."""
    folder = tmp_path_factory.mktemp("operator")
    changes = {
        "nothing-sent": FAULTS["nothing-sent"].apply,
        **{f"faults-{number}": functools.partial(break_by, faults) for number, faults in enumerate(SAID)},
        **{variation.__name__: variation for variation in VARIATIONS},
    }
    with ExitStack() as stack:
        store = RedisServer({"databases": "32"})
        stack.callback(store.stop)
        store.start()
        base = store.url.rpartition("/")[0]
        profiles: dict[str, Mapping[str, Mapping[str, object]]] = {}
        for number, (name, change) in enumerate(changes.items()):
            profiles[name] = {"": stack.enter_context(serving(change, f"{base}/{number}", folder))}
        (folder / "sends.jsonl").write_text(
            '{"to": "jane@customer.example", "sent_at": "2026-02-24T09:00:00Z", "conversation_id": "c-1"}\n',
            "utf-8",
        )
        (folder / "broken.json").write_text('[{"to": "jane@customer.example"}]', "utf-8")
        nothing = profiles["nothing-sent"][""]
        for name, file in {
            "recorded": "sends.jsonl",
            "malformed": "broken.json",
            "absent": "gone.json",
        }.items():
            profiles[name] = {"": nothing, "operator": {"sends": file}}
        profiles["strict"] = {"": profiles["healthy"][""], "operator": {"daily_limit": 4}}
        junit = folder / "evidence" / "junit.xml"
        yield ask_gate("operator", folder, "--allow-writes", f"--junitxml={junit}", "-vv", profiles=profiles)


def test_harmless_variations_are_not_red(gate: Gate) -> None:
    """A healthy deployment that differs in what the contract leaves open has no red check."""
    for variation, apart in VARIATIONS.items():
        assert gate.apart(variation.__name__) == apart, variation.__name__


def test_red_check_says_what_is_wrong(gate: Gate) -> None:
    """A red check says in words what it observed."""
    for number, faults in enumerate(SAID):
        for fault, (red, words) in faults.items():
            assert words in gate.observed(f"faults-{number}", red), fault


def test_profile_sets_the_limit(gate: Gate) -> None:
    """The daily limit is the profile's."""
    assert gate.apart("strict") == {"OPS-03": "failed"}


def test_record_proves_a_send(gate: Gate) -> None:
    """A record of supervised sends stands in for the deployment's own proof; a broken one says where."""
    assert gate.apart("recorded", "not-run") == {}
    assert gate.apart("malformed", "not-run") == gate.apart("absent", "not-run") == {"OPS-08": "advised"}
    assert "sends of [malformed.operator] (broken.json, case 1: " in gate.observed("malformed", "OPS-08")
    assert "gone.json: cannot be read" in gate.observed("absent", "OPS-08")


def test_cards_are_shown(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The evidence has the table of cards, with masked leads, where the check passed."""
    (check,) = [c for c in gate.environments["healthy"]["checks"] if c["id"] == "OPS-06"]
    (table,) = check["cases"][0]["tables"]
    assert check["outcome"] == "passed"
    assert table["title"] == "3 pending: 1 sendable, 1 resolvable, 1 blocked"
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert {row["email_id"]: (row["state"], row["lead"]) for row in rows} == {
        "email-001": ("sendable", "l***@example.com"),
        "email-002": ("resolvable", "l***@example.com"),
        "email-003": ("blocked", "l***@example.com"),
    }
    assert [row["age in minutes"] for row in rows] == ["30", "20", "10"]


def test_no_lead_is_shown(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No address of a lead is in the terminal, its diffs, the JUnit file or the evidence."""
    files = [*tmp_path_factory.getbasetemp().glob("operator*/evidence/junit.xml")]
    shown = gate.shown + "".join(file.read_text("utf-8") for file in files)
    assert files
    assert "l***@example.com" in shown
    assert not [n for n in range(1, 10) if f"lead{n}@" in shown]


@pytest.mark.nightly
def test_tables_come_from_workers(tmp_path: Path) -> None:
    """With workers the table reaches the evidence too, and the second poll is made."""
    gate = ask_gate("operator", tmp_path, "-n2")
    assert gate.apart("demo", "advised") == {}, gate.shown
    checks = {check["id"]: check["cases"][0]["tables"] for check in gate.environments["demo"]["checks"]}
    assert [table["title"] for table in checks["OPS-06"]] == [
        "3 pending: 1 sendable, 1 resolvable, 1 blocked"
    ]
    assert checks["OPS-09"][0]["rows"] == [["3", "3"]]


def card(**fields: Any) -> Card:
    """Return a card that is sendable and ten minutes old, save what is given."""
    usual = {
        "email_id": "e",
        "to": "jane@customer.example",
        "timestamp": (NOW - timedelta(minutes=10)).isoformat(),
        "contact_id": "c",
        "classifier": {"target_platform": "ghl", "queue_origin": "q", "sync_state": "s"},
        "campaign_ref": {"internal_id": "i"},
    }
    return Card(**{**usual, **fields})


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "sendable"),
        ({"to": None}, "sendable"),
        ({"classifier": {"target_platform": " GHL "}}, "sendable"),
        ({"contact_id": None}, "resolvable"),
        ({"contact_id": ""}, "resolvable"),
        ({"classifier": {"target_platform": "instantly"}}, "resolvable"),
        ({"classifier": "ghl"}, "resolvable"),
        ({"synthetic": True}, "blocked"),
        ({"contact_id": None, "to": ""}, "blocked"),
        ({"classifier": None, "to": None}, "blocked"),
    ],
)
def test_state_of_a_card(fields: dict[str, Any], state: str) -> None:
    """A card is sendable with a contact in GHL, resolvable with an address alone, else blocked."""
    assert card(**fields).state[0] == state
    assert card(**fields).state[1]


@pytest.mark.parametrize(
    ("timestamp", "said"),
    [
        ("2026-02-24T11:50:00+00:00", ""),
        ("2026-02-24T10:00:00Z", ""),
        ("2026-02-24T10:00:00", ""),
        ("2026-02-24 10:00:00", ""),
        ("2026-02-24T15:00:00+05:00", ""),
        (NOW.timestamp() - 3600, ""),
        ("2026-02-24T12:04:00Z", ""),
        ("2026-02-24T09:59:00Z", "e is 121 minutes old"),
        ("2026-02-24T10:00:00+05:00", "e is 420 minutes old"),
        ("2026-02-24T13:00:00Z", "e is dated 60 minutes ahead of the deployment's clock"),
        ("yesterday", "e does not say when it was made"),
        (1e300, "e does not say when it was made"),
        (float("nan"), "e does not say when it was made"),
        (True, "e does not say when it was made"),
        (None, "e does not say when it was made"),
        ({}, "e does not say when it was made"),
    ],
)
def test_age_of_a_card(timestamp: object, said: str) -> None:
    """A card's age is told from any zone; none means UTC, and what is no time is no age."""
    assert card(timestamp=timestamp).overdue(NOW) == said


def test_parts_that_a_card_lacks() -> None:
    """A part that is missing, empty or blank is named."""
    assert card().lacks == []
    assert card(campaign_ref={"internal_id": 0}).lacks == ["campaign_ref.internal_id"]
    assert card(classifier={"target_platform": "ghl", "queue_origin": " "}).lacks == [
        "classifier.queue_origin",
        "classifier.sync_state",
    ]
    assert card(classifier=[], campaign_ref=None).lacks[-1] == "campaign_ref.internal_id"


def answer(body: bytes, **headers: str) -> Exchange:
    """Return a 200 that was asked at NOW by our clock."""
    environment = Environment("demo", "http://127.0.0.1:9", Profile(), {})
    return Exchange(get("/").resolve(environment), NOW, 1.0, 200, tuple(headers.items()), body)


def test_time_of_an_answer() -> None:
    """The deployment's Date counts; where it has none, or one that cannot be read, our clock does."""
    assert answered_at(answer(b"", Date="Tue, 24 Feb 2026 17:00:00 GMT")) == NOW + timedelta(hours=5)
    assert answered_at(answer(b"")) == answered_at(answer(b"", Date="soon")) == NOW


@pytest.mark.parametrize("body", [b"[]", b'{"count": 1}', b'{"count": "1", "pending_emails": []}', b"<html>"])
def test_queue_that_is_none(body: bytes) -> None:
    """What is no queue is a mismatch, and never a pass."""
    with pytest.raises(Mismatch):
        answer(body).report(Queue)


def test_cards_that_the_queue_hides() -> None:
    """A queue that says it holds cards and shows none fails, also where Redis cannot be asked for them."""
    body = {"count": 0, "pending_emails": [], "_shadow_queue_debug": {"redis_returned": 3}}
    response = answer(json.dumps(body).encode())
    with pytest.raises(Mismatch, match="the queue holds 3 cards, and shows none"):
        judge_cards(response, QueueFindings(), lambda *_: None)


@pytest.mark.parametrize(
    ("email", "doubts"),
    [
        ({}, ""),
        ({"proof_status": "live_verified"}, ""),
        ({"proof_timestamp": "2026-02-24T10:00:00"}, ""),
        ({"sent_via_ghl": "true"}, "sent_via_ghl is not true"),
        ({"proof_status": "unproved"}, "proof_status does not say proved"),
        ({"proof_status": None}, "proof_status does not say proved"),
        ({"proof_timestamp": ""}, "no proof_timestamp"),
        ({"proof_evidence_id": ""}, "no proof_evidence_id"),
    ],
)
def test_proof_of_a_send(email: dict[str, Any], doubts: str) -> None:
    """A send is proved where GHL sent it, its proof says so, and names time and conversation."""
    proof = {"sent_via_ghl": True, "proof_status": "proved", "proof_timestamp": NOW.isoformat()}
    told = {
        "email_id": "e",
        "to": "j@c.example",
        "status": "Sent",
        "proof_evidence_id": "c-1",
        **proof,
        **email,
    }
    history = answer(json.dumps({"emails": [told]}).encode()).report(EmailHistory)
    (email,) = history.emails
    assert (email.sent, email.doubts, email.proved) == (True, doubts, not doubts)
    assert history.sent == [email]


@pytest.mark.parametrize(
    ("email", "sent"),
    [
        ({"status": "Sent"}, True),
        ({"status": "sent_unresolved"}, True),
        ({"status": "sent_via_ghl"}, True),
        ({"status": "approved", "sent_via_ghl": True}, True),
        ({"status": "approved", "sent_via_ghl": False}, False),
        ({"status": "approved"}, False),
        ({"status": "unsent"}, False),
        ({}, False),
    ],
)
def test_what_counts_as_sent(email: dict[str, Any], sent: bool) -> None:
    """An email counts as sent by its status, or where GHL sent it, whatever its status."""
    assert Email(**email).sent is sent


def test_history_without_proof() -> None:
    """A history that never tells of proof tells of no sent email; with one proof, all must have theirs."""
    plain = {"email_id": "e", "to": "j@c.example", "status": "sent"}
    silent = answer(json.dumps({"emails": [plain, plain]}).encode()).report(EmailHistory)
    assert silent.sent == []
    telling = answer(json.dumps({"emails": [plain, {**plain, "proof_status": "proved"}]}).encode())
    assert len(telling.report(EmailHistory).sent) == 2


@pytest.mark.parametrize(
    ("fields", "unlawful"),
    [
        ({}, []),
        ({"tier": " Tier_1"}, []),
        ({"body": "{ {x} } @media print {p {color: red}} {{"}, []),
        ({"body_template": "Hello {{first_name}}"}, []),
        ({"tier": "tier_2"}, ["it is of tier_2, and the ramp lets out tier_1 alone"]),
        ({"tier": None}, ["it is of no tier, and the ramp lets out tier_1 alone"]),
        ({"subject": "Hi {{ name }}"}, ["subject is not rendered"]),
        ({"body_html": "<p>{{{name}}}</p>"}, ["body_html is not rendered"]),
        ({"compliance_checks": {**LAWFUL, "cta_present": False}}, ["cta_present is not true"]),
        ({"compliance_checks": {**LAWFUL, "footer_present": 1}}, ["footer_present is not true"]),
        ({"compliance_checks": []}, [f"{key} is not true" for key in LAWFUL]),
    ],
)
def test_card_that_may_not_go_out(fields: dict[str, Any], unlawful: list[str]) -> None:
    """What the law or the ramp asks for and a card lacks is named."""
    lawful = {"tier": "tier_1", "subject": "Hi", "body": "Hello", "compliance_checks": LAWFUL}
    queue = answer(json.dumps({"count": 1, "pending_emails": [{**lawful, **fields}]}).encode()).report(Queue)
    assert queue.cards[0].unlawful == unlawful


@pytest.mark.parametrize("origin", ["website_visitor", "rb2b", "RB2B-Visitors", "Website"])
def test_visitors_have_no_campaign(origin: str) -> None:
    """The card of a website visitor has a reference to a campaign, which is empty."""
    classifier = {"target_platform": "ghl", "queue_origin": origin, "sync_state": "s"}
    assert card(classifier=classifier, campaign_ref={"internal_id": ""}).lacks == []
    assert card(classifier=classifier, campaign_ref=None).lacks == ["campaign_ref.internal_id"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"sent_at": "2026-02-24T10:00:00Z", "conversation_id": "c"}', "line 1: `to` is missing"),
        (
            '{"to": "j@c.example", "sent_at": "today", "conversation_id": "c"}',
            "sent_at must be day, time and offset",
        ),
        (
            '{"to": "j@c.example", "sent_at": "2026-02-24T10:00:00Z", "conversation_id": ""}',
            "conversation_id must not be empty",
        ),
        ("\nno sends\n", "line 2: it is not JSON: a value is expected (column 1)"),
        ("[{]", "the JSON is broken"),
        (
            '{"to": "j@c.example", "to": "", "lead": "k@c.example", "sent_at": "2026-02-24T10:00:00Z"}',
            "line 1: it is not usable JSON: an object names a field twice",
        ),
        ('{"sends": [{"to": "j@c.example"}]}', "the records under sends"),
    ],
)
def test_record_of_sends_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    """A record's error names the file, the entry and the field."""
    path = tmp_path / "sends.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as error:
        read_sends(path)
    assert str(error.value).startswith("sends.jsonl, ")
    assert words in str(error.value)


def test_record_of_sends(tmp_path: Path) -> None:
    """A record is an array, or an object a line, of `to` or `lead`, time and conversation."""
    sends = [
        {"lead": "j@c.example", "sent_at": "2026-02-24T10:00:00Z", "conversation_id": "c", "by": "me"}
    ] * 2
    for text in (json.dumps(sends), "\n".join(map(json.dumps, sends))):
        (tmp_path / "sends").write_text(text, "utf-8")
        assert [send.conversation_id for send in read_sends(tmp_path / "sends")] == ["c", "c"]
