"""The file is put in place whole, for its owner alone, and what was there is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_caio.bootstrap import privatefile
from pytest_caio.errors import InputError
from tests.support.bootstrap_outside import BASE_URL, OUTSIDE, Run

WHOLE = ("--generate-secrets", "--base-url", BASE_URL)
posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


def mode_of(path: Path) -> int:
    """Return a file's permissions."""
    return path.stat().st_mode & 0o777


@posix
def test_only_the_owner_may_read(run: Run, env_file: Path) -> None:
    """The file, and its backup, are 0600 whatever the file was and whatever the umask is."""
    env_file.chmod(0o666)
    old = os.umask(0)
    try:
        run(env_file, *WHOLE)
    finally:
        os.umask(old)
    assert mode_of(env_file) == mode_of(privatefile.backup_of(env_file)) == 0o600


@posix
def test_a_file_that_needs_nothing_is_taken_from_others(run: Run, env_file: Path) -> None:
    """Permissions are narrowed even where no key is missing."""
    run(env_file, *WHOLE)
    env_file.chmod(0o644)
    ran = run(env_file, *WHOLE)
    assert (ran.status, ran.summary["changed"], mode_of(env_file)) == (0, False, 0o600)
    assert "no longer can" in ran.err


def test_the_backup_is_the_file_before_the_newest_change(run: Run, env_file: Path) -> None:
    """Each change keeps what it changed; an empty file is not worth keeping, and displaces nothing."""
    before = env_file.read_bytes()
    backup = privatefile.backup_of(env_file)
    assert run(env_file, *WHOLE).summary["backup"] == str(backup)
    assert backup.read_bytes() == before
    second = env_file.read_bytes()
    run(env_file, "--generate-secrets", "--overwrite=SESSION_SECRET_KEY")
    assert backup.read_bytes() == second
    env_file.write_bytes(b"\xef\xbb\xbf\r\n")
    given = [f"--set={key}={value}" for key, value in OUTSIDE.items()]
    assert run(env_file, *WHOLE, *given).summary["backup"] is None
    assert backup.read_bytes() == second


@posix
def test_a_link_goes_on_leading_there(run: Run, env_file: Path, tmp_path: Path) -> None:
    """The file that a link leads to is filled in, and the link stays; one that leads nowhere is refused."""
    link = tmp_path / "link.env"
    link.symlink_to(env_file)
    assert run(link, *WHOLE).status == 0
    assert link.is_symlink()
    assert b"SESSION_SECRET_KEY" in env_file.read_bytes()
    loop = tmp_path / "loop.env"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="cannot be reached"):
        run(loop, *WHOLE)
    away = tmp_path / "away.env"
    away.symlink_to(tmp_path / "no-folder" / "x.env")
    with pytest.raises(InputError, match=r"there is no folder"):
        run(away, *WHOLE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("REDIS_URL=x\n".encode("utf-16"), "is UTF-16"),
        ("REDIS_URL=x\n".encode("utf-16-le"), "is UTF-16"),
        (b"A=1\nB=\xff\n", "line 2: is not UTF-8"),
        (b"A=1\nB='never ends\n", "line 2: is not KEY=value"),
    ],
)
def test_files_that_cannot_be_read(run: Run, env_file: Path, content: bytes, message: str) -> None:
    """One line says what is wrong with the file, and it stays as it is."""
    env_file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        run(env_file, *WHOLE)
    assert env_file.read_bytes() == content


def test_places_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    """A folder, and a file in a folder that is not there, are refused."""
    with pytest.raises(InputError, match="is a folder"):
        run(tmp_path, *WHOLE)
    with pytest.raises(InputError, match=r"there is no folder .*; make it first"):
        run(tmp_path / "no" / ".env", *WHOLE)


@posix
def test_a_pipe_is_no_file(run: Run, tmp_path: Path) -> None:
    """What is no ordinary file is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no ordinary file"):
        run(tmp_path / "pipe", *WHOLE)


def test_a_backup_that_cannot_be_written_stops_all(run: Run, env_file: Path) -> None:
    """Without what was there being kept, nothing is replaced, and no part is left behind."""
    before = env_file.read_bytes()
    privatefile.backup_of(env_file).mkdir()
    with pytest.raises(InputError, match=r"\.bak: cannot be written"):
        run(env_file, *WHOLE)
    assert env_file.read_bytes() == before
    assert len(list(env_file.parent.iterdir())) == 2


def test_a_file_that_changed_meanwhile_is_not_replaced(env_file: Path) -> None:
    """What another program wrote since the file was read is not lost."""
    with pytest.raises(InputError, match="was changed by another program"):
        privatefile.put_in_place(env_file, b"read before", b"new")
    with pytest.raises(InputError, match="was changed by another program"):
        privatefile.put_in_place(env_file, None, b"new")
    assert b"INNGEST" in env_file.read_bytes()


def test_a_killed_process_leaves_a_whole_file(tmp_path: Path) -> None:
    """Killed at any moment, a process that goes on replacing the file leaves one that it wrote, whole."""
    path = tmp_path / ".env.production"
    old, new = b"A=old\n" * 20_000, b"A=new\n" * 20_000
    code = (
        "import sys; from pathlib import Path; from pytest_caio.bootstrap.privatefile import put_in_place\n"
        "path, old, new = Path(sys.argv[1]), b'A=old\\n' * 20_000, b'A=new\\n' * 20_000\n"
        "put_in_place(path, None, old)\n"
        "print('started', flush=True)\n"
        "while True: put_in_place(path, old, new); put_in_place(path, new, old)\n"
    )
    for delay in (0.0, 0.003, 0.011, 0.02):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"started\n"
            time.sleep(delay)
            process.kill()
            process.wait(timeout=30)
        assert path.read_bytes() in (old, new)
        backup = privatefile.backup_of(path)
        assert not backup.exists() or backup.read_bytes() in (old, new)
