"""What a tracker is told of a run: its verdict, its causes in the words of the evidence, its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pytest_caio.attestation.evidence_set import EvidenceSet, read
from pytest_caio.errors import InputError
from pytest_caio.system.paths import is_file
from pytest_caio.system.strictjson import NotJson, decode_json
from pytest_caio.text import markdown, printable
from pytest_caio.verdict.record import CauseRecord, Record
from pytest_caio.verdict.summary import seen

__all__ = [
    "CUT",
    "Attachment",
    "Delivery",
    "comment",
    "load_delivery",
    "marker",
    "one_line",
    "plain",
    "provenance",
]

CUT = "… the report has the rest."


@dataclass(frozen=True)
class Attachment:
    """One evidence file, read once: what is delivered is what was verified."""

    path: Path
    content: bytes

    @property
    def name(self) -> str:
        """Its name, in the characters that every tracker keeps (GitHub changes others to dots)."""
        return re.sub(r"[^A-Za-z0-9._-]", ".", self.path.name)

    @property
    def shown(self) -> str:
        """Its name and size."""
        return f"{self.name} ({len(self.content)} bytes)"

    @property
    def sha256(self) -> str:
        """The SHA-256 of its content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Delivery:
    """The evidence of one run, and by which key it is signed (empty if that was not verified)."""

    record: Record
    files: tuple[Attachment, ...]
    signed_by: str = ""


def load_delivery(evidence: EvidenceSet, signed_by: str) -> Delivery:
    """Read the files of a set. Raises InputError if they are not the whole evidence of a run."""
    paths = evidence.files()
    if is_file(evidence.statement):
        paths.append(evidence.statement)
    for ending in (".json", ".html"):
        if not is_file(evidence.folder / f"{evidence.stem}{ending}"):
            raise InputError(f"{evidence.stem}{ending} is missing: the evidence is not whole")
    files = tuple(Attachment(path, read(path)) for path in paths)
    content = next(file.content for file in files if file.path == evidence.json)
    try:
        return Delivery(decode_json(content, Record), files, signed_by)
    except (NotJson, msgspec.ValidationError) as error:
        raise InputError(f"{evidence.json}: is no evidence of this version of pytest-caio: {error}") from None


def marker(record: Record) -> str:
    """Return the first line of a comment, by which the comment of this run is found again."""
    return f"<!-- caio-acceptance run={record.run.id} -->"


def provenance(record: Record) -> str:
    """Return which run it was, in the words by which a comment without a marker is found again."""
    run = record.run
    return f"Run {run.id}, {run.started} to {run.finished}, pytest-caio {run.tool.get('version', '')}"


def comment(delivery: Delivery, longest: int, links: Sequence[str] = ()) -> str:
    """Return the comment in Markdown, at most `longest` characters; `links` are those of the files."""
    record = delivery.record
    head = "\n".join([marker(record), *_markdown_head(record)])
    foot = "\n".join(["", *_foot(delivery, links)])
    body = head
    for number, cause in enumerate(record.causes, 1):
        part = "\n".join(_cause(number, cause))
        if len(body) + len(part) + len(foot) + len(CUT) + 4 > longest:
            body += f"\n\n{CUT}"
            break
        body += f"\n\n{part}"
    return f"{body}\n{foot}\n"


def plain(delivery: Delivery) -> Iterator[str]:
    """Yield the paragraphs of the comment as plain text, for trackers without Markdown."""
    record = delivery.record
    yield printable(_title(record))
    yield "\n".join(
        printable(
            f"{one.name} at {one.base_url}: {one.headline}{f', commit {one.commit}' if one.commit else ''}"
        )
        for one in record.environments
    )
    yield "\n".join(map(printable, _remarks(record)))
    for number, cause in enumerate(record.causes, 1):
        lines = [f"{number}. {cause.action}", f"{cause.environment}: {cause.sentence} ({_who(cause)})"]
        lines += seen(cause)
        yield "\n".join(map(printable, lines))
    yield "\n".join(map(printable, _provenance(delivery)))


def one_line(record: Record, link: Callable[[str], str] = str) -> str:
    """Return the run on one line: when, the verdict, where (with another verdict), and what is wrong."""
    when = record.run.finished[:16].replace("T", " ")
    where = ", ".join(
        f"{one.name}{f' {one.verdict}' if one.verdict != record.verdict else ''}"
        f"{f' (commit {one.commit[:12]})' if one.commit else ''}"
        for one in record.environments
    )
    causes = (f"{cause.environment}: {cause.sentence}" for cause in record.causes)
    wrong = "; ".join((*record.reasons, *causes))
    return f"{when} UTC: **{record.headline}** {link(where)}{f': {markdown(wrong)}' if wrong else ''}"


def _title(record: Record) -> str:
    """Return whose verdict it is, and the verdict: an issue may be about one of several environments."""
    return f"CAIO acceptance of {' and '.join(one.name for one in record.environments)}: {record.headline}"


def _remarks(record: Record) -> Iterator[str]:
    """Yield each reason beside the causes, and a line about each waiver on which the verdict relies."""
    yield from record.reasons
    for waiver in record.waivers:
        if waiver.used:
            case = "" if waiver.case == "*" else f" case {waiver.case}"
            what = f"{waiver.check}{case} in {waiver.environment} until {waiver.expires}"
            yield f"waived: {what}; {waiver.owner}: {waiver.reason}"


def _markdown_head(record: Record) -> Iterator[str]:
    yield f"## {markdown(_title(record))}"
    yield ""
    yield from (f"- {markdown(line)}" for line in _remarks(record))
    yield ""
    yield "| environment | address | verdict | deployed commit |"
    yield "|---|---|---|---|"
    for one in record.environments:
        cells = (markdown(one.name), _code(one.base_url), one.headline, _code(one.commit or "not known"))
        yield f"| {' | '.join(cells)} |"
    if record.causes:
        yield ""
        yield "### What to change"


def _cause(number: int, cause: CauseRecord) -> Iterator[str]:
    yield f"{number}. **{markdown(cause.action)}**"
    yield f"   {markdown(cause.environment)}: {markdown(cause.sentence)} ({_who(cause)})"
    for case in cause.cases:
        name = f" {_code(case.name)}" if case.name else ""
        yield f"   - {case.check}{name}: {_code(case.expected)}; seen: {_code(case.observed)}"


def _who(cause: CauseRecord) -> str:
    who = "for you" if cause.who == "you" else f"for the {cause.who}"
    return f"{', '.join(cause.checks)}; {who}"


def _foot(delivery: Delivery, links: Sequence[str]) -> Iterator[str]:
    yield "<details><summary>Evidence</summary>"
    yield ""
    for number, file in enumerate(delivery.files):
        shown = links[number] if number < len(links) else _code(file.name)
        yield f"- {shown} SHA-256 {_code(file.sha256)}"
    yield ""
    yield from map(markdown, _provenance(delivery))
    yield ""
    yield "</details>"


def _provenance(delivery: Delivery) -> Iterator[str]:
    signed = (
        f"signed by key {delivery.signed_by}" if delivery.signed_by else "not verified when it was attached"
    )
    yield f"{provenance(delivery.record)}; {signed}."


def _code(text: str) -> str:
    """Return text from a deployment as inline code: it cannot mention people, link or be markup."""
    return f"`{printable(text).replace('`', chr(39)).replace('|', '¦') or ' '}`"
