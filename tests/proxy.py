"""A TCP proxy between a client and a server, which can be cut and mended; loopback only."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_CHUNK = 1 << 16


class Proxy:
    """Forwards connections to a port until it is cut; then it refuses new ones and has reset the old ones."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.is_cut = False
        self.passed_bytes = 0
        """How much the server said through it."""
        self.pause_seconds = 0.0
        """How long it waits before it passes on some more of what the server says."""
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and let none through."""
        with self._lock:
            self.is_cut = True
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def lead_to(self, port: int) -> None:
        """Break every connection, and let new ones through to another port."""
        self.cut()
        self._target = port
        self.mend()

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def close(self) -> None:
        """End it."""
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self.is_cut:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # nothing is behind it (any more)
                    client.close()
                    continue
                self._open += [client, server]
            threading.Thread(target=_forward, args=(client, server, lambda _: None), daemon=True).start()
            threading.Thread(target=_forward, args=(server, client, self._pass), daemon=True).start()

    def _pass(self, data: bytes) -> None:
        time.sleep(self.pause_seconds)
        with self._lock:
            self.passed_bytes += len(data)


def _forward(source: socket.socket, sink: socket.socket, before: Callable[[bytes], None]) -> None:
    try:
        while data := source.recv(_CHUNK):
            before(data)
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    """Run one before a port."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
