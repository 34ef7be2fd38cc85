"""Faults are named, described and listed, and add up; `tests/test_faults.py` proves what each turns red."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from pytest_caio.reference.faults import FAULTS
from tests.support.reference_site import Hosted


def test_two_faults_add_up(hosted: Hosted) -> None:
    """Faults given together all show, also where two change the same decision."""
    with hosted("token-prefix", "token-any-case", "origin-null", "trigger-open") as broken:
        for token, status in ((broken.token[:20], 200), (broken.token.swapcase(), 200), ("wrong-token", 401)):
            assert broken.get("/api/operator/status", X_Dashboard_Token=token).status_code == status
        assert broken.allowed("null")
        assert broken.get("/api/operator/trigger").status_code == 405


def test_faults_are_named_and_described() -> None:
    """A fault's name is in small letters and hyphens, its line a sentence, its checks catalogue ids."""
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name)
        assert fault.says.endswith((".", "(500).", "(503)."))
        assert "\n" not in fault.says
        assert fault.reds
        assert all(re.fullmatch(r"(ENV|AUTH|WH|RDY|CORS|STATE|OPS)-\d\d", red) for red in fault.reds)


def test_list_prints_every_fault() -> None:
    """`serve --fault list` prints each name with its line, as one JSON object, and serves nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_caio", "serve", "--fault", "list"],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert told["faults"] == {name: fault.says for name, fault in FAULTS.items()}
