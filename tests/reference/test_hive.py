"""The file state that a reference deployment leaves, and the profile that goes with it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pytest_caio.commands.serve import configure
from pytest_caio.environments.profiles import read_profiles
from pytest_caio.errors import InputError
from pytest_caio.reference.hosting.host import host
from pytest_caio.state import connect, migrate, read_index
from tests.support.hosted import HostedDeployment


def test_hive_has_its_twins(tmp_path: Path) -> None:
    """The file state written is that of the deployment's Redis, and stays where it was asked for."""
    hive = tmp_path / "left" / "hive"
    with HostedDeployment("--hive-dir", str(hive), "--seed-leads", "5", environment="staging") as process:
        assert process.hive_dir == hive
        settings = dict(line.split("=", 1) for line in process.env_file.read_text("utf-8").splitlines())
        prefix = settings["STATE_REDIS_PREFIX"]
        with connect(settings["REDIS_URL"]) as client:
            summary = migrate(hive, client, prefix, dry_run=True)
        assert (summary.ok, summary.already_equal) == (True, 7)
        profiles = read_profiles(process.profiles_file)
        assert list(profiles) == ["staging"]
        state, replay = profiles["staging"].state, profiles["staging"].replay
        assert state is not None
        assert replay is not None
        assert state.hive_dir == str(hive)
        assert state.cutover is not None
        entries = read_index(hive, prefix).entries.values()
        assert all(entry.mtime < state.cutover.timestamp() for entry in entries)
        assert Path(replay.golden_set).is_file()
    assert hive.is_dir()


def test_hive_beside_the_env_file_is_removed() -> None:
    """A hive directory that nobody asked for goes with the deployment."""
    with HostedDeployment() as process:
        assert process.hive_dir.parent == process.env_file.parent
        assert (process.hive_dir / "operator_state.json").is_file()
    assert not process.hive_dir.exists()


@pytest.mark.parametrize("kept", [".hive-mind/operator_state.json", ".hive-mind"])
def test_folder_that_is_in_use_is_refused(tmp_path: Path, kept: str) -> None:
    """A folder with files in it, which may be real state, is not written to, nor is a file."""
    path = tmp_path / kept
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}", "utf-8")
    parser = argparse.ArgumentParser(exit_on_error=False)
    configure(parser)
    with pytest.raises(InputError, match="--hive-dir"):
        host(parser.parse_args(["--hive-dir", str(tmp_path / ".hive-mind")]), lambda *_: None)
    assert path.read_text("utf-8") == "{}"
