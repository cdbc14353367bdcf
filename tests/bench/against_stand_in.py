"""Measure dump and restore against a server that answers at once: what is measured is the client. Asserts nothing.

Run `python -m tests.bench.against_stand_in [--megabytes 500]`. Stock mongodump and mongorestore, with
--gzip, run against the same server where they are on PATH; else the figures they reached elsewhere are shown.
"""

import argparse
import multiprocessing
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from drx.backup.stores.base import DirectoryAddress, S3Address
from tests import servers
from tests.bench.dump_restore import DATABASE, INTO, Figures, cpu_seconds, directory_store, measured, s3_store
from tests.bench.stand_in import running

# MB/s of raw data with --gzip, seen on two cores; the bar is twice as much.
_STOCK = {"drx dump": ("mongodump", 51), "drx restore": ("mongorestore", 69)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as folder, running(megabytes) as uri:
        root = Path(folder)
        _show("directory", uri, directory_store(root))
        _stock(root / "stock", uri, megabytes * 1_000_000)
        with servers.s3(root / "s3") as endpoint:
            _show("S3", uri, s3_store(endpoint))


def _show(kind: str, uri: str, address: S3Address | DirectoryAddress) -> None:
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for part, (tool, rate) in _STOCK.items():
            figures = pool.apply(measured, (part, uri, address))
            figures.show(f"{part}, {kind}")
            per_100_mb = figures.cpu_seconds * 100e6 / figures.size_bytes
            print(f"{'':20} CPU {per_100_mb:.2f} s for 100 MB; bar: {2 * rate} MB/s, twice what {tool} reached")


def _stock(directory: Path, uri: str, size_bytes: int) -> None:
    for tool, arguments in (
        ("mongodump", [f"--db={DATABASE}", f"--out={directory}"]),
        ("mongorestore", [f"--nsFrom={DATABASE}.*", f"--nsTo={INTO}.*", str(directory)]),
    ):
        if not shutil.which(tool):
            print(f"{tool}: not on PATH")
            continue
        begun, cpu = time.monotonic(), cpu_seconds(resource.RUSAGE_CHILDREN)
        subprocess.run([tool, f"--uri={uri}", "--gzip", *arguments], check=True, capture_output=True)
        spent, wall = cpu_seconds(resource.RUSAGE_CHILDREN) - cpu, time.monotonic() - begun
        Figures(spent, wall, 0, 0, size_bytes).show(tool)


if __name__ == "__main__":
    main()
