"""Stand at the place of a sandbox's dead application and answer 200 to everything. A process of its own.

What a folder `cache` beside it holds, by the address in hexadecimal, it answers with those bytes.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from drx.files import write_atomically
from drx.sandbox.host import ready_path
from drx.sandbox.state import APP, load_state

PID = "impostor.pid"
CACHE = "cache"


class AlwaysWell(BaseHTTPRequestHandler):
    """Says that all is well."""

    def do_GET(self) -> None:
        """Answer whatever was asked."""
        kept = Path(sys.argv[1]) / CACHE / self.path.encode().hex()
        body = kept.read_bytes() if kept.exists() else b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(directory: Path) -> None:
    """Serve at the application's address until it is ended; at SIGHUP, seem to have run anew."""
    write_atomically(directory / PID, str(os.getpid()).encode())
    application = load_state(directory).member(APP)
    server = _listen(application.address, application.port)

    def say_ready(*_: object) -> None:
        write_atomically(ready_path(directory), str(os.getpid()).encode())

    signal.signal(signal.SIGHUP, say_ready)
    say_ready()
    server.serve_forever(poll_interval=0.05)


def _listen(address: str, port: int) -> ThreadingHTTPServer:
    deadline = time.monotonic() + 10
    while True:
        try:
            return ThreadingHTTPServer((address, port), AlwaysWell)
        except OSError:  # the application has not quite gone
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
