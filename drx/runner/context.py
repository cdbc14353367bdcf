"""What a running action sees of its run: the Context of one attempt. It reaches the loop only through the queue."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from drx.actions.base import Action, Params, Result
from drx.actions.registry import catalogue, find_action
from drx.config import Target, narrowed
from drx.engine.commands import CancelReason, Start
from drx.engine.events import Author, Fact, TargetCreated, TargetLost
from drx.engine.plan import Call
from drx.errors import Cancelled, StepError
from drx.files import file_mode, folder_mode, make_private
from drx.runbook.needs import parts_in
from drx.runner.messages import Progressed, Queue, Said
from drx.runner.parameters import read_parameters
from drx.runner.record import ARTIFACTS
from drx.secrets import Masker


def seen_by(call: Call, target: Target) -> Target:
    """Give the environment as a step may see it: the parts that its action declares, and the probes inside of it."""
    written = {"action": call.action, "with": call.parameters}
    return narrowed(target, parts_in(written, catalogue), call.action)


Permit = Callable[["Attempt", Action, Params], None]
"""Lets an action of an attempt through, or raises RefusedError."""

_PROGRESS_SECONDS = 0.5
_LOOK_SECONDS = 0.2


class Attempt:
    """One attempt of one step, as its action sees it."""

    def __init__(
        self,
        *,
        start: Start,
        run_id: str,
        record: Path,
        target: Target,
        masker: Masker,
        created: frozenset[tuple[str, str]],
        timeout_seconds: float | None,
        queue: Queue,
        author: Author,
        permit: "Permit",
    ) -> None:
        self.start = start
        self.run_id = run_id
        self.step_id = start.step
        self.target = target
        self.masker = masker
        self.reason: CancelReason | None = None
        """Why it was told to stop, if it was."""
        self._record = record
        self._created = created
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._queue = queue
        self._author = author
        self._permit = permit
        self._stop = threading.Event()
        self._told_at = 0.0
        self._progress_at = 0.0

    @property
    def folder(self) -> str:
        """The attempt's directory for artifacts, from the record."""
        start = self.start
        return f"{ARTIFACTS}/{start.step}/{start.part}-{start.visit}-{start.attempt}"

    @property
    def artifacts(self) -> Path:
        path = self._record / self.folder
        make_private(path, folder_mode(self._record))
        return path

    def keep(self, name: str) -> None:
        """Let an artifact be read by those who read the record, and by nobody else. Raises OSError."""
        (self.artifacts / name).chmod(file_mode(self._record))

    @property
    def created(self) -> frozenset[tuple[str, str]]:
        return self._created

    def stop(self, reason: CancelReason) -> None:
        """Tell the action to stop; the first reason holds."""
        if not self._stop.is_set():
            self.reason, self._told_at = reason, time.monotonic()
            self._stop.set()

    def deaf_seconds(self) -> float:
        """For how long it has known that it has to stop, and has not."""
        return time.monotonic() - self._told_at if self._stop.is_set() else 0.0

    def progress(self, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        if now >= self._progress_at or done == total:
            self._progress_at = now + _PROGRESS_SECONDS
            self._queue.put(Progressed(self.step_id, done, total, unit))

    def cancelled(self) -> bool:
        return self._stop.is_set() or self.overdue()

    def overdue(self) -> bool:
        """Whether its time is over."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def check(self) -> None:
        if self.cancelled():
            raise Cancelled("it took too long" if self.overdue() else "it was stopped")

    def sleep(self, seconds: float) -> None:
        left = self.remaining()
        self._stop.wait(seconds if left is None else max(min(seconds, left), 0.0))
        self.check()

    def remaining(self) -> float | None:
        return None if self._deadline is None else self._deadline - time.monotonic()

    def mask(self, text: str) -> str:
        return self.masker.mask(text)

    def created_resource(self, target: str, resource: str) -> None:
        self.say(TargetCreated(target, resource))
        self._created |= {(target, resource)}

    def lost_resource(self, target: str, resource: str) -> None:
        self.say(TargetLost(target, resource))

    def call(self, action: str, parameters: Mapping[str, object]) -> Result:
        found = find_action(action)
        if found is None:
            raise StepError(f"there is no action '{action}'", "`drx actions` lists what there is")
        if found.spec.effect != "read":
            raise StepError(f"{action} changes things; a probe only reads", "Use an action that only reads")
        params = read_parameters(found, parameters)
        self.permit(found, params)
        return found.run(params, self)

    def permit(self, action: Action, params: Params) -> None:
        """Ask the guard, just before an action starts. Raises RefusedError."""
        self._permit(self, action, params)

    def say(self, fact: Fact) -> None:
        """Hand a fact to the loop, and go on only once it is on disk."""
        recorded = threading.Event()
        self._queue.put(Said(fact, self._author, from_worker=True, recorded=recorded))
        while not recorded.wait(_LOOK_SECONDS):
            if self._stop.is_set():
                raise Cancelled("it was stopped")
