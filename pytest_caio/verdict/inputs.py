"""What to give before the checks can judge: missing inputs, or this environment's own env file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pytest_caio.outcomes import PROFILES_FILE
from pytest_caio.verdict.failures import MISSING, Cause, Failure

__all__ = ["file_of_another", "missing_inputs"]

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")
_MOST_VARIABLES = 4  # that may each be missing by itself: with more, the env file is another or none


def missing_inputs(left: Sequence[Failure]) -> Iterable[Cause]:
    """An input is missing or cannot be used; a check of the environment file that names it is part of it."""
    lacking: dict[tuple[str, ...], list[Failure]] = {}
    for failure in left:
        if failure.case.missing:
            lacking.setdefault(tuple(failure.case.missing), []).append(failure)
    variables = {name for names in lacking for name in names if _VARIABLE.fullmatch(name)}
    if len(variables) > _MOST_VARIABLES:
        yield _no_env_file(left, variables)
        lacking = {names: those for names, those in lacking.items() if variables.isdisjoint(names)}
    for names, failures in lacking.items():
        about = [failure for failure in left if _about(failure, names)]
        told = [name.partition(" (") for name in names] or [("an input", "", "")]
        reasons = [why.removesuffix(")") for _, _, why in told if why]
        subject = " and ".join(name for name, _, _ in told)
        inputs = "Inputs" if len(told) > 1 else "An input"
        state = "cannot be used" if reasons else "are missing" if len(told) > 1 else "is missing"
        why = f": {'; '.join(reasons)}" if reasons else ""
        action = "; ".join(_give(name, bool(why)) for name, _, why in told)
        yield Cause(
            f"{inputs} {state}: {subject}{why}.",
            f"{action}; then run again.",
            "you",
            [*about, *failures],
            MISSING,
        )


def _about(failure: Failure, names: Iterable[str]) -> bool:
    """Whether a check of the environment file says that one of these inputs is missing."""
    if failure.check.gate != "environment" or failure.case.missing:
        return False
    return any(re.search(rf"\b{re.escape(name)}\b", failure.case.observed) for name in names)


def _no_env_file(left: Sequence[Failure], variables: set[str]) -> Cause:
    """Return the cause where so many variables are missing that the env file is not the deployment's."""
    lack = [failure for failure in left if variables.intersection(failure.case.missing)]
    about = [
        failure
        for failure in left
        if _about(failure, variables)
        or failure.id == "ENV-01"
        # What was judged by a default, since the variable is missing.
        or ("in the env file" in failure.case.fix and any(name in failure.case.fix for name in variables))
    ]
    about = [failure for failure in about if failure not in lack]
    named = sorted(variables)
    return Cause(
        f"The env file lacks {len(named)} variables: {', '.join(named[:3])} and {len(named) - 3} more.",
        "Give the deployment's whole env file with --env-file FILE: copy all variables of the service from "
        "Railway (Variables, Raw Editor) into it; then run again.",
        "you",
        [*about, *lack],
        MISSING,
    )


def _give(name: str, unusable: bool) -> str:
    """Return how to give an input, or how to correct one that cannot be used."""
    if "[" in name and "]" in name:  # a key of a profile's section
        return f"{'Correct' if unusable else 'Give'} {name} in {PROFILES_FILE}"
    if name.startswith("--"):
        return f"{'Correct' if unusable else 'Give'} {name} on the command line"
    if _VARIABLE.fullmatch(name):
        return (
            f"Put {name} into the env file, with the value that it has in Railway; if Railway has none, "
            "set it there first (bootstrap makes new values) and redeploy"
        )
    return f"{'Correct' if unusable else 'Give'} this input: {name}"


def file_of_another(left: Sequence[Failure]) -> Iterable[Cause]:
    """The env file is that of another environment: its ENVIRONMENT and its namespaces say so."""
    named = [f for f in left if f.id == "ENV-02" and f.case.name == "ENVIRONMENT"]
    spaces = [f for f in left if f.id == "ENV-06" and "names another environment" in f.case.observed]
    if not named or not spaces:
        return
    other = spaces[0].case.observed.rpartition(", ")[2]
    reads = [f for f in left if f.case.cause and f.got(401)]  # what the file's token is refused for
    reads += [
        f for f in left if f.id in ("RDY-05", "RDY-06", "STATE-01", "STATE-05", "STATE-06") and f not in reads
    ]
    yield Cause(
        f"The env file is that of another environment, {other}.",
        "Give this environment's own env file with --env-file FILE, with the values that Railway has for it; "
        "then run again. If it is the right file, correct ENVIRONMENT and the names of its Redis namespaces "
        "in it.",
        "you",
        [*named, *spaces, *reads],
        MISSING,
    )
