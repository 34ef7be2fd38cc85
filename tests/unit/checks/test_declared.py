"""The checks of a suite, as its source declares them."""

from __future__ import annotations

import re
from pathlib import Path

from docs.checks_table import declared
from pytest_caio.checks.declared import declared_checks
from tests.support.catalogue import BLOCKS, WAIVABLE
from tests.support.places import CHECKOUT


def test_the_suite_s_checks_are_those_of_the_catalogue() -> None:
    """Every check of the catalogue is found, with whether it may be waived, in production too."""
    declared = declared_checks(CHECKOUT / "acceptance")
    assert declared.keys() == BLOCKS.keys()
    assert {name for name, check in declared.items() if check.may_be_waived("staging")} == WAIVABLE
    in_production = {name for name, check in declared.items() if check.may_be_waived("prod")}
    assert in_production == WAIVABLE - {"RDY-05"}


def test_each_check_that_blocks_says_what_is_wrong() -> None:
    """A check that blocks says in a sentence of its own, which no other check has, what a failure means."""
    sentences = {check.id: check.wrong for check in declared(CHECKOUT / "acceptance") if check.blocking}
    assert sentences.keys() == {name for name, blocks in BLOCKS.items() if blocks}
    assert {name for name, text in sentences.items() if not re.fullmatch(r"[A-Z].{20,120}\.", text)} == set()
    assert len(set(sentences.values())) == len(sentences)


def test_a_module_that_cannot_be_read_declares_none(tmp_path: Path) -> None:
    """Source that is not Python, a NUL in it and calls of another form are passed over."""
    for name, text in {
        "test_a.py": "def",
        "test_b.py": "\0",
        "test_c.py": "check()\ncheck(7)\ncheck(*names)\nother('X-02')\ncheck('X-01', fix='', **more)",
        "else.py": "@check('X-03', fix='')\ndef t(): ...",
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    assert list(declared_checks(tmp_path)) == ["X-01"]
