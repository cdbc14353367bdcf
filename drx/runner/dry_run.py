"""Try a runbook without running it: every step with its resolved parameters, and the prechecks for real.

Nothing is written: no record, no lock, no trust. Only actions that read are called.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from drx.actions.registry import find_action
from drx.config import Config, Target
from drx.engine.commands import Start
from drx.engine.events import AttemptEnded, Author, Fact, StepFailed, StepSucceeded, StepTimedOut
from drx.engine.plan import Automated, Group, Human, Phase, Plan, PlannedStep
from drx.engine.state import State
from drx.engine.terms import Mode, Part
from drx.errors import DrxError
from drx.guard import Guard, Trust
from drx.runbook.expressions import evaluate
from drx.runbook.load import Binder
from drx.runner.context import Attempt, seen_by
from drx.runner.frozen import What, plan_of
from drx.runner.gate import Gate
from drx.runner.inputs import given
from drx.runner.messages import Message
from drx.runner.parameters import read_parameters, resolve
from drx.runner.placeholders import Outlook, Unknown, needed
from drx.runner.worker import Workers, perform
from drx.secrets import Masker

_PATIENCE_SECONDS = 60.0
"""How long a precheck that states no timeout may take."""
_RUN = "<run.id>"


class Finding(Enum):
    """What became of a step in a dry run."""

    SHOWN = "shown"
    HOLDS = "holds"
    FAILED = "failed"
    NOT_CHECKED = "not checked"
    WRONG = "wrong"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class Tried:
    """A step of a dry run, with its expressions evaluated as far as they can be."""

    step: PlannedStep
    parameters: Mapping[str, object]
    text: str = ""
    """What a person has to do or decide."""
    finding: Finding = Finding.SHOWN
    said: tuple[str, ...] = ()
    """What the precheck found, why it was not tried, or what is wrong with the step."""


@dataclass(frozen=True)
class DryRun:
    """A runbook that is tried in an environment; `trust` is what is trusted, and stays as it is."""

    plan: Plan
    target: Target
    config: Config
    trust: Trust
    operator: Author
    outlook: Outlook

    def steps(self) -> Iterator[Tried]:
        """Try step after step, in the order of the plan."""
        gate = Gate(Guard(self.target, self.config.settings, self.trust, self.plan.mode))
        masker = Masker(self.target.secrets())
        with TemporaryDirectory(prefix="drx-dry-run-") as folder:
            for step in self.plan.steps.values():
                yield self._tried(step, gate, masker, Path(folder))

    def _tried(self, step: PlannedStep, gate: Gate, masker: Masker, folder: Path) -> Tried:
        work = step.work
        tried = Tried(step, {})
        try:
            scope = self.outlook.scope(step.scope)
            if self._left_out(step):
                return replace(tried, finding=Finding.LEFT_OUT)
            match work:
                case Human():
                    text, _ = self.outlook.render(work.prompt, scope)
                    return replace(tried, text=masker.mask(str(text)))
                case Group():
                    return tried
                case Automated():
                    return self._automated(tried, work, scope, gate, masker, folder)
        except DrxError as error:
            return replace(tried, finding=Finding.WRONG, said=(masker.mask(str(error)),))

    def _left_out(self, step: PlannedStep) -> bool:
        """Whether inputs alone decide that a step, or one around it, is not taken."""
        if step.scope and self._left_out(self.plan.steps[step.scope]):
            return True
        try:
            taken = evaluate(step.when, self.outlook.scope(step.scope)) if step.when else True
        except DrxError:
            return False  # only the run itself can tell
        return not isinstance(taken, Unknown) and not taken

    def _automated(
        self, tried: Tried, work: Automated, scope: Mapping[str, object], gate: Gate, masker: Masker, folder: Path
    ) -> Tried:
        """Evaluate the parameters, read them as the action would once all are known, and run a precheck."""
        written = dict(work.call.parameters)
        parameters = {name: self.outlook.render(value, scope) for name, value in written.items()}
        unknown = tuple(name for _, names in parameters.values() for name in names)
        shown = {name: _masked(value, masker) for name, (value, _) in parameters.items()}
        tried = replace(tried, parameters=shown)
        if tried.step.phase is Phase.PRECHECK:
            return self._checked(tried, work, unknown, gate, masker, folder)
        action = find_action(work.call.action)
        if action is not None and not unknown:
            read_parameters(action, {name: value for name, (value, _) in parameters.items()})
        return tried

    def _checked(
        self, tried: Tried, work: Automated, unknown: tuple[str, ...], gate: Gate, masker: Masker, folder: Path
    ) -> Tried:
        """Run a precheck, if all it needs is known and it only reads."""
        step = tried.step
        if unknown:
            return replace(tried, finding=Finding.NOT_CHECKED, said=(f"it needs {needed(unknown)}",))
        revealed = {**self.outlook.scope(step.scope), "target": self.target.expression_scope(reveal=True)}
        action, params, _ = resolve(work.call, revealed)
        if action.effect(params) != "read":
            return replace(tried, finding=Finding.NOT_CHECKED, said=("it would change something",))
        timeout = step.timeout.total_seconds() if step.timeout else _PATIENCE_SECONDS
        attempt = _Rehearsal(
            start=Start(step.id, 1, 1, Part.WORK), run_id=_RUN, record=folder, target=seen_by(work.call, self.target),
            masker=masker, created=frozenset(), timeout_seconds=timeout, queue=SimpleQueue[Message](),
            author=self.operator, permit=gate.permit(step.phase, State()),
        )  # fmt: skip
        ended: SimpleQueue[AttemptEnded] = SimpleQueue()
        Workers().submit(lambda: ended.put(perform(action, params, attempt)))
        return self._ended(tried, ended.get(), masker)

    def _ended(self, tried: Tried, fact: AttemptEnded, masker: Masker) -> Tried:
        match fact:
            case StepSucceeded():
                self.outlook.outputs[tried.step.id] = fact.outputs
                return replace(tried, finding=Finding.HOLDS, said=tuple(map(masker.mask, fact.lines)))
            case StepFailed():
                said = (fact.error, fact.remedy) if fact.remedy else (fact.error,)
                return replace(tried, finding=Finding.FAILED, said=tuple(map(masker.mask, said)))
            case StepTimedOut():
                return replace(tried, finding=Finding.FAILED, said=("it took too long",))
            case _:
                return replace(tried, finding=Finding.FAILED, said=("it was stopped",))


class _Rehearsal(Attempt):
    """An attempt that nobody journals."""

    def say(self, fact: Fact) -> None:
        """There is no journal to hold a fact."""

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Nobody looks on."""


def prepare(
    binder: Binder, config: Config, reference: str, target: Target, trust: Trust, operator: Author,
    inputs: Mapping[str, str],
) -> DryRun:  # fmt: skip
    """Make ready to try a runbook; `inputs` are values from the command line.

    Raises UsageError for inputs that do not fit, InvalidInput for a runbook that cannot be run.
    """
    runbook = binder.runbook(reference)
    mode = Mode.OPERATION if runbook.kind == "operation" else Mode.INCIDENT
    plan = plan_of(binder, config, What(_RUN, mode, reference, target.name, operator.user), target)
    values = {fact.name: fact.value for fact in given(plan, inputs, datetime.now(UTC))}
    return DryRun(plan, target, config, trust, operator, Outlook(plan, values))


def _masked(value: object, masker: Masker) -> object:
    match value:
        case str():
            return masker.mask(value)
        case dict():
            return {key: _masked(part, masker) for key, part in value.items()}
        case list():
            return [_masked(part, masker) for part in value]
        case _:
            return value
