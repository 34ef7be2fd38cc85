"""`replay`: the golden set of a profile put to its runner and judged, and the answers kept as a baseline."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pytest_caio.commands.profile import add_profiles, chosen_profile
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.profiles import Profile, ReplaySection, executor_fault
from pytest_caio.errors import InputError
from pytest_caio.evidence.file import ready_folder
from pytest_caio.gates.replay import replay_runner
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.secret import names_path, names_secret
from pytest_caio.replay import (
    Answer,
    CaseResult,
    CommandRunner,
    Figures,
    GoldenSet,
    Runner,
    load_answers,
    load_golden,
    replay_each,
)
from pytest_caio.replay.answers import KeptAnswers
from pytest_caio.replay.executors import executor_at
from pytest_caio.replay.figures import LISTED
from pytest_caio.system.paths import is_file, is_folder, is_missing
from pytest_caio.system.waiting import wait_for
from pytest_caio.text import listed, printable

__all__ = ["Summary", "configure", "run"]


class Summary(msgspec.Struct, kw_only=True):
    """What came of the replay.

    `ok` says that the blocking checks of the replay gate would hold, and that what was to be written was;
    `errors` say why not. `misses` are the cases that failed, by id, with the reason; `ungrounded` those of
    them that claim what their sources do not say; `fallen` those that passed with the profile's baseline,
    None where it names none: the first 100 of each. `honest` is None where that could not be tried: answers
    that were recorded. `baseline` is the file that was written.
    """

    ok: bool
    environment: str
    golden_set: str
    cases: int
    passed: int
    pass_rate: float
    min_pass_rate: float
    misses: dict[str, str]
    ungrounded: tuple[str, ...]
    fallen: tuple[str, ...] | None
    honest: bool | None
    errors: list[str]
    baseline: str | None = None
    seconds: float


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    parser.epilog = (
        "Golden set, runner and threshold are those of [NAME.replay] in the profiles file; the deployment "
        "itself is asked nothing. Name the file that was written as `baseline` there, and RPL-06 tells of "
        "each case that passed with its answer and fails now. The exit status is 0 where the replay is ok, "
        "1 where it is not, and 2 for input that cannot be used."
    )
    add("--env", default="demo", metavar="NAME", help="the profile (default: %(default)s)")
    add_profiles(parser)
    add("--runner", metavar="COMMAND", help="what answers, in place of the profile's; run in the same folder")
    add(
        "--replay-executor",
        metavar="dask://HOST:PORT",
        help="a Dask cluster: its workers run the runner, or judge recorded answers",
    )
    add("--golden-set", type=Path, metavar="PATH", help="the golden set, in place of the profile's")
    add("--write-baseline", type=Path, metavar="PATH", help="write the answers here, if the replay is ok")
    add("--overwrite", action="store_true", help="replace the baseline that is there")
    add("--write-anyway", action="store_true", help="write the answers also where the replay is not ok")


def run(args: argparse.Namespace) -> int:
    """Replay and print the summary: 0 when it is ok, else 1.

    Raises InputError for a profile, a golden set, a runner or a baseline's place that cannot be used.
    """
    profile = chosen_profile(args)
    section = _section(args, profile)
    target: Path | None = args.write_baseline
    if target is not None:
        _check_place(target, overwrite=args.overwrite)
    golden = load_golden(Path(section.golden_set), section.min_cases)
    before = _before(section, target)
    redactor = _redactor(profile, args.profiles.parent)
    kept = KeptAnswers() if target is not None else None
    with _naming_options(args), executor_at(section.executor) as executor:
        runner = replay_runner(section, args.env, executor)
        replay = _replayed(golden, runner, section.min_pass_rate, before=before, executor=executor, kept=kept)
    errors = _errors(replay, tried=bool(runner.command))
    written = None
    if target is not None and kept is not None and (not errors or args.write_anyway):
        try:
            kept.save(target)
            written = str(target)
        except OSError as error:
            errors.append(f"--write-baseline {target}: cannot be written ({error.strerror})")
    summary = Summary(
        ok=not errors,
        environment=args.env,
        golden_set=section.golden_set,
        cases=replay.asked,
        passed=replay.passed,
        pass_rate=replay.pass_rate,
        min_pass_rate=replay.min_pass_rate,
        misses=replay.misses,
        ungrounded=replay.ungrounded[:LISTED],
        fallen=None if replay.falls is None else tuple(fall.id for fall in replay.falls[:LISTED]),
        honest=replay.honesty.honest,
        errors=errors,
        baseline=written,
        seconds=replay.duration_s,
    )
    # A runner's own words, and what an agent answered, may hold anything.
    shown = redactor.redact_all(msgspec.to_builtins(summary))
    notes = [*shown["errors"], *(["the baseline was not written"] if target and not written else [])]
    sys.stderr.writelines(f"replay: {printable(note)}\n" for note in notes)
    sys.stdout.write(json.dumps(shown) + "\n")
    return 0 if summary.ok else 1


@contextmanager
def _naming_options(args: argparse.Namespace) -> Iterator[None]:
    """Name the option, in place of the profile's key, in an InputError about what an option gave."""
    try:
        yield
    except InputError as error:
        for key, option in (("replay.runner", "runner"), ("replay.executor", "replay_executor")):
            if str(error).startswith(key) and getattr(args, option) is not None:
                raise InputError(f"--{option.replace('_', '-')}{str(error).removeprefix(key)}") from None
        raise


def _section(args: argparse.Namespace, profile: Profile) -> ReplaySection:
    """Return the profile's section with what the options give over it; the reference brings its own."""
    section = profile.replay or ReplaySection()
    if profile.replay is None and profile.reference:
        from pytest_caio.reference.hosting.process import REPLAY  # noqa: PLC0415 - demo alone needs it

        section = msgspec.convert(REPLAY, ReplaySection)
    if args.runner is not None:
        section = msgspec.structs.replace(section, runner=args.runner, answers="")
    if args.replay_executor is not None:
        if fault := executor_fault(args.replay_executor):
            raise InputError(f"--replay-executor {args.replay_executor}: {fault}")
        section = msgspec.structs.replace(section, executor=args.replay_executor)
    if args.golden_set is not None:
        section = msgspec.structs.replace(section, golden_set=str(args.golden_set))
    if not section.golden_set:
        raise InputError(f"golden_set of [{args.env}.replay] is missing; give it there, or --golden-set")
    if not section.runner and not section.answers:
        raise InputError(f"runner of [{args.env}.replay] is missing; give it there, or --runner")
    return section


def _check_place(target: Path, *, overwrite: bool) -> None:
    """Raise InputError where the baseline could not be written, before anything is asked."""
    if is_folder(target):
        raise InputError(f"--write-baseline {target}: is a folder; name a file")
    folder = target.absolute().parent
    if not is_folder(folder):
        raise InputError(f"--write-baseline {target}: there is no such folder")
    if is_file(target) and not overwrite:
        raise InputError(f"--write-baseline {target}: is there; add --overwrite to replace it")
    ready_folder(folder, f"--write-baseline {target}", target.name)


def _before(section: ReplaySection, target: Path | None) -> Mapping[str, Answer] | None:
    """Return the answers of the profile's baseline; it need not be there yet where it is to be written."""
    if not section.baseline:
        return None
    path = Path(section.baseline)
    if target is not None and is_missing(path) and target.resolve() == path.resolve():
        return None
    return load_answers(path)


def _redactor(profile: Profile, folder: Path) -> Redactor:
    """Know the secrets that a runner can have: of the process environment, and of the profile's env file."""
    found = {key: value for key, value in os.environ.items() if not names_path(key, value)}
    env_file = folder / profile.env_file
    if profile.env_file and not is_missing(env_file):
        found |= {key: value.reveal() for key, value in EnvFile.read(env_file).values.items()}
    return Redactor({key: value for key, value in found.items() if names_secret(key, value)})


def _replayed(
    golden: GoldenSet,
    runner: Runner,
    min_pass_rate: float,
    *,
    before: Mapping[str, Answer] | None,
    executor: Executor | None,
    kept: KeptAnswers | None,
) -> Figures:
    """Replay in a thread of its own, saying on stderr that it goes on; an interruption ends the runner."""

    def say(waited: float) -> None:
        asked = f"{len(golden.cases)} cases and their decoys"
        sys.stderr.write(f"replay: waiting for the answers to {asked} ({waited:.0f} s so far)\n")

    def keep(place: int, result: CaseResult) -> None:
        assert kept is not None
        if result.kind == "real" and result.answer is not None:
            kept.keep(result.id, result.answer, place)

    with ThreadPoolExecutor(1, "caio replay") as pool:
        try:
            work = pool.submit(
                replay_each,
                golden,
                runner,
                keep if kept is not None else None,
                min_pass_rate=min_pass_rate,
                baseline=before,
                executor=executor,
            )
            return wait_for(work, say)
        finally:
            if isinstance(runner, CommandRunner):
                runner.end()


def _errors(replay: Figures, *, tried: bool) -> list[str]:
    """Return why the replay gate would say no; `tried` is whether the runner's honesty could be."""
    errors = list(replay.problems[:LISTED])
    if len(replay.problems) > LISTED:
        errors.append(f"and {len(replay.problems) - LISTED} more problems of the golden set")
    if replay.block_build or not replay.asked:
        errors.append(f"{replay.passed} of {replay.asked} cases passed, and {replay.min_pass_rate:.0%} must")
    if replay.ungrounded:
        errors.append(f"ungrounded: {listed(replay.ungrounded)}")
    if tried and replay.honesty.honest is not True:
        errors += replay.honesty.reasons
    return errors
