"""Paths that cannot be looked at, for want of rights or by too long a name, and what may have no end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_caio.attestation.digests import digests_of
from pytest_caio.attestation.evidence_set import EvidenceSet, read
from pytest_caio.attestation.keys import generate
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.environment import load_environment
from pytest_caio.environments.profiles import PackSection, Profile, ReplaySection
from pytest_caio.errors import InputError
from pytest_caio.evidence.github import append_summary
from pytest_caio.evidence.since import read_against
from pytest_caio.gates.requirements import needs_golden_set, needs_pack, needs_runner
from pytest_caio.outcomes import MissingInput
from pytest_caio.replay import load_answers, load_golden
from pytest_caio.replay.runners import CommandRunner, missing_script
from pytest_caio.state.summary import read_summary
from pytest_caio.system.paths import is_file, is_folder, is_missing, is_there, need_file
from tests.support.records import check, record

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows says that such a path is missing")
LONG = Path("x" * 300)  # 255 bytes are the most on common file systems


def test_what_is_said_of_such_a_path(tmp_path: Path) -> None:
    """It is no file and no folder, and yet not said to be missing: to read it tells why it cannot be read."""
    for path in (tmp_path / LONG, tmp_path / LONG / "file"):
        assert not any(says(path) for says in (is_file, is_folder, is_there, is_missing))
        need_file(path)
    assert is_missing(tmp_path / "file")
    assert is_missing("\0")
    assert not is_missing(tmp_path)


@pytest.fixture(params=["a name that is too long", "a folder that may not be entered"])
def unseen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing can be seen."""
    if "long" in request.param:
        yield tmp_path / LONG
        return
    folder = tmp_path / "folder"
    folder.mkdir(0)
    if os.access(folder, os.X_OK):
        pytest.skip("root may enter every folder")
    yield folder
    folder.chmod(0o700)


def test_what_cannot_be_seen_is_refused_in_one_line(unseen: Path) -> None:
    """Evidence, keys, a profile's env file and a runner in such a folder are refused, each in one line."""
    profile = Profile(env_file=str(unseen / "prod.env"))
    for attempt in (
        lambda: EvidenceSet.of([unseen / "production-20260101T000000Z.json"]).files(),
        lambda: read(unseen / "production-20260101T000000Z.json"),
        lambda: generate(unseen),
        lambda: load_environment("production", profile, Path(), keys=(), process={}),
        lambda: CommandRunner(str(unseen / "agent")),
        lambda: CommandRunner("python agent.py", cwd=unseen / "folder"),
    ):
        with pytest.raises(InputError, match=r"xxx|folder"):
            attempt()
    assert missing_script("python agent.py", unseen) == "agent.py"


def test_inputs_of_a_profile_that_cannot_be_seen_are_missing(unseen: Path) -> None:
    """A golden set, a checkout and a runner's folder that cannot be seen are told as missing inputs."""
    golden = Path(__file__)
    for needs, profile in (
        (needs_golden_set, Profile(replay=ReplaySection(golden_set=str(unseen / "golden.json")))),
        (needs_runner, Profile(replay=ReplaySection(str(golden), runner="agent", cwd=str(unseen / "sub")))),
        (needs_pack, Profile(pack=PackSection(cwd=str(unseen / "sub"), tests=("test_a.py",)))),
        (needs_pack, Profile(pack=PackSection(cwd=str(golden.parent), tests=(str(unseen / "test_a.py"),)))),
    ):
        environment = load_environment(
            "production", profile, Path(), keys=(), process={}, base_url="https://caio.example.com"
        )
        with pytest.raises(MissingInput, match="no such f"):
            needs(environment)


def test_a_module_of_the_suite_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the suite that cannot be read is named."""
    module = tmp_path / "test_auth.py"
    module.touch(0)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InputError, match=r"test_auth\.py: Permission denied"):
        digests_of(tmp_path / "none.toml", tmp_path / "none.toml", tmp_path)


@pytest.mark.parametrize("reads", [read_against, load_golden, load_answers, read_summary, read])
def test_what_may_have_no_end_is_not_read(tmp_path: Path, reads: Callable[[Path], object]) -> None:
    """A pipe that nobody writes to, and a device, are refused at once where a file is wanted."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="is no file"):
            reads(path)


def test_a_step_summary_that_nobody_reads(tmp_path: Path) -> None:
    """A pipe as the step summary does not hold up the end of a run: without a reader that is told."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ran = record(check("AUTH-01", "passed"))
    assert f"{pipe} could not be written: " in append_summary(ran, {"GITHUB_STEP_SUMMARY": str(pipe)})


def test_an_env_file_may_be_a_pipe() -> None:
    """An env file is read from a pipe too, as a shell's `<(...)` is one."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(b"ENVIRONMENT=production\n")
    with os.fdopen(reader, "rb"):
        assert EnvFile.read(Path(f"/dev/fd/{reader}")).values["ENVIRONMENT"].reveal() == "production"
