"""`drx plan`: the disaster recovery plan out of drx.yaml, runbooks and recorded drills. Reads committed files only."""

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

from drx.cli.committed import read_committed
from drx.cli.plan.by_hand import Values, outputs_of
from drx.cli.plan.variables import functions_of, variables_of
from drx.cli.project import Project, load_project
from drx.cli.sound import require_sound
from drx.config.load import suggest_environment
from drx.config.model import Settings
from drx.errors import ExitCode, StaleError, UsageError
from drx.reports.plan.markdown import plan_html, plan_markdown
from drx.reports.plan.shapes import PlanRunbook, PlanStep, RecoveryPlan, Verified
from drx.reports.text import visible
from drx.runbook.expressions import as_expression
from drx.runbook.load import RUNBOOKS, Binder
from drx.runbook.model import (
    ActionStep,
    Approvers,
    ApproveStep,
    AskStep,
    ConfirmStep,
    ParallelStep,
    RunbookStep,
    Step,
)
from drx.runbook.timing import critical_path
from drx.runner.verified import hash_of, read_verified
from drx.units import show_duration

_NO_END = "\\ No newline at end of file"
"""As diff says it, so that the next line of the difference stands alone."""
PLAN = Path("docs") / "disaster-recovery.md"
_NESTED = re.compile(r" or | if |[({\[]")
FORMS = {"md": plan_markdown, "html": plan_html}


def plan(environment: str | None, output: str | None, form: str, *, check: bool) -> int:
    """Print the plan, write it, or see whether the committed one is what would be written.

    Raises InvalidDocument for a runbook that is not sound, StaleError with the difference.
    """
    if form not in FORMS:
        raise UsageError(f"'{form}' is no format of the plan", f"Use {' or '.join(FORMS)}")
    project = load_project()
    text = FORMS[form](make_plan(project, environment))
    path = Path(output) if output else project.root / PLAN.with_suffix(f".{form}")
    if check:
        _compare(path, text)
    elif output:
        write(path, text)
    else:
        sys.stdout.write(text)
    return ExitCode.OK


def make_plan(project: Project, environment: str | None) -> RecoveryPlan:
    """Gather the plan of a project, for the environment that is named, or for the protected one."""
    settings, binder = project.config.settings, project.binder("")
    environment = environment or _protected(settings)
    if environment not in settings.environments:
        raise UsageError(f"there is no environment '{environment}'", suggest_environment(settings, environment))
    verified = read_verified(project.root)
    for name in binder.ids(RUNBOOKS):
        require_sound(binder, project.config, name)
    scheduled = {each.run for each in settings.schedules if each.environment == environment}
    found = [
        _runbook(binder, settings, environment, name, hash_of(binder, name, project.root), verified.get(name))
        for name in binder.ids(RUNBOOKS)
    ]
    return RecoveryPlan(
        settings,
        environment,
        tuple(variables_of(settings, environment)),
        functions_of(settings, environment),
        tuple(each for each in found if each.kind == "scenario"),
        tuple(each for each in found if each.kind == "operation" and each.id in scheduled),
    )


def _protected(settings: Settings) -> str:
    """The plan is for what has to be recovered: the protected environment, or the first one."""
    names = list(settings.environments)
    return next((name for name in names if settings.environments[name].protected), names[0])


def _runbook(
    binder: Binder, settings: Settings, environment: str, name: str, hashed: str, verified: Verified | None
) -> PlanRunbook:
    runbook = binder.runbook(name)
    values = Values(settings, environment, outputs_of(runbook))
    objectives = runbook.objectives or settings.objectives
    exported = {key for key, _, _ in variables_of(settings, environment)}
    prechecks, steps, cleanup = (
        _steps(binder, part, values) for part in (runbook.prechecks, runbook.steps, runbook.cleanup)
    )
    critical = critical_path(runbook, binder.runbook)
    return PlanRunbook(
        id=name, kind=runbook.kind, title=runbook.title, summary=runbook.summary, severity=runbook.severity,
        owner=runbook.owner, symptoms=tuple(symptom.text for symptom in runbook.symptoms), rto=objectives.rto,
        rpo=objectives.rpo, questions=tuple(each.ask for each in runbook.inputs.values() if each.ask),
        variables=tuple(values.variables[key] for key in sorted(values.variables.keys() - exported)),
        prechecks=prechecks, steps=steps,
        cleanup=cleanup, expected=critical.expected, path=critical.path,
        hash=hashed, verified=verified, review=runbook.review,
    )  # fmt: skip


def _condition(when: str, values: Values) -> str | None:
    """Give the condition of a step, as a person reads it; none where it always holds, None where it never does.

    Of several that have to hold, those are left which drx.yaml does not decide.
    """
    parts = when.split(" and ")
    if _NESTED.search(when) or any(part.count(mark) % 2 for part in parts for mark in "'\""):
        parts = [when]
    held = [(part, values.settled(as_expression(part)) if part else True) for part in parts]
    if any(holds is not None and not holds for _, holds in held):
        return None
    return " and ".join(part for part, holds in held if holds is None)


def _step(binder: Binder, step: Step, values: Values) -> PlanStep:
    made = PlanStep(
        id=step.id, title=values.text(step.title) or step.id, expect=step.expect,
        on_failure=_on_failure(step), recovered=step.recovered,
    )  # fmt: skip
    match step:
        case ActionStep():
            undo = values.command(step.way_back) if step.way_back else ""
            return replace(made, action=step.action, by_hand=values.command(step), undo=undo)
        case ConfirmStep():
            return replace(made, who="a person", text=values.text(step.confirm))
        case AskStep():
            choices = f" ({', '.join(step.choices)})" if step.choices else ""
            return replace(made, who="a person answers", text=values.text(step.ask) + choices)
        case ApproveStep():
            return replace(made, who=_approvers(step.approvers, values.roles), text=values.text(step.approve))
        case ParallelStep():
            groups = {name: _steps(binder, branch, values) for name, branch in step.parallel.items()}
            return replace(made, who="side by side", groups=groups)
        case RunbookStep():
            inner = binder.runbook(step.runbook)
            handed = values.nested(inner, step.inputs)
            steps = _steps(binder, (*inner.prechecks, *inner.steps, *inner.cleanup), handed)
            return replace(made, who="another runbook", title=step.title or inner.title, groups={step.runbook: steps})


def _steps(binder: Binder, steps: tuple[Step, ...], values: Values) -> tuple[PlanStep, ...]:
    made: list[PlanStep] = []
    for step in steps:
        when = _condition(step.when or "", values)
        if when is None:
            values.leave_out(step.id)
        else:
            made.append(replace(_step(binder, step, values), when=when))
    return tuple(made)


def _approvers(approvers: Approvers, roles: Mapping[str, tuple[str, ...]]) -> str:
    count = "one person agrees" if approvers.min == 1 else f"{approvers.min} people agree"
    holders = ", ".join(dict.fromkeys(user for role in approvers.roles for user in roles.get(role, ())))
    role = f", with the role {' or '.join(approvers.roles)} ({holders or 'nobody'})" if approvers.roles else ""
    return count + (", not the operator" if approvers.not_operator else "") + role


def _on_failure(step: Step) -> str:
    parts = []
    if isinstance(step, ActionStep) and step.retry.attempts > 1:
        parts.append(f"it is tried {step.retry.attempts} times, at first {show_duration(step.retry.wait)} apart")
    if step.timeout:
        parts.append(f"it is given up after {show_duration(step.timeout)}")
    match step.on_failure:
        case "abort":
            parts.append("a failure ends the run, and what was done is undone")
        case "continue":
            parts.append("a failure is noted, and the next step follows")
        case "ask":
            pass
        case other:
            parts.append(f"after a failure, go on with step {other.goto}")
    said = "; ".join(parts)
    return said[:1].upper() + said[1:]


def write(path: Path, text: str) -> None:
    """Write a document where somebody wants it.

    Raises UsageError where that is not possible.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "Name a file in a folder of yours") from None


def _compare(path: Path, text: str) -> None:
    committed = read_committed(path)
    if committed == text:
        return
    difference = unified_diff(
        committed.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "what drx would write"
    )
    for line in difference:
        print(visible(line), end="" if line.endswith("\n") else f"\n{_NO_END}\n")
    raise StaleError(f"{path} is stale", f"Run `drx plan --output {path}` and commit the result")
