"""The SHA-256 of what a run is judged by."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pytest_caio.errors import InputError
from pytest_caio.system.paths import is_file

__all__ = ["digests_of"]


def digests_of(profiles: Path, waivers: Path, suite: Path) -> dict[str, str]:
    """Return the SHA-256 of the profiles, of the waivers where there are any, and of the suite's modules.

    That of the suite is what `sha256sum *.py | sha256sum` prints in its folder. Raises InputError for
    one that cannot be read.
    """

    def digest(path: Path) -> str:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from None

    modules = (path for path in sorted(suite.glob("*.py")) if is_file(path))
    lines = "".join(f"{digest(path)}  {path.name}\n" for path in modules)
    # A pipe, as a shell's <(...) is, cannot be read a second time.
    files = {"profiles": profiles, "waivers": waivers}
    read = {name: digest(path) for name, path in files.items() if is_file(path)}
    return {**read, "suite": hashlib.sha256(lines.encode()).hexdigest()}
