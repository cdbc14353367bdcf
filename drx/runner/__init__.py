"""Run a runbook or a drill from its first event to its report. The only place where facts and effects meet."""

from drx.runner.run import Setting, annotate, resume, run_drill, run_runbook

__all__ = ["Setting", "annotate", "resume", "run_drill", "run_runbook"]
