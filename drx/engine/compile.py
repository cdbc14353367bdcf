"""Compile a runbook, or a drill around it, into the plan that the engine walks. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from drx.engine import plan as planned
from drx.engine.plan import Automated, Call, Group, Human, InputSpec, OnFailure, Phase, Plan, PlannedStep, walk
from drx.engine.terms import Mode
from drx.errors import InvalidInput
from drx.runbook import model

Steps = tuple[model.Step, ...]


@dataclass(frozen=True)
class Compiler:
    """Knows what a plan needs beyond the files: nested runbooks, and which actions may run twice."""

    runbooks: Mapping[str, model.Runbook]
    """Every runbook that is called from another, by id."""
    repeatable: Callable[[str], bool]
    """Whether running an action again after an unknown outcome does no harm."""
    practice: bool = False
    """In a sandbox nothing is at stake: whoever practises alone may approve their own steps."""
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The accounts that have each role."""

    def runbook(
        self,
        runbook: model.Runbook,
        *,
        mode: Mode,
        constants: Mapping[str, object],
        objectives: model.Objectives | None = None,
    ) -> Plan:
        """Give the plan of a runbook; `objectives` hold where it states none.

        Raises InvalidInput for steps that cannot be told apart.
        """
        objectives = runbook.objectives or objectives
        plan = Plan(
            runbook=runbook.runbook,
            title=runbook.title,
            mode=mode,
            main=(*self._steps(runbook.prechecks, Phase.PRECHECK), *self._steps(runbook.steps, Phase.STEP)),
            cleanup=(*self._nested_cleanup(runbook, ""), *self._steps(runbook.cleanup, Phase.CLEANUP)),
            inputs=self._inputs(runbook, ""),
            rto=objectives.rto if objectives else None,
            rpo=objectives.rpo if objectives else None,
            timeout=runbook.timeout or model.UNATTENDED_LIMIT,
            grace=runbook.grace,
            constants=constants,
            review=runbook.review,
        )
        return _without_twins(plan)

    def drill(
        self,
        drill: model.Drill,
        runbook: model.Runbook,
        *,
        constants: Mapping[str, object],
        objectives: model.Objectives | None = None,
    ) -> Plan:
        """Give the plan of a drill: set-up, fault, detection, the runbook, pass, teardown, as one run.

        Raises InvalidInput for steps that cannot be told apart.
        """
        inner = self.runbook(runbook, mode=Mode.DRILL, constants=constants, objectives=objectives)
        fault = PlannedStep("fault", "The disaster strikes", Phase.FAULT, Automated(self._call(drill.fault)))
        plan = replace(
            inner,
            drill=drill.drill,
            main=(
                *self._steps(drill.setup, Phase.SETUP),
                fault,
                *self._detection(drill, runbook),
                *inner.main,
                *self._steps(drill.pass_, Phase.PASS),
            ),
            cleanup=(*inner.cleanup, *self._steps(drill.teardown, Phase.CLEANUP)),
            answers=drill.answers,
        )
        return _without_twins(plan)

    def _detection(self, drill: model.Drill, runbook: model.Runbook) -> tuple[PlannedStep, ...]:
        probes = [symptom.probe.model_dump(by_alias=True) for symptom in runbook.symptoms if symptom.probe]
        if drill.detect is None or not probes:
            return ()
        within = f"{drill.detect.within.total_seconds():g}s"
        call = Call("wait.for", {"any_of": probes, "until": "fails", "within": within, "every": "200ms"}, True)
        return (PlannedStep("detect", "Somebody notices", Phase.DETECT, Automated(call)),)

    def _inputs(self, runbook: model.Runbook, scope: str) -> tuple[InputSpec, ...]:
        own = tuple(
            InputSpec(f"{scope}{name}", spec.type, spec.ask, spec.choices, spec.default, spec.starts_clock)
            for name, spec in runbook.inputs.items()
        )
        nested = (
            self._inputs(self.runbooks[step.runbook], f"{scope}{step.id}/")
            for step in _nested_steps((*runbook.prechecks, *runbook.steps))
        )
        return (*own, *(spec for specs in nested for spec in specs))

    def _nested_cleanup(self, runbook: model.Runbook, scope: str) -> tuple[PlannedStep, ...]:
        found: list[PlannedStep] = []
        for step in _nested_steps((*runbook.prechecks, *runbook.steps)):
            inner = self.runbooks[step.runbook]
            outer = f"{scope}{step.id}"
            cleanup = self._steps(inner.cleanup, Phase.CLEANUP, outer)
            found += [*self._nested_cleanup(inner, f"{outer}/"), *(replace(one, requires=outer) for one in cleanup)]
        return tuple(found)

    def _steps(self, steps: Steps, phase: Phase, scope: str = "") -> tuple[PlannedStep, ...]:
        return tuple(self._step(step, phase, scope) for step in steps)

    def _step(self, step: model.Step, phase: Phase, scope: str) -> PlannedStep:
        prefix = f"{scope}/" if scope else ""
        work = self._work(step, phase, scope, f"{prefix}{step.id}")
        return PlannedStep(
            id=f"{prefix}{step.id}",
            title=step.title or _title(step),
            phase=phase,
            work=work,
            scope=scope,
            when=step.when,
            expect=step.expect or _derived(work),
            timeout=step.timeout,
            on_failure=_on_failure(step, prefix),
            recovered=step.recovered and not scope,
        )

    def _work(self, step: model.Step, phase: Phase, scope: str, full_id: str) -> planned.Work:
        match step:
            case model.ActionStep():
                return Automated(
                    Call(step.action, step.with_, self.repeatable(step.action)),
                    verify=self._call(step.verify) if step.verify else None,
                    rollback=self._call(step.way_back) if step.way_back else None,
                    retry=planned.Retry(step.retry.attempts, step.retry.wait, step.retry.backoff),
                )
            case model.ConfirmStep():
                return self._human(Human("confirm", step.confirm), step)
            case model.AskStep():
                return self._human(Human("ask", step.ask, choices=step.choices), step)
            case model.ApproveStep():
                return self._human(self._approval(step), step)
            case model.ParallelStep():
                return Group({name: self._steps(branch, phase, scope) for name, branch in step.parallel.items()})
            case model.RunbookStep():
                inner = self.runbooks[step.runbook]
                steps = self._steps((*inner.prechecks, *inner.steps), phase, full_id)
                return Group({"": steps}, dict(step.inputs), dict(inner.outputs), runbook=step.runbook)

    def _approval(self, step: model.ApproveStep) -> Human:
        who = model.Approvers() if self.practice else step.approvers
        return Human(
            "approve",
            step.approve,
            approvals=who.min,
            not_operator=who.not_operator,
            roles=who.roles,
            holders=tuple(dict.fromkeys(user for role in who.roles for user in self.roles.get(role, ()))),
        )

    def _human(self, human: Human, step: model.ConfirmStep | model.AskStep | model.ApproveStep) -> Human:
        if isinstance(step.unattended, model.Probe):
            return replace(human, unattended="probe", probe=self._call(step.unattended.probe))
        return replace(human, unattended=step.unattended)

    def _call(self, call: model.ActionCall) -> Call:
        return Call(call.action, call.with_, self.repeatable(call.action))


def _nested_steps(steps: Steps) -> list[model.RunbookStep]:
    found: list[model.RunbookStep] = []
    for step in steps:
        if isinstance(step, model.RunbookStep):
            found.append(step)
        elif isinstance(step, model.ParallelStep):
            found += [inner for branch in step.parallel.values() for inner in _nested_steps(branch)]
    return found


def _title(step: model.Step) -> str:
    match step:
        case model.ActionStep():
            return step.action
        case model.ConfirmStep():
            return step.confirm
        case model.AskStep():
            return step.ask
        case model.ApproveStep():
            return step.approve
        case model.ParallelStep():
            return " · ".join(step.parallel)
        case model.RunbookStep():
            return step.runbook


def _derived(work: planned.Work) -> timedelta | None:
    """The planned time of a group: that of its longest branch."""
    if not isinstance(work, Group):
        return None
    branches = (
        sum((step.expect or timedelta(0) for step in branch), timedelta(0)) for branch in work.branches.values()
    )
    return max(branches, default=timedelta(0))


def _on_failure(step: model.Step, prefix: str) -> OnFailure:
    if isinstance(step.on_failure, model.GoTo):
        return OnFailure("goto", f"{prefix}{step.on_failure.goto}")
    return OnFailure(step.on_failure)


def _without_twins(plan: Plan) -> Plan:
    """The plan, once it is sure that every id stands for one step and every goto leads to a later one."""
    ids = [step.id for step in walk((*plan.main, *plan.cleanup))]
    twins = sorted({step for step in ids if ids.count(step) > 1}) if len(set(ids)) < len(ids) else []
    if twins:
        raise InvalidInput(f"these step ids stand for more than one step: {', '.join(twins)}", "Rename one of each")
    for step in plan.steps.values():
        if step.on_failure.policy != "goto":
            continue
        here, there = plan.places[step.id], plan.places.get(step.on_failure.goto)
        if there is None or there.sequence != here.sequence or there.index <= here.index:
            raise InvalidInput(
                f"step {step.id} goes to {step.on_failure.goto}, which is no later step of the same sequence",
                "Name a later step beside it",
            )
    return plan
