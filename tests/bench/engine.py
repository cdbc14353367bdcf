"""Measure what the engine costs: steps of `shell.run` beside `chaos run`, and steps in the process. Asserts nothing.

Run `python -m tests.bench.engine [--steps 1000] [--rounds 3]`. Both tools run the same number of /bin/true, from their
commands, their output into a pipe; drx puts every event on disk before it goes on, Chaos Toolkit writes its journal
once, at the end. CPU is user and system time of the tool and all its children.
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
from dataclasses import dataclass
from pathlib import Path

from tests.runner.project import Project, steps_yaml

TRUE = "{id: s%d, action: shell.run, with: {command: [/bin/true]}, expect: 1s}"
NOTHING = "{id: s%d, action: wait.until, with: {for: 0s}, expect: 1s}"
SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Cost:
    """Seconds that a whole process took."""

    wall: float
    cpu: float


def main() -> None:
    """Take turns, so that a busy moment of the machine hits everybody alike, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        root = Path(folder)
        runs = {
            "drx, shell.run": _drx(root / "shell", TRUE, arguments.steps),
            "drx, in process": _drx(root / "inside", NOTHING, arguments.steps),
            "drx, one in process": _drx(root / "one", NOTHING, 1),
        }
        if (SCRIPTS / "chaos").exists():
            runs["chaos, process"] = _chaos(root, arguments.steps)
        costs: dict[str, list[Cost]] = {name: [] for name in runs}
        for _ in range(arguments.rounds):
            for name, run in runs.items():
                costs[name].append(_cost(run))
    _show(arguments.steps, {name: _median(each) for name, each in costs.items()})


def _show(steps: int, medians: dict[str, Cost]) -> None:
    print(f"{steps:,} steps, medians    wall       CPU")
    for name, cost in medians.items():
        print(f"{name:<20} {cost.wall:7.2f} s {cost.cpu:7.2f} s")
    many, one, shell = medians["drx, in process"], medians["drx, one in process"], medians["drx, shell.run"]
    print(f"{'above start-up':<20} {many.wall - one.wall:7.2f} s {many.cpu - one.cpu:7.2f} s (bar: at most 0.6 s)")
    if "chaos, process" in medians:
        chaos = medians["chaos, process"]
        print(f"{'drx / chaos':<20} {shell.wall / chaos.wall:7.2f}   {shell.cpu / chaos.cpu:7.2f}   (bar: at most 1.0)")
    else:
        print("Chaos Toolkit is not installed: there is nothing to compare with")


def _cost(run: Callable[[], None]) -> Cost:
    began, cpu = time.perf_counter(), _children_cpu()
    run()
    return Cost(time.perf_counter() - began, _children_cpu() - cpu)


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(each.wall for each in costs), statistics.median(each.cpu for each in costs))


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _drx(root: Path, step: str, count: int) -> Callable[[], None]:
    root.mkdir()
    Project(root).write(steps_yaml(*(step % number for number in range(count)), head="kind: operation"))
    command = [str(SCRIPTS / "drx"), "run", "story", "--env", "lab", "--unattended"]

    def run() -> None:
        subprocess.run(command, cwd=root, check=True, capture_output=True)
        shutil.rmtree(root / "drills" / "records")

    return run


def _chaos(root: Path, count: int) -> Callable[[], None]:
    provider = {"type": "process", "path": "/bin/true", "arguments": ""}
    method = [{"type": "action", "name": f"s{number}", "provider": provider} for number in range(count)]
    experiment = root / "experiment.json"
    experiment.write_text(json.dumps({"version": "1.0.0", "title": "t", "description": "d", "method": method}))
    command = [str(SCRIPTS / "chaos"), "--no-version-check", "--log-file", str(root / "chaos.log"), "run"]
    command += ["--journal-path", str(root / "journal.json"), str(experiment)]

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    return run


if __name__ == "__main__":
    main()
