"""Prepare attempts, let them begin, tell them to stop. It records nothing itself and knows no questions."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

from drx.actions.base import Action, Params
from drx.config import Target
from drx.engine.commands import CancelReason, Start
from drx.engine.draft import GRACE
from drx.engine.events import AttemptEnded, Author, Fact, StepCancelled, StepFailed, StepStarted
from drx.engine.plan import Call, Plan, call_of
from drx.engine.scope import scope_for
from drx.engine.state import State
from drx.engine.terms import FailureKind
from drx.errors import DrxError
from drx.runner.context import Attempt, seen_by
from drx.runner.gate import Gate
from drx.runner.messages import Queue, Said
from drx.runner.parameters import resolve
from drx.runner.tabletop import NothingToGuard
from drx.runner.worker import Workers, perform
from drx.secrets import Masker
from drx.ui.port import Ui
from drx.values import Json

Resolve = Callable[[Call, Mapping[str, object]], tuple[Action, Params, Mapping[str, Json]]]

_LEAVE_SECONDS = 3.0
"""How long running attempts may take to end when the process has to go at once."""


@dataclass(frozen=True)
class Gear:
    """What a run needs of the world."""

    record: Path
    target: Target
    masker: Masker
    gate: Gate | NothingToGuard
    ui: Ui
    operator: Author
    resolve: Resolve = resolve
    """Makes an action ready out of what the runbook says; a tabletop makes one that does nothing."""


@dataclass(frozen=True)
class Prepared:
    """An attempt that may begin once its StepStarted is on disk."""

    attempt: Attempt
    action: Action
    params: Params


class Launcher:
    """Everything that runs now, by step."""

    def __init__(self, plan: Plan, gear: Gear, queue: Queue) -> None:
        self._plan = plan
        self._gear = gear
        self._queue = queue
        self._workers = Workers()
        self._running: dict[str, Attempt] = {}
        self._target_scope = gear.target.expression_scope(reveal=True)

    @property
    def running(self) -> list[str]:
        """The steps under way."""
        return sorted(self._running)

    def prepare(self, start: Start, state: State) -> tuple[Fact, Prepared | None]:
        """Give the fact to record, and what to begin after it; nothing where the parameters make no sense."""
        step = self._plan.steps[start.step]
        call = call_of(step, start.part)
        assert call is not None, "only actions are started"
        identity = (start.step, start.visit, start.attempt, start.part)
        try:
            scope = {**scope_for(self._plan, state, step.scope), "target": self._target_scope}
            action, params, shown = self._gear.resolve(call, scope)
        except DrxError as error:
            kind = FailureKind.EXPRESSION
            return StepFailed(*identity, error=error.message, remedy=error.remedy, kind=kind), None
        attempt = Attempt(
            start=start,
            run_id=state.run,
            record=self._gear.record,
            target=seen_by(call, self._gear.target),
            masker=self._gear.masker,
            created=state.created,
            timeout_seconds=step.timeout.total_seconds() if step.timeout else None,
            queue=self._queue,
            author=self._gear.operator,
            permit=self._gear.gate.permit(step.phase, state),
        )
        return StepStarted(*identity, parameters=shown), Prepared(attempt, action, params)

    def begin(self, prepared: Iterable[Prepared]) -> None:
        """Let attempts run; their ends come through the queue."""
        for each in prepared:
            self._running[each.attempt.start.step] = each.attempt
            self._workers.submit(self._job(each))

    def stop(self, step: str, reason: CancelReason) -> None:
        """Tell the attempt of a step to stop, if one runs."""
        if step in self._running:
            self._running[step].stop(reason)

    def cut_short(self) -> Iterator[StepCancelled]:
        """Tell everything that runs to stop, and give up on what was told so long ago and is deaf to it."""
        for step, attempt in sorted(self._running.items()):
            self.stop(step, CancelReason.STOPPING)
            if attempt.deaf_seconds() >= GRACE.total_seconds():
                start = attempt.start
                yield StepCancelled(step, start.visit, start.attempt, start.part, abandoned=True)

    def ended(self, fact: AttemptEnded) -> None:
        """Take note that an attempt has ended, or was left behind."""
        attempt = self._running.get(fact.step)
        if attempt is not None and _is_of(attempt, fact):
            del self._running[fact.step]

    def leave(self) -> None:
        """Stop everything that runs, and give it a moment: what happens now is no longer recorded."""
        for step in self.running:
            self.stop(step, CancelReason.STOPPING)
        deadline = time.monotonic() + _LEAVE_SECONDS
        while self._running and time.monotonic() < deadline:
            try:
                message = self._queue.get(timeout=max(deadline - time.monotonic(), 0.0))
            except Empty:
                return
            if isinstance(message, Said) and isinstance(message.fact, AttemptEnded):
                self.ended(message.fact)

    def _job(self, prepared: Prepared) -> Callable[[], None]:
        def job() -> None:
            fact = perform(prepared.action, prepared.params, prepared.attempt)
            self._queue.put(Said(fact, self._gear.operator, from_worker=True))

        return job


def _is_of(attempt: Attempt, fact: AttemptEnded) -> bool:
    start = attempt.start
    return (start.visit, start.attempt, start.part) == (fact.visit, fact.attempt, fact.part)
