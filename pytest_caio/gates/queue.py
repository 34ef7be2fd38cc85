"""The cards of emails in Redis, read once for the checks of the queue and of what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from pytest_caio.contract.cards import Card, Queue, card_key, index_key, moment_of, read_card
from pytest_caio.contract.operation import Email
from pytest_caio.environments.environment import Environment
from pytest_caio.errors import InputError
from pytest_caio.gates.redis_server import unanswered
from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state import StoreError, connect, fetch, members, scan
from pytest_caio.system.strictjson import REPEATED, NotJson, decode_json

__all__ = ["CardView", "QueueFindings", "examine_queue"]

_PAGE = 500


class CardView(msgspec.Struct, frozen=True):
    """Pending cards on one side only: `unseen` ids are only in Redis, `unknown` ids only shown.

    `nothing` is whether there is no card on either side.
    """

    unseen: tuple[str, ...]
    unknown: tuple[str, ...]
    nothing: bool = False


class QueueFindings(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The cards in Redis, with masked recipients, and the ids of the queue's index, oldest first.

    `silence` is why they could not be read, empty when they were.
    """

    silence: str = ""
    index: tuple[str, ...] = ()
    cards: tuple[Email, ...] = ()

    @cached_property
    def pending(self) -> Mapping[str, Email]:
        """The pending cards by id: those of the index that are still kept and still pending."""
        kept = {str(card.email_id): card for card in self.cards if card.status in (None, "pending")}
        return {one: kept[one] for one in self.index if one in kept}

    @property
    def sent(self) -> list[Email]:
        """The emails that were sent."""
        return [card for card in self.cards if card.sent]

    def dated(self, card: Card) -> Card:
        """Return a shown card with the time at which it was made by what Redis holds, where it says so."""
        kept = self.pending.get(str(card.email_id))
        if kept is None or moment_of(kept.timestamp) is None:
            return card
        return msgspec.structs.replace(card, timestamp=kept.timestamp)

    def unrendered(self, card: Card) -> list[str]:
        """Return the texts of a shown card with a placeholder in them that are in Redis and not shown."""
        kept = self.pending.get(str(card.email_id))
        return [name for name in (kept.unrendered if kept else ()) if name not in card.fields]

    def against(self, queue: Queue) -> CardView:
        """Compare the cards that a deployment shows with these. Raises Mismatch when Redis did not answer.

        A deployment may show cards for training that are nowhere kept. It may leave out as many cards that
        nobody could act on as it counts, and other tiers than those that it says it shows. A card that was
        decided waits no longer, also where its id is still in the index.
        """
        if self.silence:
            raise unanswered(self.silence)
        shown = {str(card.email_id) for card in queue.cards}
        real = {str(card.email_id) for card in queue.real}
        wanted = [
            one
            for one, card in self.pending.items()
            if not card.synthetic and (not queue.tiers or str(card.tier).lower() in queue.tiers)
        ]
        unseen = [one for one in wanted if one not in shown]
        blocked = [one for one in unseen if self.pending[one].blocked]
        if len(blocked) <= queue.excluded:
            unseen = [one for one in unseen if one not in blocked]
        waiting = set(self.index) - {str(card.email_id) for card in self.cards if card.decided}
        unknown = tuple(sorted(real - waiting))
        return CardView(unseen=tuple(unseen), unknown=unknown, nothing=not (real or wanted))

    def compare(self, queue: Queue, environment: Environment) -> CardView:
        """Compare the shown cards with Redis, read once more where they differ: a card may have come or gone.

        Raises Mismatch when Redis did not answer.
        """
        view = self.against(queue)
        if not (view.unseen or view.unknown):
            return view
        later = examine_queue(environment).against(queue)
        return CardView(_both(view.unseen, later.unseen), _both(view.unknown, later.unknown))


def examine_queue(environment: Environment) -> QueueFindings:
    """Read the index of pending cards and every card; why that failed is in the findings."""
    url, prefix = environment.value("REDIS_URL").strip(), environment.queue_prefix
    if not url:
        return QueueFindings(silence="REDIS_URL is not given")
    try:
        with connect(url) as client:
            index = members(client, index_key(prefix))
            keys = {key for page in scan(client, card_key(prefix, "")) for key in page}
            cards = []
            ordered = sorted(key.decode("utf-8", "backslashreplace") for key in keys)
            for start in range(0, len(ordered), _PAGE):
                batch = ordered[start : start + _PAGE]
                cards += [_card(key, text) for key, text in zip(batch, fetch(client, batch), strict=True)]
    except StoreError as error:
        return QueueFindings(silence=str(error))
    except InputError as error:
        return QueueFindings(silence=str(error))
    return QueueFindings(index=tuple(index), cards=tuple(card for card in cards if card is not None))


def _card(key: str, text: bytes | None) -> Email | None:
    try:
        raw = decode_json(text or b"", dict[str, Any])
        shown = read_card(raw)
        told = {"unrendered": shown.unrendered, "blocked": shown.state[0] == "blocked"}
        card = msgspec.convert({**raw, **told}, Email)
    except NotJson as error:
        if REPEATED in str(error):
            raise StoreError(f"{mask_identifier(key)} cannot be judged: {REPEATED}") from None
        return None  # it has expired since, or is no card: nobody could send it
    except msgspec.ValidationError:
        return None
    card.email_id = card.email_id or key.rpartition(":")[2]
    card.to = mask_identifier(str(card.to)) if card.to else None
    return card


def _both(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(one) & set(other)))
