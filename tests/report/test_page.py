"""The page of the report in a real Chromium: wherever it is kept, for whoever reads it, at any size."""

from __future__ import annotations

import copy
import functools
import hashlib
import re
import shlex
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from pytest_caio.evidence import html, page
from pytest_caio.evidence.page import curl
from pytest_caio.reference.faults import FAULTS
from pytest_caio.verdict.record import CauseRecord
from tests.support.pages import record_of, rewritten_report
from tests.support.suite_runs import ASKING, Deployment, Outcome, run_suite

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
ODD = "José#1/r (1)+x%.html"
OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"
ROWS = "tbody.results-table-row"


@pytest.fixture(scope="module")
def no_go(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run of the gates that send requests, with one fault."""
    folder = tmp_path_factory.mktemp("no-go")
    return run_suite(*ASKING, "-q", "--fault", "double-slash", folder=folder)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A run of two environments."""
    deployment = Deployment()
    with deployment.reference:
        folder = tmp_path_factory.mktemp("two")
        profiles = folder / "environments.toml"
        url = f'base_url = "{deployment.reference.base_url}"\n'
        profiles.write_text("".join(f"[{name}]\n{url}" for name in ("staging", "production")), "utf-8")
        yield run_suite(
            *ASKING, "-q", "--env=staging", "--env=production", f"--profiles={profiles}", folder=folder / "e"
        )


@pytest.fixture(scope="module")
def odd_place(no_go: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the report under a path with characters that a URL must encode."""
    folder = tmp_path_factory.mktemp("odd")
    place = folder / ODD
    place.parent.mkdir()
    place.write_bytes(no_go.html_path.read_bytes())
    return folder


def _not_passed(outcome: Outcome) -> int:
    environments = outcome.evidence["environments"]
    cases = [case for one in environments for check in one["checks"] for case in check["cases"]]
    return sum(case["outcome"] != "passed" for case in cases)


def _rows(page: Page, where: str) -> int:
    page.goto(where)
    return page.locator(ROWS).count()


def test_the_table_is_filled_in_odd_places(chromium: Browser, no_go: Outcome, odd_place: Path) -> None:
    """Under an odd path, over http and in a sandboxed frame, each case that did not pass has a row."""
    expected = _not_passed(no_go)
    tab = chromium.new_page()
    path = odd_place / ODD
    encoded = "".join(f"%{byte:02x}" if chr(byte) != "/" else "/" for byte in str(path).encode())
    assert _rows(tab, path.as_uri()) == expected
    assert _rows(tab, f"file://{encoded}") == expected

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Do not log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=odd_place)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        assert _rows(tab, url + urllib.parse.quote(ODD, safe="/+")) == expected
        assert _rows(tab, url + urllib.parse.quote(ODD)) == expected
        frame = f'<iframe sandbox="allow-scripts" src="{urllib.parse.quote(ODD)}"></iframe>'
        (odd_place / "frame.html").write_text(frame, "utf-8")
        tab.goto(url + "frame.html")
        rows = tab.frame_locator("iframe").locator(ROWS)
        rows.first.wait_for(state="attached")
        assert rows.count() == expected
        server.shutdown()
    tab.close()


def test_the_page_is_whole_without_scripts(chromium: Browser, no_go: Outcome) -> None:
    """With scripts off, verdict, causes, gates and every check are in the text, in that order."""
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(no_go.html_path.as_uri())
    text = tab.locator("main").text_content() or ""
    (cause,) = no_go.evidence["causes"]
    parts = [">NO-GO"[1:], "1 thing to put right", cause["action"], "Who:", "Gates", "Every check"]
    found = [text.index(part, text.index("Do not release") - 20) for part in parts[1:]]
    assert text.index("NO-GO") < found[0]
    assert found == sorted(found)
    rows = {row.split("\n")[0] for row in tab.locator(".caio-checks tr[data-caio]").all_text_contents()}
    for check in no_go.evidence["environments"][0]["checks"]:
        assert any(check["id"] in row and check["outcome"] in row for row in rows), check["id"]
    context.close()


@pytest.mark.parametrize("name", ["no_go", pytest.param("two", marks=pytest.mark.nightly)])
def test_the_page_is_accessible_and_small(
    name: str, chromium: Browser, request: pytest.FixtureRequest
) -> None:
    """axe-core finds nothing, the page fits its screen, size and nodes are bounded; it requests nothing."""
    outcome: Outcome = request.getfixturevalue(name)
    size = outcome.html_path.stat().st_size
    assert size <= (250_000 if name == "no_go" else 500_000)
    for width, scheme in ((1360, "light"), (1360, "dark"), (390, "light"), (390, "dark")):
        # axe-core is a script of the test, which the report's own policy would refuse.
        context = chromium.new_context(
            bypass_csp=True,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        tab = context.new_page()
        asked: list[str] = []
        told: list[str] = []
        tab.on("request", lambda one, asked=asked: asked.append(one.url))
        tab.on("console", lambda one, told=told: told.append(one.text))
        tab.on("pageerror", lambda one, told=told: told.append(str(one)))
        tab.goto(outcome.html_path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        if name == "no_go":
            assert tab.evaluate("document.querySelectorAll('*').length") <= 4000
        tab.evaluate(f"{OPEN_ALL}; document.getElementById('show_all_details').click()")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert (asked, told) == ([outcome.html_path.as_uri()], [])
        tab.evaluate(AXE)
        found = tab.evaluate(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))]))"
        )
        assert found == []
        context.close()


def test_the_printed_page(chromium: Browser, no_go: Outcome, tmp_path: Path) -> None:
    """Printed, the report has at most 8 A4 pages, and the verdict keeps its colour."""
    tab = chromium.new_page()
    tab.goto(no_go.html_path.as_uri())
    pdf = tab.pdf(format="A4")  # without backgrounds: the verdict asks for its own
    assert 0 < len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 8
    tab.emulate_media(media="print")
    style = "getComputedStyle(document.querySelector('.caio-verdict'))"
    assert tab.evaluate(f"[{style}.printColorAdjust, {style}.backgroundColor]") == [
        "exact",
        "rgb(179, 38, 30)",
    ]
    tab.close()


@pytest.mark.parametrize("width", [pytest.param(1360, marks=pytest.mark.nightly), 390])
def test_the_first_action_is_near_the_top(
    width: int, chromium: Browser, no_go: Outcome, tmp_path: Path
) -> None:
    """For every fault, the first action ends within the first 1,000 pixels."""
    record = record_of(no_go)
    fixes = {check.id: check for check in record.environments[0].checks}
    tab = chromium.new_page(viewport={"width": width, "height": 900})
    tab.goto(no_go.html_path.as_uri())
    far = {}
    for fault in FAULTS.values():
        known = [fixes[one] for one in fault.reds if one in fixes]
        record.causes = [CauseRecord("demo", one.title, one.fix, "you", [one.id], []) for one in known]
        record.reasons = [f"failed: {', '.join(fault.reds)}"]
        if not known:
            continue
        bottom = tab.evaluate(
            """text => {
                document.querySelector('.caio-page').outerHTML = text
                return document.querySelector('.caio-action').getBoundingClientRect().bottom
            }""",
            page.head(record, 0, 0),
        )
        if bottom > 1000:
            far[fault.name] = bottom
    assert far == {}
    tab.close()


def test_ten_thousand_cases(chromium: Browser, no_go: Outcome, tmp_path: Path) -> None:
    """A report of 10,000 cases is at most 1 MB, and loads in a time that is near an empty page's."""
    record = record_of(no_go)
    (environment,) = record.environments
    check = next(one for one in environment.checks if one.id == "AUTH-05")
    check.cases = [copy.copy(check.cases[0]) for _ in range(10_000)]
    environment.exchanges = [one for _ in range(16) for one in environment.exchanges][:10_000]
    path = rewritten_report(no_go, record, tmp_path / "many.html")
    assert path.stat().st_size <= 1_000_000
    assert "10000" in path.read_text("utf-8")
    tab = chromium.new_page()
    tab.goto(path.as_uri())
    took = "(() => { const [one] = performance.getEntriesByType('navigation'); return one.duration })()"
    assert tab.evaluate(took) < 5000  # half a second on an idle machine; the tests share theirs
    tab.close()


def test_filters_and_search(chromium: Browser, no_go: Outcome) -> None:
    """Filters by gate, outcome, environment and text work by keyboard, and are kept in the URL."""
    tab = chromium.new_page()
    tab.goto(no_go.html_path.as_uri())
    tab.keyboard.press("/")
    tab.keyboard.type("AUTH-10")
    shown = tab.locator(".caio-checks tr[data-caio]:visible")
    assert [row.split("\n")[0] for row in shown.all_inner_texts()] == [
        shown.first.inner_text().split("\n")[0]
    ]
    assert "caio-find=AUTH-10" in tab.url
    again = chromium.new_page()
    again.goto(tab.url)
    assert again.locator(".caio-checks tr[data-caio]:visible").count() == 1
    assert 0 < again.locator(f"{ROWS}:visible").count() < again.locator(ROWS).count()
    again.locator("[name=find]").fill("")
    again.locator("[name=gate]").select_option("cors")
    assert {row.split("\t")[0] for row in shown.all_inner_texts()} == {"auth"}
    gates = again.locator(".caio-checks tr[data-caio]:visible td:first-child").all_inner_texts()
    assert set(gates) == {"cors"}
    tab.close()
    again.close()


def test_the_foot_has_the_hash_of_the_json(no_go: Outcome) -> None:
    """The SHA-256 in the foot is that of the JSON beside the report."""
    digest = hashlib.sha256(no_go.evidence_path.read_bytes()).hexdigest()
    assert f'caio-sha256">{digest}</code>' in no_go.html
    assert no_go.evidence_path.name in no_go.html
    assert re.fullmatch(r"[A-Za-z0-9._-]+", no_go.html_path.name)


def test_names_of_files_of_two_environments(two: Outcome) -> None:
    """The evidence of two environments is named without characters that a URL encodes."""
    assert re.fullmatch(r"staging-and-production-\d{8}T\d{6}Z\.html", two.html_path.name)


def test_curl_repeats_a_request(no_go: Outcome) -> None:
    """The curl command of an exchange asks the same path, as written, once the named value is filled in."""
    exchanges = record_of(no_go).environments[0].exchanges
    named = next(one for one in exchanges if one.request_headers and "[" in curl(one))
    command = shlex.split(curl(named))
    assert command[:2] == ["curl", "--path-as-is"]
    assert named.url in command
    odd = next(one for one in exchanges if "//api/" in one.url.partition("://")[2])
    assert (
        shlex.split(curl(odd))[-1 if not odd.request_headers else shlex.split(curl(odd)).index(odd.url)]
        == odd.url
    )
    posted = copy.copy(named)
    posted.request_headers = [("Content-Type", "application/json")]
    assert curl(posted) == ""  # the record does not keep what was sent


def test_an_id_selects_its_check(tmp_path: Path) -> None:
    """The command that asks a check again selects that check and no other."""
    outcome = run_suite("acceptance", "-q", "-k", "AUTH-10", "--collect-only", folder=tmp_path)
    lines = [line for line in outcome.stdout.splitlines() if "::" in line]
    assert lines
    assert {line.partition("[")[0].rpartition("::")[2] for line in lines} == {
        lines[0].partition("[")[0].rpartition("::")[2]
    }


def test_another_page_of_pytest_html_fails_loudly(no_go: Outcome) -> None:
    """A page in which a part is missing, or there twice, is refused with the part's name."""
    with pytest.raises(AssertionError, match="has 0 of <html>"):
        html.rewritten(no_go.html, "")
