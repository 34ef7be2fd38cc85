"""Slack: a message through an incoming webhook, whose address is a secret (docs.slack.dev)."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_caio.delivery.client import Client, NotDelivered, Uncertain
from pytest_caio.delivery.summary import CUT, Delivery, plain
from pytest_caio.text import beginning

__all__ = ["MEANINGS", "deliver", "preview"]

_MOST_BLOCKS = 50
_LONGEST_SECTION = 3_000
MEANINGS = {
    400: "it does not accept the message: report this line to whoever maintains pytest-caio",
    401: "the webhook is refused: make a new one, and set SLACK_WEBHOOK_URL",
    403: "the webhook may not post there: have an administrator of the workspace allow it",
    404: "there is no such webhook any more: make a new one, and set SLACK_WEBHOOK_URL",
    410: "the channel is archived: make a webhook for another one, and set SLACK_WEBHOOK_URL",
    413: "the message is too large: report this line to whoever maintains pytest-caio",
    422: "it does not accept the message: report this line to whoever maintains pytest-caio",
}


def deliver(client: Client, delivery: Delivery) -> Iterator[str]:
    """Send the message, and yield a line about it. Slack takes no files here. Raises NotDelivered.

    A message cannot be looked up: where it may have arrived, it is not sent again.
    """
    parts = _parts(delivery)
    # In a section of plain text nothing is markup, and nobody is mentioned.
    blocks = [
        {"type": "section", "text": {"type": "plain_text", "text": part, "emoji": False}} for part in parts
    ]
    try:
        reply = client.post_once("", json={"text": parts[0], "blocks": blocks})
        if reply.text.strip() != "ok":
            raise NotDelivered(
                "Slack: its address answered without Slack's `ok`: see that SLACK_WEBHOOK_URL is a webhook's"
            )
    except Uncertain as error:
        raise NotDelivered(
            f"Slack: {error}: the message is perhaps delivered; look into the channel before you repeat it"
        ) from None
    yield "message: sent"


def preview(delivery: Delivery) -> Iterator[str]:
    """Yield the lines of the message."""
    for part in _parts(delivery):
        yield from part.splitlines()


def _parts(delivery: Delivery) -> list[str]:
    """Return the sections of the message, as many and as long as Slack takes them."""
    *parts, last = [part for part in plain(delivery) if part]
    if len(parts) > _MOST_BLOCKS - 1:
        parts[_MOST_BLOCKS - 2 :] = [CUT]
    return [beginning(part, _LONGEST_SECTION - 2) for part in (*parts, last)]
