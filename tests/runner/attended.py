"""Run, resume or drill the runbook of a project at the terminal: `attended.py ROOT [resume | drill]`, for tests."""

import signal
import sys
from pathlib import Path

from drx.actions import registry
from drx.errors import ExitCode
from drx.ui.choose import choose_ui
from tests.runner.project import Project


def main() -> int:
    """Give the exit code of the run."""
    registry._FAMILIES["test"] = ("tests.runner.actions",)
    project = Project(Path(sys.argv[1]))
    drill = "drill" in sys.argv
    ui = choose_ui(unattended=drill or "unattended" in sys.argv)
    try:
        if drill:
            code = int(project.drill(ui=ui))
        else:
            code = int(project.resume(ui) if "resume" in sys.argv else project.run(ui=ui))
    except KeyboardInterrupt:  # between the run's end and the next line
        code = ExitCode.INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as drx does once it is done
    return code


if __name__ == "__main__":
    sys.exit(main())
