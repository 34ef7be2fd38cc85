"""The verbs of faults and variations: each returns a change of a deployment, and a row names what it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypedDict, Unpack

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Access, Incoming, Reply, Rewrite, WebhookPost
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
    "edit_json",
    "edit_report",
    "open_door",
    "publish",
    "report",
    "rewrite",
    "route",
    "say",
    "set_variable",
    "using",
]

# What a deployment runs with, and what its operator's env file says.

Value: TypeAlias = str | Callable[[str], str] | None


def set_variable(key: str, value: Value) -> Apply:
    """Run with another value of a variable, made of the one it has if need be, or without it (None)."""
    return lambda deployment: _put(deployment.settings, key, value)


def publish(key: str, value: Value) -> Apply:
    """Have the env file say another value of a variable, or leave it out, as `set_variable` does."""
    return lambda deployment: _put(deployment.published, key, value)


def _put(variables: dict[str, str], key: str, value: Value) -> None:
    if value is None:
        variables.pop(key, None)
    else:
        variables[key] = value(variables[key]) if callable(value) else value


def assign(**fields: object) -> Apply:
    """Give fields of the deployment other values; raises AttributeError for one that it does not have."""

    def change(deployment: Deployment) -> None:
        for name, value in fields.items():
            getattr(deployment, name)  # a misspelled one would change nothing
            setattr(deployment, name, value)

    return change


def using(verb: Callable[[Deployment], Apply]) -> Apply:
    """Do what a verb says that needs something of the deployment itself, as its token."""
    return lambda deployment: verb(deployment)(deployment)


# Who is let in.


def open_door(opens: Callable[[Incoming], bool]) -> Apply:
    """Ask for no credential where `opens` says so."""

    def change(deployment: Deployment) -> None:
        was = deployment.door

        def door(asked: Incoming) -> Access:
            return "open" if opens(asked) else was(asked)

        deployment.door = door

    return change


def route(to: Callable[[str], str]) -> Apply:
    """Change the path on its way from the guard to the routes."""

    def change(deployment: Deployment) -> None:
        was = deployment.routed
        deployment.routed = lambda path: to(was(path))

    return change


def accept_token(accepts: Callable[[bytes, bytes], bool]) -> Apply:
    """Take for the token what `accepts(given, token)` says, besides the token itself."""

    def change(deployment: Deployment) -> None:
        was = deployment.token_accepted
        token = deployment.settings["DASHBOARD_AUTH_TOKEN"].encode()
        deployment.token_accepted = lambda given: was(given) or accepts(given, token)

    return change


def admit(admits: Callable[[Incoming], bool]) -> Apply:
    """Let the requests in that `admits` picks, besides the rightly authorised, to the API alone."""

    def change(deployment: Deployment) -> None:
        was = deployment.authorised
        deployment.authorised = lambda asked: (
            was(asked) or (deployment.door(asked) == "api" and admits(asked))
        )

    return change


def admit_webhook(admits: Callable[[WebhookPost], bool]) -> Apply:
    """Let the webhook posts in that `admits` picks, whatever they carry."""

    def change(deployment: Deployment) -> None:
        was = deployment.webhook_refusal
        deployment.webhook_refusal = lambda knock: None if admits(knock) else was(knock)

    return change


def accept_signature(accepts: Callable[[WebhookPost], bool]) -> Apply:
    """Take the signatures for right that `accepts` picks, besides the right one."""

    def change(deployment: Deployment) -> None:
        was = deployment.signature_accepted
        deployment.signature_accepted = lambda knock: was(knock) or accepts(knock)

    return change


# What is answered.

Edit: TypeAlias = Callable[[dict[str, Any]], Any]


class Picked(TypedDict, total=False):
    """Which answers of a path are changed: those to one method, and those that had one status.

    `last` changes them on their way out, and so preflights too, which the policy for other sites answers.
    """

    method: str
    was: int
    last: bool


def rewrite(path: str | None, change: Rewrite, **picked: Unpack[Picked]) -> Apply:
    """Change the answers of one path, or of every path (None)."""
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
    """Send a header more, beside one of the same name."""
    return rewrite(path, lambda _, reply: reply.headers.append(name, value), **picked)


def crash(when: Callable[[Incoming, Reply], bool]) -> Apply:
    """Answer 500, as a server does whose handler failed, where `when` says so."""

    def crashed(asked: Incoming, reply: Reply) -> None:
        if when(asked, reply):
            reply.status, reply.body = 500, b"Internal Server Error"
            reply.headers["content-type"] = "text/plain; charset=utf-8"

    return rewrite(None, crashed)


def edit_json(path: str, edit: Edit) -> Apply:
    """Change the JSON object in the 200 answers of one path."""

    def edited(_: Incoming, reply: Reply) -> None:
        body = json.loads(reply.body)
        edit(body)
        reply.body = json.dumps(body).encode()

    return rewrite(path, edited, was=200)


def say(path: str, *within: str | int, **fields: object) -> Apply:
    """Have the JSON object of one path, or what lies `within` it, say something else."""
    return edit_json(path, lambda body: _part(body, within).update(fields))


def edit_report(edit: Edit) -> Apply:
    """Change the dependency report, from which readiness follows."""
    return lambda deployment: deployment.report_edits.append(edit)


def report(*within: str, **fields: object) -> Apply:
    """Have the dependency report, or what lies `within` it, say something else."""
    return edit_report(lambda body: _part(body, within).update(fields))


def _part(body: Any, within: Iterable[str | int]) -> Any:
    for key in within:
        body = body[key]
    return body
