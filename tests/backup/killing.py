"""Kill a program of the tests at a random moment of its work, as a power cut would."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random


def run_or_kill(command: Sequence[str], choose: Random, longest: float) -> float | None:
    """Run a program that says `begun`, and kill it within so many seconds; 0 lets it end.

    Gives how long it took, where it came to its end; None where it was killed.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as child:
        assert child.stdout
        assert child.stdout.readline() == b"begun\n"
        began = time.monotonic()
        try:
            assert child.wait(choose.uniform(0, longest) if longest else None) == 0
        except subprocess.TimeoutExpired:
            child.kill()
            return None
        return time.monotonic() - began
