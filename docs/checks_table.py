"""Writes the runbook's table of checks from their declarations: `python -m docs.checks_table`."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from pytest_caio.checks.check import MARK, Check
from pytest_caio.outcomes import PROFILES_FILE

__all__ = ["BEGIN", "END", "declared", "row"]

CHECKOUT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- checks -->\n", "<!-- /checks -->\n"
_BRACES = re.compile(r"\{(\w+)\}")
# Words in braces that do not say by themselves what a failure puts in their place.
_UNNAMED = {
    "secret": "<provider>_WEBHOOK_SECRET",
    "table": "<profile>.state",
    "profiles": PROFILES_FILE,
    "served": "<number>",
    "took": "<number>",
    "part": "<purpose>",
    "missed": "<cases>",
    **dict.fromkeys(("wrong", "wanted", "failed", "leaks"), "<…>"),
}


def declared(suite: Path) -> list[Check]:
    """Return the checks that an acceptance suite declares, by module name and in the order of declaration."""
    found = []
    for path in sorted(suite.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"runbook_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        marks = [mark for thing in vars(module).values() for mark in getattr(thing, "pytestmark", ())]
        found += [mark.args[0] for mark in marks if mark.name == MARK]
    return found


def row(check: Check) -> str:
    """Return the table row of a check; what a failure fills in is in angle brackets."""
    kind = "blocks" if check.blocking else "advises"
    kind += ", may be waived" if check.waivable else ""
    kind += "" if check.waivable_in_production else " (not in production)"
    action = _BRACES.sub(lambda found: _UNNAMED.get(found[1], f"<{found[1]}>"), check.fixes[""])
    title, fix = (text.replace("|", "\\|").replace("<", "&lt;") for text in (check.title, action))
    return f"| {check.id} | {kind} | {title} | {fix} | {check.by} |\n"


def main() -> None:
    """Replace the table between the marks in docs/runbook.md."""
    runbook = CHECKOUT / "docs" / "runbook.md"
    text = runbook.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    head = "| check | | what must be true | what to do when it is not | who |\n|---|---|---|---|---|\n"
    rows = "".join(row(check) for check in declared(CHECKOUT / "acceptance"))
    runbook.write_text(f"{before}{BEGIN}{head}{rows}{END}{after}", "utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
