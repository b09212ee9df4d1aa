"""A web server on this machine that serves one file well or badly."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server does; tests change it while it runs.

    Attributes
    ----------
    content : bytes
        The file, under every path but those below.
    ranges : bool
        Whether parts of it can be asked for; wrong_range sends another part than asked for.
    status : int
        Answer to every request.
    cut_after : int or None
        Close the connection after this many bytes of a body.
    stall_after : int or None
        Send nothing more after this many bytes, for `stall_s`.
    drip_s : float or None
        Send the body byte by byte, so many seconds apart; the head too if `drips_head`.
    lengthless : bool
        Send no Content-Length.
    requests : list
        (path, Range header or None) of every request.
    """

    content: bytes
    ranges: bool = True
    wrong_range: bool = False
    status: int = 200
    cut_after: int | None = None
    stall_after: int | None = None
    stall_s: float = 5.0
    drip_s: float | None = None
    drips_head: bool = False
    lengthless: bool = False
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def url(self, path: str = "/weights.net") -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    """Serve until the block ends."""
    behaviour = FileServer(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, behaviour)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    behaviour.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield behaviour
    finally:
        behaviour.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, behaviour: FileServer) -> None:
    asked = handler.headers.get("Range")
    behaviour.requests.append((handler.path, asked))
    if handler.path == "/moved":
        _send_head(handler, 302, {"Location": "/weights.net"})
        return
    if handler.path == "/loop":
        _send_head(handler, 302, {"Location": "/loop"})
        return
    if behaviour.drips_head:
        _drip(handler, behaviour, b"HTTP/1.0 200 OK\r\nServer: " + b"x" * 10_000)
        return
    start = 0
    match = re.fullmatch(r"bytes=([0-9]+)-", asked or "")
    if match and behaviour.ranges and behaviour.status == 200:
        start = int(match[1])
        if start >= len(behaviour.content):
            _send_head(handler, 416, {})
            return
    body = behaviour.content[start:]
    headers = {} if behaviour.lengthless else {"Content-Length": str(len(body))}
    status = behaviour.status
    if start:
        status = 206
        first = start + 1 if behaviour.wrong_range else start
        total = len(behaviour.content)
        headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
    _send_head(handler, status, headers)
    _send_body(handler, behaviour, body)


def _send_head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if status in (302, 416):
        handler.send_header("Content-Length", "0")
    handler.end_headers()


def _drip(handler: BaseHTTPRequestHandler, behaviour: FileServer, data: bytes) -> None:
    for i in range(len(data)):
        handler.wfile.write(data[i : i + 1])
        handler.wfile.flush()
        if behaviour.stop.wait(behaviour.drip_s):
            return


def _send_body(handler: BaseHTTPRequestHandler, behaviour: FileServer, body: bytes) -> None:
    try:
        if behaviour.stall_after is not None:
            handler.wfile.write(body[: behaviour.stall_after])
            handler.wfile.flush()
            behaviour.stop.wait(behaviour.stall_s)
            return
        if behaviour.drip_s is not None:
            _drip(handler, behaviour, body)
            return
        handler.wfile.write(body[: behaviour.cut_after])
    except OSError:  # the client has gone
        time.sleep(0)
