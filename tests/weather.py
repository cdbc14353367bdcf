"""Servers at fault: each takes connections on loopback, and then does what no server of its kind should."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

Handler = Callable[[socket.socket], None]
ERROR = b'<?xml version="1.0"?><Error><Code>%s</Code><Message>No.</Message></Error>'


@contextmanager
def at_fault(handle: Handler) -> Iterator[int]:
    """Give the port of a server that does with each connection what `handle` does."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            handle(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                taken.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()  # what it takes until now is closed, too
        listener.close()
        for connection in taken:
            connection.close()


def silent(connection: socket.socket) -> None:
    """Never say a word."""


def hanging_up(connection: socket.socket) -> None:
    """Close the connection at the first word."""
    connection.recv(1)
    connection.close()


def talking_nonsense(connection: socket.socket) -> None:
    """Answer with what is no protocol's."""
    connection.recv(1 << 16)
    connection.sendall(b"\x00\xff" * 200)
    connection.close()


def answering(status: int, body: bytes = b"", kind: str = "application/xml") -> Handler:
    """Answer every request over HTTP with this."""

    def handle(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close"
        connection.recv(1 << 16)
        connection.sendall(f"{head}\r\n\r\n".encode() + body)
        connection.close()

    return handle


def unvouched(folder: Path) -> ssl.SSLContext:
    """Make a certificate that nobody vouches for, and give what speaks TLS with it."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def speaking_tls(folder: Path) -> Handler:
    """Shake hands over TLS, with a certificate that nobody vouches for, and close the connection."""
    context = unvouched(folder)

    def handle(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True).close()

    return handle
