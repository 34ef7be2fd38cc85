"""GitLab: the files as uploads of the project, in a note of an issue (docs.gitlab.com, notes and uploads)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from pytest_caio.delivery.client import Client, NotDelivered, Uncertain
from pytest_caio.delivery.summary import Delivery, comment, marker
from pytest_caio.delivery.twice import first_of

__all__ = ["API", "MEANINGS", "deliver", "headers", "preview"]

API = "https://gitlab.com/api/v4"
LONGEST = 1_000_000  # characters of a note
_UPLOAD = re.compile(r"/uploads/\w+(?=/)")  # a file that is uploaded again has another address
MEANINGS = {
    401: "the token is refused: see that GITLAB_TOKEN is right and has not expired",
    403: "the token may not do that: give it the scope `api` and at least the role Reporter in this project",
    404: "there is no such project or issue, or the token may not see it: see that --to is right, and "
    "so is CI_API_V4_URL where it is set (it ends with /api/v4)",
    410: "this project is being deleted: name another one",
    413: "the file is too large for this server: attach it by hand, or have its limit raised",
    422: "it does not accept the content: see that the issue is not locked",
}


def headers(token: str) -> dict[str, str]:
    """Return the headers of each request."""
    return {"PRIVATE-TOKEN": token}


def deliver(client: Client, project: str, issue: int, delivery: Delivery) -> Iterator[str]:
    """Deliver the evidence, and yield a line about each thing that was done. Raises NotDelivered."""
    root = f"/projects/{quote(project, safe='')}"
    path = f"{root}/issues/{issue}/notes"

    def arrived() -> Any:
        first = marker(delivery.record)
        listed = client.pages(f"{path}?sort=asc&order_by=created_at")
        return first_of(
            (one for one in listed if (one["body"] or "").startswith(first)),
            "note",
            lambda one: _UPLOAD.sub("", one["body"]),
            lambda one: client.change("DELETE", f"{path}/{one['id']}", missing=(404,)),
        )

    if arrived() is not None:  # the note is written last, so its files are there too
        yield f"note on {project}#{issue}: is there already"
        return
    links = []
    for file in delivery.files:
        try:
            reply = client.post_once(f"{root}/uploads", files={"file": (file.name, file.content)})
        except Uncertain as error:
            raise NotDelivered(
                f"GitLab: {error} to {file.name}, and no note was written: run this again; nothing "
                "refers to a file that arrived"
            ) from None
        # Not as an image, which some names would be shown as.
        links.append(reply.json()["markdown"].removeprefix("!"))
        yield f"{file.name}: attached"
    client.create(path, arrived, json={"body": comment(delivery, LONGEST, links)})
    yield f"note on {project}#{issue}: written"


def preview(project: str, issue: int, delivery: Delivery) -> Iterator[str]:
    """Yield all that `deliver` may send, with what it depends on."""
    yield f"if {project}#{issue} has no note of this run, these files in the project, and the note:"
    yield from (file.shown for file in delivery.files)
    yield from comment(delivery, LONGEST).splitlines()
