"""Workers that only let time pass: what a tabletop runs in place of actions. They touch nothing, and reach nobody."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from pydantic import JsonValue, TypeAdapter, ValidationError

from drx.actions.base import Action, Context, Params, Result
from drx.actions.registry import find_action
from drx.engine.plan import Call, Phase, Plan
from drx.engine.state import State
from drx.engine.terms import Part
from drx.errors import DrxError, JournalError, PermanentError
from drx.runbook.expressions import render
from drx.runbook.model import Surprise
from drx.runner.context import Attempt, Permit
from drx.runner.recorded import newest_outputs, step_times
from drx.secrets import HIDDEN
from drx.values import Json, as_json

SCRIPT = "tabletop.json"
"""Name of the frozen file that holds the script, so that a resume goes on as it began."""
_TICK_SECONDS = 0.5
_UNKNOWN_SECONDS = 10.0


@dataclass(frozen=True)
class Script:
    """How a tabletop plays the automated steps."""

    speed: float = 1.0
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each step takes, by its id: the median of earlier runs, else what the runbook expects."""
    outputs: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    """What each step gives: what it gave in the newest run, else names in angle brackets."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """What each of these steps fails with, once."""

    def encode(self) -> bytes:
        """Write it as the frozen file has it."""
        return json.dumps(_SCRIPT.dump_python(self, mode="json"), ensure_ascii=False, indent=1, sort_keys=True).encode()

    def resolve(self, call: Call, scope: Mapping[str, object]) -> tuple[Action, Params, Mapping[str, Json]]:
        """Give an action that only takes its time, and the parameters as far as they can be told.

        Raises DrxError where there is no such action.
        """
        action = find_action(call.action)
        if action is None:
            raise DrxError(f"there is no action '{call.action}'", "`drx actions` lists what there is")
        shown = {name: as_json(_told(value, scope)) for name, value in call.parameters.items()}
        names = tuple(action.spec.outputs)
        return replace(action, run=lambda _, context: self._play(context, names)), Params(), shown

    def _play(self, context: Context, names: tuple[str, ...]) -> Result:
        """Let the time of the step pass. Raises PermanentError where it has to fail."""
        assert isinstance(context, Attempt)
        start = context.start
        if start.part is not Part.WORK:
            return Result(lines=("tabletop: nothing was done",))
        whole = self.seconds.get(start.step, _UNKNOWN_SECONDS)
        left = whole / self.speed
        while left > 0:
            context.sleep(min(left, _TICK_SECONDS))
            left -= _TICK_SECONDS
            context.progress(round(whole - max(left, 0.0) * self.speed), round(whole), "seconds")
        if start.step in self.failures and start.visit == start.attempt == 1:
            raise PermanentError(f"surprise: {self.failures[start.step]}", "Decide as you would for real")
        recorded = self.outputs.get(start.step, {})
        made_up = {name: as_json(recorded.get(name, f"<{start.step}.{name}>")) for name in names}
        return Result(made_up, ("tabletop: nothing was done",))


class NothingToGuard:
    """The gate of a tabletop: its workers reach no server, so that none has to say who it is."""

    def permit(self, phase: Phase, state: State) -> Permit:
        """Let through what does nothing."""
        return lambda attempt, action, params: None


_SCRIPT = TypeAdapter(Script)


def read_script(content: bytes) -> Script:
    """Read a frozen script.

    Raises JournalError where it is none.
    """
    try:
        return _SCRIPT.validate_json(content)
    except ValidationError:
        raise JournalError(f"{SCRIPT} is not what a tabletop leaves", "Restore it from a copy") from None


def script_of(speed: float, plan: Plan, records: Path, surprises: Sequence[Surprise]) -> Script:
    """Make the script of a tabletop: recorded times lead, expected ones fill in."""
    planned = {step.id: step.expect.total_seconds() for step in plan.steps.values() if step.expect}
    failures = {surprise.at: surprise.text for surprise in surprises if surprise.fails}
    recorded = {step: median(times) for step, times in step_times(records, plan.runbook).items()}
    return Script(speed, {**planned, **recorded}, newest_outputs(records, plan.runbook), failures)


def _told(value: object, scope: Mapping[str, object]) -> object:
    """Evaluate what can be; made-up outputs do not fit everywhere, and a secret stays hidden."""
    try:
        return render(value, scope)
    except DrxError:
        return value if HIDDEN not in str(value) else HIDDEN
