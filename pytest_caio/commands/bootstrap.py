"""`bootstrap`: complete the runtime env file of production or staging, or leave it unchanged."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pytest_caio.bootstrap import privatefile
from pytest_caio.bootstrap.editor import EnvFileEditor
from pytest_caio.bootstrap.rules import review
from pytest_caio.bootstrap.values import (
    GENERATED,
    OF_PROVIDERS,
    chosen_ways,
    credentials_to_make,
    defaults,
    ways_in,
)
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.environment import checked_url
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.environments.tokens import is_text
from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import new_secret
from pytest_caio.system.textfile import read_text

__all__ = ["Summary", "configure", "run"]


class Summary(msgspec.Struct, kw_only=True):
    """The result, with keys but never values.

    `written` keys were missing or empty and got a value; `overwritten` ones had another value; `generated`
    ones, among both, got a new secret; `kept` ones already had a value. `missing` keys are required and were
    not given. `errors` are the reasons why nothing is written. `needs_waiver` are keys given with a value
    that the environment gate refuses without a waiver. `providers` says how each webhook provider comes in:
    by a signature, by a bearer, or by nothing. `other_keys` counts the keys that are not runtime keys; they
    are kept. `changed` is whether the file was changed.
    """

    ok: bool = False
    mode: str
    env_file: str
    dry_run: bool = False
    changed: bool = False
    backup: str | None = None
    written: list[str] = msgspec.field(default_factory=list)
    generated: list[str] = msgspec.field(default_factory=list)
    overwritten: list[str] = msgspec.field(default_factory=list)
    kept: list[str] = msgspec.field(default_factory=list)
    missing: list[str] = msgspec.field(default_factory=list)
    needs_waiver: list[str] = msgspec.field(default_factory=list)
    errors: list[str] = msgspec.field(default_factory=list)
    providers: dict[str, str] = msgspec.field(default_factory=dict)
    other_keys: int = 0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    parser.epilog = (
        "What the file holds is kept. A missing key is taken from these options, then from MODE_KEY of the "
        "process environment (PRODUCTION_REDIS_URL), then from the mode's values. Either the file is whole "
        "and passes the environment gate, or nothing is written. A secret on the command line can be seen in "
        'process lists and in the shell\'s history: put it into the file, or give "@FILE" '
        "(PowerShell needs the quotes)."
    )
    add("--env-file", type=Path, required=True, metavar="FILE", help="the file to fill in, or to make")
    add("--mode", choices=("production", "staging"), required=True, help="what the deployment is")
    add(
        "--base-url",
        metavar="URL",
        help="where it answers; gives INNGEST_WEBHOOK_URL and the CORS origin too",
    )
    add("--redis-url", metavar="VALUE|@FILE", help="REDIS_URL, as it is reached from this machine too")
    add("--cors-origins", metavar="LIST", help="CORS_ALLOWED_ORIGINS: https origins, comma between")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE|KEY=@FILE",
        help="any runtime key; may repeat",
    )
    add(
        "--overwrite",
        action="append",
        default=[],
        metavar="KEY",
        help="replace what this key holds; may repeat (with --generate-secrets a new secret)",
    )
    add(
        "--generate-secrets",
        action="store_true",
        help="make the missing tokens and webhook secrets; Inngest's keys come from Inngest",
    )
    add(
        "--provider",
        action="append",
        default=[],
        metavar="NAME=bearer|signature",
        help="whether this webhook provider sends a bearer or signs; may repeat (by default a bearer, where "
        "one may be sent and the file has no secret: a new one would shut out who cannot sign)",
    )
    add("--dry-run", action="store_true", help="say what would be done, write nothing")


def run(args: argparse.Namespace) -> int:
    """Complete the file and print the summary; return 0, or 1 if the file would not be complete.

    In the latter case nothing is written. Raises InputError for options or a file that cannot be used.
    """
    given, chosen = _given(args), chosen_ways(args.provider)
    if chosen and not args.generate_secrets:
        raise InputError("--provider: says which secrets to make; give --generate-secrets too")
    target = privatefile.locate(args.env_file)
    before = privatefile.read(target)
    file = EnvFile.parse(before or b"", args.env_file)
    current = {key: value.reveal() for key, value in file.values.items()}
    summary = Summary(mode=args.mode, env_file=str(args.env_file), dry_run=args.dry_run)
    summary.other_keys = len(current.keys() - set(RUNTIME_KEYS))
    changes, lacking = _changes(args, current, given, chosen, summary)
    text = EnvFileEditor(before or b"")
    for key, value in changes.items():
        text.put(key, value)
    after = text.encode() if changes else before or b""
    result = EnvFile.parse(after, args.env_file)
    if any(result.values[key].reveal() != value for key, value in changes.items()):
        raise InputError(f"--env-file {args.env_file}: does not read back as it was to be written")
    reviewed = review(args.mode, result)
    summary.providers = ways_in({key: value.reveal() for key, value in result.values.items()})
    wanted = {key: reason for key, reason in reviewed.waivable.items() if key in given}
    summary.needs_waiver = sorted(wanted)
    summary.missing = reviewed.missing
    overwritable = {**reviewed.faults, **{k: v for k, v in reviewed.waivable.items() if k not in wanted}}
    summary.errors += [
        reason
        if key in changes or key in args.overwrite
        else f"{reason}; correct it in the file"
        + (f", or add --overwrite {key} {lacking[key]}".rstrip() if key in lacking else "")
        for key, reason in overwritable.items()
    ]
    summary.ok = not summary.errors and not summary.missing
    notes = reviewed.advice + [f"{reason}: the gate needs a waiver" for reason in wanted.values()]
    if summary.ok and not args.dry_run:
        if changes:
            kept = privatefile.put_in_place(target, before, after)
            summary.backup = str(privatefile.backup_of(target)) if kept else None
            summary.changed = True
        elif privatefile.narrow(target):
            notes.append("the file could be read by others, and no longer can")
    if not summary.ok:
        summary.written, summary.generated, summary.overwritten = [], [], []
        notes += [f"{key} is missing" for key in summary.missing] + summary.errors + ["nothing was written"]
    sys.stderr.writelines(f"bootstrap: {note}\n" for note in notes)
    sys.stdout.write(json.dumps(msgspec.to_builtins(summary)) + "\n")
    return 0 if summary.ok else 1


def _changes(
    args: argparse.Namespace,
    current: Mapping[str, str],
    given: Mapping[str, str],
    chosen: Mapping[str, str],
    summary: Summary,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values to write, and the option that each runtime key needs to get one, which may be none.

    What is done with each key is entered in `summary`.
    """
    overwrite = set(args.overwrite)
    if not overwrite <= set(RUNTIME_KEYS):
        raise InputError(f"--overwrite: takes a runtime key; they are {', '.join(RUNTIME_KEYS)}")
    prefix = f"{args.mode.upper()}_"
    process = {key: os.environ.get(prefix + key, "").strip() for key in RUNTIME_KEYS}
    offered = {key: value for key, value in process.items() if value}
    for key, value in offered.items():
        if not is_text(value):
            raise InputError(f"{prefix}{key} of the process environment: is not UTF-8 text")
    address = "CAIO_BASE_URL"
    old_url = "" if address in overwrite else current.get(address, "")
    values = {**defaults(args.mode, old_url or given.get(address, "") or offered.get(address, "")), **offered}
    values |= given
    held = {key: value for key, value in current.items() if value.strip()}
    made = (
        {*GENERATED} - OF_PROVIDERS
        | credentials_to_make({**values, **held}, chosen)
        | (held.keys() & {*GENERATED})
    )
    source = {key: "--generate-secrets" if key in made else f"--set {key}=@FILE" for key in RUNTIME_KEYS}
    lacking = {
        key: "" if values.get(key) or (args.generate_secrets and key in made) else option
        for key, option in source.items()
    }
    changes: dict[str, str] = {}
    for key in RUNTIME_KEYS:
        has = current.get(key, "").strip()
        if has and key not in overwrite:
            summary.kept.append(key)
            if given.get(key, has) != has:
                summary.errors.append(
                    f"{key} holds another value than the one given; add --overwrite {key} to replace it"
                )
            continue
        value = values.get(key, "")
        if not value and args.generate_secrets and key in made:
            value = new_secret()
            summary.generated.append(key)
        if not value:
            if key in overwrite:
                summary.errors.append(f"{key} has nothing to be overwritten with; give {lacking[key]}")
        elif has == value:
            summary.kept.append(key)
        else:
            changes[key] = value
            (summary.overwritten if has else summary.written).append(key)
    return changes, lacking


def _given(args: argparse.Namespace) -> dict[str, str]:
    """Return the values of the options by key, trimmed. Raises InputError, whose message quotes no value."""
    pairs = [
        (option, key, value)
        for option, key, value in (
            ("--base-url", "CAIO_BASE_URL", args.base_url),
            ("--redis-url", "REDIS_URL", args.redis_url),
            ("--cors-origins", "CORS_ALLOWED_ORIGINS", args.cors_origins),
        )
        if value is not None
    ]
    for pair in args.set:
        key, equals, value = pair.partition("=")
        if not equals or key not in RUNTIME_KEYS:
            # The argument is not quoted: it may be a secret.
            raise InputError(f"--set: takes KEY=VALUE with a runtime key; they are {', '.join(RUNTIME_KEYS)}")
        pairs.append((f"--set {key}", key, value))
    given: dict[str, str] = {}
    for option, key, value in pairs:
        text = read_text(Path(value[1:]), f"{option} @FILE") if value.startswith("@") else value
        text = text.strip()
        if not text:
            raise InputError(f"{option}: is empty")
        if not text.isprintable():
            raise InputError(f"{option}: has a line break or another character that cannot be seen in it")
        text = checked_url(text, option) if key == "CAIO_BASE_URL" else text
        if given.setdefault(key, text) != text:
            raise InputError(f"{option}: {key} is given twice, with different values")
    return given
