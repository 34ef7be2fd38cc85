"""Commands as people write them: split into words, and the program found as the system finds it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

from pytest_caio.system.paths import is_file

__all__ = ["find_program", "split_words"]

# Between double quotes is anything else; single quotes group a whole word only, and not within O'Brien.
_WINDOWS_WORD = re.compile(r"""\s*(?:'([^']*)'(?!\S)|((?:[^\s"]|"[^"]*")+))\s*""")
_WINDOWS_ENDINGS = ".COM;.EXE;.BAT;.CMD"


def split_words(command: str, *, windows: bool = os.name == "nt") -> list[str]:
    """Return the words of a command, split as a shell of this system does; quotes are removed.

    On Windows a backslash is part of a path, and quotes may begin within a word: `--folder="C:\\tool box"`.
    Raises ValueError for an unclosed quote.
    """
    if not windows:
        return shlex.split(command)
    words, place = [], 0
    while place < len(command.rstrip()):
        found = _WINDOWS_WORD.match(command, place)
        if found is None:
            raise ValueError("No closing quotation")
        words.append(found[2].replace('"', "") if found[1] is None else found[1])
        place = found.end()
    return words


def find_program(word: str, folder: Path, *, windows: bool = os.name == "nt") -> str | None:
    """Return the absolute path of the program that `word` starts in `folder`, or None.

    A name is searched for in PATH, on Windows first in `folder`. A path is relative to `folder`; systems
    would differ in that. On Windows the endings of PATHEXT are added: `npm` is `npm.cmd`, never the shell
    script of that name beside it, which Windows cannot start.
    """
    is_name = Path(word).name == word
    if not windows:
        found = shutil.which(word if is_name else folder / word)
        return None if found is None else str(Path(found).absolute())
    endings = (os.environ.get("PATHEXT") or _WINDOWS_ENDINGS).lower().split(";")
    names = (
        [word] if Path(word).suffix.lower() in endings else [word + ending for ending in endings if ending]
    )
    folders = [folder, *map(Path, os.get_exec_path())] if is_name else [folder]
    places = (there / name for there in folders for name in names)
    return next((str(place.absolute()) for place in places if is_file(place)), None)
