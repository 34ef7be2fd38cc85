"""The state gate: how file state and Redis may differ, and how not; more faults are in `test_faults`."""

from __future__ import annotations

import inspect
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from pytest_caio.checks.probe import Request
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.profiles import read_profiles
from pytest_caio.errors import InputError
from pytest_caio.outcomes import NoAnswer
from pytest_caio.probing.exchange import Exchange
from pytest_caio.state import connect, lead_key, migrate, write_summary
from tests.support.gate_runs import Gate, ask_gate, gate_module
from tests.support.hosted import HostedDeployment

LEAD = "cadence_state/lead_001.json"
CHECKS = tuple(f"STATE-0{n}" for n in range(1, 7))


@dataclass(frozen=True)
class Site:
    """One profile's own copy of the reference deployment's state: a hive directory and a Redis database."""

    name: str
    hive: Path
    url: str
    client: redis.Redis
    prefix: str
    summary: Path
    section: dict[str, object] = field(default_factory=dict)

    def key(self, number: int) -> str:
        """Return the key of a lead."""
        return lead_key(self.prefix, f"lead{number}@example.com")

    def edit(self, name: str, text: str) -> None:
        """Write a file of the hive directory as if it had been there since yesterday."""
        path = self.hive / name
        path.write_text(text, "utf-8")
        os.utime(path, ((self.hive / "operator_state.json").stat().st_mtime,) * 2)

    def migrate(self) -> None:
        """Migrate the hive directory and leave the summary."""
        write_summary(self.summary, migrate(self.hive, self.client, self.prefix))


def healthy(site: Site) -> None:
    """Leave it as it was migrated, with files beside it that are no state."""
    (site.hive / "cadence_state" / ".DS_Store").write_text("x", "utf-8")
    (site.hive / "operator_batches" / "notes").mkdir()
    (site.hive / "operator_batches" / "notes" / "read.me").write_text("x", "utf-8")


def moved_on(site: Site) -> None:
    """Let a twin move on, as it may from the cutover."""
    record = json.loads(site.client.get(site.key(1)))
    site.client.set(site.key(1), json.dumps(record | {"current_step": 99}))


def other_text(site: Site) -> None:
    """Spell a twin otherwise: the same data."""
    record = json.loads(site.client.get(site.key(1)))
    site.client.set(site.key(1), json.dumps(dict(reversed(record.items())), indent=3))


def file_removed(site: Site) -> None:
    """Remove a file that was migrated; its twin stays."""
    (site.hive / LEAD).unlink()


def untidy(site: Site) -> None:
    """Have the summary of an older suite, without the digest of each record."""
    summary = json.loads(site.summary.read_text("utf-8"))
    del summary["digests"]
    site.summary.write_text(json.dumps(summary), "utf-8")
    moved_on(site)


def emptied_folders(site: Site) -> None:
    """Leave the folders of the file state, empty, as in every checkout."""
    for path in site.hive.rglob("*.json"):
        path.unlink()


def batch_lost(site: Site) -> None:
    """Lose a batch that was migrated."""
    (key,) = site.client.scan_iter(f"{site.prefix}:operator:batch:*")
    site.client.delete(key)


def expiring(site: Site) -> None:
    """Let a lead expire."""
    site.client.expire(site.key(2), 3600)


def late(site: Site) -> None:
    """Write a record again after the cutover, with the same data."""
    (site.hive / LEAD).write_bytes((site.hive / LEAD).read_bytes())
    os.utime(site.hive / LEAD, (4_000_000_000, 4_000_000_000))


def changed(site: Site) -> None:
    """Change a file after its migration, and leave its time as it was."""
    record = json.loads((site.hive / LEAD).read_text("utf-8"))
    site.edit(LEAD, json.dumps(record | {"current_step": 99}))


def added(site: Site) -> None:
    """Add a record that was not migrated; Redis has its twin all the same."""
    site.edit("cadence_state/lead_009.json", '{"email": "lead3@example.com"}')
    (site.hive / "cadence_state/lead_003.json").unlink()


def garbled_twin(site: Site) -> None:
    """Hold in Redis what is no record of the batch."""
    (key,) = site.client.scan_iter(f"{site.prefix}:operator:batch:*")
    site.client.set(key, '{"batch_id": "batch_other"}')


def recounted(site: Site) -> None:
    """Have the summary of an older suite, and one lead less in Redis than it counted."""
    untidy(site)
    site.client.delete(site.key(2))
    (site.hive / "cadence_state/lead_002.json").unlink()


def unseen(site: Site) -> None:
    """Hold a lead that the deployment, which looks at another database, does not list."""
    site.client.set(lead_key(site.prefix, "late@example.com"), '{"email": "late@example.com"}')


def unknown(site: Site) -> None:
    """Lack a lead that the deployment lists; its file went with it, and the summary was made afterwards."""
    site.client.delete(site.key(3))
    (site.hive / "cadence_state/lead_003.json").unlink()
    site.migrate()


HEALTHY: tuple[Callable[[Site], None], ...] = (healthy, other_text, moved_on, file_removed, untidy)
FAULTS: Mapping[Callable[[Site], None], tuple[str, str]] = {
    batch_lost: ("STATE-01 STATE-05", "is missing in Redis"),
    changed: ("STATE-01", "was migrated from other data than its file holds"),
    added: ("STATE-01", "lead_009.json: caio:production:state:cadence:lead:"),
    garbled_twin: ("STATE-01", "holds in Redis what is no record of that name"),
    expiring: ("STATE-03", "caio:production:state:"),
    late: ("STATE-04", "lead_001.json: changed 2096-10-02"),
    recounted: ("STATE-05 STATE-06", "it counted 3 of cadence_lead, and Redis holds 2"),
    unseen: ("STATE-06", "caio:production:state:cadence:lead:"),
    unknown: ("STATE-06", "l***@example.com"),
}


@dataclass(frozen=True)
class Field:
    """Where sites are made: beside one reference deployment, a database of its Redis each."""

    folder: Path
    process: HostedDeployment
    settings: Mapping[str, str]

    def site(self, number: int, name: str) -> Site:
        """Copy the deployment's state to database `number`."""
        base, prefix = self.settings["REDIS_URL"].rpartition("/")[0], self.settings["STATE_REDIS_PREFIX"]
        with connect(f"{base}/0") as source:
            for key in (*source.scan_iter(f"{prefix}:*"), *source.scan_iter("*:shadow:*")):
                source.copy(key, key, destination_db=number)
        hive = self.folder / name / "hive"
        shutil.copytree(self.process.hive_dir, hive)
        url = f"{base}/{number}"
        site = Site(name, hive, url, connect(url), prefix, self.folder / name / "summary.json")
        site.migrate()
        return site

    def profile(self, site: Site, **section: Any) -> Mapping[str, Mapping[str, object]]:
        """Return a profile that asks the deployment and looks at the site's state."""
        env_file = self.folder / site.name / "caio.env"
        settings = {**self.settings, "REDIS_URL": site.url}
        env_file.write_text("".join(f"{k}={v}\n" for k, v in settings.items()), "utf-8")
        usual = {"hive_dir": str(site.hive), "cutover": self.cutover, "summary": str(site.summary)}
        kept = {key: value for key, value in (usual | section).items() if value is not None}
        return {"": {"base_url": self.process.base_url, "env_file": str(env_file)}, "state": kept}

    @property
    def cutover(self) -> str:
        """The moment at which the deployment had started."""
        (ready,) = read_profiles(self.process.profiles_file).values()
        assert ready.state is not None
        assert ready.state.cutover is not None
        return ready.state.cutover.isoformat()


@pytest.fixture(scope="module")
def field_of_sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """One reference deployment."""
    with HostedDeployment() as process:
        lines = process.env_file.read_text("utf-8").splitlines()
        settings = dict(line.split("=", 1) for line in lines)
        yield Field(tmp_path_factory.mktemp("state"), process, settings)


@pytest.fixture(scope="module")
def gate(field_of_sites: Field) -> Gate:
    """One run of the gate for a profile of each kind."""
    profiles = {}
    faults = [*HEALTHY, emptied_folders, *FAULTS]
    for number, fault in enumerate(faults, 1):
        site = field_of_sites.site(number, fault.__name__)
        fault(site)
        site.client.close()
        profiles[site.name] = field_of_sites.profile(site)
    # Before the cutover a twin may not move on.
    profiles["before"] = {
        "": profiles["moved_on"][""],
        "state": {**profiles["moved_on"]["state"], "cutover": "2096-01-01T00:00:00Z"},
    }
    first = Site("healthy", field_of_sites.folder / "healthy" / "hive", *_address(field_of_sites))
    strays = field_of_sites.folder / "strays"
    shutil.copytree(first.hive, strays)
    (strays / "operator_batches" / "draft.json").write_text("{}", "utf-8")
    for name, section in {
        "misnamed": {"hive_dir": str(strays)},
        "removed": {"hive_dir": ""},
        "gone": {"hive_dir": str(field_of_sites.folder / "no-hive")},
        "undated": {"cutover": None},
        "unsummarised": {"summary": None},
        "summary_gone": {"summary": str(field_of_sites.folder / "no-summary.json")},
    }.items():
        (field_of_sites.folder / name).mkdir()
        profiles[name] = field_of_sites.profile(replace(first, name=name), **section)
    for name, url in {"keyless": "", "unreachable": "redis://:hidden-password@127.0.0.1:9/0"}.items():
        (field_of_sites.folder / name).mkdir()
        profiles[name] = field_of_sites.profile(replace(first, name=name, url=url))
    profiles["bare"] = {"": profiles["healthy"][""]}
    return ask_gate("state", field_of_sites.folder, profiles=profiles)


def _address(where: Field) -> tuple[str, redis.Redis, str, Path]:
    url = f"{where.settings['REDIS_URL'].rpartition('/')[0]}/1"
    summary = where.folder / "healthy" / "summary.json"
    return url, connect(url), where.settings["STATE_REDIS_PREFIX"], summary


@pytest.mark.parametrize("name", [site.__name__ for site in HEALTHY])
def test_migrated_state_passes(gate: Gate, name: str) -> None:
    """Migrated state passes, however its twins are spelled and wherever they got to since the cutover."""
    assert gate.outcomes(name) == dict.fromkeys(CHECKS, "passed")


def test_twins_are_equal_until_the_cutover(gate: Gate) -> None:
    """Until the cutover a twin with other data is red; that no file changed since says nothing yet."""
    assert gate.apart("before") == {"STATE-01": "failed", "STATE-04": "not-run"}
    assert "the cutover is still to come (2096-01-01 00:00 UTC)" in gate.observed("before", "STATE-04")
    assert "lead_001.json: caio:production:state:cadence:lead:" in gate.observed("before", "STATE-01")
    assert "holds other data in Redis" in gate.observed("before", "STATE-01")


def test_empty_folders_are_no_pass(gate: Gate) -> None:
    """Where the folders of file state are empty, there is nothing to compare, and the checks say so."""
    assert gate.apart("emptied_folders") == dict.fromkeys(("STATE-01", "STATE-02", "STATE-04"), "not-run")
    assert "folders of file state are empty" in gate.observed("emptied_folders", "STATE-01")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
def test_fault_turns_its_check_red(gate: Gate, fault: Callable[[Site], None]) -> None:
    """Each fault turns its checks red and no other, and the first says of what."""
    reds, words = FAULTS[fault]
    assert gate.apart(fault.__name__, "not-run") == dict.fromkeys(reds.split(), "failed")
    assert words in gate.observed(fault.__name__, reds.split()[0])


def test_files_that_nobody_reads_are_told(gate: Gate) -> None:
    """A JSON file beside the state whose name is not one of its files is told, and fails nothing."""
    assert gate.apart("misnamed") == {"STATE-02": "advised"}
    assert "operator_batches/draft.json" in gate.observed("misnamed", "STATE-02")


def test_removed_files_do_not_apply(gate: Gate) -> None:
    """Where the profile says that all file state was removed, the checks of files have nothing to judge."""
    assert gate.apart("removed") == dict.fromkeys(("STATE-01", "STATE-02", "STATE-04"), "not-run")
    assert "all file state was removed" in gate.observed("removed", "STATE-01")


@pytest.mark.parametrize(
    ("name", "lacking", "key"),
    [
        ("bare", ("STATE-01", "STATE-02", "STATE-04"), "hive_dir of [bare.state]"),
        (
            "gone",
            ("STATE-01", "STATE-02", "STATE-04"),
            "hive_dir of [gone.state] (no such folder",
        ),
        ("undated", ("STATE-04",), "cutover of [undated.state]"),
        ("summary_gone", ("STATE-05",), "summary of [summary_gone.state] (no such file"),
        ("keyless", ("STATE-01", "STATE-03", "STATE-05", "STATE-06"), "REDIS_URL"),
    ],
)
def test_lacking_input_is_named(gate: Gate, name: str, lacking: tuple[str, ...], key: str) -> None:
    """A blocking check without its input is missing input and names it; the others are judged."""
    assert gate.apart(name, "not-run") == dict.fromkeys(lacking, "missing-input")
    assert key in gate.observed(name, lacking[0])


def test_summary_is_asked_for_only_if_named(gate: Gate) -> None:
    """A profile that names no summary has none to judge."""
    assert gate.apart("unsummarised") == {"STATE-05": "not-run"}


def test_unreachable_redis_fails_in_words(gate: Gate) -> None:
    """A Redis that cannot be reached from here fails what rests on it, and its password is not shown."""
    red = ("STATE-01", "STATE-03", "STATE-05", "STATE-06")
    assert gate.apart("unreachable") == dict.fromkeys(red, "failed")
    seen = gate.observed("unreachable", "STATE-03")
    assert "Redis cannot be reached: asked at 127.0.0.1 from the machine that runs the checks" in seen
    assert "hidden-password" not in gate.shown


@pytest.mark.parametrize("workers", [(), pytest.param(("-n2",), marks=pytest.mark.nightly)])
def test_demo_has_migrated_its_state(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """The demo's file state was migrated when it started, with workers too, and all its checks pass."""
    gate = ask_gate("state", tmp_path, *workers)
    assert (gate.status, gate.outcomes("demo")) == (0, dict.fromkeys(CHECKS, "passed"))


@pytest.mark.nightly
def test_workers_are_told(tmp_path: Path) -> None:
    """A deployment that drops a lead is found out by a worker too."""
    gate = ask_gate("state", tmp_path, "-n2", "--fault", "lead-dropped")
    assert (gate.status, gate.apart("demo")) == (1, {"STATE-06": "failed"})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("hive = 1", "line 3: [a.state] unknown key hive; the keys are hive_dir, cutover, summary"),
        (
            "cutover = 2026-02-24",
            "line 3: [a.state] the value must be a time with its day, and is a day alone",
        ),
        ("hive_dir = 1", "line 3: [a.state] the value must be text, and is a whole number (key hive_dir)"),
    ],
)
def test_section_that_cannot_be_used(tmp_path: Path, keys: str, words: str) -> None:
    """A section's error names the line, the section and the key."""
    path = tmp_path / "profiles.toml"
    path.write_text(f"[a]\n[a.state]\n{keys}\n", "utf-8")
    with pytest.raises(InputError) as error:
        read_profiles(path)
    assert words in str(error.value)


def test_leads_that_are_not_answered_are_no_difference() -> None:
    """Where the list of leads gets no answer, nothing is compared, and that is said."""
    judge: Callable[..., None] = inspect.unwrap(gate_module("state").test_deployment_sees_the_state)
    asked = Request("GET", "http://127.0.0.1:9", "/api/cadence/leads")
    silent = Exchange(asked, datetime.now(UTC), 1.0, error="no whole answer within 1 s")
    with pytest.raises(NoAnswer, match="cadence leads: no whole answer within 1 s"):
        judge(silent, "leads", None, None, None)


def test_more_leads_than_are_read_are_advice(tmp_path: Path) -> None:
    """A list of leads that is larger than what is read of an answer is not judged, and the check says so."""
    with HostedDeployment() as process:
        values = EnvFile.read(process.env_file).values
        key = lead_key(values["STATE_REDIS_PREFIX"].reveal(), "zoe@example.com")
        with connect(values["REDIS_URL"].reveal()) as client:
            client.set(key, json.dumps({"email": "zoe@example.com", "note": "x" * (1 << 20)}))
        profile = {"base_url": process.base_url, "env_file": str(process.env_file)}
        many = {"many": {"": {**profile, "environment": "production"}}}
        gate = ask_gate("state", tmp_path, "-k", "STATE-06", profiles=many)
    assert gate.outcomes("many") == {"STATE-06": "advised"}
    assert "was not compared with Redis" in gate.observed("many", "STATE-06")
    assert "larger than 1 MiB" in gate.shown
