"""Runs a reference deployment with its own Redis server, from its options to its shutdown."""

from __future__ import annotations

import argparse
import difflib
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_caio.contract.redis_url import redis_url_fault
from pytest_caio.errors import InputError, with_demo_extra
from pytest_caio.reference.dashboard.decisions import SESSION_COOKIE
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.settings import (
    RUNTIME_KEYS,
    fresh_settings,
    write_private,
    write_settings,
)
from pytest_caio.reference.hosting.listening import loopback_socket
from pytest_caio.reference.hosting.redis_server import RedisServer

if TYPE_CHECKING:
    from pytest_caio.reference.faults.fault import Fault
    from pytest_caio.reference.hosting.server import Server

__all__ = ["host", "ways_of"]

_NUMBERS = ("REDIS_MAX_CONNECTIONS", "TRACE_RETENTION_DAYS")


def ways_of(option: str) -> Mapping[str, Fault]:
    """Return all faults or variations, by name; most deployments have none, and are spared the import."""
    if option == "fault":
        from pytest_caio.reference.faults import FAULTS  # noqa: PLC0415 - see above

        return FAULTS
    from pytest_caio.reference.variations import VARIATIONS  # noqa: PLC0415 - see above

    return VARIATIONS


def _chosen(option: str, names: list[str]) -> list[Fault]:
    """Return the faults or variations with these names.

    Raises InputError, with the closest names, for an unknown name.
    """
    ways = ways_of(option) if names else {}
    for name in names:
        if name not in ways:
            close = difflib.get_close_matches(name, ways, n=3, cutoff=0.4)
            hint = f"did you mean {', '.join(close)}? " if close else ""
            raise InputError(f"--{option} {name}: no such {option}; {hint}`serve --{option} list` prints all")
    return [ways[name] for name in names]


def host(
    args: argparse.Namespace,
    tell: Callable[[dict[str, str], Server], None],
    place: Callable[[dict[str, str]], None] = lambda _: None,
) -> None:
    """Run the deployment that the options of `serve` describe until it is stopped.

    Leaves no process or temporary file behind. `tell` is called once the server answers requests, with a
    summary (`base_url`, `env_file`, `revoked_file`, `hive_dir` and `commit`) and the server. `place` is
    called with the summary before that: env file and revoked file are written and the Redis server answers,
    but nothing is in it, and the app is not even imported, which takes most of the start.

    Raises InputError for an unknown fault or variation, a number out of range, a port that is taken, a
    file that cannot be written, or a package that is not installed.
    """
    # Faults are applied last, so that they break the deployment as the variations left it.
    ways = _chosen("variation", args.variation) + _chosen("fault", args.fault)
    for option, value in (("--latency-ms", args.latency_ms), ("--seed-leads", args.seed_leads)):
        if not 0 <= value < 1_000_000:
            raise InputError(f"{option} {value}: give a number from 0 to 999999")
    given = _given(args.setting)
    with ExitStack() as stack:
        bound = stack.enter_context(loopback_socket(args.host, args.port))
        redis_server = RedisServer()
        # Registered before the start, so that a signal during the start leaves no server behind.
        stack.callback(redis_server.stop)
        redis_server.start()
        env_file = args.env_file
        if env_file is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="caio-reference-"))
            env_file = Path(folder) / "caio.env"
        revoked_file = env_file.with_name(env_file.name + ".revoked")
        hive_dir = _hive_dir(args.hive_dir, env_file.parent, stack)
        name = f"[{args.host}]" if ":" in args.host else args.host
        base_url = f"http://{name}:{bound.getsockname()[1]}"
        deployment = Deployment(
            {**fresh_settings(args.environment, base_url, redis_server.url, args.bearer_only), **given},
            revoked=(secrets.token_urlsafe(32), secrets.token_urlsafe(32)),
            inngest_sdk=args.inngest_sdk,
            latency=args.latency_ms / 1000,
        )
        for way in ways:
            way.apply(deployment)
        try:
            write_settings(env_file, deployment.published)
            revoked = (*deployment.revoked, f"{SESSION_COOKIE}={deployment.revoked_session}")
            write_private(revoked_file, "".join(f"{line}\n" for line in revoked))
            log = None
            if args.access_log is not None:
                write_private(args.access_log, "")
                log = stack.enter_context(args.access_log.open("a", encoding="utf-8", buffering=1)).write
        except OSError as error:
            raise InputError(
                f"--env-file or --access-log: cannot write {error.filename or env_file}: {error.strerror}"
            ) from None

        summary = {
            "base_url": base_url,
            "env_file": str(env_file),
            "revoked_file": str(revoked_file),
            "hive_dir": str(hive_dir.absolute()),
            "commit": deployment.commit,
        }
        place(summary)
        with with_demo_extra():
            from pytest_caio.reference.dashboard.app import build_app  # noqa: PLC0415 - see above
            from pytest_caio.reference.hosting.server import Server  # noqa: PLC0415
        app = build_app(deployment, args.seed_leads, log, hive_dir)
        server = Server(app, bound, deployment.most_connections)
        server.serve_until_stopped(lambda: tell(summary, server))


def _given(settings: list[str]) -> dict[str, str]:
    """Return the settings given as `--setting KEY=VALUE`; error messages do not contain the values."""
    pairs = [setting.partition("=") for setting in settings]
    for number, (key, equals, value) in enumerate(pairs, 1):
        if not equals:
            raise InputError(f"--setting {number}: is not KEY=VALUE")
        if key not in RUNTIME_KEYS:
            raise InputError(f"--setting {number}: no such runtime key; there are {', '.join(RUNTIME_KEYS)}")
        if fault := _value_fault(key, value):
            raise InputError(f"--setting {key}: {fault}")
    return {key: value for key, _, value in pairs}


def _value_fault(key: str, value: str) -> str:
    """Return why the deployment itself could not run with the value of a key, or an empty string."""
    if key == "REDIS_URL":
        return redis_url_fault(value)
    if key in _NUMBERS and not re.fullmatch(r"[1-9]\d{0,8}", value, re.ASCII):
        return "is no number from 1 to 999999999"
    return ""


def _hive_dir(asked: Path | None, beside: Path, stack: ExitStack) -> Path:
    """Return an empty folder for the file state: the given one, or a temporary one removed at the end."""
    try:
        if asked is None:
            made = tempfile.TemporaryDirectory(prefix="hive-", dir=beside, ignore_cleanup_errors=True)
            return Path(stack.enter_context(made))
        asked.mkdir(parents=True, exist_ok=True)
        empty = not any(asked.iterdir())
    except OSError as error:
        option = f"--hive-dir {asked}" if asked else f"--env-file: cannot write {beside}"
        raise InputError(f"{option}: {error.strerror}") from None
    if not empty:
        raise InputError(f"--hive-dir {asked}: is not empty; give a new folder")
    return asked
