"""`emergency-stop`: tell a deployment to send nothing more, and read back whether it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from pytest_caio.checks.credentials import TOKEN, TOKEN_KEY
from pytest_caio.checks.probe import Effect, post
from pytest_caio.checks.shared import OPERATOR_STATUS
from pytest_caio.commands.profile import add_profiles, chosen_profile
from pytest_caio.environments.environment import Environment, load_environment
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.environments.rules import repeated_keys, unusable
from pytest_caio.environments.tokens import given_token
from pytest_caio.errors import InputError
from pytest_caio.outcomes import Mismatch
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.transport import Transport
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.secret import names_secret
from pytest_caio.text import beginning, printable

__all__ = ["Summary", "configure", "run"]

STOP = post("/api/instantly/emergency-stop", TOKEN, effect=Effect.WRITE, name="emergency stop")
_ELSEWHERE = (
    "to stop it without the dashboard, set EMERGENCY_STOP=true in Railway and redeploy, or pause the "
    "campaigns in Instantly and HeyReach"
)
_REFUSED = (
    f"it refuses the token: {TOKEN_KEY} here is not the one that the deployment has (Railway, Variables); "
    "after a change there, it counts only when the deployment has started again"
)
_SHOWN = 200  # characters of an answer


class Summary(msgspec.Struct, kw_only=True):
    """What came of it.

    `stopped` is whether the deployment itself says afterwards that the emergency stop is on, None where it
    does not say; `ok` is whether it says so. `answer` is the status code of the answer to the stop, 0 without
    one; `errors` say what went wrong, and what to do about it.
    """

    ok: bool
    environment: str
    base_url: str
    answer: int
    stopped: bool | None
    errors: list[str]


class _Status(msgspec.Struct):
    """the operator status, with the emergency stop"""

    emergency_stop: bool


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    parser.epilog = (
        "The address and the token are found as `pytest acceptance` finds them. It asks before it acts, "
        "sends one request, and then reads the operator status back. The exit status is 0 if the deployment "
        "says that it is stopped, 1 if it does not, and 2 if an input cannot be used and nothing was sent."
    )
    add("--env", required=True, metavar="NAME", help="the profile of the deployment to stop")
    add_profiles(parser)
    add("--base-url", metavar="URL", help="over the profile's")
    add("--env-file", type=Path, metavar="PATH", help="runtime env file, over the profile's")
    add("--token", metavar="VALUE|@FILE", help="dashboard token, over the env file's")
    add("--yes", action="store_true", help="do not ask first, for scripts")


def run(args: argparse.Namespace) -> int:
    """Stop the deployment and print the summary: 0 if it says that it is stopped, else 1.

    Raises InputError, before anything is sent, for an input that cannot be used.
    """
    environment = _environment(args)
    redactor = Redactor(
        {
            key: value.reveal()
            for key, value in environment.values.items()
            if names_secret(key, value.reveal())
        }
    )
    _say(f"{args.env} at {environment.base_url} is told to send nothing more ({STOP.label})")
    for twice in repeated_keys(environment):
        if twice.startswith(f"{TOKEN_KEY} "):
            _say(f"the env file defines {twice} more than once: the last one is sent")
    if not args.yes and not _confirmed(args.env):
        _say("not confirmed: nothing was sent")
        return 1
    stop, status = asyncio.run(_send(environment))
    stopped = _stopped(status)
    errors = [] if stopped else [_trouble(stop, status, stopped), _ELSEWHERE]
    summary = Summary(
        ok=bool(stopped),
        environment=args.env,
        base_url=environment.base_url,
        answer=stop.status_code,
        stopped=stopped,
        errors=errors,
    )
    shown = redactor.redact_all(msgspec.to_builtins(summary))
    told = [*shown["errors"], "it is NOT known to be stopped" if stopped is None else "it is NOT stopped"]
    for line in ["it is stopped: the deployment says so itself"] if stopped else told:
        _say(line)
    sys.stdout.write(json.dumps(shown) + "\n")
    return 0 if stopped else 1


def _environment(args: argparse.Namespace) -> Environment:
    """Return the deployment to stop. Raises InputError where its address or its token cannot be used."""
    environment = load_environment(
        args.env,
        chosen_profile(args),
        args.profiles.parent,
        keys=RUNTIME_KEYS,
        process=os.environ,
        base_url=args.base_url or "",
        env_file=args.env_file,
        token=given_token(args.token, Path()),
    )
    if not environment.base_url:
        raise InputError(
            f"--env {args.env}: is the reference deployment, which runs only while it is checked"
        )
    file = environment.file
    if args.token is not None:
        if fault := unusable(replace(environment, file=None), TOKEN_KEY):
            raise InputError(f"--token: {fault}")
    elif fault := unusable(environment, TOKEN_KEY):
        raise InputError(f"env file {file.path}: {fault}" if file and TOKEN_KEY in file.values else fault)
    if not environment.value(TOKEN_KEY).strip():
        where = file.path if file else "the env file"
        raise InputError(f'{TOKEN_KEY} is missing; write it into {where}, or give "--token=@FILE"')
    return environment


def _confirmed(name: str) -> bool:
    """Return whether the name of the environment was typed. Raises InputError where nobody can type it."""
    if not sys.stdin or not sys.stdin.isatty():
        raise InputError("there is no terminal to ask in; add --yes to stop it without being asked")
    sys.stderr.write(f"emergency-stop: type {name} and Enter to stop it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == name


async def _send(environment: Environment) -> tuple[Exchange, Exchange]:
    """Send the stop once, and read the status back whatever came of it: it may have acted in silence."""
    transport = Transport(timeout=20)
    try:
        stop = await transport.send(STOP.resolve(environment))
        return stop, await transport.send(OPERATOR_STATUS.resolve(environment))
    finally:
        await transport.aclose()


def _stopped(status: Exchange) -> bool | None:
    try:
        return status.report(_Status).emergency_stop
    except Mismatch:
        return None


def _trouble(stop: Exchange, status: Exchange, stopped: bool | None) -> str:
    """Return in plain words why the deployment is not known to be stopped."""
    if stop.error:
        return f"{stop.error}; is {stop.request.origin} its address?"
    code = stop.status_code
    login = code in (302, 303, 307) and "/login" in (stop.header("location") or "")
    if code in (401, 403) or login:
        return _REFUSED
    if code == 429:
        return "it takes no more requests from this address (429): wait five minutes, and run this again"
    if code in (404, 405):
        return f"it has no emergency stop at {STOP.target} ({code}): is {stop.request.origin} the dashboard?"
    if 300 <= code < 400:
        return f"it sends elsewhere ({code}): give the address that it sends to as --base-url"
    if code >= 400:
        said = beginning(printable(stop.shown), _SHOWN)
        return f"it could not do it ({code}): {said or 'it does not say why'}; run this again"
    if stopped is None:
        why = status.error or f"status code {status.status_code}"
        return f"it answered {code}, and its operator status cannot be read ({why}): look at it on /sales"
    return f"it answered {code}, and its operator status still says that it is not stopped; run this again"


def _say(line: str) -> None:
    sys.stderr.write(f"emergency-stop: {printable(line)}\n")
