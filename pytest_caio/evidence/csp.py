"""The policy a finished report carries: it runs its own script, shows its own style, and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape

__all__ = ["with_csp"]

_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.IGNORECASE | re.DOTALL)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.IGNORECASE | re.DOTALL)


def with_csp(html: str) -> str:
    """Return a finished, self-contained report with a Content-Security-Policy as its first element.

    Allowed are, by their hashes (CSP Level 3), the style sheets and the last script of the page, which is
    pytest-html's own. What a deployment answered stands in an attribute, escaped, so that nothing of it is
    one of these; once that script has shown it, the policy does not let it run, load or send anything.
    """
    head = _HEAD.search(html)
    if head is None or "Content-Security-Policy" in html[head.end() : head.end() + 200]:
        return html
    styles = _STYLE.findall(html)
    scripts = _SCRIPT.findall(html)[-1:]
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
    # A browser reads a file's line ends as newlines before it hashes (HTML, 13.2.3.5).
    digests = (hashlib.sha256(text.replace("\r\n", "\n").encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"
