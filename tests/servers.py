"""Start and end the real servers that tests and benchmarks talk to; loopback only, ports chosen by the system."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

_PROGRAMS = Path(sys.executable).parent


def free_port() -> int:
    """Ask the system for a port nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mongo(directory: Path, *arguments: str) -> Iterator[str]:
    """Run a SecantusDB on data under `directory` and give its URI."""
    port = free_port()
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    command = ["secantusd-py", "--host", "127.0.0.1", "--port", str(port), "--storage-path", str(directory / "data")]

    def answers() -> bool:
        try:
            with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=200) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    with _running([*command, *arguments], {}, directory, answers):
        yield uri


@contextmanager
def s3(directory: Path, **settings: str) -> Iterator[str]:
    """Run a MiniStack with data under `directory` and give its endpoint."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "SERVICES": "s3,iam,sts",
        "S3_PERSIST": "1", "S3_DATA_DIR": str(directory / "objects"),
        "PERSIST_STATE": "1", "STATE_DIR": str(directory / "state"), **settings,
    }  # fmt: skip

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    with _running(["ministack"], environment, directory, answers):
        yield endpoint


def make_bucket(endpoint: str, bucket: str) -> None:
    """Make an empty bucket; the keys are `test` and `test`, the region us-east-1."""
    import boto3

    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    client.close()


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], directory: Path, answers: Callable[[], bool]
) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(_PROGRAMS / command[0]), *command[1:]],
            cwd=directory, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
