"""`migrate-state`: copy the file state of a hive directory to the Redis server of an env file."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import DEFAULT_STATE_PREFIX, STATE_PREFIX
from pytest_caio.environments.profiles import Profile
from pytest_caio.environments.rules import unusable
from pytest_caio.errors import InputError
from pytest_caio.state.migration import migrate, unfinished
from pytest_caio.state.server import connect
from pytest_caio.state.summary import dump_summary, write_summary

__all__ = ["configure", "run"]

_PROGRESS_SECONDS = 2.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--env-file",
        type=Path,
        required=True,
        metavar="FILE",
        help="holds REDIS_URL and STATE_REDIS_PREFIX",
    )
    parser.add_argument(
        "--hive-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="the file state, usually .hive-mind",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, write nothing to Redis"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="let the files win where Redis holds other data"
    )
    parser.add_argument(
        "--summary", type=Path, metavar="FILE", help="write the summary here too, for the state gate"
    )


def run(args: argparse.Namespace) -> int:
    """Migrate and print the summary; return 0 if every record is in Redis (or could be: --dry-run), else 1.

    Raises InputError for an env file, a hive directory or a summary path that cannot be used.
    """
    url, prefix = _settings(args.env_file)
    with connect(url) as client:
        if args.summary:
            # If this run is killed, the summary of an earlier run must not remain.
            write_summary(args.summary, unfinished(prefix, dry_run=args.dry_run))
        summary = migrate(
            args.hive_dir,
            client,
            prefix,
            dry_run=args.dry_run,
            overwrite=args.overwrite,
            progress=_Lines(),
        )
    try:
        if args.summary:
            write_summary(args.summary, summary)
    finally:  # a disk may be full by now, and the migration is done
        sys.stdout.write(dump_summary(summary) + "\n")
    return 0 if summary.ok else 1


def _settings(path: Path) -> tuple[str, str]:
    """Return REDIS_URL and the state's prefix of an env file, judged as the environment gate judges them."""
    file = EnvFile.read(path)
    environment = Environment("", "", Profile(), file.values, file=file)
    url, prefix = (environment.value(key).strip() for key in ("REDIS_URL", STATE_PREFIX))
    if fault := unusable(environment, "REDIS_URL", STATE_PREFIX):
        raise InputError(f"env file {path}: {fault}")
    if not url:
        raise InputError(f"env file {path}: REDIS_URL is missing")
    return url, prefix or DEFAULT_STATE_PREFIX


class _Lines:
    """Progress lines on stderr, at most one every two seconds; a short migration prints none."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _PROGRESS_SECONDS
            of = "" if total is None else f" of {total}"
            sys.stderr.write(f"migrate-state: {done}{of} {stage}\n")
