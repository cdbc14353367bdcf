"""Run attempts in threads, and turn what comes of each into a fact. It never touches the journal."""

import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue

from drx.actions.base import Action, Params, Result
from drx.engine.commands import CancelReason
from drx.engine.events import AttemptEnded, StepCancelled, StepFailed, StepSucceeded, StepTimedOut
from drx.engine.terms import FailureKind
from drx.errors import Cancelled, DamagedError, DrxError, LockedByAnother, PermanentError, RefusedError, StepError
from drx.files import write_atomically
from drx.guard import NameNeeded
from drx.journal.codec import as_json
from drx.runner.context import Attempt

_TRACEBACK = "bug.txt"

Job = Callable[[], None]


class Workers:
    """Threads that are made when needed and used again; none keeps the process alive."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0

    def submit(self, job: Job) -> None:
        """Run a job at once, in a thread of its own."""
        with self._lock:
            idle = self._free > 0
            self._free -= 1 if idle else 0
        if not idle:
            threading.Thread(target=self._work, name="step", daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                self._free += 1


def perform(action: Action, params: Params, attempt: Attempt) -> AttemptEnded:
    """Run one attempt past the guard and give what came of it; never raises what an action raises."""
    start = attempt.start
    identity = (start.step, start.visit, start.attempt, start.part)
    try:
        attempt.permit(action, params)
        attempt.check()
        return _succeeded(attempt, action.run(params, attempt))
    except Cancelled as error:
        if attempt.reason is CancelReason.TIMEOUT or (attempt.reason is None and attempt.overdue()):
            return StepTimedOut(*identity, lines=error.lines)
        if attempt.reason is None:
            return StepFailed(*identity, error=error.message, remedy=error.remedy, lines=error.lines)
        return StepCancelled(*identity)
    except NameNeeded as error:
        kind = FailureKind.NEEDS_NAME
        return StepFailed(*identity, error=error.message, remedy=error.remedy, kind=kind, resource=error.resource)
    except RefusedError as error:
        return StepFailed(*identity, error=error.message, remedy=error.remedy, kind=FailureKind.REFUSED)
    except StepError as error:
        artifacts, kind = _artifacts(attempt, error.artifacts), _kind(error)
        return StepFailed(
            *identity, error=error.message, remedy=error.remedy, kind=kind, lines=error.lines, artifacts=artifacts
        )
    except DrxError as error:
        return StepFailed(*identity, error=error.message, remedy=error.remedy, kind=_kind(error))
    except BaseException as error:  # an action's bug must not take the recovery with it
        return _bug(attempt, error)


def _kind(error: DrxError) -> FailureKind:
    if isinstance(error, LockedByAnother):
        return FailureKind.BUSY
    return FailureKind.PERMANENT if isinstance(error, PermanentError | DamagedError) else FailureKind.EFFECT


def _succeeded(attempt: Attempt, result: Result) -> StepSucceeded:
    start = attempt.start
    outputs = {name: as_json(value) for name, value in result.outputs.items()}
    artifacts = _artifacts(attempt, result.artifacts)
    return StepSucceeded(
        start.step, start.visit, start.attempt, start.part, outputs, tuple(result.lines), artifacts, result.proven_until
    )


def _bug(attempt: Attempt, error: BaseException) -> StepFailed:
    """Keep the traceback beside the run, secrets masked; the screen gets one line."""
    start = attempt.start
    text = attempt.mask("".join(traceback.format_exception(error)))
    artifacts: tuple[str, ...] = ()
    try:
        write_atomically(attempt.artifacts / _TRACEBACK, text.encode("utf-8", "replace"))
        artifacts = _artifacts(attempt, (_TRACEBACK,))
    except OSError as problem:
        text = f"the traceback could not be kept: {problem.strerror}"
    return StepFailed(
        start.step,
        start.visit,
        start.attempt,
        start.part,
        error=f"a bug in the action: {type(error).__name__}: {error}",
        remedy="Report it, with the traceback" if artifacts else text,
        kind=FailureKind.BUG,
        artifacts=artifacts,
    )


def _artifacts(attempt: Attempt, names: Iterable[str]) -> tuple[str, ...]:
    """Name the files that an attempt left, from the record; from now on, only those read them who read the record."""
    for name in names:
        with suppress(OSError):
            attempt.keep(name)
    return tuple(f"{attempt.folder}/{name}" for name in names)
