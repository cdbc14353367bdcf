"""Measure how long commands take before they do anything, beside `chaos --version`. Asserts nothing.

Run `python -m tests.bench.startup [--rounds 15]`. It is CPU time, user and system, of whole processes that take turns.
"""

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHAOS = "chaos --version"
BARS = {"drx --help": 0.8, "drx check": 1.0}


def main() -> None:
    """Print medians of one run, and how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    scripts = Path(sys.executable).parent
    if not (scripts / "chaos").exists():
        print("Chaos Toolkit is not installed: there is nothing to compare with")
        return
    figures: dict[str, list[float]] = {command: [] for command in (*BARS, CHAOS)}
    for _ in range(arguments.rounds):
        for command, measured in figures.items():
            name, option = command.split()
            before = _children_cpu()
            subprocess.run([scripts / name, option], cwd=ROOT, check=True, capture_output=True)
            measured.append(_children_cpu() - before)
    medians = {command: statistics.median(measured) for command, measured in figures.items()}
    for command, median in medians.items():
        bar = f"   {median / medians[CHAOS]:4.2f} (bar: at most {BARS[command]})" if command in BARS else ""
        print(f"{command:<16} {median * 1000:5.0f} ms{bar}")


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
