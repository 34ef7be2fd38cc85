"""The profile that a command is about: its option, and its reading."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_caio.environments.profiles import Profile, profile_named, read_profiles

__all__ = ["add_profiles", "chosen_profile"]


def add_profiles(parser: argparse.ArgumentParser) -> None:
    """Declare `--profiles`, the file that holds the profile of `--env`."""
    parser.add_argument(
        "--profiles",
        type=Path,
        default=Path("acceptance", "environments.toml"),
        metavar="PATH",
        help="where the profile is (default: %(default)s)",
    )


def chosen_profile(args: argparse.Namespace) -> Profile:
    """Return the profile that `--env` names. Raises InputError if the file has none of that name."""
    return profile_named(args.env, read_profiles(args.profiles), args.profiles)
