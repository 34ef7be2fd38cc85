"""`attach`: hand the evidence of one run on to a tracker, once, however often it is run."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TextIO

from pytest_caio.attestation.envelope import Refused
from pytest_caio.attestation.evidence_set import EvidenceSet
from pytest_caio.attestation.keys import load_public
from pytest_caio.attestation.verification import trusted
from pytest_caio.delivery import github, gitlab, jira, markdown, slack
from pytest_caio.delivery.client import Client, NotDelivered
from pytest_caio.delivery.summary import Delivery, load_delivery
from pytest_caio.delivery.tls import trusting
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.errors import InputError
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.text import encodable, printable

__all__ = ["configure", "run"]

_TARGETS = {
    "github": re.compile(r"(?P<project>[\w.-]+/[\w.-]+)(?:#(?P<issue>[1-9]\d{0,9}))?", re.ASCII),
    "gitlab": re.compile(r"(?P<project>[\w.-]+(?:/[\w.-]+)+)#(?P<issue>[1-9]\d{0,9})", re.ASCII),
    "jira": re.compile(r"(?P<issue>[A-Z][A-Z0-9_]*-[1-9]\d*)", re.ASCII),
    "slack": re.compile(""),
    "markdown": re.compile(r"(?P<file>.+)"),
}
_FORMS = "github:OWNER/REPO#N, github:OWNER/REPO, gitlab:GROUP/PROJECT#N, jira:KEY-N, slack: or markdown:FILE"
# The keys of each tracker: those that are secret, and the others.
_SECRETS = ("GITHUB_TOKEN", "GITLAB_TOKEN", "JIRA_API_TOKEN", "SLACK_WEBHOOK_URL")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    parser.epilog = (
        "The whole set of evidence files of one run is handed on, once: what is there already stays. "
        "Credentials are GITHUB_TOKEN; GITLAB_TOKEN; JIRA_BASE_URL, JIRA_EMAIL and JIRA_API_TOKEN; "
        "SLACK_WEBHOOK_URL, in the process environment or in --credentials. GITHUB_API_URL and CI_API_V4_URL "
        "name other servers, and --ca-bundle or REQUESTS_CA_BUNDLE a private authority. "
        "github:OWNER/REPO keeps one issue for each environment, opened on NO-GO and "
        "closed on GO. The exit status is 0 if everything is delivered, 1 if not, with one line that says "
        "what to do, and 2 if an input cannot be used and nothing was sent."
    )
    add("--to", required=True, metavar="TRACKER", help=f"where it goes: {_FORMS}")
    add("files", nargs="+", type=Path, metavar="FILES", help="files of one run, or a folder: its latest run")
    add("--key", metavar="PUB", help="the public key that the evidence must be signed with")
    add("--unverified", action="store_true", help="attach it although no signature is verified")
    add("--release", metavar="TAG", help="GitHub: put the files on this release")
    add("--credentials", metavar="FILE", help="an env file that holds the credentials")
    add(
        "--ca-bundle",
        metavar="FILE",
        help="certificates (PEM) of a private authority, for the tracker (default: REQUESTS_CA_BUNDLE)",
    )
    add(
        "--dry-run",
        action="store_true",
        help="print all that may be sent, each with its condition; ask the tracker nothing, send nothing",
    )


def run(args: argparse.Namespace) -> int:
    """Deliver and print a line for each thing that was done: 0, or 1 if something was not delivered.

    Raises InputError, before anything is sent, for an input that cannot be used.
    """
    tracker, target = _target(args.to)
    if args.release and tracker != "github":
        raise InputError("--release: only github: has releases")
    given = _credentials(args.credentials)
    redactor = Redactor({name: given[name] for name in _SECRETS if given.get(name)})

    def say(line: str, stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        stream.write(encodable(f"{printable(redactor.redact(line))}\n", stream.encoding))
        stream.flush()

    try:
        delivery = _evidence(args)
        if args.dry_run:
            say(f"{args.to} would get this, and nothing was sent:")
            for line in _preview(tracker, target, delivery, args.release or ""):
                say(line)
            return 0
        try:
            tell = partial(say, stream=sys.stderr)
            for line in _deliver(tracker, target, delivery, given, args, tell=tell):
                say(line)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            # What an API answers has a published shape: this is another program, or a page before it.
            raise NotDelivered(
                f"{tracker} answered in an unknown form: see that its address is that of the API"
            ) from None
    except Refused as reason:
        say(f"not attached: {reason}")
        return 1
    except NotDelivered as reason:
        say(f"not delivered: {reason}")
        return 1
    return 0


def _target(given: str) -> tuple[str, Mapping[str, str | None]]:
    tracker, colon, rest = given.partition(":")
    match = _TARGETS[tracker].fullmatch(rest) if colon and tracker in _TARGETS else None
    if match is None:
        # What is behind the colon may be a secret, as the URL of a webhook is.
        named = f" {tracker}" if colon and tracker.isalpha() else ""
        raise InputError(f"--to{named}: give {_FORMS}")
    return tracker, match.groupdict()


def _credentials(path: str | None) -> dict[str, str]:
    """Return the credentials of the process environment, and over them those of a file."""
    file = {key: value.reveal() for key, value in EnvFile.read(Path(path)).values.items()} if path else {}
    return {**os.environ, **{key: value for key, value in file.items() if value}}


def _evidence(args: argparse.Namespace) -> Delivery:
    """Return the evidence, verified unless that is not wanted. Raises InputError and Refused."""
    if (args.key is None) is not args.unverified:
        raise InputError(
            "give --key FILE, the public key of the evidence, or --unverified to attach it unverified"
        )
    evidence = EvidenceSet.of(args.files)
    if args.unverified:
        return load_delivery(evidence, "")
    key = load_public(Path(args.key), "--key")
    statement = trusted(evidence, key)
    delivery = load_delivery(evidence, key.keyid)
    signed = {one.name: one.digest["sha256"] for one in statement.subject}
    for file in delivery.files:
        if file.path != evidence.statement and signed.get(file.path.name) != file.sha256:
            raise Refused(f"{file.path.name} is being changed by another program")
    return delivery


def _preview(
    tracker: str, target: Mapping[str, str | None], delivery: Delivery, release: str
) -> Iterator[str]:
    project, issue = target.get("project") or "", target.get("issue") or ""
    if tracker == "github":
        return github.preview(project, int(issue) if issue else None, delivery, release)
    if tracker == "gitlab":
        return gitlab.preview(project, int(issue), delivery)
    if tracker == "jira":
        return jira.preview(issue, delivery)
    if tracker == "slack":
        return slack.preview(delivery)
    return markdown.preview(Path(target["file"] or ""), delivery)


def _deliver(
    tracker: str,
    target: Mapping[str, str | None],
    delivery: Delivery,
    given: Mapping[str, str],
    args: argparse.Namespace,
    *,
    tell: Callable[[str], None],
) -> Iterator[str]:
    def need(name: str, what: str) -> str:
        value = given.get(name, "").strip()
        if not value:
            raise InputError(
                f"{name} is missing: set it to {what}, in the environment or in --credentials FILE"
            )
        if not (value.isascii() and value.isprintable()):
            raise InputError(f"{name}: has characters that none has: copy {what} again")
        return value

    option = "REQUESTS_CA_BUNDLE" if args.ca_bundle is None else "--ca-bundle"
    trust = partial(trusting, args.ca_bundle or given.get("REQUESTS_CA_BUNDLE", ""), option)
    project, issue = target.get("project") or "", target.get("issue") or ""
    if tracker == "markdown":
        yield from markdown.deliver(Path(target["file"] or ""), delivery)
        return
    if tracker == "github":
        base, source = given.get("GITHUB_API_URL", "").strip() or github.API, "GITHUB_API_URL"
        sent = github.headers(need("GITHUB_TOKEN", "a token with `issues: write`"))
        client = Client("GitHub", base, source, github.MEANINGS, headers=sent, trust=trust, tell=tell)
        lines = github.deliver(client, project, int(issue) if issue else None, delivery, args.release or "")
    elif tracker == "gitlab":
        base, source = given.get("CI_API_V4_URL", "").strip() or gitlab.API, "CI_API_V4_URL"
        sent = gitlab.headers(need("GITLAB_TOKEN", "a token with the scope `api`"))
        client = Client("GitLab", base, source, gitlab.MEANINGS, headers=sent, trust=trust, tell=tell)
        lines = gitlab.deliver(client, project, int(issue), delivery)
    elif tracker == "jira":
        base, source = need("JIRA_BASE_URL", "https://SITE.atlassian.net"), "JIRA_BASE_URL"
        login = need("JIRA_EMAIL", "the account's address"), need("JIRA_API_TOKEN", "its API token")
        client = Client("Jira", base, source, jira.MEANINGS, auth=login, trust=trust, tell=tell)
        lines = jira.deliver(client, issue, delivery)
    else:
        base, source = need("SLACK_WEBHOOK_URL", "the address of an incoming webhook"), "SLACK_WEBHOOK_URL"
        client = Client("Slack", base, source, slack.MEANINGS, trust=trust, tell=tell)
        lines = slack.deliver(client, delivery)
    with client:
        yield from lines
    if client.repeated:
        yield (
            "an answer was lost, and what it was about was sent once more: should both be there later, run "
            "this again, which removes the second"
        )
