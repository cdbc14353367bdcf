"""How long `drx status` takes with 1,000 recorded runs, its sandbox running. `python -m tests.bench.status`."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORDS = 1000
DRX = str(Path(sys.executable).with_name("drx"))


def main() -> None:
    """Print the median of five."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in ("drx.yaml", "runbooks", "drills"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, project / name)
        shutil.rmtree(project / "drills" / "records", ignore_errors=True)
        subprocess.run([DRX, "sandbox", "up"], cwd=project, check=True, capture_output=True)
        try:
            slices = [DRX, "run", "hourly-incremental", "--env", "sandbox", "--unattended"]
            subprocess.run(slices, cwd=project, check=False, capture_output=True)
            records = project / "drills" / "records"
            pattern = next(records.iterdir())
            for number in range(RECORDS - 1):
                stamp = f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}{number % 60:02d}Z"
                shutil.copytree(pattern, records / f"{stamp}-hourly-incremental-{number:04x}")
            times = [_seconds(project) for _ in range(5)]
        finally:
            subprocess.run([DRX, "sandbox", "down"], cwd=project, check=True, capture_output=True)
    print(f"drx status, {RECORDS} records   {statistics.median(times):.2f} s   bar 1.00 s")


def _seconds(project: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run([DRX, "status", "--env", "sandbox"], cwd=project, check=False, capture_output=True, text=True)
    assert "RPO" in done.stdout, done.stderr
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
