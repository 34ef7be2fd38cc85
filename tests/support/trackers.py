"""Trackers on loopback that answer as their APIs are published: GitHub, GitLab, Jira and Slack."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

__all__ = ["PROJECT", "Fault", "Tracker"]

PROJECT = "acme/desk"
_PAGE = 2  # items, whatever `per_page` asks for: every list of these tests has several pages


@dataclass
class Fault:
    """What goes wrong with the next request of this method whose path matches, `times` times.

    The server answers `status` with `headers` and `body`, after it has done the work if `done`. Without a
    status it drops the connection, or, with `stall`, is silent until the client leaves. With `late` it does
    the work after the next request of that method on the same path has been carried out.
    """

    method: str
    path: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "{}"
    done: bool = False
    stall: bool = False
    late: str = ""
    times: int = 1


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: Message
    body: bytes


class Tracker:
    """The state of the trackers, and the server that changes it."""

    def __init__(self, tls: Callable[[ssl.SSLContext], None] | None = None) -> None:
        self.forget()
        tracker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer's body waits 40 ms for its header's receipt

            def handle_any(self) -> None:
                tracker._answer(self)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:  # called with the server's context, to give it its certificate
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.base = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def forget(self) -> None:
        """Forget what was received, and what is to go wrong."""
        self.received: list[Received] = []
        self.faults: list[Fault] = []
        self.held: list[tuple[str, Received]] = []
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.assets: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.attachments: list[dict[str, Any]] = []
        self.links: dict[str, dict[str, Any]] = {}
        self.messages: list[Any] = []
        self.commits = {"c0ffee5ca1ab1e0ddba11ca5cade5eedfacade42"}
        self.upload_limit = 10_000_000

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def sent(self, method: str) -> list[str]:
        """Return the paths of the requests of a method."""
        return [one.path for one in self.received if one.method == method]

    def arrive(self, method: str, path: str) -> None:
        """Carry out what was held back until a request of this method on this path."""
        due = [one for one in self.held if (one[0], urlsplit(one[1].path).path) == (method, path)]
        self.held = [one for one in self.held if one not in due]
        for _, request in due:
            self._work(request)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        request = Received(handler.command, handler.path, handler.headers, body)
        self.received.append(request)
        fault = next(
            (
                f
                for f in self.faults
                if f.times and f.method == request.method and re.search(f.path, request.path)
            ),
            None,
        )
        if fault is not None:
            fault.times -= 1
            if fault.done:
                self._work(request, half=fault.status == 502)
            if fault.late:
                self.held.append((fault.late, request))
            if fault.stall:
                handler.connection.settimeout(60)
                handler.connection.recv(1)
            if not fault.status:
                handler.close_connection = True
                return
            status, headers, content = fault.status, dict(fault.headers), fault.body
        else:
            status, headers, data = self._work(request)
            self.arrive(request.method, urlsplit(request.path).path)
            content = data if isinstance(data, str) else json.dumps(data)
        handler.send_response(status)
        raw = b"" if status == 204 else content.encode()
        for name, value in {**headers, "Content-Length": str(len(raw))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(raw)

    def _work(self, request: Received, *, half: bool = False) -> tuple[int, dict[str, str], Any]:
        """Carry a request out, or only half of an upload, and return status code, headers and body."""
        path = urlsplit(request.path).path
        for method, pattern, work in self._routes():
            match = re.fullmatch(pattern, path)
            if method == request.method and match:
                return work(request, match, half)
        return 404, {}, {"message": "Not Found"}

    def _routes(self) -> list[tuple[str, str, Callable[..., tuple[int, dict[str, str], Any]]]]:
        repo = f"/repos/{PROJECT}"
        gitlab = f"/projects/{PROJECT.replace('/', '%2F')}"
        jira = "/rest/api/3/issue/OPS-7"
        return [
            ("GET", f"{repo}/issues/7/comments", lambda r, *_: self._page(r, self.comments)),
            ("POST", f"{repo}/issues/(7|1\\d\\d)/comments", self._comment),
            ("GET", f"{repo}/issues/1\\d\\d/comments", lambda r, *_: self._page(r, self.comments)),
            ("PATCH", f"{repo}/issues/comments/(\\d+)", self._edit_comment),
            ("DELETE", f"{repo}/issues/comments/(\\d+)", self._delete_comment),
            ("GET", f"{repo}/issues", self._open_issues),
            ("POST", f"{repo}/issues", self._open_issue),
            ("PATCH", f"{repo}/issues/(\\d+)", self._edit_issue),
            ("GET", f"{repo}/releases/tags/v1", lambda *_: (200, {}, self._release())),
            ("GET", f"{repo}/releases/5/assets", lambda r, *_: self._page(r, self.assets)),
            ("POST", f"{repo}/releases/5/assets", self._upload),
            ("DELETE", f"{repo}/releases/assets/(\\d+)", self._delete_asset),
            ("GET", f"{repo}/commits/(\\w+)/status", self._combined),
            ("POST", f"{repo}/statuses/(\\w+)", self._set_status),
            ("GET", f"{gitlab}/issues/7/notes", lambda r, *_: self._latest_first(r, self.comments, "sort")),
            ("POST", f"{gitlab}/issues/7/notes", self._comment),
            ("DELETE", f"{gitlab}/issues/7/notes/(\\d+)", self._delete_comment),
            ("POST", f"{gitlab}/uploads", self._gitlab_upload),
            (
                "GET",
                "/rest/api/3/attachment/meta",
                lambda *_: (200, {}, {"enabled": True, "uploadLimit": self.upload_limit}),
            ),
            ("GET", jira, lambda *_: (200, {}, {"fields": {"attachment": self.attachments}})),
            ("POST", f"{jira}/attachments", self._jira_attach),
            ("GET", f"{jira}/comment", self._jira_comments),
            ("POST", f"{jira}/comment", self._comment),
            ("DELETE", f"{jira}/comment/(\\d+)", self._delete_comment),
            ("DELETE", "/rest/api/3/attachment/(\\d+)", self._delete_attachment),
            ("GET", f"{jira}/remotelink", self._jira_linked),
            ("POST", f"{jira}/remotelink", self._jira_link),
            ("POST", "/services/T0/B0/x7Kq9Lm2Pz4Rt6Wv", self._message),
        ]

    def _page(self, request: Received, items: list[Any]) -> tuple[int, dict[str, str], Any]:
        given = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        number = int(given.get("page", "1"))
        start, end = (number - 1) * _PAGE, number * _PAGE
        following = urlencode({**given, "page": number + 1})
        address = f"{self.base}{urlsplit(request.path).path}?{following}"
        link = {"Link": f'<{address}>; rel="next"'} if end < len(items) else {}
        return 200, link, items[start:end]

    def _latest_first(
        self, request: Received, items: list[Any], option: str
    ) -> tuple[int, dict[str, str], Any]:
        """Answer a list whose latest item comes first, unless the query asks for the other direction."""
        ascending = parse_qs(urlsplit(request.path).query).get(option) == ["asc"]
        return self._page(request, items if ascending else items[::-1])

    def _comment(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        number = max((one["id"] for one in self.comments), default=0) + 1
        made = {"id": number, "html_url": f"{self.base}/c/{number}", **json.loads(request.body)}
        self.comments.append(made)
        return 201, {}, made

    def _edit_comment(
        self, request: Received, match: re.Match[str], _: bool
    ) -> tuple[int, dict[str, str], Any]:
        found = next(one for one in self.comments if one["id"] == int(match[1]))
        found.update(json.loads(request.body))
        return 200, {}, found

    def _delete_comment(self, _: Received, match: re.Match[str], __: bool) -> tuple[int, dict[str, str], Any]:
        self.comments = [one for one in self.comments if one["id"] != int(match[1])]
        return 204, {}, ""

    def _delete_attachment(
        self, _: Received, match: re.Match[str], __: bool
    ) -> tuple[int, dict[str, str], Any]:
        self.attachments = [one for one in self.attachments if one["id"] != match[1]]
        return 204, {}, ""

    def _open_issues(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        listed = [one for one in self.issues if one["state"] == "open"]
        return self._latest_first(request, listed, "direction")

    def _open_issue(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        number = 101 + len(self.issues)
        made = {"number": number, "state": "open", "html_url": f"{self.base}/i/{number}"}
        self.issues.append({**made, **json.loads(request.body)})
        return 201, {}, self.issues[-1]

    def _edit_issue(
        self, request: Received, match: re.Match[str], _: bool
    ) -> tuple[int, dict[str, str], Any]:
        found = self.issues[int(match[1]) - 101]
        found.update(json.loads(request.body))
        return 200, {}, found

    def _release(self) -> Any:
        return {"id": 5, "upload_url": f"{self.base}/repos/{PROJECT}/releases/5/assets{{?name,label}}"}

    def _upload(self, request: Received, _: object, half: bool) -> tuple[int, dict[str, str], Any]:
        (name,) = parse_qs(urlsplit(request.path).query)["name"]
        if any(asset["name"] == name for asset in self.assets):
            return 422, {}, {"errors": [{"resource": "ReleaseAsset", "code": "already_exists"}]}
        asset = {
            "id": 900 + len(self.assets),
            "name": name,
            "state": "starter" if half else "uploaded",
            "size": 0 if half else len(request.body),
            "digest": None if half else f"sha256:{hashlib.sha256(request.body).hexdigest()}",
            "browser_download_url": f"{self.base}/d/{name}",
        }
        self.assets.append(asset)
        return 201, {}, asset

    def _delete_asset(self, _: Received, match: re.Match[str], __: bool) -> tuple[int, dict[str, str], Any]:
        self.assets = [one for one in self.assets if one["id"] != int(match[1])]
        return 204, {}, ""

    def _combined(self, _: Received, match: re.Match[str], __: bool) -> tuple[int, dict[str, str], Any]:
        sha = next((one for one in self.commits if one.startswith(match[1])), None)
        if sha is None:
            return 422, {}, {"message": f"No commit found for SHA: {match[1]}"}
        latest = {one["context"]: one for one in self.statuses}
        return 200, {}, {"sha": sha, "state": "pending", "statuses": list(latest.values())}

    def _set_status(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        self.statuses.append(json.loads(request.body))
        return 201, {}, self.statuses[-1]

    def _gitlab_upload(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        name, content = _file_of(request)
        self.attachments.append({"filename": name, "size": len(content)})
        return (
            201,
            {},
            {"alt": name, "url": f"/uploads/1/{name}", "markdown": f"![{name}](/uploads/1/{name})"},
        )

    def _jira_attach(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        if request.headers.get("X-Atlassian-Token") != "no-check":
            return 403, {}, {"message": "XSRF check failed"}
        name, content = _file_of(request)
        number = max((int(one["id"]) for one in self.attachments), default=0) + 1
        self.attachments.append({"id": str(number), "filename": name, "size": len(content)})
        return 200, {}, [self.attachments[-1]]

    def _jira_comments(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        start = int(parse_qs(urlsplit(request.path).query)["startAt"][0])
        page = self.comments[start : start + _PAGE]
        return 200, {}, {"startAt": start, "total": len(self.comments), "comments": page}

    def _jira_linked(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        (identity,) = parse_qs(urlsplit(request.path).query)["globalId"]
        found = self.links.get(identity)
        return (200, {}, found) if found else (404, {}, {"errorMessages": ["no such link"]})

    def _jira_link(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        given = json.loads(request.body)
        known = given["globalId"] in self.links
        self.links[given["globalId"]] = {"id": 10_000, **given}
        return 200 if known else 201, {}, {"id": 10_000, "self": f"{self.base}/link/10000"}

    def _message(self, request: Received, *_: object) -> tuple[int, dict[str, str], Any]:
        self.messages.append(json.loads(request.body))
        return 200, {}, "ok"


def _file_of(request: Received) -> tuple[str, bytes]:
    """Return the name and the content of the part `file` of a multipart request."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    (part,) = BytesParser().parsebytes(head + request.body).get_payload()  # type: ignore[misc]
    assert part.get_param("name", header="content-disposition") == "file"
    return part.get_filename(), part.get_payload(decode=True)
