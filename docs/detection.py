"""Writes docs/detection.md: every fault of the reference deployment, and the checks that find it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_caio.reference.faults import FAULTS
from pytest_caio.reference.variations import VARIATIONS

CHECKOUT = Path(__file__).resolve().parents[1]
_HEAD = """# What is found, and what is not minded

{faults} faults of the reference deployment, each with the checks that it turns red: those that name
it, and those that are red besides, since they ask what it broke. `tests/test_faults.py` runs the
suite on deployments that have several faults, no two of which turn the same check red, and finds
these checks red and no others; it leaves out the gates replay and pack, which ask the deployment
nothing. {checks} checks have a fault of their own, {often} the most ({most}).

{variations} harmless variations turn nothing red: `tests/test_harmless.py` runs the whole suite on
deployments that have as many of them as can hold together. `make nightly` runs the suite once for
each fault, and once for each variation.

`pytest acceptance --fault NAME` shows a fault, `--fault list` prints them, and
`python docs/detection.py` writes this page.

## Faults

| fault | what is wrong | red | red besides | where it is mended |
|---|---|---|---|---|
"""
_HARMLESS = """
## Harmless variations

`python -m pytest_caio serve --variation NAME` shows one.

| variation | what is different |
|---|---|
"""


def page() -> str:
    """Return the page."""
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
    # A `*` would begin emphasis.
    return "".join(f"| {' | '.join(row)} |\n".replace("*", "\\*").replace("<", "\\<") for row in rows)


if __name__ == "__main__":
    (CHECKOUT / "docs" / "detection.md").write_text(page(), "utf-8", newline="\n")
