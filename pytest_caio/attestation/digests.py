"""The SHA-256 of what a run is judged by."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["digests_of"]


def digests_of(profiles: Path, waivers: Path, suite: Path) -> dict[str, str]:
    """Return the SHA-256 of the profiles, of the waivers where there are any, and of the suite's modules.

    That of the suite is what `sha256sum *.py | sha256sum` prints in its folder.
    """

    def digest(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    modules = (path for path in sorted(suite.glob("*.py")) if path.is_file())
    lines = "".join(f"{digest(path.read_bytes())}  {path.name}\n" for path in modules)
    # A pipe, as a shell's <(...) is, cannot be read a second time.
    files = {"profiles": profiles, "waivers": waivers}
    read = {name: digest(path.read_bytes()) for name, path in files.items() if path.is_file()}
    return {**read, "suite": digest(lines.encode())}
