"""Writes docs/detection.md: every fault of the reference deployment with the checks that detect it.

`python docs/detection.py` writes the page, with the causes in docs/detection.json. With `--ask` it first runs
the suite on deployments with several faults each, as the tests do, and writes what these runs show.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_caio.reference.faults import AREAS, FAULTS, Fault
from pytest_caio.reference.variations import VARIATIONS

CHECKOUT = Path(__file__).resolve().parents[1]
CAUSES = CHECKOUT / "docs" / "detection.json"
_SEED = "1"
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

What a run then shows first is below: what is wrong, and the one thing to do. All red checks of a fault
stand under this cause, except those that "also needs" names, which show something else to put right. A
fault whose checks do not block shows advice instead.

`pytest acceptance --fault NAME` runs the suite with a fault, `--fault list` prints all faults, and
`python docs/detection.py` writes this page (`--ask` asks for the causes anew, which takes some minutes).

## Faults

| fault | what is wrong | red | also red | where to fix it | also needs |
|---|---|---|---|---|---|
"""
_CAUSES = """
## What is shown, and what to do

| fault | what is shown | what to do | by |
|---|---|---|---|
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
        (
            f"`{f.name}`",
            f.says,
            " ".join(f.reds),
            " ".join(sorted(f.consequences)),
            f.place,
            " ".join(f.separate),
        )
        for f in FAULTS.values()
    )
    causes = json.loads(CAUSES.read_text("utf-8"))
    told = ((f"`{name}`", *causes[name]) for name in FAULTS)
    return (
        head
        + _table(rows)
        + _CAUSES
        + _table(told)
        + _HARMLESS
        + _table((f"`{v.name}`", v.says) for v in VARIATIONS.values())
    )


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    # In Markdown, `*` begins emphasis and `<` an HTML tag.
    return "".join(f"| {' | '.join(row)} |\n".replace("*", "\\*").replace("<", "\\<") for row in rows)


def shown(fault: Fault, evidence: Mapping[str, Any]) -> list[str]:
    """Return what a run shows of a fault: its cause's sentence and action, or advice; and who is to act."""
    touched = {*fault.reds, *fault.consequences}
    own = [cause for cause in evidence["causes"] if touched & {*cause["checks"]} - {*fault.separate}]
    if own:
        told = [own[0]["sentence"], own[0]["action"], own[0]["who"]]
    else:
        (check,) = [c for c in evidence["environments"][0]["checks"] if c["id"] == fault.reds[0]]
        told = [f"Advice: {check['title']}.", check["fix"], check["by"]]
    host = evidence["environments"][0]["base_url"].partition("://")[2]
    # Neither the port, a measured time nor the first of several cards is the same in all runs.
    text = "\0".join(told).replace(host, "dashboard.example")
    return re.sub(r"\bemail-[\w-]+", "email-ID", re.sub(r"\d+ ms", "N ms", text)).split("\0")


def ask_anew() -> None:
    """Run the suite on deployments with every fault, in groups, and write what is shown of each."""
    sys.path.insert(0, str(CHECKOUT))
    from tests.support.proof_groups import fault_groups  # noqa: PLC0415 - only a checkout with tests can ask
    from tests.support.proof_runs import ask  # noqa: PLC0415
    from tests.support.suite_runs import ASKING  # noqa: PLC0415

    found = {}
    groups = fault_groups(AREAS, _SEED)
    for number, group in enumerate(groups, 1):
        sys.stderr.write(f"{number} of {len(groups)}: {', '.join(group)}\n")
        with tempfile.TemporaryDirectory() as folder:
            _, evidence = ask(Path(folder), faults=group, suite=ASKING)
        found.update({name: shown(FAULTS[name], evidence) for name in group})
    text = json.dumps({name: found[name] for name in FAULTS}, indent=1, ensure_ascii=False)
    CAUSES.write_text(f"{text}\n", "utf-8", newline="\n")


if __name__ == "__main__":
    if "--ask" in sys.argv[1:]:
        ask_anew()
    (CHECKOUT / "docs" / "detection.md").write_text(page(), "utf-8", newline="\n")
