"""The HTML report as a person sees it, in a real Chromium."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.suite_runs import run_suite

HOSTILE = (
    b"<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
    b"</div></template><svg onload='window.pwned = 3'><a href='javascript:window.pwned = 4'>x</a>"
    b'" autofocus onfocus=window.pwned=5 \xe2\x80\xaeesrever \x1b[2J ' + b"A" * 100_000
)


class _Hostile(BaseHTTPRequestHandler):
    """Responds to every request with markup, in the body and in a header."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Answer", "<script>window.pwned = 6</script>")
        self.send_header("Content-Length", str(len(HOSTILE)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(HOSTILE)

    def __getattr__(self, name: str) -> object:
        """Handle every method in the same way."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Do not log."""


def _report(folder: Path, *arguments: str) -> Path:
    return run_suite("acceptance", "-q", *arguments, folder=folder).html_path


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with a failed check."""
    return _report(
        tmp_path_factory.mktemp("failing"), "--fault", "double-slash", "-k", "AUTH-10 or AUTH-05 or OPS-10"
    )


@pytest.fixture(scope="module")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of some of the checks, which passed."""
    return _report(tmp_path_factory.mktemp("narrowed"), "-k", "CORS-01 or OPS-06")


def _open(chromium: Browser, report: Path) -> tuple[Page, list[str]]:
    asked: list[str] = []
    page = chromium.new_page(viewport={"width": 1360, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    # A request that the policy blocks is reported as a request first, but never sent.
    page.on("requestfailed", lambda failed: failed.failure == "csp" and asked.remove(failed.url))
    page.goto(report.as_uri())
    return page, asked


def test_report_of_a_failure(chromium: Browser, failing: Path) -> None:
    """The report begins with verdict and gates, and a failed check shows its id, gate, fix and exchange."""
    page, asked = _open(chromium, failing)
    assert page.title() == "CAIO acceptance of demo: NO-GO"
    banner = page.locator(".caio-verdict")
    assert banner.inner_text().startswith("NO-GO")
    assert "AUTH-10" in banner.inner_text()
    box = banner.bounding_box()
    assert box is not None
    assert box["y"] < 300  # at the top, seen without scrolling
    assert "auth" in page.locator(".caio-gates").inner_text()
    card = page.locator(".caio-cause").first
    assert "AUTH-10" in card.inner_text()
    assert "Hand to the developer" in card.locator(".caio-action").inner_text()
    card.locator("details", has=page.locator(".caio-exchange")).first.locator("summary").click()
    assert "GET http" in card.locator(".caio-exchange").first.inner_text()
    row = page.locator("tbody.failed").first
    assert row.locator(".col-check").inner_text() == "AUTH-10"
    assert row.locator(".col-gate").inner_text() == "auth"
    assert "A protected path is refused in every spelling" in row.locator(".col-title").inner_text()
    assert "observed:" in row.locator(".col-seen").inner_text()
    assert [url for url in asked if not url.startswith("file:")] == []


def test_report_of_a_narrowed_run(chromium: Browser, narrowed: Path) -> None:
    """A report of some of the checks says INCOMPLETE in its title and at its top."""
    page, _ = _open(chromium, narrowed)
    assert page.locator(".caio-verdict").inner_text().startswith("INCOMPLETE")
    assert "INCOMPLETE" in page.title()


def test_report_shows_the_pending_cards(chromium: Browser, narrowed: Path) -> None:
    """The pending cards are shown as a table, with masked leads, even if the check passed."""
    page, _ = _open(chromium, narrowed)
    folded = page.locator("details", has_text="3 pending")
    folded.locator("summary").click()
    table = folded.locator("table.caio-table")
    assert table.locator("caption").inner_text() == "3 pending: 1 sendable, 1 resolvable, 1 blocked"
    assert [cell.inner_text() for cell in table.locator("tr").last.locator("td").all()][:2] == [
        "email-001",
        "l***@example.com",
    ]
    assert table.is_visible()
    assert "lead1@" not in page.content()


def test_hostile_answers_do_nothing(chromium: Browser, tmp_path: Path) -> None:
    """Markup in responses is shown as text: it runs no script, loads nothing, and the report stays small."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env_file = tmp_path / "env"
    env_file.write_text(
        "DASHBOARD_AUTH_TOKEN=tok-0123456789abcdefghij\nCORS_ALLOWED_ORIGINS=https://a.example\n", "utf-8"
    )
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        place = ("--env", "production", "--base-url", url, "--env-file", str(env_file))
        report = _report(tmp_path, *place, "-k", "RDY-01 or OPS-03 or CORS-01")
    finally:
        server.shutdown()
        server.server_close()
    assert report.stat().st_size < 250_000
    page, asked = _open(chromium, report)
    page.locator("#show_all_details").click()
    assert page.evaluate("window.pwned") is None
    assert page.locator(".caio-exchange script, .caio-exchange img, .caio-exchange svg").count() == 0
    assert page.locator("td script, td img[onerror], td svg").count() == 0
    assert "<script>window.pwned" in page.locator(".caio-cause .caio-exchange").first.text_content()
    assert [url for url in asked if not url.startswith("file:")] == []


def test_the_policy_lets_the_report_work(chromium: Browser, failing: Path) -> None:
    """The content security policy allows the report's own script: sorting, filtering and unfolding work."""
    told: list[str] = []
    page = chromium.new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(failing.as_uri())
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    colour = "getComputedStyle(document.querySelector('.caio-verdict')).backgroundColor"
    assert page.evaluate(colour) == "rgb(179, 38, 30)"
    checks = page.locator("tbody .col-check")
    page.locator("button[data-column-type=check]").click()
    first = checks.first.inner_text()
    page.locator("button[data-column-type=check]").click()
    assert {first, checks.first.inner_text()} == {
        min(checks.all_inner_texts()),
        max(checks.all_inner_texts()),
    }
    many = page.locator("tbody.results-table-row").count()
    page.locator("input[data-test-result=failed]").click()
    assert 0 < page.locator("tbody.results-table-row").count() < many
    page.locator("input[data-test-result=failed]").click()
    page.locator("#show_all_details").click()
    assert page.locator(".extras-row:not(.hidden)").count() > 0
    page.locator("#hide_all_details").click()
    assert page.locator(".extras-row:not(.hidden)").count() == 0
    assert told == []


PLANTED = (
    "<script>window.pwned = 1</script><img src=http://127.0.0.1:9/x onerror='window.pwned = 2'>"
    "<a id=trap href='javascript:window.pwned = 3'>x</a><style>body{background:url(http://127.0.0.1:9/y)}"
    "</style><iframe src=http://127.0.0.1:9/z></iframe><form action=http://127.0.0.1:9/f><button id=send>"
)


def test_the_policy_blocks_unescaped_markup(chromium: Browser, narrowed: Path, tmp_path: Path) -> None:
    """Markup planted in the page itself, unescaped, runs no script and sends no request."""
    report = tmp_path / "planted.html"
    text = narrowed.read_text("utf-8").replace('<h1 id="title">', f'{PLANTED}<h1 id="title">')
    report.write_text(text, "utf-8")
    page, asked = _open(chromium, report)
    # Clicked by script, since Playwright's own click waits until the navigation has ended.
    page.evaluate("for (const id of ['trap', 'send']) document.getElementById(id).click()")
    page.evaluate("document.body.setAttribute('onclick', 'window.pwned = 4'); document.body.click()")
    assert page.evaluate("window.pwned") is None
    assert page.locator(".caio-verdict").inner_text().startswith("INCOMPLETE")
    assert [url for url in asked if not url.startswith("file:")] == []
