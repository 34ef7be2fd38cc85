"""Declaration of checks: one test function is one check, with its probes beside its assertion."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from pytest_caio.checks.probe import Effect, Probe
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import canonical
from pytest_caio.outcomes import HAND_OVER, PROFILES_FILE, Mismatch, MissingInput, Way, who_acts

__all__ = [
    "GATES",
    "GENERAL_FIXES",
    "MARK",
    "Case",
    "Check",
    "asked_last",
    "case_name",
    "case_of",
    "cases",
    "check",
    "check_of",
    "filled",
    "gate_of",
]

MARK = "caio_check"
# The gates of the runbook, in its order; each is a module `test_<gate>.py` and a marker.
GATES = ("environment", "auth", "webhooks", "readiness", "cors", "state", "replay", "operator", "pack")
_ID = re.compile(r"[A-Z]+-\d\d")
_UNSAFE_IN_NAME = re.compile(r"[^\w ./:;,()+=@?%~#-]")

# What to do where the answer itself is wrong, whatever the check was to judge.
_IN_FRONT = (
    "Look for {request} in the deploy logs in Railway. If it is not there, something in front of the "
    "dashboard answered {status}: have that pass the path. If it is there, hand the lines to the developer."
)
_BROKEN = f'{HAND_OVER}, with the deploy logs from Railway: "{{request}} is answered {{status}}."'
GENERAL_FIXES: Mapping[Way, str] = {
    "3xx": _IN_FRONT,
    **dict.fromkeys((403, 404, 405), _IN_FRONT),
    **dict.fromkeys((408, 425), "Run again: the deployment asked for {request} to be sent again."),
    429: "Wait five minutes, then run again with --request-rate 5: the deployment limits its callers.",
    500: _BROKEN,
    503: "Open the deploy logs in Railway, mend what they name for {request} (503), then redeploy.",
    **dict.fromkeys(
        (502, 504),
        "In Railway, see in the deploy logs that the service runs, and that its domain leads to the port on "
        "which it listens; then run again.",
    ),
    "5xx": _BROKEN,
    "page": _BROKEN.replace("is answered {status}", "answers a page where JSON is due"),
    "shape": _BROKEN.replace("is answered {status}", "answers 200, and {wrong}"),
    "silence": "Run again. If there is no answer, see in the deploy logs what becomes of {request}.",
}
_BRACES = re.compile(r"\{(\w+)\}")
# What stands for words in braces where no failure has filled them in.
_GENERAL_WORDS = {
    "asked": "what is named",
    "case": "what is named",
    "key": "the variable named",
    "secret": "the provider's *_WEBHOOK_SECRET",
    "environment": "<environment>",
    "host": "<host of this deployment>",
    "request": "the request named",
    "path": "the path named",
    "status": "as shown",
    "wrong": "what was observed",
    "target": "as shown",
    "told": "as shown",
    "failed": "what failed",
    "provider": "the provider named",
    "origin": "the site named",
    "header": "the header named",
    "value": "<the value expected>",
    "part": "<its purpose>",
    "file": "the file named",
    "table": "<profile>.state",
    "profiles": PROFILES_FILE,
    "missed": "the cases named",
    "card": "the card named",
    "email": "the email named",
    "limit": "the number",
    "wanted": "as many as expected",
    "served": "as many as shown",
    "took": "what it took in",
    "leaks": "what only the server may know",
}


def filled(text: str, words: Mapping[str, object]) -> str:
    """Return a fix with its words in braces filled in; those that are not known stay."""
    known = {**_GENERAL_WORDS, **words}
    return _BRACES.sub(lambda found: str(known.get(found[1], found[0])), text)


_Function = TypeVar("_Function", bound=Callable[..., Any])
_Probes = Probe | tuple[Probe, ...]
_Cases = Mapping[str, _Probes] | Callable[[Environment], Mapping[str, _Probes]]


@dataclass(frozen=True)
class Case:
    """One test case of a check in one environment: its probes, or why it cannot run.

    The `obstacle` is a MissingInput, a NotApplicable, or what the check's function of cases raised.
    """

    environment: Environment
    name: str
    probes: tuple[Probe, ...] = ()
    obstacle: Exception | None = None
    of: int = 1  # how many cases the check has in this environment

    def __repr__(self) -> str:  # other plugins write it as the parameter of a test
        return f"{self.environment.name} {self.name}".rstrip()


@dataclass(frozen=True)
class Check:
    """The declaration of a check.

    `title` is a statement that is true if the check passes, `wrong` one that is true if it fails. `fix` tells
    the operator what to change, and where, or what to hand to the developer. `fixes` has another action for
    each way to fail that needs one, and under the empty name the check's own, both with words in braces that
    a failure fills in. `gate` is the gate of the runbook that the check's module is for. `everywhere`: what
    may not be in the responses of its cases may be in no other response of the run (see `session.leaks`).
    """

    id: str
    title: str
    fix: str
    blocking: bool = True
    waivable: bool = False
    waivable_in_production: bool = True
    everywhere: bool = False
    writes: bool = False
    gate: str = ""
    wrong: str = ""
    probes: tuple[Probe, ...] = field(default=(), repr=False)
    cases: _Cases | None = field(default=None, repr=False)
    fixes: Mapping[Way, str] = field(default_factory=dict, repr=False)

    @property
    def by(self) -> Literal["you", "developer"]:
        """Who can make the fix: the operator, or the developer, to whom the operator hands it."""
        return who_acts(self.fix)

    def advise(self, error: Mismatch, case: Case) -> None:
        """Give a failure without a fix of its own the one for the way in which the check failed."""
        if not error.fix:
            # The check's own come first, and so does its general one where that is among the ways.
            found = (fixes.get(way) for fixes in (self.fixes, GENERAL_FIXES) for way in error.ways)
            text = next(filter(None, found), self.fixes.get("", self.fix))
            given = {"environment": canonical(case.environment.expected_environment), "case": case.name}
            error.fix = filled(text, {**given, **error.named})
            error.by = who_acts(error.fix)

    def may_be_waived(self, environment: str) -> bool:
        """Return whether a waiver may cover this check in the environment of this name."""
        in_production = canonical(environment) == "production"
        return self.waivable and (self.waivable_in_production or not in_production)

    def expand(self, environment: Environment) -> list[Case]:
        """Return this check's cases in `environment`: at least one, so that none is left out unnoticed."""
        if self.cases is None:
            return [Case(environment, "", self.probes)]
        try:
            declared = self.cases(environment) if callable(self.cases) else self.cases
            if not declared:
                return [Case(environment, "", (), MissingInput(f"cases of {self.id}"))]
            return [
                Case(environment, case_name(name), (*self.probes, *_tuple(probes)), of=len(declared))
                for name, probes in declared.items()
            ]
        except Exception as obstacle:  # noqa: BLE001 - also a defect of the function is this check's error alone
            return [Case(environment, "", (), obstacle)]


def gate_of(path: str) -> str:
    """Return the gate of a module's path or a test's node id: the module's name without `test_`."""
    return Path(path.partition("::")[0]).stem.removeprefix("test_")


def case_name(text: str) -> str:
    """Return `text` as the name of a case, safe for reports that show names unescaped."""
    return _UNSAFE_IN_NAME.sub("_", text)


def _tuple(probes: _Probes) -> tuple[Probe, ...]:
    return (probes,) if isinstance(probes, Probe) else probes


def check(
    check_id: str,
    *,
    fix: str,
    wrong: str = "",
    fixes: Mapping[Way, str] | None = None,
    blocking: bool = True,
    waivable: bool = False,
    waivable_in_production: bool = True,
    everywhere: bool = False,
    writes: bool = False,
) -> Callable[[_Function], _Function]:
    """Declare a test function as the check `check_id`; this must be the outermost decorator.

    The first sentence of the docstring is the title. `wrong` is what a failure shows first: what is wrong
    with the deployment, in a sentence that is true however the check fails; without it, that the title does
    not hold. A check that only advises needs none. `fix` is what to do, and `fixes` what to do instead for
    each way to fail: a status code, `5xx`, `page`, the name of a field, a word of the check's own. Words in
    braces, such as `{key}`, are filled in by what failed. A text with "Hand to the developer" is for the
    developer: only a change of the product's code helps. `blocking=False`: a failure is advice.
    `waivable=True`: a waiver may cover it, in production only with `waivable_in_production`. `writes=True`:
    it runs only with `--allow-writes`. `everywhere=True`: see `Check`. Raises TypeError if the id is not of
    the catalogue's form, or if there is no docstring.
    """
    if not _ID.fullmatch(check_id):
        raise TypeError(f"check id {check_id!r} is not of the form AUTH-01")

    def decorate(function: _Function) -> _Function:
        title = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ").strip()
        if not title:
            raise TypeError(f"check {check_id} has no docstring: its first sentence is the title")
        declared = Check(
            check_id,
            title.removesuffix("."),
            filled(fix, {}),
            blocking,
            waivable,
            waivable_in_production,
            everywhere,
            writes,
            gate_of(inspect.getfile(function)),
            wrong,
            getattr(function, "caio_probes", ()),
            getattr(function, "caio_cases", None),
            {**(fixes or {}), "": fix},
        )
        marked: _Function = getattr(pytest.mark, MARK).with_args(declared)(function)
        return marked

    return decorate


def cases(declared: _Cases) -> Callable[[_Function], _Function]:
    """Give a check one test case per name in `declared`: probes by name, or a function that returns them.

    The function gets the environment, and may raise MissingInput or NotApplicable. Probes that are declared
    on the check itself are part of every case.
    """

    def decorate(function: _Function) -> _Function:
        function.caio_cases = declared  # type: ignore[attr-defined]
        return function

    return decorate


def check_of(item: pytest.Item) -> Check | None:
    """Return the check that a collected test belongs to, or None for an ordinary test."""
    # Not `get_closest_marker`: it looks through all nodes above, and this is asked for each of 1000 items.
    return next((mark.args[0] for mark in item.own_markers if mark.name == MARK), None)


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that a collected test runs, or None for an ordinary test."""
    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("_caio_case") if callspec else None
    return case if isinstance(case, Case) else None


def asked_last(item: pytest.Item) -> bool:
    """Return whether a test is a case with a request that is a sample, is sent again later, or only once."""
    case = case_of(item)
    return case is not None and any(
        probe.sample or probe.again_after or probe.effect is Effect.ONCE for probe in case.probes
    )
