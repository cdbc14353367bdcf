"""A web server on loopback that takes what it is sent, answers as told, or never answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.web import web_server


@dataclass
class Listener:
    """What has come in so far; `status` is what is answered."""

    url: str = ""
    status: int = 200
    hangs: bool = False
    came: list[tuple[str, str]] = field(default_factory=list)
    """Path and body of each request, as text."""
    bodies: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.came]


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen until the test is over."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            listener.came.append((self.path, body.decode("utf-8", "replace")))
            listener.bodies.append(body)
            if listener.hangs:
                listener.over.wait(30)
                return
            self.send_response(listener.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with web_server(Handler) as listener.url:
        try:
            yield listener
        finally:
            listener.over.set()
