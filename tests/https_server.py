"""A local HTTPS server that can be told to misbehave."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import trustme


@dataclass
class Server:
    """What it does and saw; paths are `/name`.

    Attributes:
        base: Its address.
        cut_after: Bytes after which it closes each connection.
        ranges: Whether it knows ranges.
        claimed: What it says its content's length is.
        content: What it serves, whatever it is asked for.
        redirect: Where it sends everybody.
        status: With what it answers.
        asked: `Range` of each request, or None.
    """

    base: str = ""
    cut_after: int | None = None
    ranges: bool = True
    claimed: int | None = None
    content: bytes = b""
    redirect: str = ""
    status: int = 200
    asked: list[str | None] = field(default_factory=list)


def handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.asked.append(wanted)
            if server.redirect:
                self.send_response(302)
                self.send_header("Location", server.redirect)
                self.end_headers()
                return
            if server.status != 200:
                self.send_error(server.status)
                return
            start = 0
            if wanted and server.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(server.content):
                    self.send_error(416)
                    return
                self.send_response(206)
                end = len(server.content) - 1
                self.send_header("Content-Range", f"bytes {start}-{end}/{end + 1}")
            else:
                self.send_response(200)
            rest = server.content[start:]
            length = len(rest) if server.claimed is None else server.claimed
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(rest[: server.cut_after])

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextlib.contextmanager
def serving(authority: trustme.CA) -> Iterator[Server]:
    """Run a server with a certificate of that authority for `localhost`."""
    state = Server()
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    state.base = f"https://localhost:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    running.shutdown()
    running.server_close()
