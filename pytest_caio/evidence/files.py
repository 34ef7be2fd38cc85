"""The evidence files of a run: which there are, and the one place that lists their writers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from pytest_caio.evidence import completion, ctrf, html, jsonfile
from pytest_caio.evidence.junit import JunitReport
from pytest_caio.verdict.record import Record

__all__ = ["Writer", "register_files"]

Writer: TypeAlias = Callable[[Record, Path], str]
"""Writes the record to a path, whole or not at all; returns why it could not, empty on success."""


def register_files(config: pytest.Config, folder: Path, stem: str) -> dict[Path, Writer]:
    """Return the evidence files by path, each with its writer, in the order in which they are shown.

    Registers those that collect reports as plugins. Raises InputError if --html cannot be used.
    """
    report = html.register(config, folder / f"{stem}.html")
    junit = JunitReport()
    config.pluginmanager.register(junit, "caio-junit")
    return {
        report.path: report.write,
        folder / f"{stem}.json": jsonfile.write,
        folder / f"{stem}.junit.xml": junit.write,
        folder / f"{stem}.ctrf.json": ctrf.write,
        folder / f"{stem}.completion.txt": completion.write,
    }
