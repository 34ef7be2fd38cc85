"""Hostile text in responses runs no script, controls no terminal and forges no verdict in any output."""

from __future__ import annotations

import html
import itertools
import json
import re
import socket
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from pytest_caio.checks.check import GATES
from pytest_caio.evidence import page
from pytest_caio.evidence.plots import SCORES
from pytest_caio.text import printable
from pytest_caio.verdict.record import CauseCase, ExchangeRecord, GateRecord, SinceRecord, Table
from tests.support.bad_servers import Handle, http, requests
from tests.support.hostile_answers import ALL, EVALUATED, MARKUP, NOWHERE, SUM, lying, rude
from tests.support.records import check, record
from tests.support.suite_runs import SHORT, Deployment, Outcome, run_suite, serving

WAYS = {
    "short": ("-q",),
    "few": ("-rA", "-vv", "--showlocals", "--tb=long"),  # of the short suite
    "all": ("-rA", "-vv", "--showlocals", "--tb=long"),
    "native": ("-rA", "-v", "--tb=native", "-m", "auth or readiness or operator"),
    "lines": ("-rA", "--tb=line", "-m", "auth or cors or environment"),
}
# One host is enough for the ways that only change how pytest shows a failure.
RUNS = [("rude", "few"), ("lying", "short")]
LONGER = [("rude", "all"), ("rude", "short"), ("lying", "all"), ("rude", "native"), ("lying", "lines")]
# What is asked in dozens of cases, each judged as those of the checks beside them.
ALIKE = " and not AUTH-09 and not AUTH-10 and not WH-05 and not WH-07"
# The gates that send requests to the deployment: replay and pack show no text of it.
ASKING = tuple(f"acceptance/test_{gate}.py" for gate in GATES if gate not in ("replay", "pack"))
_FORGED = re.compile(
    r"(=+ )?(CAIO acceptance( of \w+)?: |verdict: |production: |expected: |observed: )?GO( =+)?"
)


def steers(text: str) -> set[str]:
    """Return the characters of `text`, except line feeds, that control a terminal or reorder text."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}


def forged(text: str) -> list[str]:
    """Return the lines of `text` that look like a verdict that the run did not reach."""
    return [line for line in re.split(r"[\r\n]", text) if _FORGED.fullmatch(line.strip())]


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """The deployment behind the lying one, with pending cards, so that there is text to replace."""
    deployment = Deployment(faults=("cards-old", "cards-uncampaigned", "sent-unproved"))
    with deployment.reference:
        yield deployment


class Runs(dict[tuple[str, str], Outcome]):
    """A run for each hostile deployment and set of output options, made when a test asks for it."""

    def __init__(self, make: Callable[[str, str], Outcome]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: tuple[str, str]) -> Outcome:
        """Make a run."""
        self[key] = self._make(*key)
        return self[key]


@pytest.fixture(scope="module")
def outcomes(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The runs that the tests share."""

    def make(host: str, way: str) -> Outcome:
        folder = tmp_path_factory.mktemp("evidence")
        # One method of each protected path is enough to show its response.
        asked = (
            *(SHORT if way == "few" else ASKING),
            *deployment.arguments,
            "--allow-writes",
            "-k",
            f"not websocket and not other_methods{ALIKE if way == 'short' else ''}",
        )
        with serving(rude() if host == "rude" else lying(deployment.address)) as url:
            xml = f"--junitxml={folder / 'run.xml'}"
            return run_suite(*asked, f"--base-url={url}", *WAYS[way], xml, folder=folder)

    return Runs(make)


@pytest.fixture(
    params=[
        *(pytest.param(one, id="-".join(one)) for one in RUNS),
        *(pytest.param(one, id="-".join(one), marks=pytest.mark.nightly) for one in LONGER),
    ]
)
def outcome(request: pytest.FixtureRequest, outcomes: Runs) -> Outcome:
    """One of these runs."""
    return outcomes[request.param]


def test_the_terminal_is_not_controlled(outcome: Outcome, request: pytest.FixtureRequest) -> None:
    """The terminal gets no control character and no forged line of a response, and its last line is NO-GO."""
    assert "INTERNALERROR" not in outcome.stdout
    assert "the check itself broke" not in outcome.shown
    assert steers(outcome.stdout + outcome.stderr) == set()
    assert forged(outcome.stdout + outcome.stderr) == []
    assert outcome.lines[-1] == "NO-GO"
    assert outcome.status == 1
    # Which of its texts a lying deployment's causes show depends on the order of its answers.
    some = request.node.callspec.params["outcome"] == ("lying", "short")
    assert re.search(r"\\x(1b|9b|08|85)|\\u(20|06)", outcome.shown if some else outcome.stdout)


def test_the_files_hold_no_control_characters(outcome: Outcome) -> None:
    """JSON and JUnit parse, hold the verdict, and contain no control character and no forged line."""
    evidence = outcome.evidence
    assert (evidence["verdict"], evidence["environments"][0]["verdict"]) == ("NO-GO", "NO-GO")
    assert steers(outcome.evidence_path.read_text("utf-8")) == set()
    assert forged(outcome.evidence_path.read_text("utf-8")) == []
    shown = [case for check in evidence["environments"][0]["checks"] for case in check["cases"]]
    assert {c for case in shown for c in steers(case["observed"] + case["expected"])} == set()
    bodies = "".join(one["body_excerpt"] for one in evidence["environments"][0]["exchanges"])
    assert "OG\u202c" in bodies  # the response is kept unchanged
    suite = ElementTree.parse(outcome.folder / "run.xml").getroot()
    assert sum(int(part.get("failures", 0)) for part in suite.iter("testsuite")) > 10
    texts = [*suite.itertext(), *(value for part in suite.iter() for value in part.attrib.values())]
    assert steers("".join(texts)) == set()
    assert {line for text in texts for line in forged(text)} == set()


class Watched:
    """A page, and all requests, dialogs, popups and navigations that it caused."""

    def __init__(self, chromium: Browser, report: Path) -> None:
        self.page: Page = chromium.new_page(viewport={"width": 1360, "height": 900})
        self.did: list[str] = []
        self.page.on("request", lambda request: self._note("request", request.url))
        self.page.on("dialog", lambda dialog: (self.did.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("popup", lambda popup: self.did.append(f"popup {popup.url}"))
        self.page.on("framenavigated", lambda frame: self._note("navigation", frame.url))
        self._own = report.as_uri()
        self.page.goto(self._own)

    def _note(self, what: str, url: str) -> None:
        if url.partition("?")[0] != self._own:  # pytest-html keeps its sort order in the query
            self.did.append(f"{what} {url}")

    def all(self, script: str) -> Any:
        """Return the result of a script of the test, run in the page."""
        return self.page.evaluate(script)


TEXTS = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = []
    while (walker.nextNode()) {
        if (!walker.currentNode.parentElement.closest('script, style, template'))
            found.push(walker.currentNode.data)
    }
    return found
}"""
ELEMENTS = "() => [...document.querySelectorAll('*')].map(one => one.localName)"
HANDLERS = """() => [...document.querySelectorAll('*')].flatMap(one =>
    [...one.attributes].filter(a => /^on/i.test(a.name)).map(a => a.name + one.outerHTML))"""
# The empty elements into which pytest-html's script would put images and videos.
_PLACES = {'<img src="">', '<source src="" type="video/mp4">'}
LINKS = "() => [...document.querySelectorAll('[href], [src], [action]')].map(one => one.outerHTML)"


@pytest.mark.parametrize("run", [*RUNS, pytest.param(("rude", "all"), marks=pytest.mark.nightly)])
def test_the_report_shows_and_does_nothing(run: tuple[str, str], chromium: Browser, outcomes: Runs) -> None:
    """In Chromium no text of a response runs, loads, navigates, or appears in the place of the verdict."""
    report = outcomes[run].html_path
    watched = Watched(chromium, report)
    page = watched.page
    page.locator("#show_all_details").click()
    page.wait_for_timeout(300)
    assert watched.all("window.pwned") is None
    assert watched.did == []
    own = {"a", "br", "div", "h1", "h2", "p", "span", "small", "caption", "button", "input", "label", "img"}
    own |= {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "template",
        "script",
        "style",
        "html",
        "head",
        "body",
    }
    own |= {"meta", "title", "footer", "video", "source", "ul", "li"}
    # Those of the page above pytest-html's table.
    own |= {"main", "section", "ol", "details", "summary", "pre", "code", "strong", "noscript", "h3"}
    own |= {"form", "select", "option", "svg", "path", "text"}
    assert set(watched.all(ELEMENTS)) <= own
    assert watched.all(HANDLERS) == []
    own_link = re.compile(r'<a href="https://[\w./-]+/pytest-html">pytest-html</a>')  # pytest-html's own link
    assert {link for link in watched.all(LINKS) if not own_link.fullmatch(link)} <= _PLACES
    assert page.locator(".trap").count() == 0
    assert watched.all("document.querySelectorAll('meta[http-equiv]').length") == 1
    texts = watched.all(TEXTS)
    assert {c for text in texts for c in steers(text)} - {"\t"} == set()
    assert {text for text in texts if text.strip() == "GO"} == set()
    # The rude deployment sends all of these texts in each response, the lying one each in turn.
    shown = {one for one in (*MARKUP, SUM) if any(one in text for text in texts)}
    assert {MARKUP[0], SUM} <= shown if run[0] == "rude" else shown
    assert str(EVALUATED) not in "".join(texts)
    # The only verdict is the run's: at the top, visible, and just once.
    assert page.title() == "CAIO acceptance of production: NO-GO"
    assert page.locator(".caio-verdict").count() == 1
    assert page.locator(".caio-verdict").inner_text().splitlines()[0] == "NO-GO"
    assert page.locator("h1").all_inner_texts() == ["CAIO acceptance of production: NO-GO"]
    assert page.locator(".caio-verdict").is_visible()
    page.close()


# Lone surrogates and NUL, which no format has a place for, and quotes that end an attribute.
_ODD = "\ud800\udc80\0 \u202e ' \" ` ]]> %0a"
PLACES = (
    *(".caio-verdict", ".caio-action", ".caio-cause ul", ".caio-exchange", ".caio-cause pre", ".caio-note"),
    *("#since + p", ".caio-waivers", "#not-asked + ul", "[name=environment]", ".caio-checks", ".caio-times"),
    *(".caio-golden summary + p", ".caio-golden table", "section > details > .caio-wide", ".caio-signature"),
)
_KEPT = {"gate", "outcome", "who", "by", "verdict", "started", "finished", "advised_because"}


def _planted(value: Any, text: str) -> Any:
    """Return a part of a record with `text` after every string that is not one of the program's own words."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            if name not in _KEPT:
                setattr(value, name, _planted(getattr(value, name), text))
        return value
    if isinstance(value, dict):
        return {key: _planted(item, text) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_planted(item, text) for item in value)
    return value + text if type(value) is str else value


def test_every_place_of_the_page_shows_text(chromium: Browser) -> None:
    """Without any policy, hostile text in each field of a record is text in each place of the page."""
    hostile = f"{_ODD}{''.join(ALL)}"
    failed, advised = check("AUTH-05", "failed"), check("RDY-12", "advised")
    silent, waived = check("AUTH-12", "not-run"), check("WH-08", "waived")
    planted = record(failed, advised, silent, waived)
    (environment,) = planted.environments
    environment.gates = [GateRecord("auth", failed=1)]
    environment.exchanges = [
        ExchangeRecord(
            1, "GET", "http://x/", 200, [("A", "a")], [("B", "b")], "", "body", [], planted.run.started, 5.0
        )
    ]
    failed.cases[0].exchanges = [1]
    failed.cases[0].tables = [Table("cards", ["card", "lead"], [["a", "b"]])]
    failed.cases[0].retried = advised.cases[0].retried = "503"
    planted.causes[0].cases = [CauseCase("AUTH-05", "case", "must be refused", "was let in")]
    planted.since = [SinceRecord("production", "r", planted.run.started, "GO", ["A"], ["B"], [], 1.0, 2.0)]
    planted.env_diff = {"production": {"missing": ["KEY"]}}
    _planted(planted, hostile)
    # A request that a command can repeat, a long response, and scores, which are numbers.
    exchange = environment.exchanges[0]
    exchange.method, exchange.url, exchange.request_body = "GET", f"http://x/{MARKUP[0]}", ""
    exchange.request_headers = [("A", "".join(MARKUP))]
    exchange.body_excerpt += "z" * 2**20
    exchange.response_headers *= 100
    advised.cases[0].tables = [Table("scores", list(SCORES), [[f"g{hostile}", "3.5", "4.0", "failed"]])]
    text = page.head(planted, 0, 0) + page.render(
        "foot.html", record=planted, stem=hostile, sha256=hostile, signs=True
    )
    assert len(text) < 2_000_000
    tab = chromium.new_page()
    did: list[str] = []
    tab.on("request", lambda one: did.append(one.url))
    tab.on("dialog", lambda one: (did.append(one.message), one.dismiss()))
    tab.set_content(f"<!doctype html><meta charset=utf-8><body><main>{text}</main>")
    tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    shown = printable(MARKUP[0])
    for place in PLACES:
        found = tab.locator(place).all_text_contents()
        assert found, place
        assert [one[:80] for one in found if shown not in one] == [], place
    assert tab.evaluate("window.pwned") is None
    assert did == []
    assert tab.evaluate(HANDLERS) == []
    assert tab.evaluate(LINKS) == []
    own = (
        "html head meta body main div section h2 p pre code strong small br ol ul li details summary "
        "noscript form label input select option table thead tbody caption tr th td svg path text"
    )
    assert set(tab.evaluate(ELEMENTS)) <= set(own.split())
    texts = tab.evaluate(TEXTS)
    attributes = tab.evaluate(
        "[...document.querySelectorAll('*')].flatMap(o => [...o.attributes]).map(a => a.value)"
    )
    assert {c for one in (*texts, *attributes) for c in steers(one)} == set()
    assert {one for one in texts if one.strip() == "GO"} == set()
    tab.close()


def test_the_embedded_json_is_escaped(outcomes: Runs) -> None:
    """The JSON that pytest-html embeds is one attribute whose texts hold no markup or control character."""
    text = outcomes["lying", "short"].html
    (blob,) = re.findall(r'data-jsonblob="([^"<>]*)"', text)
    kept = json.loads(html.unescape(blob))
    logs = [one["log"] for tests in kept["tests"].values() for one in tests]
    assert {c for log in logs for c in steers(log)} == set()
    assert [log for log in logs if re.search(r"<(?!br\b|span\b|/span\b)", log)] == []
    assert steers(text.replace("\t", "")) == set()


def noting(heard: list[str]) -> Handle:
    """Respond with 404, and note each target that was requested.

    Connections are not noted: Chromium opens some ahead for a frame that it then drops, without a request.
    """

    def handle(connection: socket.socket) -> None:
        for _, target, _ in requests(connection):
            heard.append(target)
            connection.sendall(http(404))

    return handle


def _plant(blob: dict[str, Any], markup: str) -> None:
    """Put markup where pytest-html's script turns text into elements: log, extras and table cells."""
    one = next(tests[0] for tests in blob["tests"].values() if tests[0]["result"] == "Failed")
    one["log"] = markup
    one["resultsTableRow"].append(f"<td>{markup}</td>")
    one["extras"] = [{"name": None, "format_type": "html", "content": markup}]


# What a content security policy cannot forbid: a refresh, and a link to another site that is clicked.
_BY_ESCAPING_ALONE = ("<meta", f"href='{NOWHERE}/a'")


def test_the_policy_blocks_markup_in_the_embedded_json(
    chromium: Browser, outcomes: Runs, tmp_path: Path
) -> None:
    """Markup planted unescaped in pytest-html's JSON runs no script and sends no request."""
    text = outcomes["rude", "few"].html
    (blob,) = re.findall(r'data-jsonblob="([^"<>]*)"', text)
    kept = json.loads(html.unescape(blob))
    dangerous = "".join(one for one in MARKUP if not any(part in one for part in _BY_ESCAPING_ALONE))
    report = tmp_path / "planted.html"
    heard: list[str] = []
    with serving(noting(heard)) as elsewhere:
        _plant(kept, dangerous.replace(NOWHERE, elsewhere))
        report.write_text(text.replace(blob, html.escape(json.dumps(kept))), "utf-8")
        watched = Watched(chromium, report)
        watched.page.wait_for_timeout(300)
        assert "iframe" in watched.all(ELEMENTS)
        watched.all("document.querySelectorAll('.trap').forEach(one => one.click())")
        watched.page.wait_for_timeout(300)
        assert heard == []
    assert watched.all("window.pwned") is None
    # Blocked requests are reported as requests too, so they are not asserted on; they were not sent.
    assert [what for what in watched.did if what.startswith(("dialog", "popup", "navigation http"))] == []
    watched.page.close()


def test_without_the_policy_the_markup_would_run(chromium: Browser, outcomes: Runs, tmp_path: Path) -> None:
    """The same markup runs in a report without the policy: these tests would notice it."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", outcomes["rude", "few"].html)
    (blob,) = re.findall(r'data-jsonblob="([^"<>]*)"', text)
    kept = json.loads(html.unescape(blob))
    report = tmp_path / "planted.html"
    heard: list[str] = []
    with serving(noting(heard)) as elsewhere:
        _plant(kept, MARKUP[3].replace(NOWHERE, elsewhere))
        report.write_text(text.replace(blob, html.escape(json.dumps(kept))), "utf-8")
        watched = Watched(chromium, report)
        watched.page.wait_for_timeout(300)
    assert watched.all("window.pwned") == 4
    assert f"request {elsewhere}/i" in watched.did
    assert heard == ["/i"]
    watched.page.close()


def test_the_policy_is_strict(outcomes: Runs) -> None:
    """The policy denies all by default, and allows scripts and styles by hash and images as data only."""
    (policy,) = re.findall(
        r'http-equiv="Content-Security-Policy" content="([^"]*)"', outcomes["rude", "few"].html
    )
    parts = (directive.split() for directive in html.unescape(policy).split(";"))
    directives = {name: sources for name, *sources in parts}
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == ["'none'"]
    assert len(directives["script-src"]) == 2  # the report's own, and pytest-html's
    for name in ("script-src", "style-src"):
        assert all(re.fullmatch(r"'sha256-[\w+/]{43}='", source) for source in directives[name]), directives[
            name
        ]
    assert directives["img-src"] == directives["media-src"] == ["data:"]
    assert "unsafe" not in policy
    assert set(directives) == {
        "default-src", "script-src", "style-src", "img-src", "media-src", "base-uri", "form-action",
    }  # fmt: skip


@pytest.mark.nightly  # axe-core judges the contrast of every element of other reports by day
def test_the_report_is_legible(chromium: Browser, outcomes: Runs) -> None:
    """In light and dark mode, verdict and cells have enough contrast, and the console shows no error."""
    page = chromium.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(outcomes["rude", "few"].html_path.as_uri())
    styles = """selector => {
        const look = one => getComputedStyle(one), one = document.querySelector(selector)
        let under = one
        while (under && look(under).backgroundColor === 'rgba(0, 0, 0, 0)') under = under.parentElement
        return [look(one).color, under ? look(under).backgroundColor : 'rgb(255, 255, 255)']
    }"""
    places = (".caio-verdict", ".caio-gates td", "td.col-seen", "td.col-check", ".caio-action")
    for scheme, selector in itertools.product(("light", "dark"), places):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        text, ground = (luminance(colour) for colour in page.evaluate(styles, selector))
        # WCAG 2.2, 1.4.3: 4.5 to 1.
        assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5, (scheme, selector)
    assert told == []
    page.close()


def luminance(colour: str) -> float:
    """Return the relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_each_hostile_text_would_be_noticed() -> None:
    """Each hostile text is markup, a control character, a forged verdict or a formula: a test checks it."""
    formulas = ("=", "+", "-", "@")
    unseen = [
        text
        for text in ALL
        if text not in MARKUP and not steers(text) and not forged(text) and text[0] not in formulas
    ]
    assert unseen == []
