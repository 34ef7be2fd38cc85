"""The wire of the independent dashboard: Python's own http.server, in HTTP/1.0 or chunked HTTP/1.1."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

__all__ = ["Answer", "Wire"]

Answer: TypeAlias = tuple[int, Mapping[str, str], Any]
"""Status, headers and body; a body that is no text becomes JSON."""


class Wire:
    """A server on loopback: `base_url` is where it is; `answer(method, target, headers, body)` decides."""

    def __init__(
        self,
        answer: Callable[[str, str, dict[str, str], bytes], Answer],
        protocol: str,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler(answer, protocol))
        if tls:  # the handshake is for each connection's own thread
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.base_url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with the usual 5, many connections at once wait for seconds


def _handler(
    answer: Callable[[str, str, dict[str, str], bytes], Answer], protocol: str
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            status, more, said = answer(self.command, self.path, headers, body)
            text = isinstance(said, str)
            out = (said if text else json.dumps(said, indent=1)).encode()
            self.send_response(status, "So Be It")  # the reason phrase is free
            self.send_header("CONTENT-TYPE", "TEXT/HTML" if text else "application/JSON;charset=utf8")
            for name, value in more.items():
                self.send_header(name.upper(), value)
            chunked = protocol == "HTTP/1.1"
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if self.command != "HEAD":
                parts = [out[n : n + 7] for n in range(0, len(out), 7)] if chunked else [out]
                whole = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
                self.wfile.write(whole if chunked else out)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Write no log."""

    return Handler
