"""The PixelCraft application: serves images that its database describes and its bucket holds. A process of its own.

It knows nothing of drx but its host's variables, keeps no state, and outlives every fault of database and bucket.
"""

import argparse
import hashlib
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from bson import ObjectId
from bson.errors import InvalidId
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from drx.errors import DrxError
from drx.files import write_atomically
from drx.sandbox.buckets import connect_s3
from drx.sandbox.host import read_settings, ready_path

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAXIMUM_LISTED = 1000
_DEFAULT_LISTED = 20

Document = dict[str, object]


class Unavailable(Exception):
    """The application cannot serve; the text says why, for people."""


class Backends:
    """Database and bucket as the variables name them, read once and connected once for each deployment."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._connected: tuple[MongoClient[Document], S3Client, str] | None = None

    def connect(self) -> "tuple[MongoClient[Document], S3Client, str]":
        """Read the variables and say that the application is ready; raises DrxError where they cannot be read."""
        with self._lock:
            if self._connected is None:
                found = read_settings(self._directory)
                mongo = MongoClient[Document](found.database_url, serverSelectionTimeoutMS=2000, socketTimeoutMS=5000)
                s3 = connect_s3(found.endpoint, found.region, found.access_key, found.secret_key)
                self._connected = (mongo, s3, found.bucket)
                write_atomically(ready_path(self._directory), str(os.getpid()).encode())
            return self._connected

    def find(self, limit: int, **query: object) -> list[Document]:
        """Up to `limit` image documents."""
        images = self.connect()[0].get_default_database()["images"]
        with images.find(query).limit(limit) as cursor:
            return list(cursor)

    def read(self, image: Document) -> bytes:
        """The bytes that an image document refers to; raises Unavailable where they are not those on record."""
        _, s3, bucket = self.connect()
        if not {"key", "sha256"} <= image.keys():
            raise Unavailable(f"image {image['_id']} does not say which object it is")
        content = s3.get_object(Bucket=bucket, Key=str(image["key"]))["Body"].read()
        if hashlib.sha256(content).hexdigest() != image["sha256"]:
            raise Unavailable(f"object {image['key']} is not the one on record")
        return content


class Handler(BaseHTTPRequestHandler):
    """Answer one request. A fault of a backend is a 503 that says why."""

    timeout = 10

    def __init__(self, backends: Backends, version: str, *arguments: object) -> None:
        self._backends = backends
        self._version = version
        super().__init__(*arguments)  # type: ignore[arg-type] # what socketserver passes on

    def do_GET(self) -> None:
        """Route and answer."""
        try:
            self._route()
        except Unavailable as error:
            self._json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", "reason": str(error)})
        except (DrxError, PyMongoError, BotoCoreError, ClientError) as error:
            reason = f"{type(error).__name__}: {str(error).partition(', Timeout:')[0]}"
            self._json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", "reason": reason})

    def log_message(self, format: str, *args: object) -> None:
        """Log failures only: probes ask several times a second."""
        if len(args) > 1 and str(args[1]) >= "500":
            super().log_message(format, *args)

    def _route(self) -> None:
        address = urlsplit(self.path)
        match address.path.strip("/").split("/"):
            case ["healthz"]:
                self._health()
            case ["images"]:
                self._list(parse_qs(address.query).get("limit", [str(_DEFAULT_LISTED)])[0])
            case ["images", identifier]:
                self._image(identifier)
            case _:
                self._json(HTTPStatus.NOT_FOUND, {"reason": "no such page"})

    def _health(self) -> None:
        sample = self._backends.find(1)
        if not sample:
            raise Unavailable("there are no images")
        self._backends.read(sample[0])
        database = self._backends.connect()[0].get_default_database().name
        self._json(HTTPStatus.OK, {"status": "ok", "version": self._version, "database": database})

    def _list(self, limit: str) -> None:
        if not limit.isdecimal() or not 0 < int(limit) <= _MAXIMUM_LISTED:
            self._json(HTTPStatus.BAD_REQUEST, {"reason": f"limit is a number from 1 to {_MAXIMUM_LISTED}"})
            return
        listed = [
            {"id": str(image["_id"]), **{name: image.get(name) for name in ("title", "key", "size")}}
            for image in self._backends.find(int(limit))
        ]
        self._json(HTTPStatus.OK, listed)

    def _image(self, identifier: str) -> None:
        try:
            found = self._backends.find(1, _id=ObjectId(identifier))
        except InvalidId:
            found = []
        if found:
            self._send(HTTPStatus.OK, str(found[0].get("content_type")), self._backends.read(found[0]))
        else:
            self._json(HTTPStatus.NOT_FOUND, {"reason": "no such image"})

    def _json(self, status: HTTPStatus, content: object) -> None:
        self._send(status, "application/json", json.dumps(content).encode())

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves on a socket that it may have been handed, and waits for open requests when it closes."""

    daemon_threads = False
    request_queue_size = 64


def main() -> None:
    """Serve until SIGTERM; on SIGHUP, finish open requests and start again on the same socket.

    That is how new variables are deployed: no request is refused in between, for the socket stays open. Each time it is
    ready it replaces `app.pid` beside its variables.
    """
    parser = argparse.ArgumentParser(description="The PixelCraft application of a sandbox")
    parser.add_argument("--directory", type=Path, required=True, help="the sandbox's directory")
    parser.add_argument("--address", default="127.0.0.1", help="where to listen, on this machine")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses")
    parser.add_argument("--version", default="", help="the release that this is")
    parser.add_argument("--socket", type=int, help="descriptor of a listening socket, handed over by a restart")
    options = parser.parse_args()
    backends = Backends(options.directory)
    handler = partial(Handler, backends, options.version)
    with _listen(handler, (options.address, options.port), options.socket) as server:
        restarting = threading.Event()

        def stop(number: int, _: object) -> None:
            if number == signal.SIGHUP:
                restarting.set()
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGHUP, stop)
        with suppress(DrxError):  # the first time it may start before its variables are there; requests will tell
            backends.connect()
        server.serve_forever(poll_interval=0.05)
        kept = os.dup(server.socket.fileno())
    if restarting.is_set():
        os.set_inheritable(kept, True)
        arguments = ["--directory", str(options.directory), "--version", options.version, "--socket", str(kept)]
        os.execv(sys.executable, [sys.executable, "-P", "-m", "drx.sandbox.app", *arguments])


def _listen(handler: "partial[Handler]", where: tuple[str, int], descriptor: int | None) -> Server:
    if descriptor is None:
        return Server(where, handler)
    server = Server(("127.0.0.1", 0), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=descriptor)
    server.socket.set_inheritable(False)
    return server


if __name__ == "__main__":
    main()
