"""How a run ends: with its record, its evidence files, its line of the ledger, and the summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pytest_caio.attestation.signing import sign_evidence, statement_path
from pytest_caio.evidence import github, terminal
from pytest_caio.evidence.file import spare_of
from pytest_caio.evidence.files import Writer
from pytest_caio.evidence.ledger import Entry, Ledger, append, read_ledger
from pytest_caio.evidence.page import prepare
from pytest_caio.evidence.since import changes, entry_of
from pytest_caio.session.narrowing import repeated, selection
from pytest_caio.session.run import Run
from pytest_caio.system.paths import is_file
from pytest_caio.verdict.record import Record

__all__ = ["Ending"]


class Ending:
    """The end of a run: `writers` are those of its evidence files, by path, and `say` prints a line.

    `against` is the run of --against. Nothing before the last test needs what is imported here, so it is made
    while the first responses are waited for.
    """

    def __init__(
        self,
        config: pytest.Config,
        run: Run,
        writers: Mapping[Path, Writer],
        against: Entry | None,
        say: Callable[[str], None],
    ) -> None:
        self._config = config
        self._run = run
        self._writers = writers
        self._against = against
        self._say = say
        self._json = run.options.evidence / f"{run.options.stem}.json"
        self._ledger: Ledger | None = None  # as it was before this run
        prepare()

    def judge(self, narrowed: list[str]) -> Record:
        """Return the finished record, with what changed since an earlier run."""
        record = self._run.finish(selection(self._config), repeated(self._config), narrowed)
        if self._ledger is None:
            try:
                self._ledger = read_ledger(self._run.options.ledger)
            except (OSError, ValueError):  # `append` says so
                return record
        record.since = changes(entry_of(record), self._ledger.entries, self._against)
        return record

    def leave_evidence(self, session: pytest.Session, record: Record, narrowed: list[str]) -> None:
        """Write every evidence file, without which no run is GO, and print the summary."""
        troubles = {path: write(record, path) for path, write in self._writers.items()}
        written = list(self._writers)
        # Last, when all files are whole: the statement is about what they hold.
        unsigned = "" if any(troubles.values()) else self._sign(record)
        if unsigned or any(troubles.values()):
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
            narrowed = [*narrowed, *filter(None, (*troubles.values(), unsigned))]
            record = self.judge(narrowed)
            # A file that could not be written and is there is an earlier run's, which another program holds.
            written = [spare_of(path) if troubles[path] and is_file(path) else path for path in written]
            for place, write in zip(written, self._writers.values(), strict=True):
                write(record, place)
        unlisted = append(self._run.options.ledger, entry_of(record), self._ledger)
        faults = [self._ledger.fault if self._ledger else "", unlisted]
        for fault in [*filter(None, faults), *filter(None, [github.append_summary(record)])]:
            self._say(f"caio: {fault}")
        for line in github.error_lines(record):
            self._say(line)
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            shown = [*written, statement_path(self._json)]
            terminal.write(record, [path for path in shown if is_file(path)], reporter)

    def _sign(self, record: Record) -> str:
        """Sign the evidence if --sign asks for it; return why it could not be signed, else empty."""
        key = self._run.options.signing_key
        return sign_evidence(record, self._json, key) if key else ""
