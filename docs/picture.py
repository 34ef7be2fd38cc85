"""Takes the pictures in the README: reports of a GO and of a NO-GO, on a desktop and on a phone."""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.browser import launch

DOCS = Path(__file__).resolve().parent
RUNS = {"go": [], "no-go": ["--fault", "double-slash"]}
SIZES = {"": (1100, 700), "-phone": (390, 700)}


def report_of(folder: Path, *arguments: str) -> Path:
    """Run the suite on the reference deployment, and return the path of its report."""
    subprocess.run(
        [sys.executable, "-m", "pytest", "acceptance", "-q", *arguments, "--evidence-dir", str(folder)],
        cwd=DOCS.parent,
        check=False,
    )
    return next(folder.glob("*.html"))


def take(browser: Browser, report: Path, width: int, height: int) -> bytes:
    """Return a picture of the top of a report, as WebP, which is a third of the size of PNG."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(report.as_uri())
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": 70})
    page.close()
    return base64.b64decode(taken["data"])


def main() -> None:
    """Write docs/report-go.webp, docs/report-no-go.webp, and those of a phone."""
    with tempfile.TemporaryDirectory() as folder, launch() as browser:
        for verdict, options in RUNS.items():
            report = report_of(Path(folder) / verdict, *options)
            for ending, (width, height) in SIZES.items():
                picture = DOCS / f"report-{verdict}{ending}.webp"
                picture.write_bytes(take(browser, report, width, height))


if __name__ == "__main__":
    main()
