"""Writes docs/detection.md: every fault of the reference deployment with the checks that detect it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_caio.reference.faults import FAULTS
from pytest_caio.reference.variations import VARIATIONS

CHECKOUT = Path(__file__).resolve().parents[1]
_HEAD = """# Faults that are detected, and harmless variations

The reference deployment can have {faults} faults. The table lists for each the checks that must
detect it ("red"), and those that fail as a consequence, because they depend on what it broke ("also
red"). `tests/test_faults.py` runs the suite on deployments with several faults, no two of which
turn the same check red, and tests that these checks are red and no others. It leaves out the gates
replay and pack, which send the deployment no requests. {checks} checks have faults of their own,
{often} the most ({most}).

No check may turn red because of one of the {variations} harmless variations:
`tests/test_harmless.py` runs the whole suite on deployments with as many variations as can be
combined. `make nightly` runs the suite once for each fault, and once for each variation.

`pytest acceptance --fault NAME` runs the suite with a fault, `--fault list` prints all faults, and
`python docs/detection.py` writes this page.

## Faults

| fault | what is wrong | red | also red | where to fix it |
|---|---|---|---|---|
"""
_HARMLESS = """
## Harmless variations

`python -m pytest_caio serve --variation NAME` runs the reference deployment with one.

| variation | what is different |
|---|---|
"""


def page() -> str:
    """Return the text of docs/detection.md."""
    named = [red for fault in FAULTS.values() for red in fault.reds]
    often = max(sorted(set(named)), key=named.count)
    head = _HEAD.format(
        faults=len(FAULTS),
        variations=len(VARIATIONS),
        checks=len(set(named)),
        often=often,
        most=named.count(often),
    )
    rows = (
        (f"`{f.name}`", f.says, " ".join(f.reds), " ".join(sorted(f.consequences)), f.place)
        for f in FAULTS.values()
    )
    return head + _table(rows) + _HARMLESS + _table((f"`{v.name}`", v.says) for v in VARIATIONS.values())


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    # In Markdown, `*` begins emphasis and `<` an HTML tag.
    return "".join(f"| {' | '.join(row)} |\n".replace("*", "\\*").replace("<", "\\<") for row in rows)


if __name__ == "__main__":
    (CHECKOUT / "docs" / "detection.md").write_text(page(), "utf-8", newline="\n")
