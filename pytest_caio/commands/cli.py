"""`python -m pytest_caio COMMAND`: the commands beside the suite, each of which only delegates."""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import wraps
from typing import Any, NoReturn

from pytest_caio.errors import InputError, own_fault, refuse_empty
from pytest_caio.redaction.lasting import lasting
from pytest_caio.system.streams import open_streams
from pytest_caio.text import printable

__all__ = ["main"]

_PURPOSE = "The commands beside the suite. COMMAND --help shows what one of them takes."
# Command: (module that defines `configure(parser)` and `run(args) -> exit status`, purpose).
# Only the module of the given command is imported.
_COMMANDS = {
    "bootstrap": ("pytest_caio.commands.bootstrap", "fill in a runtime environment file, or leave it alone"),
    "attach": ("pytest_caio.commands.attach", "hand the evidence of a run on to a tracker"),
    "emergency-stop": (
        "pytest_caio.commands.emergency_stop",
        "tell a deployment to send nothing more, and see that it is stopped",
    ),
    "history": ("pytest_caio.commands.history", "show the runs of the ledger, and whether the stays are met"),
    "keygen": ("pytest_caio.commands.keygen", "make the keys that sign evidence and verify it"),
    "migrate-state": (
        "pytest_caio.commands.migrate_state",
        "carry file state over to Redis, and read every key back",
    ),
    "replay": ("pytest_caio.commands.replay", "replay the golden set, and keep the answers as a baseline"),
    "serve": ("pytest_caio.commands.serve", "run the reference deployment, to look at or to test against"),
    "verify": (
        "pytest_caio.commands.verify",
        "see whether signed evidence holds, and is GO for what is asked",
    ),
}


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, without the usage, which is longer.

    It raises InputError for an empty value of any option or argument.
    """

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        action = super().add_argument(*names, **settings)
        if action.nargs != 0:
            name = names[0] if action.option_strings else str(action.metavar)
            action.type = _filled(settings.get("type", str), name)
        return action

    def error(self, message: str) -> NoReturn:
        self.exit(2, printable(f"{self.prog}: {message}; {self.prog} --help shows what it takes") + "\n")


def _named(unknown: Sequence[str]) -> str:
    """Return what was given and is not known, by name: what follows an option may be a secret."""
    options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    return ", ".join(dict.fromkeys(options)) or "place for a further argument"


def _filled(convert: Callable[[str], object], name: str) -> Callable[[str], object]:
    """Return the conversion of an option's value that refuses an empty one: `Path("")` would be a folder."""

    @wraps(convert)
    def converted(text: str) -> object:
        refuse_empty({name: text})
        return convert(text)

    return converted


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 ok, 1 failed, 2 unusable input (exits), 130 Ctrl-C.

    What a command does, it does to its end, also where nobody reads on.
    """
    open_streams()
    with ExitStack() as stack:
        for stream in (sys.stdout, sys.stderr):
            stack.enter_context(lasting(getattr(stream, "buffer", stream), _tell))
            stack.callback(stream.flush)
        return _run(argv)


def _tell(error: OSError) -> None:
    """Say why an output takes no more, but for a closed pipe, which is EINVAL on Windows."""
    if error.errno not in (errno.EPIPE, errno.EINVAL):
        sys.stderr.write(f"standard output takes no more ({error.strerror})\n")


def _run(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _Parser(prog="python -m pytest_caio", description=_PURPOSE)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next(iter(arguments), "")
    # Each parser looks for translations of its texts in a dozen folders. Others are for --help only.
    for name in (asked,) if asked in _COMMANDS else _COMMANDS:
        module, purpose = _COMMANDS[name]
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name == asked:
            importlib.import_module(module).configure(command)
    try:
        args, unknown = parser.parse_known_args(arguments)
        if unknown:
            commands.choices[asked].error(f"there is no {_named(unknown)}")
        status: int = importlib.import_module(_COMMANDS[args.command][0]).run(args)
    except InputError as error:
        parser.exit(2, f"{parser.prog} {asked}: {printable(str(error))}\n")
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # The line alone: a traceback could quote a secret, and here nothing is redacted.
        if not (told := own_fault(error)):
            raise
        parser.exit(1, f"{parser.prog} {asked}: {told}\n")
    return status
