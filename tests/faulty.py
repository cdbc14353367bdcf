"""An HTTP proxy before an S3 server that is too busy at times, or alters what it passes on; loopback only."""

import http.client
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.web import web_server

_SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>'
_CHANGED = b'<?xml version="1.0"?><Error><Code>PreconditionFailed</Code><Message>It did not hold.</Message></Error>'
_UNKNOWN = b'<?xml version="1.0"?><Error><Code>NotImplemented</Code><Message>Not here.</Message></Error>'
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
        self.serves: int | None = None
        """After so many more requests every one is answered by 403; None for no end."""
        self.writes = 0
        """How many requests would have changed something."""
        self.asked = Counter[str]()
        """How many requests of each method came."""
        self.before_copy: Callable[[], None] | None = None
        """What happens just before an object is copied, or written on a condition."""
        self.knows_conditions = True
        """Whether it writes on a condition, as S3 does, also where it copies, which the server behind does not; locks
        it always writes on one."""
        self.undeletable = ""
        """A key that, as it says, no request for many deletes."""
        self.busy_for = 0
        """In so many more answers it says that it was only too busy for that; the last time it is deleted after all."""
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
            if self.serves is not None:
                self.serves -= 1
            return (self.discreet and of_server) or (self.serves is not None and self.serves < 0)

    def prevents(self, method: str, path: str, headers: Message) -> bytes:
        """Say why an object is not written over what is there; empty where it is, and for all other requests."""
        with self._lock:
            self.asked[method] += 1
        expected, absent = headers.get("If-Match"), headers.get("If-None-Match")
        if method != "PUT" or not (expected or absent) or "/locks/" in path:
            return b""
        if self.before_copy:
            self.before_copy()
        if not self.knows_conditions:
            return _UNKNOWN
        if "x-amz-copy-source" not in headers:
            return b""  # the server behind looks at the conditions of these itself
        server = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=60)
        try:
            server.request("HEAD", path)
            found = server.getresponse().getheader("ETag")
        finally:
            server.close()
        return _CHANGED if found != expected else b""

    def keeps(self, path: str, body: bytes, reply: bytes) -> bytes:
        """Give the answer to a request that deletes many as if one of them had been kept."""
        found = re.search(
            rb"<Key>" + re.escape(self.undeletable.encode()) + rb"</Key><VersionId>[^<]+</VersionId>", body
        )
        if not self.undeletable or not found or not path.endswith("?delete"):
            return reply
        why = b"SlowDown" if self.busy_for else b"AccessDenied"
        self.busy_for -= why == b"SlowDown"
        if why == b"SlowDown" and not self.busy_for:
            self.undeletable = ""
        error = b"<Error>" + found[0] + b"<Code>" + why + b"</Code><Message>Not this one</Message></Error>"
        return re.sub(rb"(<DeleteResult[^>]*?)/?>(</DeleteResult>)?", rb"\1>" + error + b"</DeleteResult>", reply)

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
        if refusal := self.faults.prevents(self.command, self.path, self.headers):
            self._answer(412 if refusal == _CHANGED else 501, [("Content-Type", "application/xml")], refusal)
            return
        server = http.client.HTTPConnection(urlsplit(self.faults.endpoint).netloc, timeout=60)
        try:
            server.request(self.command, self.path, body, dict(self.headers.items()))
            reply = server.getresponse()
            data = self.faults.alters(self.command, reply.getheader("Content-Type", ""), reply.read())
            data = self.faults.keeps(self.path, body, data)
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
    with web_server(type("Handler", (_Handler,), {"faults": faults})) as url:
        yield faults, url
