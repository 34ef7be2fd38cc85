"""No false alarm: a deployment that differs only in what the contract leaves open is GO."""

from __future__ import annotations

import functools
import hashlib
import json
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.reference.variations import VARIATIONS
from tests.support.nightly import some_nightly
from tests.support.other_dashboard import OtherDashboard
from tests.support.proof_groups import variation_groups
from tests.support.proof_runs import (
    ASKING,
    BEARERS,
    CHECKOUT,
    READY_BUDGET_MS,
    ask,
    prove_together,
    reds,
    run,
)

LEAD = "ada@leads.example"
# Other healthy deployments, as the options of `serve` make them.
OTHERS = {
    "old Inngest SDK": ("--inngest-sdk", "old"),
    "bearers in place of secrets": BEARERS,
    "no leads": ("--seed-leads", "0"),
}
# The other dashboard has sent nothing yet, and reports only some of the values that ENV-07 compares.
ADVISED = {"OPS-08", "ENV-07"}
UNPROVED = {"queues-empty", "fields-left-out"}


def prove(names: Sequence[str], folder: Path) -> None:
    """Assert that a deployment with these variations is GO, and nothing is red."""
    status, evidence = ask(folder, *(part for name in names for part in ("--variation", name)))
    # Where nothing was sent, or no send is reported as proved, OPS-08 advises, which does not block.
    assert reds(evidence).keys() <= (set() if UNPROVED.isdisjoint(names) else {"OPS-08"})
    assert (status, evidence["verdict"]) == (0, "GO")


@pytest.mark.parametrize("group", variation_groups(VARIATIONS))
def test_harmless_variations_are_go(group: Sequence[str], tmp_path: Path) -> None:
    """Variations of a healthy deployment turn nothing red, as many together as are possible."""
    prove_together(group, prove, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", VARIATIONS)
def test_harmless_variation_alone_is_go(name: str, tmp_path: Path) -> None:
    """A variation of a healthy deployment turns nothing red."""
    prove([name], tmp_path)


@pytest.mark.parametrize("name", some_nightly(OTHERS, "old Inngest SDK", "bearers in place of secrets"))
def test_other_deployment_is_go(name: str, tmp_path: Path) -> None:
    """A healthy deployment with an older SDK, bearers instead of secrets, or no leads is GO."""
    status, evidence = ask(tmp_path, *OTHERS[name])
    assert reds(evidence) == {}
    assert (status, evidence["verdict"]) == (0, "GO")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A Redis server with one lead, stored as the other dashboard stores it."""
    server = RedisServer()
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            key = "caio-staging:cadence:lead:" + hashlib.sha256(LEAD.encode()).hexdigest()[:24]
            client.set(key, json.dumps({"email": LEAD, "step": 2}))
        yield server.url
    finally:
        server.stop()


def ask_other(
    dashboard: OtherDashboard, folder: Path, suite: tuple[str, ...] = ("acceptance",), **variables: str
) -> tuple[int, dict[str, Any]]:
    """Run the suite against the other dashboard, with an environment file and a profile of its own."""
    env_file, profiles = folder / "other.env", folder / "profiles.toml"
    env_file.write_text("".join(f"{key}={value}\n" for key, value in dashboard.settings.items()), "utf-8")
    golden = CHECKOUT / "pytest_caio" / "reference" / "golden" / "golden_set.json"
    keys = {
        "staging": {
            "base_url": dashboard.base_url,
            "environment": "staging",
            "inngest_functions": 5,
            "ready_budget_ms": READY_BUDGET_MS,
        },
        # All of its file state was removed.
        "staging.state": {"hive_dir": ""},
        "staging.replay": {
            "golden_set": str(golden),
            "runner": "python -m pytest_caio.reference.golden.agent --lines",
            "cwd": str(CHECKOUT),
            "protocol": "lines",
        },
        "staging.pack": {"cwd": str(folder), "tests": ["test_product.py"]},
    }
    (folder / "test_product.py").write_text("def test_product() -> None:\n    assert 1 + 1 == 2\n", "utf-8")
    lines = [
        line
        for section, values in keys.items()
        for line in (f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()))
    ]
    profiles.write_text("\n".join(lines) + "\n", "utf-8")
    return run(
        folder / "evidence",
        *("--env=staging", f"--env-file={env_file}", f"--profiles={profiles}"),
        suite=suite,
        **variables,
    )


@pytest.mark.parametrize(
    ("wire", "bearers", "old_sdk"),
    [
        pytest.param("HTTP/1.0", (), True, marks=pytest.mark.nightly),
        ("HTTP/1.1", ("clay", "heyreach"), False),
    ],
)
def test_other_dashboard_is_go(
    wire: str, bearers: tuple[str, ...], old_sdk: bool, store: str, tmp_path: Path
) -> None:
    """The independent dashboard is GO, over HTTP/1.0 and in chunks, with secrets and with some bearers."""
    with OtherDashboard(store, LEAD, wire=wire, bearers=bearers, old_sdk=old_sdk) as dashboard:
        status, evidence = ask_other(dashboard, tmp_path)
    # The dashboard acts on everything that it accepts, and it never accepted a bounce or an unsubscribe.
    assert set(dashboard.acted) == {"instantly/reply", "instantly/open", "heyreach", "clay", "rb2b"}
    assert {i: said for i, said in reds(evidence).items() if i not in ADVISED} == {}
    assert (status, evidence["verdict"]) == (0, "GO")


# Faults of the other dashboard, and the checks that turn red.
BROKEN = {
    "open history": {"AUTH-09", "AUTH-11"},
    "a prefix": {"AUTH-07"},
    "any origin": {"CORS-02"},
    "a listed failure": {"RDY-02", "RDY-07"},
    "unsigned clay": {"WH-03", "WH-04", "WH-05", "WH-06", "WH-07", "WH-12", "WH-13"},
    "a leak": {"RDY-10"},
    "another queue": {"STATE-06", "OPS-06"},
    "an unrendered card": {"OPS-11"},
    "an unproved send": {"OPS-07"},
    "a dry run that sends": {"OPS-02"},
    "any session": {"AUTH-08"},
    "a trusted proxy": {"AUTH-19"},
    "a public word": {"AUTH-10"},
    "a served file": {"AUTH-20"},
    "a leak in a refusal": {"RDY-10"},
    "another key": {"RDY-05", "RDY-06"},
    "a merged queue": {"RDY-15"},
}
# These would hide others: a card that is not shown cannot be wrong.
BESIDE = ("an unrendered card", "a leak in a refusal", "a merged queue")


def prove_broken(names: Sequence[str], folder: Path, store: str) -> None:
    """Assert that the other dashboard with these defects turns exactly their checks red."""
    with OtherDashboard(store, LEAD, names) as dashboard:
        status, evidence = ask_other(dashboard, folder, suite=ASKING)
    assert set(reds(evidence)) - ADVISED == set().union(*(BROKEN[name] for name in names))
    assert (status, evidence["verdict"]) == (1, "NO-GO")


@pytest.mark.parametrize(
    "names", [tuple(name for name in BROKEN if name not in BESIDE), BESIDE], ids=["most", "beside"]
)
def test_other_dashboard_is_found_out(names: tuple[str, ...], store: str, tmp_path: Path) -> None:
    """The independent dashboard with defects turns exactly the checks of its defects red."""
    prove_together(names, functools.partial(prove_broken, store=store), tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", BROKEN)
def test_other_dashboard_is_found_out_for_each(name: str, store: str, tmp_path: Path) -> None:
    """The independent dashboard with one defect turns exactly the checks of that defect red."""
    prove_broken([name], tmp_path, store)


@pytest.mark.parametrize(
    ("days", "expected"), [(90, set()), pytest.param(9, {"RDY-11"}, marks=pytest.mark.nightly)]
)
def test_certificate_is_judged(days: int, expected: set[str], store: str, tmp_path: Path) -> None:
    """Over https all is judged as over http, and RDY-11 judges how long the certificate is valid."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=days)
    authority.issue_cert("127.0.0.1", not_after=ends).configure_cert(context)
    with OtherDashboard(store, LEAD, wire="HTTP/1.1", tls=context) as dashboard:
        suite = ASKING if expected else ("acceptance",)  # only a whole run is GO
        trusted = str(tmp_path / "authority.pem")
        status, evidence = ask_other(dashboard, tmp_path, suite=suite, SSL_CERT_FILE=trusted)
    outcomes = {check["id"]: check["outcome"] for check in evidence["environments"][0]["checks"]}
    # It does not send HSTS, so RDY-14 advises.
    assert set(reds(evidence)) - ADVISED - {"RDY-14"} == expected
    assert outcomes["RDY-11"] == ("failed" if expected else "passed")
    assert (status, evidence["verdict"]) == ((1, "NO-GO") if expected else (0, "GO"))
