"""The verbs of which faults and variations are made: each returns a function that changes a deployment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, Unpack

import redis

from pytest_caio.contract.cards import card_key, index_key
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Access, Incoming, Reply, Rewrite, WebhookPost
from pytest_caio.reference.dashboard.state import queue_prefix
from pytest_caio.reference.faults.fault import Apply

__all__ = [
    "accept_signature",
    "accept_token",
    "add_header",
    "admit",
    "admit_webhook",
    "answer",
    "assign",
    "crash",
    "edit_card",
    "edit_files",
    "edit_json",
    "edit_report",
    "edit_store",
    "open_door",
    "publish",
    "report",
    "rewrite",
    "route",
    "say",
    "set_variable",
    "using",
]

# The deployment's variables, and those in its operator's env file.

Value: TypeAlias = str | Callable[[str], str] | None


def set_variable(key: str, value: Value) -> Apply:
    """Set a runtime variable of the deployment, or compute it from its old value, or remove it (None)."""
    return lambda deployment: _put(deployment.settings, key, value)


def publish(key: str, value: Value) -> Apply:
    """Set, compute or remove a variable in the operator's env file, as `set_variable` does."""
    return lambda deployment: _put(deployment.published, key, value)


def _put(variables: dict[str, str], key: str, value: Value) -> None:
    if value is None:
        variables.pop(key, None)
    else:
        variables[key] = value(variables[key]) if callable(value) else value


def assign(**fields: object) -> Apply:
    """Assign to fields of the deployment; raises AttributeError for a field that it does not have."""

    def change(deployment: Deployment) -> None:
        for name, value in fields.items():
            getattr(deployment, name)  # else a misspelled name would change nothing
            setattr(deployment, name, value)

    return change


def using(verb: Callable[[Deployment], Apply]) -> Apply:
    """Apply a verb whose arguments depend on the deployment, such as on its token."""
    return lambda deployment: verb(deployment)(deployment)


# Access.


def open_door(opens: Callable[[Incoming], bool]) -> Apply:
    """Require no credential for the requests that `opens` selects."""

    def change(deployment: Deployment) -> None:
        was = deployment.door

        def door(asked: Incoming) -> Access:
            return "open" if opens(asked) else was(asked)

        deployment.door = door

    return change


def route(to: Callable[[str], str]) -> Apply:
    """Change the path after the guard and before routing."""

    def change(deployment: Deployment) -> None:
        was = deployment.routed
        deployment.routed = lambda path: to(was(path))

    return change


def accept_token(accepts: Callable[[bytes, bytes], bool]) -> Apply:
    """Accept as the token also what `accepts(given, token)` is true for."""

    def change(deployment: Deployment) -> None:
        was = deployment.token_accepted
        token = deployment.settings["DASHBOARD_AUTH_TOKEN"].encode()
        deployment.token_accepted = lambda given: was(given) or accepts(given, token)

    return change


def admit(admits: Callable[[Incoming], bool]) -> Apply:
    """Accept also the unauthorised requests that `admits` selects, for API paths only."""

    def change(deployment: Deployment) -> None:
        was = deployment.authorised
        deployment.authorised = lambda asked: (
            was(asked) or (deployment.door(asked) == "api" and admits(asked))
        )

    return change


def admit_webhook(admits: Callable[[WebhookPost], bool]) -> Apply:
    """Accept the webhook posts that `admits` selects, whatever their credentials."""

    def change(deployment: Deployment) -> None:
        was = deployment.webhook_refusal
        deployment.webhook_refusal = lambda post: None if admits(post) else was(post)

    return change


def accept_signature(accepts: Callable[[WebhookPost], bool]) -> Apply:
    """Accept as rightly signed also the webhook posts that `accepts` selects."""

    def change(deployment: Deployment) -> None:
        was = deployment.signature_accepted
        deployment.signature_accepted = lambda post: was(post) or accepts(post)

    return change


# Responses.

Edit: TypeAlias = Callable[[Any], Any]


class Picked(TypedDict, total=False):
    """Which responses of a path are changed: only those to `method`, only those with the status `was`.

    `last` changes them outside the CORS middleware, and so also the responses to preflights.
    """

    method: str
    was: int
    last: bool


def rewrite(path: str | None, change: Rewrite, **picked: Unpack[Picked]) -> Apply:
    """Change the responses of one path, or of every path (None)."""
    method, was = picked.get("method"), picked.get("was")

    def changed(asked: Incoming, reply: Reply) -> None:
        if path in (None, asked.path) and method in (None, asked.method) and was in (None, reply.status):
            change(asked, reply)

    last = picked.get("last", False)
    return lambda deployment: (deployment.cors.rewrites if last else deployment.rewrites).append(changed)


def answer(
    path: str | None,
    *,
    status: int | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str | None] | None = None,
    **picked: Unpack[Picked],
) -> Apply:
    """Answer with another status, body or headers; a header that is None is removed."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.status = reply.status if status is None else status
        reply.body = reply.body if body is None else body
        for name, value in (headers or {}).items():
            if value is None:
                del reply.headers[name]
            else:
                reply.headers[name] = value

    return rewrite(path, change, **picked)


def add_header(path: str | None, name: str, value: str, **picked: Unpack[Picked]) -> Apply:
    """Add a header, also where one of the same name is set."""
    return rewrite(path, lambda _, reply: reply.headers.append(name, value), **picked)


def crash(when: Callable[[Incoming, Reply], bool]) -> Apply:
    """Answer 500, like a server after an unhandled exception, where `when` is true."""

    def crashed(asked: Incoming, reply: Reply) -> None:
        if when(asked, reply):
            reply.status, reply.body = 500, b"Internal Server Error"
            reply.headers["content-type"] = "text/plain; charset=utf-8"

    return rewrite(None, crashed)


def edit_json(path: str, edit: Edit) -> Apply:
    """Change the JSON object or array in the 200 responses of one path."""

    def edited(_: Incoming, reply: Reply) -> None:
        body = json.loads(reply.body)
        edit(body)
        reply.body = json.dumps(body).encode()

    return rewrite(path, edited, was=200)


def say(path: str, *within: str | int, **fields: object) -> Apply:
    """Set fields in the JSON object of one path, or in the object at the keys `within` it."""
    return edit_json(path, lambda body: _part(body, within).update(fields))


def edit_report(edit: Edit) -> Apply:
    """Change the dependency report, from which readiness is derived."""
    return lambda deployment: deployment.report_edits.append(edit)


def report(*within: str, **fields: object) -> Apply:
    """Set fields in the dependency report, or in the object at the keys `within` it."""
    return edit_report(lambda body: _part(body, within).update(fields))


# What is stored: Redis and the file state, once they are seeded and migrated.


def edit_store(edit: Callable[[redis.Redis, str], object]) -> Apply:
    """Change what Redis holds; `edit` is given a client and the prefix of the state."""
    return lambda deployment: deployment.stored_edits.append(
        lambda client, _: edit(client, deployment.published["STATE_REDIS_PREFIX"])
    )


def edit_card(email_id: str, **fields: object) -> Apply:
    """Set fields of a card in Redis, or remove them (None); a new card is made from the sent one.

    A card that is no longer pending is taken off the list of those that are.
    """

    def change(deployment: Deployment) -> None:
        queue = queue_prefix(deployment.published)

        def edit(client: redis.Redis, _: Path | None) -> None:
            text = client.get(card_key(queue, email_id)) or client.get(card_key(queue, "email-009"))
            card = {**json.loads(text or "{}"), "email_id": email_id, **fields}
            told = {key: value for key, value in card.items() if value is not None}
            client.set(card_key(queue, email_id), json.dumps(told), ex=3600)
            if card["status"] != "pending":
                client.zrem(index_key(queue), email_id)

        deployment.stored_edits.append(edit)

    return change


def edit_files(name: str, edit: Callable[[str], str | None], *, late: bool = False) -> Apply:
    """Change the file `name` of the file state, or remove it (None), as if it had been so all the time.

    With `late` it is changed after the cutover.
    """

    def change(_: redis.Redis, hive_dir: Path | None) -> None:
        if hive_dir is None:
            return
        path = hive_dir / name
        before = (path if path.exists() else hive_dir / "operator_state.json").stat().st_mtime
        text = edit(path.read_text("utf-8") if path.exists() else "")
        if text is None:
            path.unlink()
            return
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        moment = 4_000_000_000.0 if late else before
        os.utime(path, (moment, moment))

    return lambda deployment: deployment.stored_edits.append(change)


def _part(body: Any, within: Iterable[str | int]) -> Any:
    for key in within:
        body = body[key]
    return body
