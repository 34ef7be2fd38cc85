"""Signatures that a deployment puts into its answers are in no output: they can be replayed."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path

from pytest_caio.contract.signing import inngest_signature, webhook_signature
from tests.support.bad_servers import relaying
from tests.support.gate_runs import SUITE
from tests.support.scanner import Scanner
from tests.support.suite_runs import Deployment, run_suite, serving


def test_answered_signatures_are_not_shown(tmp_path: Path) -> None:
    """An answer's `x-inngest-signature`, or another signature of a right secret, is in no output of a run."""
    deployment = Deployment()
    made: list[str] = []

    def tell(target: str, answer: bytes) -> bytes:
        if target != "/inngest":
            return answer
        head, _, body = answer.partition(b"\r\n\r\n")
        expected = webhook_signature(deployment.settings["CLAY_WEBHOOK_SECRET"], b"").upper()
        body = body[:-1] + f',"expected":"{expected}"}}'.encode()
        signed = inngest_signature(deployment.settings["INNGEST_SIGNING_KEY"], body, int(time.time()))
        digest = signed.rpartition("=")[2]
        code = base64.b64encode(bytes.fromhex(webhook_signature("somebody's", body))).decode()
        made.extend((expected, digest, digest.upper(), code.rstrip("=")))
        for name, value in (
            ("X-Inngest-Signature", signed),
            ("X-Signed", f"s={digest.upper()}&t={signed[2:12]}"),
            ("Signature", f"sig1=:{code}:"),
        ):
            head += f"\r\n{name}: {value}".encode()
        return re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(body), head) + b"\r\n\r\n" + body

    with deployment.reference, serving(relaying(deployment.address, tell=tell)) as url:
        asked = (
            str(SUITE / "test_readiness.py"),
            "-k",
            "inngest",
            *deployment.arguments,
            f"--base-url={url}",
        )
        outcome = run_suite(*asked, "-rA", "--showlocals", folder=tmp_path)
    shown = [
        one for one in outcome.evidence["environments"][0]["exchanges"] if one["url"].endswith("/inngest")
    ]
    names = {name.lower() for one in shown for name, _ in one["response_headers"]}
    assert {"x-inngest-signature", "x-signed", "signature"} <= names
    scanner = Scanner(made)
    assert scanner.leaks(outcome.stdout + outcome.stderr) == []
    assert scanner.leaks_under(tmp_path) == {}
