"""The commands in the documents, extracted and parsed as steps that a test can run."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.support.places import CHECKOUT

__all__ = ["DOCUMENTS", "Command", "Step", "commands", "step_of", "steps"]

DOCUMENTS = ("README.md", "docs/runbook.md", "docs/waivers.md", "docs/evidence.md", "CONTRIBUTING.md")
_SHELLS = {"sh": "sh", "bash": "sh", "powershell": "powershell"}
_NO_COMMANDS = ("toml", "python", "text")
# Inline code is a command if it begins like this; a program's name without arguments is not one.
_PROGRAMS = re.compile(r"(python3?|py|pip|pytest|make|caio|\.venv\S*) \S|\.ci/\w+")
# Blocks use the interpreter of .venv, since the documents do not say to activate it.
_INTERPRETERS = {"sh": ".venv/bin/python", "powershell": ".venv/Scripts/python"}
_OTHER_PYTHONS = ("python3", "py")  # these create .venv; `py -3.13` chooses one
# Placeholders in the documents for paths of the reader.
_PLACEHOLDERS = {"PATH": ".hive-mind", "DIR": ".hive-mind", "FILE": ".env.production"}


@dataclass(frozen=True)
class Command:
    """A command in a document, with its place; `shell` is `sh`, `powershell` or `inline`."""

    document: str
    line: int
    shell: str
    text: str

    def __str__(self) -> str:
        """The place of the command, and its text."""
        return f"{self.document}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Step:
    """What a command does, in any shell: its kind, and the words that matter for that kind."""

    kind: str
    words: tuple[str, ...]


def commands(document: str) -> Iterator[Command]:
    """Find the commands of a document: lines of its blocks, and inline code."""
    text = (CHECKOUT / document).read_text("utf-8")
    prose, language = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        inside, fence = language, re.match(r" *```(\w*)$", line)
        if fence:
            language = "" if language else fence[1] or "unnamed"
        elif inside and inside not in _NO_COMMANDS and line.strip():
            yield Command(document, number, _SHELLS.get(inside, inside), line.strip())
        prose += "\n" if inside or fence else line + "\n"
    for span in re.finditer(r"`([^`]+)`", prose):
        code = " ".join(span[1].split())
        if _PROGRAMS.match(code):
            yield Command(document, prose.count("\n", 0, span.start()) + 1, "inline", code)


def steps() -> Mapping[Step, list[Command]]:
    """Return each step of the documents, with the commands that are equivalent to it."""
    found = defaultdict(list)
    for document in DOCUMENTS:
        for command in commands(document):
            found[_usual(step_of(command))].append(command)
    return found


def _usual(step: Step) -> Step:
    """Return a step with placeholders replaced, and with production instead of staging.

    The test deployments differ by their names only, so both would test the same.
    """
    if step.kind not in ("suite", "command"):
        return step
    words = tuple(_PLACEHOLDERS.get(word, word) for word in step.words)
    if "production" in words:
        return Step(step.kind, words)
    return Step(step.kind, tuple(word.replace("staging", "production") for word in words))


def step_of(command: Command) -> Step:
    """Parse a command as a step; its kind is `unknown` if no test can run it."""
    unknown = Step("unknown", (str(command),))
    if command.shell not in ("sh", "powershell", "inline"):
        return unknown
    written = command.text.replace("\\", "/") if command.shell == "powershell" else command.text
    program, *words = shlex.split(written, comments=True)
    match program, words:
        case ("notepad" | "${EDITOR:-nano}", [path]):
            return Step("edit", (path,))
        case "make", [_, *_]:
            return Step("make", tuple(words))
        case _, ["-m", "venv", ".venv"] | ["-3.13", "-m", "venv", ".venv"] if program in _OTHER_PYTHONS:
            return Step("venv", ())
    if command.shell == "inline" and program == "pytest":
        return _python(("-m", "pytest", *words)) or unknown
    if command.shell == "inline" and not words and "/" in program:
        return Step("script", (program,))
    if program == _INTERPRETERS.get(command.shell, "python"):
        return _python(tuple(words)) or unknown
    return unknown


def _python(words: tuple[str, ...]) -> Step | None:
    """Parse the arguments of an interpreter; return None for unknown ones."""
    match words:
        case "-m", "pip", "install", "--editable", package:
            return Step("install", (package,))
        case "-m", "playwright", "install", "chromium":
            return Step("browser", ())
        case ("-m", "pytest", "acceptance") | ("-m", "pytest", "tests", *_):
            return Step("recipe", words)  # what `make acceptance` and `make test` run
        case "-m", "pytest", path, "-k", name if path.startswith("tests/"):
            return Step("test", (path, name))
        case "-m", "pytest", "acceptance", *rest:
            return Step("suite", tuple(rest))
        case "-m", "pytest", "--version":
            return Step("version", ())
        case "-m", "pytest_caio", "serve":
            return Step("serve", ())
        case "-c", code:
            return Step("code", (code,))
        case "docs/detection.py", "--ask":
            return Step(
                "page", ("docs/detection.py",)
            )  # asking takes minutes: nightly compares what it shows
        case "-m", "pytest_caio", "history", *rest:
            return Step("history", tuple(rest))
        case "-m", "pytest_caio", name:
            return Step("command", (name, "--help"))  # the command is mentioned without arguments
        case "-m", "pytest_caio", "emergency-stop", *rest:
            return Step("stop", tuple(rest))
        case "-m", "pytest_caio", "bootstrap", *rest:
            return Step("bootstrap", tuple(rest))
        case "-m", "pytest_caio", "keygen" | "attach" | "verify" as name, *rest:
            return Step(name, tuple(rest))
        case "-m", "pytest_caio", *rest:
            return Step("command", tuple(rest))
        case ("docs/detection.py",) | ("-m", "docs.checks_table" | "docs.evidence_schema"):
            return Step("page", words)
    return None
