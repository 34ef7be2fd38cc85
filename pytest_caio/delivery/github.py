"""GitHub: a comment on an issue, files on a release, a status of the commit (docs.github.com, REST API)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from pytest_caio.delivery.client import Client, NotDelivered
from pytest_caio.delivery.summary import Attachment, Delivery, comment, marker
from pytest_caio.delivery.twice import first_of
from pytest_caio.verdict.judge import GO
from pytest_caio.verdict.record import EnvironmentRecord

__all__ = ["API", "MEANINGS", "deliver", "headers", "preview"]

API = "https://api.github.com"
LONGEST = 65_536  # characters of a comment
_LONGEST_MARKER = 256  # of an environment, before the comment in the body of an issue
_LONGEST_DESCRIPTION = 140
MEANINGS = {
    401: "the token is refused: see that GITHUB_TOKEN is right and has not expired",
    403: "the token may not do that: give it the permissions `issues`, `contents` and `statuses`, to write",
    404: "there is no such repository, issue or release, or the token may not see it: see that --to is "
    "right, and so is GITHUB_API_URL where it is set (a server's ends with /api/v3)",
    410: "issues are turned off in this repository, or the issue was deleted: name another one",
    413: "the file is too large for a release: attach it by hand",
    422: "it does not accept the content: see that the issue is not locked, the release not immutable, and "
    "that the commit has fewer than 1,000 statuses",
}


def headers(token: str) -> dict[str, str]:
    """Return the headers of each request."""
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def deliver(
    client: Client, repository: str, issue: int | None, delivery: Delivery, release: str
) -> Iterator[str]:
    """Deliver the evidence, and yield a line about each thing that was done.

    Without an issue's number, each environment has one open issue while it is NO-GO. Raises NotDelivered.
    """
    root = f"/repos/{repository}"
    links: list[str] = []
    if release:
        found = client.get(f"{root}/releases/tags/{quote(release, safe='')}")
        for file in delivery.files:
            asset, done = _asset(client, root, found, file)
            links.append(f"[{file.name}]({asset['browser_download_url']})")
            yield f"{file.name}: {done}"
    body = _body(delivery, links)
    environments = delivery.record.environments
    if issue is not None:
        target, done = _comment(client, root, issue, delivery, body)
        yield f"comment on {repository}#{issue}: {done}"
        targets = [target] * len(environments)
    else:
        targets = []
        for environment in environments:
            target, done = _issue(client, root, environment, delivery, body)
            yield f"issue about {environment.name}: {done}"
            targets.append(target)
    for environment, target in zip(environments, targets, strict=True):
        if environment.commit:
            yield f"status of {environment.commit[:12]}: {_status(client, root, environment, target)}"


def preview(repository: str, issue: int | None, delivery: Delivery, release: str) -> Iterator[str]:
    """Yield all that `deliver` may send, each with what it depends on."""
    for file in delivery.files if release else ():
        yield f"{file.shown} on the release {release}, unless it is there"
    environments = delivery.record.environments
    if issue is not None:
        yield f"on {repository}#{issue} the comment below, in place of an earlier one of this run"
    for one in environments if issue is None else ():
        commented = f"if an issue about {one.name} is open: the comment below on it"
        if one.verdict == GO:
            yield f"{commented}, and it is closed"
        else:
            yield f'{commented}; else a new issue "{_title(one)}" that begins with it'
    for one in environments:
        if one.commit:
            status, to = (
                _status_of(one),
                "that comment" if issue is not None else "its issue, if there is one",
            )
            yield (
                f"if {repository} has the commit {one.commit}: its status {status['context']}, "
                f"{status['state']} ({status['description']}), linked to {to}"
            )
    yield f"the comment{', in which the names of the files are links' if release else ''}:"
    yield from _body(delivery).splitlines()


def _body(delivery: Delivery, links: Sequence[str] = ()) -> str:
    """Return the comment, which leaves room for an environment's marker before it."""
    return comment(delivery, LONGEST - _LONGEST_MARKER, links)


def _title(environment: EnvironmentRecord) -> str:
    return f"Acceptance: {environment.name} is {environment.verdict}"


def _comment(client: Client, root: str, issue: int, delivery: Delivery, body: str) -> tuple[str, str]:
    """Write the run's comment, or bring it up to date; return its address, and what was done."""
    path = f"{root}/issues/{issue}/comments"

    def arrived() -> Any:
        first = marker(delivery.record)
        own = (one for one in client.pages(path) if (one["body"] or "").startswith(first))
        return first_of(
            own,
            "comment",
            _text,
            lambda one: client.change("DELETE", f"{root}/issues/comments/{one['id']}", missing=(404,)),
        )

    found = arrived()
    if found is None:
        return client.create(path, arrived, json={"body": body})["html_url"], "written"
    if _text(found) == body.strip():
        return found["html_url"], "is there already"
    client.change("PATCH", f"{root}/issues/comments/{found['id']}", json={"body": body})
    return found["html_url"], "brought up to date"


def _issue(
    client: Client, root: str, environment: EnvironmentRecord, delivery: Delivery, body: str
) -> tuple[str, str]:
    """Open the environment's issue or comment on it (NO-GO), or close it (GO); return its address too."""
    first = f"<!-- caio-acceptance environment={environment.name} -->"

    def arrived() -> Any:
        listed = client.pages(f"{root}/issues?state=open&sort=created&direction=asc")
        own = (one for one in listed if (one["body"] or "").startswith(first))
        closed = {"state": "closed", "state_reason": "not_planned"}
        return first_of(
            own,
            "issue",
            _text,
            lambda one: client.change("PATCH", f"{root}/issues/{one['number']}", json=closed),
        )

    found = arrived()
    good = environment.verdict == GO
    if found is None:
        if good:
            return "", "none is open, and none is needed"
        content = {
            "title": _title(environment),
            "body": f"{first}\n{body}",
        }
        made = client.create(f"{root}/issues", arrived, json=content)
        return made["html_url"], f"#{made['number']} opened"
    number = found["number"]
    if marker(delivery.record) not in found["body"]:
        _comment(client, root, number, delivery, body)
    if not good:
        return found["html_url"], f"#{number} has this run"
    client.change("PATCH", f"{root}/issues/{number}", json={"state": "closed", "state_reason": "completed"})
    return found["html_url"], f"#{number} closed"


def _asset(client: Client, root: str, release: Any, file: Attachment) -> tuple[Any, str]:
    """Put a file on a release; return its asset, and what was done.

    A failed upload may leave an asset of the same name in the state `starter`: it is removed first.
    """
    path = f"{root}/releases/{release['id']}/assets"

    def arrived() -> Any:
        for asset in client.pages(path):
            if asset["name"] != file.name:
                continue
            if asset["state"] != "uploaded":
                client.change("DELETE", f"{root}/releases/assets/{asset['id']}")
            elif (asset.get("digest") or f"sha256:{file.sha256}") != f"sha256:{file.sha256}" or (
                asset["size"] != len(file.content)
            ):
                raise NotDelivered(
                    f"GitHub has another file named {file.name} on this release: if this one is right, "
                    "remove that one there, and run this again"
                )
            else:
                return asset
        return None

    if (found := arrived()) is not None:
        return found, "is there already"
    upload = release["upload_url"].partition("{")[0]
    made = client.create(
        upload,
        arrived,
        params={"name": file.name},
        data=file.content,
        headers={"Content-Type": "application/octet-stream"},
    )
    return made, "attached"


def _status(client: Client, root: str, environment: EnvironmentRecord, target: str) -> str:
    """Set the status of the deployed commit; return what was done."""
    combined = client.find(f"{root}/commits/{environment.commit}/status?per_page=100")
    if combined is None:
        return "not set: this repository has no such commit"
    status = _status_of(environment) | ({"target_url": target} if target else {})

    def arrived() -> Any:
        now = client.find(f"{root}/commits/{combined['sha']}/status?per_page=100") or {}
        return next((one for one in now.get("statuses", ()) if _same(one, status)), None)

    if any(_same(one, status) for one in combined["statuses"]):
        return "is set already"
    client.create(f"{root}/statuses/{combined['sha']}", arrived, json=status)
    return f"set to {status['state']}"


def _status_of(environment: EnvironmentRecord) -> dict[str, str]:
    return {
        "state": "success" if environment.verdict == GO else "failure",
        "context": f"caio/{environment.name}",
        "description": f"{environment.headline}: {environment.base_url}"[:_LONGEST_DESCRIPTION],
    }


def _text(one: Any) -> str:
    """Return the body of a comment or an issue, of which GitHub may change the line ends."""
    return str(one["body"]).replace("\r\n", "\n").strip()


def _same(one: Any, status: dict[str, str]) -> bool:
    return all(one.get(name) == value for name, value in status.items())
