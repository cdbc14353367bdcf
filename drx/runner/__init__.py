"""Run a runbook or a drill from its first event to its report; `run` is the way in. Here facts and effects meet."""
