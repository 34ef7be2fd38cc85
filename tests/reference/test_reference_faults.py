"""Every fault breaks the deployment as it says, and nothing else shows its sign."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from reference_signs import SIGNS
from reference_site import Hosted, Site

from pytest_caio.reference.faults import FAULTS

# RDY-11 is about certificates, which a deployment on loopback has none of; ENV-10 is about two deployments.
BLOCKING = {
    *(f"ENV-{n:02}" for n in (*range(1, 7), 8, 9, 11, 12, 13)),
    *(f"AUTH-{n:02}" for n in (*range(1, 14), 15, 16)),
    *(f"WH-{n:02}" for n in (*range(1, 9), 11, 12)),
    *(f"RDY-{n:02}" for n in (*range(1, 11), 15)),
    *(f"CORS-{n:02}" for n in range(1, 7)),
    *(f"OPS-{n:02}" for n in (3, 4, 5, 7, 10)),
}


def test_every_fault_has_a_sign() -> None:
    """The table of signs names each fault and nothing else."""
    assert set(SIGNS) == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_fault_shows(name: str, hosted: Hosted, healthy: Site) -> None:
    """A fault's sign is absent from the healthy deployment and seen on the one that has the fault."""
    assert not SIGNS[name](healthy)
    with hosted(name) as broken:
        assert SIGNS[name](broken)


def test_two_faults_add_up(hosted: Hosted) -> None:
    """Faults given together all show, also where both change the same decision."""
    chosen = ("token-prefix", "token-any-case", "origin-null", "status-open")
    with hosted(*chosen) as broken:
        assert all(SIGNS[name](broken) for name in chosen)


def test_faults_are_named_and_described() -> None:
    """A fault's name is in small letters and hyphens, its line a sentence, its checks catalogue ids."""
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name)
        assert fault.says.endswith((".", "(500).", "(503)."))
        assert "\n" not in fault.says
        assert fault.reds
        assert all(re.fullmatch(r"(ENV|AUTH|WH|RDY|CORS|STATE|OPS)-\d\d", red) for red in fault.reds)


def test_every_blocking_check_has_a_fault() -> None:
    """Each blocking check of the environment file and of HTTP is turned red by at least one fault."""
    assert {red for fault in FAULTS.values() for red in fault.reds} >= BLOCKING


def test_list_prints_every_fault() -> None:
    """`serve --fault list` prints each name with its line, as one JSON object, and serves nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_caio", "serve", "--fault", "list"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert told["faults"] == {name: fault.says for name, fault in FAULTS.items()}
