"""The plugin's command-line options: their declaration, and the validated `Options`."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import pytest

from pytest_caio.arguments import PROFILES
from pytest_caio.attestation.digests import digests_of
from pytest_caio.attestation.evidence_set import LEDGER
from pytest_caio.attestation.keys import SigningKey, load_private
from pytest_caio.checks.declared import declared_checks
from pytest_caio.contract.reports import is_commit
from pytest_caio.environments.environment import Environment, load_environment
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.environments.profiles import Profile, executor_fault, profile_named, read_profiles
from pytest_caio.environments.tokens import given_revoked, given_token
from pytest_caio.errors import InputError, refuse_empty
from pytest_caio.text import beginning
from pytest_caio.verdict.waivers import Waivers, read_waivers

__all__ = ["Options", "add_options"]

_LONGEST = 100  # characters of environment names in a file name; file systems allow 255 in all
_WAIVERS = "waivers.toml"
# Options that must have a value where they are given, by their names in `config.option`.
_NOT_EMPTY = {
    "--env-file": "caio_env_file",
    "--profiles": "caio_profiles",
    "--waivers": "caio_waivers",
    "--expect-commit": "caio_commit",
    "--evidence-dir": "caio_evidence",
    "--sign": "caio_sign",
    "--ledger": "caio_ledger",
    "--against": "caio_against",
}


def add_options(parser: pytest.Parser) -> None:
    """Add the plugin's options; `--base-url` comes from pytest-base-url."""
    group = parser.getgroup("caio", "CAIO acceptance: is a deployment fit to go live?")
    add = group.addoption
    add(
        "--env",
        dest="caio_env",
        action="append",
        metavar="NAME",
        help="profile of the deployment to ask, from the profiles file; may repeat (default: demo)",
    )
    add(
        "--token",
        dest="caio_token",
        metavar="VALUE|@FILE",
        help="dashboard token, over the env file's; @FILE keeps it out of process lists and shell history, "
        'in PowerShell with the quotes: "--token=@FILE"',
    )
    add("--env-file", dest="caio_env_file", metavar="PATH", help="runtime env file, over the profile's")
    add(
        "--profiles",
        dest="caio_profiles",
        metavar="PATH",
        help="profiles to use instead of the suite's environments.toml",
    )
    add(
        "--waivers",
        dest="caio_waivers",
        metavar="PATH",
        help="waivers to use instead of the suite's waivers.toml",
    )
    add(
        "--revoked-tokens",
        dest="caio_revoked",
        metavar="@FILE",
        help="tokens, or caio_session=VALUE, one a line, that must no longer work (AUTH-12), in PowerShell "
        'with the quotes: "--revoked-tokens=@FILE"',
    )
    add(
        "--allow-writes",
        dest="caio_writes",
        action="store_true",
        help="also run the checks that the deployment acts on",
    )
    add(
        "--plan",
        dest="caio_plan",
        action="store_true",
        help="print every request that would be sent, and send none",
    )
    add(
        "--wait-ready",
        dest="caio_wait_ready",
        default=0.0,
        metavar="S",
        help="first poll readiness for up to S seconds",
    )
    add("--expect-commit", dest="caio_commit", metavar="SHA", help="the commit that must run")
    add(
        "--evidence-dir",
        dest="caio_evidence",
        metavar="DIR",
        help="where the evidence files go (default: reports)",
    )
    add(
        "--ledger",
        dest="caio_ledger",
        metavar="PATH",
        help=f"the ledger of runs, one line each (default: {LEDGER} in the evidence folder)",
    )
    add(
        "--against",
        dest="caio_against",
        metavar="FILE|latest",
        help="show what changed since the run of a JSON evidence file, or since the latest whole run of the "
        "ledger (default: latest)",
    )
    add(
        "--sign",
        dest="caio_sign",
        metavar="KEY",
        help="sign the evidence with this private key, which `python -m pytest_caio keygen` makes",
    )
    add(
        "--max-connections",
        dest="caio_connections",
        default=128,
        metavar="N",
        help="requests under way at once to each deployment, beside those that hang (default: 128); fewer "
        "where it refuses some as too many",
    )
    add(
        "--request-rate",
        dest="caio_rate",
        default=0.0,
        metavar="N",
        help="requests a second at most (default: no limit)",
    )
    add(
        "--http-timeout",
        dest="caio_timeout",
        default=10.0,
        metavar="S",
        help="seconds until an answer must be complete (default: 10)",
    )
    add(
        "--replay-executor",
        dest="caio_executor",
        metavar="dask://HOST:PORT",
        help="a Dask cluster whose workers run the replay's runner, or judge its recorded answers",
    )
    add(
        "--fault",
        dest="caio_faults",
        action="append",
        default=[],
        metavar="NAME",
        help="demo only, may repeat: break the reference deployment this way; 'list' prints the names",
    )


def _number(flag: str, given: str | float, least: float, most: float, *, whole: bool = False) -> float:
    """Return an option's number. Raises InputError, one line, where argparse would print five."""
    kind = "whole number" if whole else "number"
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not least <= value <= most or (whole and not value.is_integer()):
        raise InputError(f"{flag} {beginning(str(given), 240)}: give a {kind} from {least:g} to {most:g}")
    return value


@dataclass(frozen=True)
class Options:
    """The validated command-line options.

    `base_url` is that of the command line, if any.
    `wait_ready` and `timeout` are in seconds, `rate` in requests a second (0: no limit). `stem` names the
    evidence files, without an extension. `against` is the run of --against, None for the ledger's latest.
    `digests` are the SHA-256 of what the run is judged by (see `digests_of`).
    """

    suite: Path
    environments: tuple[Environment, ...]
    base_url: str
    evidence: Path
    stem: str
    ledger: Path
    against: Path | None
    writes: bool
    plan: bool
    wait_ready: float
    connections: int
    rate: float
    timeout: float
    faults: tuple[str, ...]
    waivers: Waivers
    digests: Mapping[str, str]
    signing_key: SigningKey | None = None

    @classmethod
    def read(cls, config: pytest.Config, suite: Path | None) -> Options:
        """Return the validated options of `config`. Raises InputError, one line, if one cannot be used."""
        option = config.option
        here = config.invocation_params.dir
        folder = suite or config.rootpath / "acceptance"
        path = here / option.caio_profiles if option.caio_profiles else folder / PROFILES
        profiles = read_profiles(path)
        names = list(dict.fromkeys(option.caio_env or ["demo"]))
        for name in names:
            profile_named(name, profiles, path)
        url = _base_url(config)
        base_url = url or ""
        given = {"--base-url": base_url, "--token": option.caio_token, "--env-file": option.caio_env_file}
        single = [flag for flag, value in given.items() if value]
        if len(names) > 1 and single:
            raise InputError(f"{single[0]} goes with one --env only; here are {', '.join(names)}")
        filled = {"--base-url": url, **{flag: getattr(option, dest) for flag, dest in _NOT_EMPTY.items()}}
        refuse_empty(filled)
        if option.caio_commit and not is_commit(option.caio_commit):
            raise InputError("--expect-commit: give 7 or more hex digits of the commit, and no branch or tag")
        demo = [name for name in names if profiles[name].reference and not base_url]
        faults = tuple(option.caio_faults)
        if faults and len(demo) != len(names):
            raise InputError(
                "--fault: only the reference deployment can be broken; use it with --env demo alone"
            )
        token = given_token(option.caio_token, here)
        revoked = given_revoked(option.caio_revoked, here)
        environments = tuple(
            load_environment(
                name,
                _replayed_by(option.caio_executor, name, profiles[name]),
                path.parent,
                keys=RUNTIME_KEYS,
                process=os.environ,
                shared=len(names) == 1 and name not in demo,
                base_url=base_url,
                env_file=here / option.caio_env_file if option.caio_env_file else None,
                token=token,
                revoked=revoked,
                expect_commit=option.caio_commit or "",
            )
            for name in names
        )
        waivers = here / option.caio_waivers if option.caio_waivers is not None else folder / _WAIVERS
        evidence = here / option.caio_evidence if option.caio_evidence else config.rootpath / "reports"
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        # Letters, digits, "_" and "-" only: others would be encoded in a URL, or begin the ending of a file.
        file_name = re.sub(r"[^A-Za-z0-9_-]", "_", "-and-".join(names))[:_LONGEST]
        return cls(
            suite=folder,
            environments=environments,
            base_url=base_url,
            evidence=evidence,
            stem=f"{file_name}-{stamp}",
            ledger=here / option.caio_ledger if option.caio_ledger else evidence / LEDGER,
            against=here / option.caio_against if option.caio_against not in (None, "latest") else None,
            writes=option.caio_writes,
            plan=option.caio_plan,
            wait_ready=_number("--wait-ready", option.caio_wait_ready, 0, 86_400),
            connections=int(_number("--max-connections", option.caio_connections, 1, 1000, whole=True)),
            rate=_number("--request-rate", option.caio_rate, 0, 1_000_000),
            timeout=_number("--http-timeout", option.caio_timeout, 0.1, 3600),
            faults=faults,
            waivers=read_waivers(
                waivers,
                profiles,
                required=option.caio_waivers is not None,
                may_be_waived=_waivable(folder, profiles),
            ),
            digests=digests_of(path, waivers, folder),
            signing_key=load_private(here / option.caio_sign, "--sign") if option.caio_sign else None,
        )


def _replayed_by(executor: str | None, name: str, profile: Profile) -> Profile:
    """Return the profile with `--replay-executor` as its executor of the replay."""
    if executor is None:
        return profile
    if fault := executor_fault(executor):
        raise InputError(f"--replay-executor {beginning(executor, 240)}: {fault}")
    if profile.replay is None:
        raise InputError(
            f"--replay-executor: the profile {name} has no golden set: add [{name}.replay], or leave it out"
        )
    return msgspec.structs.replace(profile, replay=msgspec.structs.replace(profile.replay, executor=executor))


def _waivable(suite: Path, profiles: Mapping[str, Profile]) -> Callable[[str, str], bool | None]:
    """Return the function that says whether a check of the suite may be waived in a profile's environment."""
    declared = cache(lambda: declared_checks(suite))  # most runs have no waiver

    def may_be_waived(check: str, name: str) -> bool | None:
        known = declared()
        if not known:
            return True
        return known[check].may_be_waived(profiles[name].environment or name) if check in known else None

    return may_be_waived


def _base_url(config: pytest.Config) -> str | None:
    """Return the --base-url of the command line; None if there is none, wherever else one may be.

    pytest-base-url also takes PYTEST_BASE_URL and an ini file's base_url, which are about the tests of some
    other site: a token must not be sent there.
    """
    url: str | None = config.option.base_url
    received = getattr(config, "workerinput", None)
    if received is not None:  # from the controller, which has the command line
        return received["caio_base_url"] or None
    arguments = map(str, config.invocation_params.args)
    if any(argument == "--base-url" or argument.startswith("--base-url=") for argument in arguments):
        return url
    around = os.environ.get("PYTEST_BASE_URL")
    if url is not None and url != around:
        raise InputError("--base-url: give it on the command line itself, not in PYTEST_ADDOPTS or addopts")
    places = {"PYTEST_BASE_URL": around, "base_url of the ini file": config.getini("base_url")}
    for place in (place for place, given in places.items() if given):
        unused = f"{place} is not used: give the URL of the deployment with --base-url"
        config.issue_config_time_warning(pytest.PytestConfigWarning(unused), stacklevel=2)
    return None
