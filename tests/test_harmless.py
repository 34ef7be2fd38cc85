"""No false alarm: a deployment that differs only in what the contract leaves open is GO."""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from pytest_caio.contract.providers import PROVIDERS, ROUTES
from pytest_caio.reference.hosting.process import lean_python
from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.reference.variations import VARIATIONS
from tests.support.hosted import READY_BUDGET_MS
from tests.support.other_agent import golden_cases
from tests.support.other_dashboard import OtherDashboard
from tests.support.other_shapes import SHAPES
from tests.support.places import SUPPORT, as_toml
from tests.support.proof_groups import variation_groups
from tests.support.proof_runs import (
    ask,
    prove_together,
    reds,
    run,
    turn_variables,
)
from tests.support.suite_runs import ASKING, SHORT

# The env file of the other dashboard sets nothing of traces.
ADVISED = {"ENV-07"}
UNPROVED = {"queues-empty", "fields-left-out"}


# How each of the product's shapes comes about on the reference deployment; with () it always has that shape.
REFERENCE: Mapping[str, tuple[str, ...]] = {
    "leads as an array": (),
    "history without sent cards": (),
    "visitor cards without a campaign": ("--variation", "cards-of-visitors"),
    "dry run with totals and null parts": ("--variation", "dry-run-forecasts"),
    "runs counted": (),
    "Redis moved on after the cutover": ("--variation", "state-moved-on"),
    "Redis moved on after the suite's own --allow-writes": (),  # by the run before
    "tool names with a colon": (),  # these three by the golden set and its runner
    "empty answer within the error budget": (),
    "labelled answer within the error budget": (),
    "five functions": (),
    "queue of training cards": ("--variation", "card-for-training"),
    "no commit named": ("--variation", "commit-unsaid"),
    "secrets for some providers, bearers for others": ("--variation", "providers-by-bearer"),
    "older Inngest SDK": ("--inngest-sdk", "old"),
}
WAYS = {
    "tool names with a colon": "colons",
    "empty answer within the error budget": "empty",
    "labelled answer within the error budget": "labelled",
}
# Other forms of what the reference deployment always has, or of what a shape needs.
OTHER_FORMS = ("leads-wrapped", "history-proved", "history-silent", "queues-empty")
# The first group has the variations that are shapes of the product.
OPTIONS = [option for options in REFERENCE.values() for option in options]
GROUPS = variation_groups(VARIATIONS, [name for name in OPTIONS if name in VARIATIONS], OTHER_FORMS)


def prove(names: Sequence[str], folder: Path) -> None:
    """Assert that a deployment with these variations is GO, and nothing is red."""
    status, evidence = ask(folder, *(part for name in names for part in ("--variation", name)))
    # Where nothing was sent, or no send is reported as proved, OPS-08 advises, which does not block.
    assert reds(evidence).keys() <= (set() if UNPROVED.isdisjoint(names) else {"OPS-08"})
    assert (status, evidence["verdict"]) == (0, "GO")


@pytest.mark.parametrize("group", GROUPS[1:])
def test_harmless_variations_are_go(group: Sequence[str], tmp_path: Path) -> None:
    """Variations of a healthy deployment turn nothing red, as many together as are possible."""
    prove_together(group, prove, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", VARIATIONS)
def test_harmless_variation_alone_is_go(name: str, tmp_path: Path) -> None:
    """A variation of a healthy deployment turns nothing red."""
    prove([name], tmp_path)


def test_deployment_without_leads_has_nothing_red(tmp_path: Path) -> None:
    """A healthy deployment that has no leads fails no check of its state and its operation."""
    suite = tuple(f"acceptance/test_{gate}.py" for gate in ("state", "operator", "readiness"))
    assert reds(ask(tmp_path, "--seed-leads", "0", suite=suite)[1]) == {}


DRY_RUNS = ("acceptance/test_operator.py", "-k", "OPS-02")


def replay(shapes: Sequence[str], folder: Path) -> dict[str, str]:
    """Write a golden set of fifty cases; return it and the runner that answers it in these shapes."""
    ways = [way for shape, way in WAYS.items() if shape in shapes]
    golden = folder / "golden.json"
    golden.write_text(json.dumps(golden_cases(colons="colons" in ways)), "utf-8")
    runner = " ".join((f'python "{SUPPORT / "other_agent.py"}"', *ways))
    return {"golden_set": str(golden), "runner": runner}


def passed_cases(evidence: dict[str, Any]) -> int:
    """Return how many golden cases passed."""
    (check,) = [c for c in evidence["environments"][0]["checks"] if c["id"] == "RPL-02"]
    return sum(case["outcome"] == "passed" for case in check["cases"])


def prove_shapes(names: Sequence[str], folder: Path) -> None:
    """Assert that the reference deployment in these shapes, or with these variations, is GO without reds."""
    status, evidence = ask(
        folder,
        *(option for name in names for option in REFERENCE.get(name, ("--variation", name))),
        profile=[f"{key} = {as_toml(value)}" for key, value in replay(names, folder).items()],
        before=DRY_RUNS if "Redis moved on after the suite's own --allow-writes" in names else (),
    )
    assert reds(evidence) == {}
    assert (status, evidence["verdict"]) == (0, "GO")
    assert passed_cases(evidence) == 50 - sum("within the error budget" in name for name in names)


def test_all_shapes_of_the_product_together_are_go(tmp_path: Path) -> None:
    """The reference deployment in every shape of the product at once, and with further variations, is GO.

    One run has one Inngest SDK: the older one here, the present one in every other run of this file. Both say
    `authentication_succeeded`.
    """
    assert list(REFERENCE) == list(SHAPES)
    further = [name for name in GROUPS[0] if name not in OPTIONS]
    prove_together([*SHAPES, *further], prove_shapes, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_of_the_product_alone_is_go(shape: str, tmp_path: Path) -> None:
    """The reference deployment in one shape of the product is GO."""
    prove_shapes([shape], tmp_path)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A Redis server, which each dashboard fills for itself."""
    server = RedisServer()
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def ask_other(
    dashboard: OtherDashboard, folder: Path, suite: tuple[str, ...] = ("acceptance",), **variables: str
) -> tuple[int, dict[str, Any]]:
    """Run the suite against the other dashboard, with an environment file and a profile of its own."""
    env_file, profiles, hive = folder / "other.env", folder / "profiles.toml", folder / "hive"
    env_file.write_text("".join(f"{key}={value}\n" for key, value in dashboard.settings.items()), "utf-8")
    keys = {
        "staging": {
            "base_url": dashboard.base_url,
            "environment": "staging",
            "inngest_functions": dashboard.functions,
            "ready_budget_ms": READY_BUDGET_MS,
        },
        "staging.state": {"hive_dir": str(hive), "cutover": dashboard.state.write_files(hive).isoformat()},
        "staging.replay": {
            **replay(dashboard.shapes, folder),
            "cwd": str(folder),
            "protocol": "lines",
            "workers": 2,
        },
        "staging.pack": {"cwd": str(folder), "tests": ["test_product.py"], "python": lean_python(folder)},
    }
    (folder / "test_product.py").write_text("def test_product() -> None:\n    assert 1 + 1 == 2\n", "utf-8")
    lines = [
        line
        for section, values in keys.items()
        for line in (f"[{section}]", *(f"{key} = {as_toml(value)}" for key, value in values.items()))
    ]
    profiles.write_text("\n".join(lines) + "\n", "utf-8")
    return run(
        folder / "evidence",
        *("--env=staging", f"--env-file={env_file}", f"--profiles={profiles}"),
        f"--expect-commit={dashboard.commit}",
        suite=suite,
        **variables,
    )


def prove_other(shapes: Sequence[str], folder: Path, store: str) -> None:
    """Assert that the other dashboard in these shapes is GO, and nothing but advice on traces is red."""
    with OtherDashboard(store, shapes=shapes) as dashboard:
        status, evidence = ask_other(dashboard, folder)
    # The dashboard acts on everything that it accepts, and it never accepted a bounce or an unsubscribe.
    suppressing = {route for one in PROVIDERS.values() for route in one.suppressing}
    assert {f"/webhooks/{what}" for what in dashboard.acted} == set(ROUTES) - suppressing
    assert {i: said for i, said in reds(evidence).items() if i not in ADVISED} == {}
    assert (status, evidence["verdict"]) == (0, "GO")
    assert passed_cases(evidence) == 50 - sum("within the error budget" in shape for shape in shapes)


def test_other_dashboard_in_all_shapes_of_the_product_is_go(store: str, tmp_path: Path) -> None:
    """The independent dashboard in every shape of the product at once is GO."""
    prove_together(list(SHAPES), functools.partial(prove_other, store=store), tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("shapes", [(), *((shape,) for shape in SHAPES)], ids=["plain", *SHAPES])
def test_other_dashboard_in_one_shape_is_go(shapes: tuple[str, ...], store: str, tmp_path: Path) -> None:
    """The independent dashboard is GO in its plain form, and in each of the product's shapes alone."""
    prove_other(shapes, tmp_path, store)


def face(dashboard: OtherDashboard, folder: Path) -> dict[str, Any]:
    """Return what tells one shape of the other dashboard from another."""
    token = {"x-dashboard-token": dashboard.settings["DASHBOARD_AUTH_TOKEN"]}

    def asked(path: str, method: str = "GET", body: bytes = b"") -> Any:
        return dashboard.answer(method, path, token, body)[2]

    return {
        "dry run": asked("/api/operator/trigger", "POST", b'{"motion": "all", "dry_run": true}'),
        "runs": asked("/api/operator/status")["today"]["runs"],
        "leads": asked("/api/cadence/leads"),
        "history": [card["email_id"] for card in asked("/api/emails/history")["emails"]],
        "cards": [card["email_id"] for card in asked("/api/pending-emails")["pending_emails"]],
        "health": sorted(asked("/api/health")),
        "introspection": dashboard.answer("GET", "/inngest", {}, b"")[::2],
        "functions": dashboard.functions,
        "settings": sorted(dashboard.settings),
        "replay": replay(dashboard.shapes, folder)["runner"],
    }


@pytest.mark.nightly
def test_every_shape_of_the_other_dashboard_shows(store: str, tmp_path: Path) -> None:
    """The independent dashboard in one shape differs from its plain form in a response or an input."""
    with OtherDashboard(store) as plain:
        usual = face(plain, tmp_path)
    for shape in SHAPES:
        with OtherDashboard(store, shapes=[shape]) as dashboard:
            assert face(dashboard, tmp_path) != usual, shape


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
    "an unproved send": {"OPS-07", "OPS-08"},
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


def prove_broken(names: Sequence[str], folder: Path, store: str, turn: int | None = None) -> None:
    """Assert that the other dashboard with these defects turns exactly their checks red.

    With a `turn`, the other checks are asked with a part of their cases.
    """
    red = set().union(*(BROKEN[name] for name in names))
    with OtherDashboard(store, names) as dashboard:
        status, evidence = ask_other(dashboard, folder, suite=ASKING, **turn_variables(turn, red))
    assert set(reds(evidence)) - ADVISED == red
    assert (status, evidence["verdict"]) == (1, "NO-GO")


@pytest.mark.parametrize(
    "names", [tuple(name for name in BROKEN if name not in BESIDE), BESIDE], ids=["most", "beside"]
)
def test_other_dashboard_is_found_out(names: tuple[str, ...], store: str, tmp_path: Path) -> None:
    """The independent dashboard with defects turns exactly the checks of its defects red."""
    prove_together(names, functools.partial(prove_broken, store=store, turn=0), tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", BROKEN)
def test_other_dashboard_is_found_out_for_each(name: str, store: str, tmp_path: Path) -> None:
    """The independent dashboard with one defect turns exactly the checks of that defect red."""
    prove_broken([name], tmp_path, store)


@pytest.mark.parametrize(
    ("days", "expected", "suite"),
    [
        pytest.param(90, set(), SHORT, id="long"),
        pytest.param(9, {"RDY-11"}, SHORT, id="ending"),
        pytest.param(90, set(), ("acceptance",), id="whole", marks=pytest.mark.nightly),
    ],
)
def test_certificate_is_judged(
    days: int, expected: set[str], suite: tuple[str, ...], store: str, tmp_path: Path
) -> None:
    """Over https all is judged as over http, and RDY-11 judges how long the certificate is valid."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=days)
    authority.issue_cert("127.0.0.1", not_after=ends).configure_cert(context)
    with OtherDashboard(store, wire="HTTP/1.1", tls=context) as dashboard:
        trusted = str(tmp_path / "authority.pem")
        status, evidence = ask_other(dashboard, tmp_path, suite=suite, SSL_CERT_FILE=trusted)
    outcomes = {check["id"]: check["outcome"] for check in evidence["environments"][0]["checks"]}
    # It does not send HSTS, so RDY-14 advises.
    assert set(reds(evidence)) - ADVISED - {"RDY-14"} == expected
    assert outcomes["RDY-11"] == ("failed" if expected else "passed")
    assert (status, evidence["verdict"]) == ((1, "NO-GO") if expected else (0, "GO"))
