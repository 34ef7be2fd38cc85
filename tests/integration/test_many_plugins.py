"""The suite beside the plugins that are used most: the same verdict, and no secret in what they write."""

from __future__ import annotations

import json
import string
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.echo import ENCODINGS, echoing
from tests.support.planted import Planted
from tests.support.suite_runs import Ask, Deployment, Outcome

pytestmark = pytest.mark.nightly

# What pip installs, and the options with which the plugin acts on a run; `{evidence}` is the run's folder.
PLUGINS: Mapping[str, tuple[str, ...]] = {
    "allure-pytest": ("--alluredir={evidence}/others/allure",),
    "pytest-asyncio": (),
    "pytest-bdd": (),
    "pytest-benchmark": (),
    "pytest-check": (),
    "pytest-clarity": (),
    "pytest-cov": (),
    "pytest-csv": ("--csv={evidence}/others/run.csv",),
    "pytest-dependency": (),
    "pytest-django": (),
    "pytest-env": (),
    "pytest-forked": (),
    "pytest-github-actions-annotate-failures": (),
    "pytest-harvest": (),
    "pytest-instafail": ("--instafail",),
    "pytest-json-report": ("--json-report", "--json-report-file={evidence}/others/report.json"),
    "pytest-md": ("--md={evidence}/others/run.md",),
    "pytest-md-report": ("--md-report", "--md-report-output={evidence}/others/report.md"),
    "pytest-mock": (),
    "pytest-nunit": ("--nunit-xml={evidence}/others/nunit.xml",),
    "pytest-order": (),
    "pytest-picked": (),
    "pytest-repeat": ("--count=2",),
    "pytest-reportlog": ("--report-log={evidence}/others/log.jsonl",),
    "pytest-rerunfailures": ("--reruns=1",),
    "pytest-socket": (),
    "pytest-split": ("--splits=1", "--group=1"),
    "pytest-subtests": (),
    "pytest-sugar": (),
}
WRITERS = tuple(name for name, options in PLUGINS.items() if "{evidence}" in "".join(options))
_ENTRY_POINTS = """
import importlib.metadata as m, json
print(json.dumps({d.metadata["Name"].lower(): [e.name for e in d.entry_points if e.group == "pytest11"]
                  for d in m.distributions()}))
"""


@dataclass(frozen=True)
class Around:
    """An environment with the plugins, and the names by which pytest loads those that pip could install."""

    python: Path
    names: Mapping[str, Sequence[str]]

    def how(self, *plugins: str) -> dict[str, object]:
        """Return how `start_suite` runs with these plugins only. Skips the test if one is not installed."""
        missing = [name for name in plugins if name not in self.names]
        if missing:
            pytest.skip(f"{', '.join(missing)} cannot be installed here")
        # In GitHub's CI, a plugin writes annotations.
        environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "GITHUB_ACTIONS": "true"}
        return {"python": self.python, "plugins": True, "environment": environment}

    def options(self, *plugins: str, evidence: Path) -> list[str]:
        """Return the options that load these plugins, and those with which they act."""
        loaded = [part for name in plugins for entry in self.names[name] for part in ("-p", entry)]
        acting = [option for name in plugins for option in PLUGINS[name]]
        # Some plugins fail where pytest-xdist is installed and not loaded.
        return [
            "-p",
            "metadata",
            "-p",
            "xdist",
            *loaded,
            *(option.replace("{evidence}", str(evidence)) for option in acting),
        ]


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Around:
    """An environment of its own with the plugins, and with the packages of this one."""
    home = tmp_path_factory.mktemp("plugins")
    venv.create(home, with_pip=True)
    scheme = sysconfig.get_path("purelib", "venv", vars={"base": str(home), "platbase": str(home)})
    (Path(scheme) / "base.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*install, *PLUGINS], capture_output=True, check=False).returncode:
        for name in PLUGINS:  # then those that can be
            subprocess.run([*install, name], capture_output=True, check=False)
    told = subprocess.run(
        [str(python), "-c", _ENTRY_POINTS], capture_output=True, check=True, encoding="utf-8"
    )
    names: dict[str, list[str]] = json.loads(told.stdout)
    return Around(python, {name: names[name] for name in PLUGINS if name in names})


@pytest.fixture(scope="module")
def against(calm: Deployment, go: Outcome) -> tuple[Deployment, Outcome]:
    """A deployment, and the outcome of a run against it without the plugins."""
    return calm, go


@pytest.mark.parametrize("name", PLUGINS)
def test_the_verdict_is_the_same(
    ask: Ask, against: tuple[Deployment, Outcome], around: Around, name: str, tmp_path: Path
) -> None:
    """Beside each plugin the run is GO with the same cases and outcomes."""
    (to, go), how = against, around.how(name)
    options = around.options(name, evidence=tmp_path)
    (tmp_path / "others").mkdir()
    outcome = ask("acceptance", *options, to=to, **how)
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    assert outcome.evidence["verdict"] == "GO"
    assert outcome.cases == go.cases
    # A wrong login may be refused as one too many: five within five minutes lock this address out.
    assert {**outcome.checks, "AUTH-14": "", "AUTH-16": ""} == {**go.checks, "AUTH-14": "", "AUTH-16": ""}


def test_the_verdict_is_the_same_beside_all(
    ask: Ask, against: tuple[Deployment, Outcome], around: Around, tmp_path: Path
) -> None:
    """Beside all plugins at once (allure, reportlog, csv, nunit …) the run is GO with the same cases."""
    to, go = against
    (tmp_path / "others").mkdir()
    options = around.options(*around.names, evidence=tmp_path)
    outcome = ask("acceptance", *options, to=to, **around.how())
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    assert outcome.evidence["verdict"] == "GO"
    assert outcome.cases == go.cases
    assert len(around.names) >= 25


@pytest.mark.parametrize(
    "plugins", [*((name,) for name in WRITERS), ()], ids=lambda names: "".join(names) or "all"
)
def test_no_plugin_writes_a_secret(around: Around, plugins: tuple[str, ...], tmp_path: Path) -> None:
    """What each plugin writes, alone and beside all others, has no secret, also not of the command line."""
    planted = Planted(tmp_path, string.ascii_letters)
    encodings = list(ENCODINGS.values())
    texts = [encodings[n % len(encodings)](secret) for n, secret in enumerate(planted.known)]
    how = around.how(*plugins)
    how["environment"] = {**how["environment"], "CHATTER_UNNAMED": "1"}  # type: ignore[dict-item]
    (tmp_path / "evidence" / "others").mkdir(parents=True)  # some plugins do not make it
    options = around.options(*(plugins or around.names), evidence=tmp_path / "evidence")
    with echoing() as (url, cookies):
        outcome = planted.run(url, *options, texts=texts, **how)
    assert outcome.status == 1, outcome.stdout + outcome.stderr
    assert "INTERNALERROR" not in outcome.stdout + outcome.stderr
    assert [path for path in (tmp_path / "evidence" / "others").rglob("*") if path.is_file()]
    assert planted.leaks(outcome, cookies) == {}
