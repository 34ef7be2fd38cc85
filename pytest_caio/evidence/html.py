"""The HTML report: the only module that depends on pytest-html's internals."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Callable, Generator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from pytest_html.basereport import BaseReport

from pytest_caio.errors import InputError
from pytest_caio.evidence import jsonfile
from pytest_caio.evidence.csp import with_csp
from pytest_caio.evidence.file import TEMPLATES, ready_folder, write_whole
from pytest_caio.system.paths import is_file
from pytest_caio.text import beginning, encodable, printable
from pytest_caio.verdict.outcome import NOT_ASKED, Outcome, word_of
from pytest_caio.verdict.record import Record, result_of

__all__ = ["HtmlReport", "register", "rewritten"]

# pytest-html sorts and filters by these words; each needs `col-<word>` on its cell.
_COLUMNS = {"check": "Check", "gate": "Gate", "title": "Title", "seen": "Expected / observed"}
_SORTABLE = ("check", "gate")
_ROOM = 105_000  # characters of all rows and logs, as they are written; all cases are in the JSON
_ROW = 230  # of them, what pytest-html writes around the cells of each row
_LONGEST_LOG = 2000
_SCRIPT = (TEMPLATES / "before.js").read_text("utf-8")
_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
_EMPTY_HEAD = re.compile(r'<th class="sortable" data-column-type="(\w+)">(\w+)</th>')


@functools.lru_cache(maxsize=1024)  # every row of a check repeats its title
def _shown(text: str) -> str:
    return escape(printable(text), quote=True)


class HtmlReport:
    """The changes to pytest-html's report: the page above its table, and rows for cases that did not pass.

    pytest-html would write its file while other plugins may still end the run; `write` writes it afterwards,
    usually to `path`. `stem` is the name of the other files of the same run, without their endings.
    """

    def __init__(self, config: pytest.Config, path: Path, stem: str) -> None:
        self.path = path
        self._stem = stem
        self._signs = bool(config.option.caio_sign)
        self._plugins = config.pluginmanager
        self._report: Any = None
        self._text = ""
        self._render: Callable[[], None] = lambda: None
        self._ours: list[str] = []
        self._rows = self._left_out = self._passed = self._others = 0
        self._room = _ROOM

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        """Keep the report, whose title is known only at the end, and prevent pytest-html from writing it."""
        self._report = report
        report.set_data("renderCollapsed", ["all"])
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
        from pytest_caio.evidence import page  # noqa: PLC0415 - the start of a run need not wait for it

        names = " + ".join(environment.name for environment in record.environments)
        self._report.title = f"CAIO acceptance of {names}: {record.headline}"
        # Rows that were left out are counted all the same.
        self._report.outcomes["passed"]["value"] = max(self._passed, self._report.outcomes["passed"]["value"])
        # pytest-html makes invalid lists of values that are objects.
        versions = {
            key: ", ".join(_shown(f"{name} {one}") for name, one in value.items())
            if isinstance(value, dict)
            else value
            for key, value in self._report.data["environment"].items()
        }
        self._report.set_data("environment", versions)
        above = self._report.additional_summary["prefix"]
        theirs = [part for part in above if part not in self._ours]
        above_table = page.head(record, self._rows, self._left_out, self._others)
        self._ours = [f"<script>{_SCRIPT}</script>", above_table]
        above[:] = [*self._ours, *theirs]
        self._render()
        digest = hashlib.sha256(jsonfile.encoded(record)).hexdigest()
        foot = page.render("foot.html", record=record, stem=self._stem, sha256=digest, signs=self._signs)
        # A path in it, such as that of a style sheet, may have bytes that are no text: LC_ALL=C.
        text = with_csp(rewritten(encodable(self._text, "utf-8"), foot), _SCRIPT)
        return write_whole(path, text.encode("utf-8", "backslashreplace"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Insert our columns after the result, remove the links, and let sorting work by keyboard."""
        cells.pop()
        ours = [
            f'<th class="sortable" data-column-type="{key}">{name}</th>'
            if key in _SORTABLE
            else f"<th>{name}</th>"
            for key, name in _COLUMNS.items()
        ]
        cells[1:1] = ours
        cells[:] = [
            _EMPTY_HEAD.sub(r'<th><button class="sortable" data-column-type="\1">\2</button></th>', cell)
            for cell in cells
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """Fill our columns, empty for collection errors and ordinary tests; drop a passed check's row."""
        if getattr(report, "when", "") in ("setup", "teardown") and report.passed and not report.sections:
            cells.clear()  # pytest-html does not show this row, but would render it first
            return
        result = result_of(report)
        values = dict.fromkeys(_COLUMNS, "")
        mark = ""
        if result is not None:
            if result.outcome is Outcome.PASSED:
                self._passed += 1
                cells.clear()
                return
            self._rows += 1
            if self._room <= 0:
                self._left_out += 1
                cells.clear()
                return
            became = word_of(result.outcome, result.advised_because)
            mark = f' data-caio="{_shown(f"{result.environment} {result.gate} {became}")}"'
            seen = [f"expected: {result.expected}"] if result.expected not in ("", result.title) else []
            seen.append(f"observed: {result.observed}")
            seen += [report.wasxfail] if result.outcome is Outcome.WAIVED else []
            values = {
                "check": result.check + ("" if result.blocking else " (advises)"),
                "gate": result.gate,
                "title": f"{result.title} [{result.environment} {result.name}]".replace(" ]", "]"),
                "seen": "\n".join(map(printable, seen)),
            }
        else:
            self._others += 1
        # Enter then opens the row, as a click does (see before.js).
        cells[0] = cells[0].replace("<td ", '<td tabindex="0" ', 1)
        # pytest-html inserts the node id without escaping it.
        cells[1] = f'<td class="col-testId">{_shown(report.nodeid)}</td>'
        shown = {key: "<br>".join(map(_shown, value.split("\n"))) for key, value in values.items()}
        cells[1:1] = [
            f'<td class="col-{key}"{mark if key == "check" else ""}>{value}</td>'
            for key, value in shown.items()
        ]
        cells.pop()
        self._room -= len(escape("".join(cells))) + 2 * len(report.nodeid) + _ROW

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: Any, data: list[str]) -> None:
        """Shorten the log of a case, at a word; of a case that was not asked, its row says all."""
        result = result_of(report)
        if result is not None:
            asked = word_of(result.outcome, result.advised_because) != NOT_ASKED
            data[:] = [beginning(part, _LONGEST_LOG) for part in data] if asked and self._room > 0 else []
            self._room -= len(escape("".join(data)))


def register(config: pytest.Config, path: Path) -> HtmlReport:
    """Register the report, always self-contained, to be written to --html, or else to `path`.

    Raises InputError when --html is a folder, or its folder is not writable.
    """
    asked = config.option.htmlpath
    there = path
    if asked:
        # As pytest-html expands it. Absolute, since a check may change the working directory.
        there = Path(os.path.expandvars(asked)).expanduser().absolute()
        ready_folder(there.parent, f"--html {asked}", there.name)
    missing = [css for css in config.option.css if not is_file(Path(os.path.expandvars(css)).expanduser())]
    if missing:
        raise InputError(f"--css {missing[0]}: no such file")
    config.option.htmlpath = asked or str(path)
    config.option.self_contained_html = True
    config.option.css = [str(TEMPLATES / "page.css"), *config.option.css]
    report = HtmlReport(config, there, path.stem)
    config.pluginmanager.register(report, "caio-html")
    return report


# What no hook of pytest-html reaches; the body's parts stand before the data of the run.
_GENERATED = re.compile(r"<p>Report generated on [^<]* by (?=<a href)")
_STILL_RUNNING = re.compile(r'<div class="summary__reload">.*?</div>\s*</div>\s*</div>', re.DOTALL)
_FILTER = re.compile(
    r'<input checked="true" class="filter" (?=name="filter_checkbox" [^>]*data-test-result="(\w+)")'
)
_VERSIONS = re.compile(r'<p>Report generated by .*?<table id="environment"></table>', re.DOTALL)


def rewritten(text: str, foot: str) -> str:
    """Return pytest-html's page with what its hooks do not reach: language, landmarks, labels, and `foot`.

    Raises AssertionError where pytest-html's page has changed, so that a part is not there once.
    """

    def once(pattern: str | re.Pattern[str], new: str) -> None:
        nonlocal text
        found = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern
        text, count = found.subn(lambda _: new, text)
        assert count == 1, f"pytest-html's page has {count} of {found.pattern}, not one"

    once("<html>", '<html lang="en">')
    once('<meta charset="utf-8"/>', f'<meta charset="utf-8"/>{_VIEWPORT}')
    once("<body>", "<body><main>")
    once(_GENERATED, "<p>Report generated by ")  # its time is local, and names no zone
    once(_STILL_RUNNING, "")
    once("<h2>Summary</h2>", "")
    once('<div class="logwrapper">', '<div class="logwrapper" tabindex="0">')  # it scrolls
    once('<p class="filter">(Un)check the boxes to filter the results.</p>', "")
    once('<table id="results-table">', '<div class="caio-wide"><table id="results-table">')
    versions = _VERSIONS.search(text)
    assert versions, "pytest-html's page has no table of versions"
    once(versions[0], "")
    once(
        "  <footer>",
        f"</div></main>\n  <footer>{foot}<details><summary>Versions</summary>{versions[0]}</details>",
    )
    text, count = _FILTER.subn(r'<input checked="true" class="filter" aria-label="Show \1" ', text)
    assert count > 0, "pytest-html's page has no filters"
    return text
