"""The recipes for CI: they fit the published schemas, and their shell parts do what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from ruamel.yaml import YAML

from tests.support.evidence_sets import Keys
from tests.support.hosted import HostedDeployment
from tests.support.places import CHECKOUT
from tests.support.suite_runs import clean_environment
from tests.support.trackers import PROJECT, Tracker

WORKFLOWS = [".github/workflows/acceptance.yml", ".github/workflows/readme.yml", "docs/ci/deploy.yml"]
GITLAB = "docs/ci/gitlab-ci.yml"
NEEDS_BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="the recipes are for machines with bash")


def read(path: str) -> Any:
    """Return a recipe as data."""
    return YAML(typ="safe").load((CHECKOUT / path).read_text("utf-8"))


@pytest.mark.parametrize("path", [*WORKFLOWS, GITLAB])
def test_a_recipe_fits_its_schema(path: str) -> None:
    """Each recipe is valid by the published schema of its CI, as check-jsonschema ships it."""
    kind = "gitlab-ci" if path == GITLAB else "github-workflows"
    jsonschema.validate(read(path), get_builtin_schema(f"vendor.{kind}"))


def test_the_schemas_refuse() -> None:
    """The schemas notice a misspelt key and a job without steps: the test above can fail."""
    workflow = read(WORKFLOWS[0])
    workflow["jobs"]["acceptance"]["run-on"] = "ubuntu-latest"
    recipe = read(GITLAB)
    recipe["acceptance"]["script"] = 5
    for data, kind in ((workflow, "github-workflows"), (recipe, "gitlab-ci")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(data, get_builtin_schema(f"vendor.{kind}"))


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed")
def test_actionlint_finds_nothing() -> None:
    """actionlint, where it is installed, has nothing to say."""
    done = subprocess.run(
        ["actionlint", *WORKFLOWS], cwd=CHECKOUT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_secrets_reach_a_step_as_variables_only() -> None:
    """No shell part has `${{`: a secret or an input in it would be shell code, and shown in the log."""
    for path in WORKFLOWS:
        for job in read(path)["jobs"].values():
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")], path


LEDGER = ["reports/ledger.jsonl", "reports/ledger.jsonl.head"]


def test_github_keeps_the_ledger() -> None:
    """The ledger is restored before the run, whatever run saved it last, and saved after a NO-GO too."""
    parts = read(WORKFLOWS[0])["jobs"]["acceptance"]["steps"]
    (before, restore), (after, save) = (
        (place, step) for place, step in enumerate(parts) if step.get("uses", "").startswith("actions/cache/")
    )
    check = next(place for place, step in enumerate(parts) if step.get("name") == "Check the deployment")
    assert before < check < after
    assert restore["uses"].startswith("actions/cache/restore@")
    assert save["uses"].startswith("actions/cache/save@")
    assert save["if"] == "${{ !cancelled() }}"
    assert restore["with"]["path"].split() == save["with"]["path"].split() == LEDGER
    assert restore["with"]["key"] == save["with"]["key"]
    # A cache cannot be written twice: each run has a key of its own, and begins with the latest one.
    assert save["with"]["key"].startswith(restore["with"]["restore-keys"] + "${{ github.run_id }}")
    assert "${{ matrix.environment }}" in restore["with"]["restore-keys"]


def test_gitlab_keeps_the_ledger() -> None:
    """The ledger of each environment is cached, after a NO-GO too."""
    cache = read(GITLAB)["acceptance"]["cache"]
    assert cache == {"key": "ledger-$ENVIRONMENT", "paths": LEDGER, "when": "always"}


class Shop:
    """A checkout as CI has it, with the deployment that it checks and the tracker that it tells."""

    def __init__(self, folder: Path, deployment: HostedDeployment, tracker: Tracker) -> None:
        self.folder = folder / "checkout"
        shutil.copytree(
            CHECKOUT / "acceptance", self.folder / "acceptance", ignore=shutil.ignore_patterns("__*")
        )
        for name in ("conftest.py", "pytest.ini"):
            shutil.copy(CHECKOUT / name, self.folder)
        ready = deployment.profiles_file.read_text("utf-8")
        profile = ready.replace("\n", '\nenv_file = "../.env.production"\n', 1)
        (self.folder / "acceptance" / "environments.toml").write_text(profile, "utf-8")
        self.tracker = tracker
        self.keys = Keys.made(folder / "keys")
        self.env_file = deployment.env_file
        (folder / "temp").mkdir()
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
        (bin_folder / "python").chmod(0o755)
        self.around = clean_environment(
            PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            PYTHONPATH=str(CHECKOUT),
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            PYTEST_PLUGINS="pytest_caio.plugin",
            RUNNER_TEMP=str(folder / "temp"),
            ENVIRONMENT="production",
            GITHUB_REPOSITORY=PROJECT,
            GITHUB_API_URL=tracker.base,
            GITHUB_TOKEN="ghs_Zk4vQ9rT2mXw7LpBn8YdC5sH",
            GITHUB_SHA="c0ffee5ca1ab1e0ddba11ca5cade5eedfacade42",
            CI_API_V4_URL=tracker.base,
            CI_PROJECT_PATH=PROJECT,
            CAIO_ISSUE="7",
            GITLAB_TOKEN="glpat-Zk4vQ9rT2mXw7LpBn8Yd",
            CAIO_EVIDENCE_KEY=str(self.keys.private),
            CAIO_EVIDENCE_PUB=str(self.keys.public),
        )

    def run(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a shell part as GitHub does: bash, which ends at the first error."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self.around, **more},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def secrets(self, *, env_file: str = "") -> Mapping[str, str]:
        """Return the secrets as the workflow passes them to its step."""
        return {
            "ENV_FILE": env_file or self.env_file.read_text("utf-8").rstrip("\n"),
            "EVIDENCE_KEY": self.keys.private.read_text("utf-8").rstrip("\n"),
            "EVIDENCE_PUB": self.keys.public.read_text("utf-8").rstrip("\n"),
        }


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A checkout whose `production` is a reference deployment on loopback."""
    tracker = Tracker()
    try:
        with HostedDeployment(environment="production") as deployment:
            yield Shop(tmp_path, deployment, tracker)
    finally:
        tracker.close()


def steps(path: str, job: str) -> dict[str, str]:
    """Return the shell parts of a workflow's job by name."""
    return {step["name"]: step["run"] for step in read(path)["jobs"][job]["steps"] if "name" in step}


@NEEDS_BASH
def test_a_night_that_is_no_go(shop: Shop) -> None:
    """A NO-GO fails the job, opens an issue with the signed evidence, and a deploy refuses that evidence."""
    keep, check, issue = steps(WORKFLOWS[0], "acceptance").values()
    lines = [line for line in shop.env_file.read_text("utf-8").splitlines() if "AUTH_TOKEN" not in line]
    env_file = "\n".join([*lines, "DASHBOARD_AUTH_TOKEN=Zk4vQ9rT2mXw7LpBn8YdC5sHq3"])
    unset = shop.run(keep, **{**shop.secrets(), "ENV_FILE": ""})
    assert (unset.returncode, unset.stdout) == (1, "::error::CAIO_ENV_FILE is not set for production\n")
    assert shop.run(keep, **shop.secrets(env_file=env_file)).returncode == 0
    assert (shop.folder / ".env.production").stat().st_mode & 0o077 == 0
    done = shop.run(check, PYTEST_ADDOPTS="-p pytest_base_url.plugin -k status_opens_with_the_token")
    assert done.returncode == 1, done.stdout + done.stderr
    told = shop.run(issue)
    assert told.returncode == 0, told.stdout + told.stderr
    (opened,) = shop.tracker.issues
    assert (opened["title"], opened["state"]) == ("Acceptance: production is NO-GO", "open")
    deploy = steps("docs/ci/deploy.yml", "deploy")["Verify the evidence"].replace("staging", "production")
    refused = shop.run(deploy, **shop.secrets())
    assert (refused.returncode, refused.stdout[:22]) == (1, "refused: the verdict i"), refused.stderr


@NEEDS_BASH
@pytest.mark.nightly
def test_a_night_that_is_go(shop: Shop) -> None:
    """A GO closes the issue, and a deploy accepts the evidence; GitLab's recipe does the same with a note."""
    keep, check, issue = steps(WORKFLOWS[0], "acceptance").values()
    shop.tracker.issues.append(
        {
            "number": 101,
            "state": "open",
            "html_url": f"{shop.tracker.base}/i/101",
            "body": "<!-- caio-acceptance environment=production -->",
        }
    )
    assert shop.run(keep, **shop.secrets()).returncode == 0
    done = shop.run(check, PYTEST_ADDOPTS="-p pytest_base_url.plugin")
    assert done.returncode == 0, done.stdout + done.stderr
    told = shop.run(issue)
    assert told.returncode == 0, told.stdout + told.stderr
    assert shop.tracker.issues[0]["state"] == "closed"
    deploy = steps("docs/ci/deploy.yml", "deploy")["Verify the evidence"].replace("staging", "production")
    accepted = shop.run(deploy, **shop.secrets())
    assert (accepted.returncode, accepted.stdout[:3]) == (0, "GO:"), accepted.stdout + accepted.stderr
    shutil.rmtree(shop.folder / "reports")
    shop.tracker.comments.clear()
    recipe = read(GITLAB)
    variables = {
        "CAIO_ENV_FILE": str(shop.env_file),
        "CI_COMMIT_SHA": shop.around["GITHUB_SHA"],
        "PYTEST_ADDOPTS": "-p pytest_base_url.plugin",
    }
    parts = (
        *recipe["acceptance"]["script"],
        *recipe["acceptance"]["after_script"],
        *recipe["deploy"]["script"],
    )
    for script in parts:
        done = shop.run(script.replace("staging", "production"), **variables)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(shop.tracker.comments) == 1
