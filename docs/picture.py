"""Takes the screenshot in the README: the report of a run on a deployment with one fault, in Chromium."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.browser import launch

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the suite with a fault that turns it red, and write docs/report.png."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--fault", "double-slash", "--allow-writes", "--evidence-dir", folder]
        subprocess.run(
            [sys.executable, "-m", "pytest", "acceptance", "-q", *arguments], cwd=CHECKOUT, check=False
        )
        report = next(Path(folder).glob("*.html"))
        with launch() as browser:
            page = browser.new_page(viewport={"width": 1360, "height": 720})
            page.goto(report.as_uri())
            page.screenshot(path=CHECKOUT / "docs" / "report.png")


if __name__ == "__main__":
    main()
