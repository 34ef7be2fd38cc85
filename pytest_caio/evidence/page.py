"""What the report shows of a record: sentences, counts, commands and plots, computed for the templates."""

from __future__ import annotations

import functools
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, FileSystemLoader, StrictUndefined
from jinja2 import Environment as Templates
from jinja2.bccache import Bucket

from pytest_caio.evidence import since
from pytest_caio.evidence.curl import curl, curl_in_powershell, to_fill_in
from pytest_caio.evidence.file import TEMPLATES
from pytest_caio.evidence.plots import SCORES, all_tables, scores, waterfall
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.text import beginning, printable
from pytest_caio.verdict.causes import once
from pytest_caio.verdict.outcome import NOT_ASKED, Outcome, word_of
from pytest_caio.verdict.record import (
    GATE_COUNTERS,
    CaseRecord,
    CauseRecord,
    CheckRecord,
    EnvironmentRecord,
    ExchangeRecord,
    Record,
)
from pytest_caio.verdict.summary import not_asked, seen, what_to_do

__all__ = ["head", "prepare", "render"]

# In the order in which a gate shows them: what a reader must see first.
_SIGNS = {
    "failed": "✗",
    "missing input": "✗",
    "waived": "△",
    "advised": "△",
    "passed": "✓",
    NOT_ASKED: "-",
}
_MOST_EXCHANGES = 24  # in all: with every check red, the page would otherwise be as long as the JSON
_LONGEST_EXCHANGE = 8000  # characters; all of it is in the JSON
_MOST_REASONS = 40
_MOST_SELECTED = 10  # checks of a command: for more, it asks all
_PLAIN = re.compile(r"[\w:/=-]+")  # a word that needs no quotes; PowerShell cuts an option at a dot
_MOST_PRINTED = 30  # rows of pytest-html's table on paper; the style sheet has the same number


class _Compiled(BytecodeCache):
    """Keeps compiled templates where Python keeps the bytecode of modules, and as far as Python may do so."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was kept, unless it is of another template, another Python or not whole."""
        try:
            with self._path(bucket).open("rb") as file:
                bucket.load_bytecode(file)
        except Exception:  # noqa: BLE001 - a damaged file; it is then compiled and written anew
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled, if it can be written there."""
        if not sys.dont_write_bytecode:
            # As where the package is installed for all users, or for a Python that keeps no bytecode at all.
            with suppress(OSError, NotImplementedError):
                path = self._path(bucket)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, bucket.bytecode_to_string())

    def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002 - the loader has one folder
        """Return the name of a template; jinja2 adds its path, and fails where that is no valid Unicode."""
        return name

    def get_source_checksum(self, source: str) -> str:
        """Return what changes with the template, and with this module: its options are compiled too."""
        return super().get_source_checksum(Path(__file__).read_text("utf-8") + source)

    def _path(self, bucket: Bucket) -> Path:
        return Path(cache_from_source(str(TEMPLATES / bucket.key))).with_suffix(".jinja")


@functools.cache
def _templates() -> Templates:
    return Templates(
        loader=FileSystemLoader(TEMPLATES, "utf-8"),
        bytecode_cache=_Compiled(),
        autoescape=True,
        undefined=StrictUndefined,
        # Whatever a template prints is escaped, and made printable first.
        finalize=lambda value: (
            printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
        ),
        trim_blocks=True,
    )


def prepare() -> None:
    """Compile the templates, which takes longer than to fill them."""
    for name in _templates().list_templates(extensions=["html"]):
        _templates().get_template(name)


def render(template: str, **values: Any) -> str:
    """Return a template of the report, rendered; every value is escaped and made printable."""
    return _templates().get_template(template).render(values)


def head(record: Record, rows: int, left_out: int, others: int = 0) -> str:
    """Return the part of the page above pytest-html's table, which has `rows` less `left_out` rows.

    `others` are its rows of what is no case, such as a module that could not be imported.
    """
    environments = record.environments
    checks = [check for one in environments for check in one.checks]
    cases = [case for check in checks for case in check.cases]
    unasked = sum(_word(case) == NOT_ASKED for case in cases)
    run = record.run
    return render(
        "head.html",
        record=record,
        several=len(environments) > 1,
        sentence=what_to_do(record),
        started=run.started.replace("T", " ").replace("+00:00", " UTC"),
        seconds=run.seconds,
        part=f"not a complete run (selected: {run.selection})" if run.narrowed else "the whole suite",
        sent="requests that write were sent too (--allow-writes)"
        if run.options.get("allow_writes")
        else "only requests that change nothing were sent",
        causes=list(_causes(record)),
        since=[since.lines([one]) for one in record.since],
        gates=_gates(environments),
        not_asked=list(_not_asked(environments)),
        advice=list(_advice(environments)),
        outcomes=list(dict.fromkeys(map(word_of, Outcome))),
        became=_became,
        checks=len(checks),
        cases=len(cases),
        counted=_counted,
        times=[waterfall(one) for one in environments if one.exchanges],
        golden=list(scores(environments)),
        tables=list(_tables(environments)),
        rows=rows,
        left_out=left_out,
        empty=not rows + others,
        unprinted=rows + others <= unasked,
        most_printed=_MOST_PRINTED,
    )


@dataclass(frozen=True)
class _Shown:
    """An exchange of a cause, and the command that repeats it, for a POSIX shell and for PowerShell.

    `case` is the id of its check with the name of its case.
    """

    case: str
    lines: list[str]
    curl: str
    powershell: str
    names: list[str]


def _causes(record: Record) -> Iterator[dict[str, Any]]:
    """Yield each cause once, with its environments, exchanges and the command that asks again."""
    environments = {one.name: one for one in record.environments}
    room = _MOST_EXCHANGES
    for cause, names in once(record.causes):
        environment = environments.get(cause.environment)
        found = list(_exchanges(environment, cause))[: min(2, room)] if environment else []
        room -= len(found)
        checks = {check.id: check for check in environment.checks} if environment else {}
        every = set(cause.checks) == set(checks) and not record.run.narrowed
        yield {
            **{name: getattr(cause, name) for name in cause.__struct_fields__},
            "environments": names,
            "seen": seen(cause),
            "exchanges": found,
            "all": every,
            "again": _again(record, names, cause.checks),
        }


def _again(record: Record, names: Sequence[str], checks: Sequence[str]) -> str:
    """Return the command that asks checks again as this run did, for a POSIX shell and for PowerShell."""
    words = ["python", "-m", "pytest", "acceptance"]
    words += [word for name in names for word in ("--env", name)]
    words += record.run.options.get("repeated", [])
    words += ["-k", " or ".join(checks)] if len(checks) <= _MOST_SELECTED else []
    return " ".join(word if _PLAIN.fullmatch(word) else _quoted(word) for word in words)


def _quoted(word: str) -> str:
    return shlex.quote(word) if "'" in word else f"'{word}'"


def _exchanges(environment: EnvironmentRecord, cause: CauseRecord) -> Iterator[_Shown]:
    numbered = {one.n: one for one in environment.exchanges}
    cases = {(check.id, case.name): case for check in environment.checks for case in check.cases}
    for shown in cause.cases:
        case = cases.get((shown.check, shown.name))
        for number in case.exchanges[-1:] if case else ():
            exchange = numbered[number]
            command = curl(exchange)
            named = f"{shown.check} {shown.name}".rstrip()
            yield _Shown(named, _lines(exchange), command, curl_in_powershell(exchange), to_fill_in(exchange))


def _lines(exchange: ExchangeRecord) -> list[str]:
    """Return a request and its response in lines, as text that is cut where it is very long."""
    tries = f" after {len(exchange.attempts)} tries" if exchange.attempts[1:] else ""
    end = (
        f"{exchange.status} in {exchange.timing_ms:.0f} ms" if exchange.status else f"none, {exchange.error}"
    )
    lines = [
        f"{exchange.method} {exchange.url}",
        *(f"{name}: {value}" for name, value in exchange.request_headers),
        *filter(None, [exchange.request_body]),
        "",
        f"Response: {end}{tries}",
        *(f"{name}: {value}" for name, value in exchange.response_headers),
        exchange.body_excerpt,
    ]
    return beginning("\n".join(lines), _LONGEST_EXCHANGE).split("\n")


def _gates(environments: Sequence[EnvironmentRecord]) -> list[tuple[str, list[dict[str, str]]]]:
    names = dict.fromkeys(gate.name for one in environments for gate in one.gates)
    return [(name, [_gate(one, name) for one in environments]) for name in names]


def _gate(environment: EnvironmentRecord, name: str) -> dict[str, str]:
    """Return how many checks of a gate passed, and what became of each other one, with its style."""
    words = Counter(_counts_as(check) for check in environment.checks if check.gate == name)
    counts = {word: words[word] for word in _SIGNS if words[word]}
    bad = any(gate.bad for gate in environment.gates if gate.name == name)
    warns = counts.keys() & {"waived", "advised"}
    style = "caio-bad" if bad else "caio-warn" if warns else "caio-good" if words["passed"] else ""
    shown = ", ".join(f"{_SIGNS[word]} {n} {word}" for word, n in counts.items())
    return {"style": style, "words": shown or f"- {NOT_ASKED}"}


def _word(case: CaseRecord) -> str:
    return word_of(case.outcome, case.advised_because)


def _became(check: CheckRecord) -> str:
    return NOT_ASKED if check.needs_writes else word_of(check.outcome)


def _counts_as(check: CheckRecord) -> str:
    """Return the word under which a gate counts a check: one that broke failed."""
    if _became(check) == NOT_ASKED:
        return NOT_ASKED
    return next(word for _, word, outcomes in GATE_COUNTERS if check.outcome in outcomes)


def _not_asked(environments: Sequence[EnvironmentRecord]) -> list[tuple[str, str, list[str]]]:
    """Return the checks that were not asked and why, with the ids and the environments that share it."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in environments:
        for why, ids in not_asked(one)[:_MOST_REASONS]:
            which = ", ".join(ids) if len(ids) < len(one.checks) else f"every check ({len(ids)})"
            found.setdefault((which, why), []).append(one.name)
    return [(ids, why, names) for (ids, why), names in found.items()]


def _advice(environments: Sequence[EnvironmentRecord]) -> list[dict[str, Any]]:
    """Return each advice once, with all checks and environments that gave it."""
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for one in environments:
        for check in one.checks:
            cases = [case for case in check.cases if _word(case) == Outcome.ADVISED]
            if check.outcome is Outcome.ADVISED and cases:
                some = f"{len(cases)} of {len(check.cases)} cases; " if check.cases[1:] else ""
                named = f"{cases[0].name}: " if cases[0].name else ""
                alike = found.setdefault((f"{some}{named}{cases[0].observed}", check.fix), {})
                alike.setdefault(one.name, {})[check.id] = check.title
    return [
        {
            "environments": list(where),
            "checks": {name: title for checks in where.values() for name, title in checks.items()},
            "seen": observed,
            "fix": fix,
        }
        for (observed, fix), where in found.items()
    ]


def _counted(check: CheckRecord) -> str:
    counts = Counter(map(_word, check.cases))
    if len(counts) == 1:
        return str(len(check.cases))
    return f"{len(check.cases)}: " + ", ".join(f"{n} {word}" for word, n in counts.items())


def _tables(environments: Sequence[EnvironmentRecord]) -> Iterator[dict[str, Any]]:
    for one, check, table in all_tables(environments):
        if table.columns != SCORES:  # they stand under their plot
            yield {"environment": one.name, "check": check.id, "title": check.title, "table": table}
