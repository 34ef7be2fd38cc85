"""`serve`: run the reference deployment, with its own Redis server, until it is stopped."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.errors import with_demo_extra

__all__ = ["configure", "forget_variables", "run"]

# The Inngest SDK takes its environment from the branch names that Railway, Render and Vercel set. Its HTTP
# client cannot be made with a proxy or a file of authorities that cannot be used; it never needs either here.
_SDK_VARIABLES = re.compile(
    r"INNGEST_\w+|RAILWAY_GIT_BRANCH|RENDER_GIT_BRANCH|VERCEL_GIT_COMMIT_REF|\w+_PROXY|SSL_CERT_FILE|SSL_CERT_DIR"
    r"|SSLKEYLOGFILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE",
    re.IGNORECASE,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address (default %(default)s)")
    add("--port", type=int, default=0, help="0, the default, takes a free port")
    add(
        "--env-file",
        type=Path,
        metavar="PATH",
        help="where to write its runtime keys (default: a temporary file)",
    )
    add(
        "--environment", default="production", metavar="NAME", help="what it says it is (default %(default)s)"
    )
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="break it this way; `list` prints the ways",
    )
    add(
        "--variation",
        action="append",
        default=[],
        metavar="NAME",
        help="let it differ this harmless way; `list` prints the ways",
    )
    add(
        "--inngest-sdk", choices=("new", "old"), default="new", help="how /inngest answers unsigned questions"
    )
    add("--latency-ms", type=float, default=0.0, metavar="N", help="delay every answer")
    add(
        "--access-log",
        type=Path,
        metavar="PATH",
        help="one JSON line a request, headers whole: it holds secrets",
    )
    add(
        "--hive-dir",
        type=Path,
        metavar="PATH",
        help="where to write its file state (default: a temporary folder beside the env file)",
    )
    add("--watch-stdin", action="store_true", help="stop when standard input ends")
    # The same summary on a line before, as soon as the files are written: for `ReferenceProcess` alone.
    add("--place-first", action="store_true", help=argparse.SUPPRESS)
    add("--seed-leads", type=int, default=3, metavar="N", help="lead records in Redis (default %(default)s)")
    add(
        "--bearer-only",
        action="append",
        default=[],
        metavar="PROVIDER",
        choices=sorted(name for name, provider in PROVIDERS.items() if provider.bearer_key),
        help="leave this provider's HMAC secret out",
    )
    add(
        "--setting",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="give a runtime key this value, in the deployment and in its env file; may repeat",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT, SIGTERM, SIGHUP or (with --watch-stdin) the end of standard input; return 0.

    Raises InputError for options that cannot be used.
    """
    forget_variables()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # SIGBREAK: Ctrl-Break, on Windows
        if number := getattr(signal, name, None):
            signal.signal(number, _leave)
    hang_up = getattr(signal, "SIGHUP", None)  # the terminal was closed
    if hang_up and signal.getsignal(hang_up) != signal.SIG_IGN:  # as nohup leaves it
        signal.signal(hang_up, lambda *_: signal.raise_signal(signal.SIGTERM))
    gc.disable()  # nothing that is imported becomes garbage, and to look for it takes a tenth of the start
    try:
        return _serve(args)
    except Exception:
        # A signal during an import may leave a module half imported, which then raises another error.
        if _received:
            return 0
        raise
    finally:
        gc.enable()


def _serve(args: argparse.Namespace) -> int:
    # As if rich were not installed: httpx, which the Inngest SDK imports, would import its command line.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # as the import system has it
    with with_demo_extra():
        hosting = importlib.import_module("pytest_caio.reference.hosting.host")
        for option, asked in (("fault", args.fault), ("variation", args.variation)):
            if "list" in asked:
                ways = {name: way.says for name, way in hosting.ways_of(option).items()}
                sys.stdout.write(json.dumps({"ok": True, f"{option}s": ways}, indent=1) + "\n")
                return 0

    def place(summary: Mapping[str, str]) -> None:
        if args.place_first:
            _write(summary)
        if args.watch_stdin:  # not before: a process that is just being started could be lost
            threading.Thread(target=_watch_stdin, daemon=True).start()

    with suppress(SystemExit):
        hosting.host(args, _announce, place)
    return 0


def forget_variables() -> None:
    """Remove the environment variables that would change or break the deployment's Inngest client."""
    for name in filter(_SDK_VARIABLES.fullmatch, list(os.environ)):
        os.environ.pop(name, None)  # another thread may have removed it meanwhile


def _watch_stdin() -> None:
    # Read the descriptor: a thread that reads sys.stdin would hold its lock when the interpreter ends.
    while os.read(0, 4096):
        pass
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # also wakes what waits
    else:
        signal.raise_signal(signal.SIGTERM)


# Signals received before it serves: if one arrives in a destructor, Python drops its handler's exception.
_received: list[int] = []


def _write(summary: Mapping[str, str]) -> None:
    sys.stdout.write(json.dumps({"ok": True, **summary}) + "\n")
    sys.stdout.flush()


def _announce(summary: Mapping[str, str], server: Any) -> None:
    gc.enable()
    gc.freeze()
    if _received:
        server.should_exit = True
        return
    _write(summary)
    where = f"{summary['base_url']}/login; the token is DASHBOARD_AUTH_TOKEN in {summary['env_file']}"
    sys.stderr.write(f"Open {where}\n")
    sys.stderr.flush()


def _leave(number: int, _: FrameType | None) -> None:
    # While it serves, uvicorn has its own signal handlers; it raises the signal again after it has stopped.
    # A second one must not interrupt the cleanup that the first began, as the end of standard input may.
    if not _received:
        _received.append(number)
        raise SystemExit(0)
