"""The Content-Security-Policy of the report: it allows the report's own script and styles, and no loading."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape

__all__ = ["with_csp"]

_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.IGNORECASE | re.DOTALL)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.IGNORECASE | re.DOTALL)


def with_csp(html: str, script: str) -> str:
    """Return a finished, self-contained report with a Content-Security-Policy as its first element.

    The policy allows, by hash (CSP Level 3), the first style sheet, `script`, which is the report's own, and
    the last script of the page, which is pytest-html's. Response data is escaped, so it can be none of them.
    After pytest-html's script has inserted it into the page, the policy prevents it from running, loading or
    sending anything.
    """
    head = _HEAD.search(html)
    if head is None or "Content-Security-Policy" in html[head.end() : head.end() + 200]:
        return html
    styles = _STYLE.findall(html)[:1]
    scripts = [script, *_SCRIPT.findall(html)[-1:]]
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(scripts)}",
            f"style-src {_hashes(styles)}",
            "img-src data:",
            "media-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
    refer = '<meta name="referrer" content="no-referrer">'
    return html[: head.end()] + meta + refer + html[head.end() :]


def _hashes(texts: list[str]) -> str:
    # Browsers normalize CRLF to LF before they hash (HTML standard, 13.2.3.5).
    digests = (hashlib.sha256(text.replace("\r\n", "\n").encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"
