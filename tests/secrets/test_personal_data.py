"""Evidence contains no personal data of a deployment's leads, only their number, ids and states."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_caio.contract.paths import READING_PATHS
from pytest_caio.reference.dashboard.seed import pending_card, reviewed_card
from pytest_caio.reference.dashboard.state import State
from tests.support.bad_servers import relaying
from tests.support.suite_runs import Deployment, Outcome, run_suite, serving

# The checks that ask the paths about people, and those whose responses are judged.
GATES = [f"acceptance/test_{gate}.py" for gate in ("auth", "operator", "readiness")]
PERSON = {
    "email": "philippa.quillfeather@lamps.example",
    "name": "Philippa Quillfeather",
    "first_name": "Philippa",
    "lastName": "Quillfeather",
    "company": "Zanzibar Widgetry",
    "jobTitle": "Lamplighter General",
    "phone": "+49 170 5550199",
    "linkedin_url": "https://linkedin.example/in/quillfeather",
}
WRITTEN = {
    "subject": "Your brass chandeliers",
    "body": "Dear friend,\nthe chandeliers you ordered in Timbuktu glow no more.",
    "html_body": "<p>the chandeliers you ordered in Timbuktu glow no more.</p>",
    "reply_text": "Please never mention Timbuktu again",
}
# Every part of the person's data, and of the leads, cards and history in every deployment's initial state.
TOLD = re.compile(
    r"philippa|quillfeather(?!@)|zanzibar|lamplighter|5550199|chandelier|timbuktu"
    r"|lead\d+@|\bLead \d|Account \d|Pipeline review",
    re.IGNORECASE,
)


async def _fill(settings: dict[str, str]) -> None:
    """Add a lead, cards, a history and a batch about a person with many details."""
    state = State(settings)
    contact = {**{key: value for key, value in PERSON.items() if key != "email"}, **WRITTEN}
    card = {**pending_card(777, "contact-777"), **contact, "to": PERSON["email"], "lead": PERSON}
    try:
        await state.save_lead({**PERSON, "tier": "tier_1", "status": "stalled", "current_step": 2})
        for email_id, status in (("email-888", "sent_proved"), ("email-889", "rejected")):
            await state.save_card(reviewed_card({**card, "email_id": email_id}, status))
        await state.save_card(card)
        message = {"recipients": [PERSON["email"], PERSON["name"]], "content": WRITTEN["body"]}
        batch = {"batch_id": "batch_777", "status": "pending", "motion": "outbound", "emails": [message]}
        await state.save_batch({**batch, "created_at": card["timestamp"]})
        await state.note("operator:run", {"lead": PERSON, "message": WRITTEN["body"]})
        await state.note("error", {"message": f"no reply of {PERSON['name']}", "text": WRITTEN["body"]})
    finally:
        await state.close()


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """A deployment with personal data, on which some checks fail."""
    deployment = Deployment(faults=("cards-old", "sent-unproved"))
    with deployment.reference:
        asyncio.run(_fill(deployment.settings))
        yield deployment


@pytest.fixture(scope="module")
def outcome(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run against it without authentication, so that failed checks quote all of its responses."""
    opened = f"\r\nX-Dashboard-Token: {deployment.token}\r\n".encode()
    folder = tmp_path_factory.mktemp("evidence")
    # The relay does not support websockets.
    options = (
        "-k",
        "(every_protected_path or test_operator or test_readiness) and not websocket",
        "-rA",
        "-vv",
        "--showlocals",
        "--tb=long",
        f"--junitxml={folder / 'run.xml'}",
    )
    relay = relaying(deployment.address, ask=lambda request: request.replace(b"\r\n", opened, 1))
    with serving(relay) as url:
        asked = (*deployment.arguments, f"--base-url={url}", "--allow-writes", *options)
        return run_suite(*GATES, *asked, folder=folder)


def parts(outcome: Outcome) -> dict[str, str]:
    """Return each output of the run by its name, unescaped as a reader sees it."""
    return {
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "JSON": json.dumps(outcome.evidence, ensure_ascii=False).replace("\\", ""),
        "HTML": html.unescape(html.unescape(outcome.html)).replace("\\", ""),
        "JUnit": "\n".join(ElementTree.parse(outcome.folder / "run.xml").getroot().itertext()),
    }


def test_no_output_contains_personal_data(outcome: Outcome) -> None:
    """No address, name, company, subject or message is in terminal, JSON, HTML or JUnit."""
    told = {where: sorted(set(TOLD.findall(text))) for where, text in parts(outcome).items()}
    assert {where: found for where, found in told.items() if found} == {}


def test_outputs_show_counts_ids_and_states(outcome: Outcome) -> None:
    """The responses of all reading paths are quoted, with counts, ids, states and masked addresses."""
    assert outcome.lines[-1] == "NO-GO", outcome.stdout[-3000:]
    assert {"AUTH-09", "OPS-07"} <= {check for check, found in outcome.checks.items() if found == "failed"}
    exchanges = outcome.evidence["environments"][0]["exchanges"]
    open_paths = {
        re.sub(r"^https?://[^/]+", "", one["url"])
        for one in exchanges
        if one["status"] == 200 and not any("Token" in name for name, _ in one["request_headers"])
    }
    assert open_paths >= set(READING_PATHS)
    shown = parts(outcome)
    for words in ('"count":4', "email-777", "batch_777", "tier_1", "characters]"):
        assert words in shown["JSON"], words
    for words in ('"count":4', "email-777"):  # the report quotes the responses of the causes alone
        assert words in shown["HTML"], words
    assert "p***@lamps.example" in shown["HTML"]
    assert "email-777" in shown["stdout"] + shown["JUnit"]


def test_the_scan_finds_each_personal_detail(outcome: Outcome, tmp_path: Path) -> None:
    """The pattern that finds nothing in a run finds each detail of the person when it is present."""
    assert outcome
    for value in (*PERSON.values(), *WRITTEN.values(), "lead1@example.com", "Lead 1", "Account 2"):
        path = tmp_path / "page.html"
        path.write_text(html.escape(json.dumps(value)), "utf-8")
        assert TOLD.search(html.unescape(path.read_text("utf-8"))), value
