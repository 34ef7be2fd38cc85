"""Jira Cloud: the files as attachments of an issue, a comment, and a link for each environment.

developer.atlassian.com, REST API v3. The link to an environment has the verdict of the run that was attached
last: a remote link with a `globalId` is brought up to date in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from typing import Any

from pytest_caio.delivery.client import Client, NotDelivered
from pytest_caio.delivery.summary import CUT, Delivery, plain, provenance
from pytest_caio.delivery.twice import first_of
from pytest_caio.text import printable
from pytest_caio.verdict.judge import GO
from pytest_caio.verdict.record import EnvironmentRecord

__all__ = ["MEANINGS", "deliver", "preview"]

LONGEST = 32_767  # characters of a comment
MEANINGS = {
    401: "the login is refused: see that JIRA_EMAIL and JIRA_API_TOKEN are right",
    403: "this account may not do that: let it add comments and attachments and link issues in this project",
    404: "there is no such issue, or this account may not see it: see that --to is right, and that "
    "JIRA_BASE_URL is that of a Jira Cloud site, without a path",
    410: "the address is no longer served: see that JIRA_BASE_URL is that of a Jira Cloud site",
    413: "the file is larger than this site allows: attach it by hand, or have the limit raised",
    422: "it does not accept the content: see that the issue may be edited",
}


def deliver(client: Client, issue: str, delivery: Delivery) -> Iterator[str]:
    """Deliver the evidence, and yield a line about each thing that was done. Raises NotDelivered."""
    root = f"/rest/api/3/issue/{issue}"
    limits = client.get("/rest/api/3/attachment/meta")
    if not limits.get("enabled", True):
        raise NotDelivered("Jira: attachments are turned off on this site: have them turned on")
    for file in delivery.files:
        if len(file.content) > limits.get("uploadLimit", len(file.content)):
            raise NotDelivered(
                f"Jira: {file.name} is larger than the {limits['uploadLimit']} bytes that this site allows: "
                "have the limit raised; nothing was sent"
            )

    def attached(own: tuple[str, int]) -> Any:
        listed = client.get(f"{root}?fields=attachment")["fields"]["attachment"]
        return first_of(
            sorted((one for one in listed if (one["filename"], one["size"]) == own), key=_number),
            own[0],
            lambda _: own,
            lambda one: client.change("DELETE", f"/rest/api/3/attachment/{one['id']}", missing=(404,)),
        )

    for file in delivery.files:
        own = (file.name, len(file.content))
        if attached(own) is not None:
            yield f"{file.name}: is there already"
            continue
        client.create(
            f"{root}/attachments",
            partial(attached, own),
            files={"file": (file.name, file.content)},
            headers={"X-Atlassian-Token": "no-check"},
        )
        yield f"{file.name}: attached"

    def commented() -> Any:
        # As text, wherever in the document it stands. People may name the run, but not in these words.
        words = provenance(delivery.record)
        own = (one for one in _comments(client, root) if words in json.dumps(one["body"], ensure_ascii=False))
        return first_of(
            sorted(own, key=_number),
            "comment",
            lambda one: one["body"],
            lambda one: client.change("DELETE", f"{root}/comment/{one['id']}", missing=(404,)),
        )

    if commented() is not None:
        yield f"comment on {issue}: is there already"
    else:
        client.create(f"{root}/comment", commented, json={"body": _document(delivery)})
        yield f"comment on {issue}: written"
    for environment in delivery.record.environments:
        yield f"link to {environment.name} on {issue}: {_link(client, root, environment, delivery)}"


def preview(issue: str, delivery: Delivery) -> Iterator[str]:
    """Yield all that `deliver` may send, each with what it depends on."""
    for file in delivery.files:
        yield f"{file.shown} on {issue}, unless it is there"
    for environment in delivery.record.environments:
        link = _object(environment, delivery)
        state = "resolved" if link["status"]["resolved"] else "not resolved"
        yield (
            f"a link to {link['url']}, in place of an earlier one to it: {link['title']} "
            f"({link['summary']}; {state})"
        )
    yield f"if {issue} has no comment of this run, this one:"
    for paragraph in _paragraphs(delivery):
        yield from paragraph.splitlines()


def _link(client: Client, root: str, environment: EnvironmentRecord, delivery: Delivery) -> str:
    """Create the link to an environment, or bring it up to date; return what was done."""
    given = f"caio-acceptance={environment.name}&address={environment.base_url}"
    # The API takes at most 255 characters.
    identity = given if len(given) <= 255 else f"caio-acceptance={sha256(given.encode()).hexdigest()}"
    content = _object(environment, delivery)
    found = client.find(f"{root}/remotelink", params={"globalId": identity})
    if isinstance(found, dict) and all(found["object"].get(name) == content[name] for name in content):
        return "is there already"
    # With its globalId a second POST changes nothing more.
    client.change("POST", f"{root}/remotelink", json={"globalId": identity, "object": content})
    return "brought up to date" if isinstance(found, dict) else "written"


def _object(environment: EnvironmentRecord, delivery: Delivery) -> dict[str, Any]:
    """Return what the link shows."""
    run = delivery.record.run
    commit = f", commit {environment.commit}" if environment.commit else ""
    return {
        "url": environment.base_url,
        "title": printable(f"CAIO acceptance of {environment.name}: {environment.headline}"),
        "summary": printable(f"{run.finished[:16].replace('T', ' ')} UTC, run {run.id}{commit}"),
        "status": {"resolved": environment.verdict == GO},
    }


def _number(one: Any) -> int:
    """Return the number of a comment or an attachment: those that came later have higher ones."""
    return int(one["id"])


def _comments(client: Client, root: str) -> Iterator[Any]:
    start = 0
    while True:
        page = client.get(f"{root}/comment?startAt={start}&maxResults=100")
        yield from page["comments"]
        start += len(page["comments"])
        if not page["comments"] or start >= page["total"]:
            return


def _paragraphs(delivery: Delivery) -> list[str]:
    """Return the paragraphs of the comment, as many as it can hold, and the last one."""
    *paragraphs, last = plain(delivery)
    kept: list[str] = []
    left = LONGEST - len(last) - 100
    for paragraph in paragraphs:
        left -= len(paragraph) + 2
        if left < 0:
            kept.append(CUT)
            break
        kept.append(paragraph)
    return [text for text in (*kept, last) if text]


def _document(delivery: Delivery) -> dict[str, Any]:
    """Return the comment in the Atlassian Document Format: paragraphs of text, in which nothing is markup."""
    return {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": text}]}
            for text in _paragraphs(delivery)
        ],
    }
