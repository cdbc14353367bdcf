"""An HTTP proxy before an S3 server that is too busy at times, or alters what it passes on; loopback only."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>'
_DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'


class Faults:
    """What goes wrong from now on."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.refusals = 0
        """So many more writes are answered by 503."""
        self.altered = 0
        """In so many more answers to GET of an object, one byte is another."""
        self.answered = 0
        """How many requests were answered by 503."""
        self.discreet = False
        """It tells nobody who asks, nor which buckets there are."""
        self.writes = 0
        """How many requests would have changed something."""
        self._lock = threading.Lock()

    def refuses(self, method: str) -> bool:
        """Whether this request is answered by 503."""
        with self._lock:
            refused = method in ("PUT", "POST") and self.refusals > 0
            self.refusals -= refused
            self.answered += refused
            return refused

    def forbids(self, method: str, path: str) -> bool:
        """Whether this request is answered by 403; counts it as a write where it is one."""
        of_server = urlsplit(path).path == "/"
        with self._lock:
            self.writes += method in ("PUT", "POST", "DELETE") and not of_server
        return self.discreet and of_server

    def alters(self, method: str, kind: str, body: bytes) -> bytes:
        """Give what is passed on of an answer."""
        with self._lock:
            if method != "GET" or not body or "xml" in kind or self.altered <= 0:
                return body
            self.altered -= 1
            return bytes([body[0] ^ 1]) + body[1:]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: Faults

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.faults.forbids(self.command, self.path):
            self._answer(403, [("Content-Type", "application/xml")], _DENIED)
            return
        if self.faults.refuses(self.command):
            self._answer(503, [("Content-Type", "application/xml")], _SLOW_DOWN)
            return
        server = http.client.HTTPConnection(urlsplit(self.faults.endpoint).netloc, timeout=60)
        try:
            server.request(self.command, self.path, body, dict(self.headers.items()))
            reply = server.getresponse()
            data = self.faults.alters(self.command, reply.getheader("Content-Type", ""), reply.read())
            self._answer(reply.status, reply.getheaders(), data)
        finally:
            server.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def faulty(endpoint: str) -> Iterator[tuple[Faults, str]]:
    """Run one before a server, and give its own endpoint."""
    faults = Faults(endpoint)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"faults": faults}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield faults, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
