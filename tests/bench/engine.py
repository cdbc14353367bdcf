"""Measure what the engine costs: steps of `shell.run` beside `chaos run`, and steps in the process. Asserts nothing.

Run `python -m tests.bench.engine [--steps 1000] [--rounds 3]`. Both tools run the same number of /bin/true, each in a
process of its own; drx puts every event on disk before it goes on, Chaos Toolkit writes its journal once, at the end.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.runner.project import Project, steps_yaml

TRUE = "{id: s%d, action: shell.run, with: {command: [/bin/true]}, expect: 1s}"
NOTHING = "{id: s%d, action: wait.until, with: {for: 0s}, expect: 1s}"
RUN = "import sys; from pathlib import Path; from tests.runner.project import Project; Project(Path(sys.argv[1])).run()"


def main() -> None:
    """Take turns, so that a busy moment of the machine hits everybody alike, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        root = Path(folder)
        candidates: dict[str, Callable[[], None]] = {
            f"drx, {arguments.steps} x shell.run": _drx(root / "shell", TRUE, arguments.steps),
            f"chaos, {arguments.steps} x process": _chaos(root, arguments.steps),
            f"drx, {arguments.steps} x in process": _drx(root / "inside", NOTHING, arguments.steps),
            "drx, 1 x in process": _drx(root / "one", NOTHING, 1),
        }
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
        for _ in range(arguments.rounds):
            for name, run in candidates.items():
                began, cpu = time.perf_counter(), _children_cpu()
                run()
                figures[name].append((time.perf_counter() - began, _children_cpu() - cpu))
    medians = [statistics.median(wall for wall, _ in each) for each in figures.values()]
    for (name, each), median in zip(figures.items(), medians, strict=True):
        print(f"{name:<28} {median:7.2f} s   CPU {statistics.median(cpu for _, cpu in each):5.2f} s")
    print(f"drx / chaos                  {medians[0] / medians[1]:7.2f}   (bar: at most 1.0)")
    print(f"in process, above start-up   {medians[2] - medians[3]:7.2f} s (bar: at most 0.6 s)")


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _drx(root: Path, step: str, count: int) -> Callable[[], None]:
    root.mkdir()
    Project(root).write(steps_yaml(*(step % number for number in range(count))))

    def run() -> None:
        subprocess.run([sys.executable, "-c", RUN, str(root)], check=True)
        shutil.rmtree(root / "records")

    return run


def _chaos(root: Path, count: int) -> Callable[[], None]:
    provider = {"type": "process", "path": "/bin/true", "arguments": ""}
    method = [{"type": "action", "name": f"s{number}", "provider": provider} for number in range(count)]
    experiment = root / "experiment.json"
    experiment.write_text(json.dumps({"version": "1.0.0", "title": "t", "description": "d", "method": method}))
    chaos = Path(sys.executable).with_name("chaos")

    def run() -> None:
        command = [str(chaos), "--no-version-check", "--log-file", str(root / "chaos.log"), "run"]
        command += ["--journal-path", str(root / "journal.json"), str(experiment)]
        subprocess.run(command, check=True, capture_output=True)

    return run


if __name__ == "__main__":
    main()
