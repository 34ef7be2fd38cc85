"""A folder with an env file in it, and the command in this process."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pytest_caio.commands import bootstrap as command
from tests.support.bootstrap_outside import CRM, OUTSIDE, Ran, Run


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Return an env file with what comes from outside, and nothing else."""
    path = tmp_path / ".env.production"
    path.write_text(
        "".join(f"{key}={value}\n" for key, value in {**OUTSIDE, **CRM}.items()), encoding="utf-8"
    )
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command on a file, with more options, and returns what it did."""

    def bootstrap(path: Path, *options: str, mode: str = "production") -> Ran:
        parser = argparse.ArgumentParser()
        command.configure(parser)
        fixed = ["--env-file", str(path), "--mode", mode]
        status = command.run(parser.parse_args([*fixed, *options]))
        return Ran(status, *capsys.readouterr())

    return bootstrap
