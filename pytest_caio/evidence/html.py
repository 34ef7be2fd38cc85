"""The HTML report: the only module that depends on pytest-html's internals."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Generator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from pytest_html.basereport import BaseReport

from pytest_caio.errors import InputError
from pytest_caio.evidence.csp import with_csp
from pytest_caio.evidence.file import ready_folder, write_whole
from pytest_caio.text import printable
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import GATE_COUNTERS, ExchangeRecord, Record, Table, result_of

__all__ = ["HtmlReport", "register"]

_NOT_PASSED = (*(outcome for outcome in Outcome if outcome.bad), Outcome.WAIVED, Outcome.ADVISED)
# pytest-html sorts and filters by these words; each needs `col-<word>` on its cell.
_COLUMNS = {"check": "Check", "gate": "Gate", "title": "Title", "seen": "Expected / observed", "fix": "Fix"}
_RED_COUNTERS = ("failed", "missing input")
_SORTABLE = ' class="sortable"'
_STYLE = f"<style>\n{Path(__file__).with_name('html.css').read_text('utf-8')}</style>"


@functools.lru_cache(maxsize=1024)  # every row of a check repeats its title and fix
def _shown(text: str) -> str:
    return escape(printable(text), quote=True)


class HtmlReport:
    """The changes to pytest-html's report: verdict banner, gate table, extra columns and exchanges.

    pytest-html would write its file while other plugins may still end the run; `write` writes it afterwards,
    usually to `path`.
    """

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self.path = path
        self._plugins = config.pluginmanager
        self._report: Any = None
        self._text = ""
        self._render: Callable[[], None] = lambda: None
        self._ours: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        """Keep the report, whose title is known only at the end, and prevent pytest-html from writing it."""
        self._report = report
        writer: Any = next(one for one in self._plugins.get_plugins() if isinstance(one, BaseReport))
        self._render = writer._generate_report
        writer._generate_report, writer._write_report = lambda: None, self._keep

    def _keep(self, text: str) -> None:
        self._text = text

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Prevent pytest-html from printing the path before the file is written; our summary prints it."""
        for one in [one for one in self._plugins.get_plugins() if isinstance(one, BaseReport)]:
            self._plugins.unregister(one)
        return (yield)

    def write(self, record: Record, path: Path) -> str:
        """Write the report, headed by the verdict; return why it could not be written, empty on success."""
        if self._report is None:  # pytest-html has not started its report
            return ""
        names = " + ".join(environment.name for environment in record.environments)
        self._report.title = f"CAIO acceptance of {names}: {record.headline}"
        head = self._report.additional_summary["prefix"]
        theirs = [part for part in head if part not in self._ours]
        self._ours = [_STYLE, _banner(record), _waivers(record), _gates(record)]
        head[:] = [*self._ours, *theirs]
        self._render()
        # The reload button has no use in a finished report, and the policy would block its handler.
        text = self._text.replace(' onclick="location.reload()"', "")
        return write_whole(path, with_csp(text).encode("utf-8", "backslashreplace"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Insert our columns after the result, and remove the column of links."""
        ours = [
            f'<th{_SORTABLE if key in ("check", "gate") else ""} data-column-type="{key}">{name}</th>'
            for key, name in _COLUMNS.items()
        ]
        cells[1:1] = ours
        cells.pop()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """Fill our columns; they stay empty for collection errors and ordinary tests."""
        if getattr(report, "when", "") in ("setup", "teardown") and report.passed and not report.sections:
            cells.clear()  # pytest-html does not show this row, but would render it first
            return
        result = result_of(report)
        values = dict.fromkeys(_COLUMNS, "")
        if result is not None:
            seen = [f"expected: {result.expected}"] if result.expected else []
            seen.append(f"observed: {result.observed}")
            seen += [report.wasxfail] if result.outcome == "waived" else []
            values = {
                "check": result.check + ("" if result.blocking else " (advises)"),
                "gate": result.gate,
                "title": f"{result.title} [{result.environment} {result.name}]".replace(" ]", "]"),
                "seen": "\n".join(map(printable, seen)),
                "fix": result.fix if result.outcome in _NOT_PASSED else "",
            }
        # pytest-html inserts the node id without escaping it.
        cells[1] = f'<td class="col-testId">{_shown(report.nodeid)}</td>'
        shown = {key: "<br>".join(map(_shown, value.split("\n"))) for key, value in values.items()}
        cells[1:1] = [f'<td class="col-{key}">{value}</td>' for key, value in shown.items()]
        cells.pop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Attach the check's tables and, unless it passed or did not run, its exchanges, all escaped."""
        result = result_of(report)
        if result is not None and (result.tables or result.outcome in _NOT_PASSED):
            exchanges = result.exchanges.values() if result.outcome in _NOT_PASSED else ()
            shown = "".join([*map(_table, result.tables), *map(_exchange, exchanges)])
            report.extras = [  # type: ignore[attr-defined]
                {"name": None, "format_type": "html", "content": shown, "mime_type": None, "extension": None}
            ]


def register(config: pytest.Config, path: Path) -> HtmlReport:
    """Register the report, always self-contained, to be written to --html, or else to `path`.

    Raises InputError when --html is a folder, or its folder is not writable.
    """
    asked = config.option.htmlpath
    there = path
    if asked:
        # As pytest-html expands it. Absolute, since a check may change the working directory.
        there = Path(os.path.expandvars(asked)).expanduser().absolute()
        if there.is_dir():
            raise InputError(f"--html {asked}: is a folder; name a file")
        ready_folder(there.parent, f"--html {asked}", there.name)
    missing = [css for css in config.option.css if not Path(os.path.expandvars(css)).expanduser().is_file()]
    if missing:
        raise InputError(f"--css {missing[0]}: no such file")
    config.option.htmlpath = asked or str(path)
    config.option.self_contained_html = True
    report = HtmlReport(config, there)
    config.pluginmanager.register(report, "caio-html")
    return report


def _banner(record: Record) -> str:
    where = ", ".join(f"{e.name} at {e.base_url}" for e in record.environments)
    lines = [
        where,
        f"{record.run.started} to {record.run.finished} UTC, run {record.run.id}",
        *record.reasons,
        *(f"retried for {e.name}: {e.retried}" for e in record.environments if e.retried),
    ]
    small = "".join(f"<small>{_shown(line)}</small>" for line in lines)
    return f'<div class="caio-verdict caio-{record.verdict}">{record.headline}{small}</div>'


def _gates(record: Record) -> str:
    head = ("environment", "gate", *(word for _, word, _ in GATE_COUNTERS))
    rows = []
    for environment in record.environments:
        for gate in environment.gates:
            cells = "".join(
                f'<td class="caio-bad">{n}</td>' if n and word in _RED_COUNTERS else f"<td>{n}</td>"
                for word, n in gate.counts.items()
            )
            rows.append(f"<tr><td>{_shown(environment.name)}</td><td>{gate.name}</td>{cells}</tr>")
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f'<table class="caio-gates"><tr>{titles}</tr>{"".join(rows)}</table>'


def _waivers(record: Record) -> str:
    if not record.waivers:
        return ""
    head = (
        "waiver",
        "check",
        "case",
        "environment",
        "owner",
        "reason",
        "expires",
        "days left",
        "what became of it",
    )
    rows = []
    for waiver in record.waivers:
        became = waiver.problem or ("used" if waiver.used else "not called for in this run")
        left = "" if waiver.days_left is None else waiver.days_left
        values = (waiver.number, waiver.check, waiver.case, waiver.environment, waiver.owner, waiver.reason)
        cells = "".join(f"<td>{_shown(str(value))}</td>" for value in (*values, waiver.expires, left))
        mark = ' class="caio-bad"' if waiver.problem else ""
        rows.append(f"<tr>{cells}<td{mark}>{_shown(became)}</td></tr>")
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f'<table class="caio-gates caio-waivers"><tr>{titles}</tr>{"".join(rows)}</table>'


def _table(table: Table) -> str:
    rows = "".join(f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    titles = "".join(f"<th>{_shown(column)}</th>" for column in table.columns)
    return (
        f'<table class="caio-table"><caption>{_shown(table.title)}</caption><tr>{titles}</tr>{rows}</table>'
    )


def _exchange(exchange: ExchangeRecord) -> str:
    sent = [f"{name}: {value}" for name, value in exchange.request_headers]
    answer = f"{exchange.status} in {exchange.timing_ms:.0f} ms" if exchange.status else exchange.error
    got = [f"{name}: {value}" for name, value in exchange.response_headers]
    tries = f" after {len(exchange.attempts)} tries" if exchange.attempts[1:] else ""
    # Only the body keeps its line breaks: it comes last, so it cannot forge a line of the exchange.
    body = exchange.body_excerpt.split("\n")
    lines = (f"{exchange.method} {exchange.url}", *sent, "", answer + tries, *got, "", *body)
    return f'<div class="caio-exchange">{chr(10).join(map(_shown, lines))}</div>'
