"""`keygen`: a pair of keys, to sign evidence with and to verify it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_caio.attestation.keys import generate
from pytest_caio.text import encodable, printable

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = (
        "It writes caio-evidence.key, for its owner alone, with which `pytest acceptance --sign` signs, and "
        "caio-evidence.pub, with which everybody can verify. No file is replaced. The exit status is 0, or 2 "
        "if the folder cannot be used."
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder for both files")


def run(args: argparse.Namespace) -> int:
    """Write the keys and print where they are. Raises InputError."""
    private, public, keyid = generate(args.out)
    lines = (
        f"{private}: keep it secret, and out of git (--sign)",
        f"{public}: hand it to whoever verifies (verify --key), key id {keyid}",
    )
    for line in lines:
        sys.stdout.write(encodable(f"{printable(line)}\n", sys.stdout.encoding))
    return 0
