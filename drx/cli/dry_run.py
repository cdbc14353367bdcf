"""`drx run NAME --dry-run`: print every step as it would be run, and run the prechecks. Writes nothing."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

from drx.cli.project import Project, choose_environment, operator
from drx.errors import ExitCode
from drx.reports.text import plural, title_of, visible
from drx.units import show_duration

if TYPE_CHECKING:
    from drx.engine.plan import PlannedStep
    from drx.runbook.load import Binder
    from drx.runner.dry_run import DryRun, Tried

_HEADINGS = {"precheck": "prechecks, run for real", "step": "steps, not run", "cleanup": "cleanup, not run"}


def dry_run(
    project: Project, binder: "Binder", runbook: str, environment: str | None, inputs: Mapping[str, str],
    *, unattended: bool,
) -> int:  # fmt: skip
    """Try a runbook; an exit code of 4 says that a precheck does not hold, or a step is wrong.

    Raises as `drx run` does for what cannot be run.
    """
    from drx.actions.registry import catalogue
    from drx.cli.sound import require_sound
    from drx.guard import read_trust
    from drx.runbook.needs import needed_parts
    from drx.runner.dry_run import Finding, prepare

    require_sound(binder, project.config, runbook)
    environment = choose_environment(project.config, environment, unattended=unattended)
    target = project.resolve(project.config, environment, needed_parts(binder, catalogue, runbook))
    trying = prepare(binder, project.config, runbook, target, read_trust(project.root), operator(), inputs)
    _print_head(trying)
    counts = dict.fromkeys(Finding, 0)
    phase = ""
    for tried in trying.steps():
        if tried.step.phase.value != phase:
            phase = tried.step.phase.value
            print(f"\n{_HEADINGS[phase]}")
        _print_step(tried)
        counts[tried.finding] += 1
    _print_verdict(counts[Finding.FAILED], counts[Finding.WRONG], counts[Finding.NOT_CHECKED])
    return ExitCode.FAILED if counts[Finding.FAILED] + counts[Finding.WRONG] else ExitCode.OK


def _print_head(trying: "DryRun") -> None:
    plan, target = trying.plan, trying.target
    protected = f"{target.name.upper()} (protected)" if target.protected else target.name
    print(f"DRY RUN   {plan.runbook} - {visible(plan.title)}   in {protected}")
    print("Nothing is written, and nothing but the prechecks is run.")
    if plan.inputs:
        print("\ninputs")
    for spec in plan.inputs:
        if "/" not in spec.name:
            value = trying.outlook.inputs.get(spec.name, spec.default)
            print(f"  {spec.name}: {_inline(value) if value is not None else 'asked for: ' + visible(spec.question)}")


def _print_step(tried: "Tried") -> None:
    from drx.runner.dry_run import Finding

    marks = {Finding.HOLDS: "ok", Finding.FAILED: "!!", Finding.WRONG: "!!", Finding.NOT_CHECKED: "--"}
    step = tried.step
    depth = step.id.count("/")
    expected = f"   (expected {show_duration(step.expect)})" if step.expect else ""
    mark = marks.get(tried.finding, "  ")
    title = step.title or tried.text or title_of(step)
    _hanging(f"{mark} {'  ' * depth}{step.id:<14} ", f"{visible(title)}{expected}")
    for line in _details(tried):
        _hanging(" " * (18 + 2 * depth), line)


def _details(tried: "Tried") -> Iterator[str]:
    from drx.engine.approving import who_may
    from drx.engine.plan import Automated, Human
    from drx.runner.dry_run import Finding

    step = tried.step
    if tried.finding is Finding.LEFT_OUT:
        yield f"left out: only when {visible(step.when)}" if step.when else "left out with the step around it"
        return
    if step.when:
        yield f"only when {visible(step.when)}"
    if isinstance(step.work, Automated):
        parameters = (f"{name}={_inline(value)}" for name, value in tried.parameters.items())
        yield " ".join((step.work.call.action, *parameters))
    if isinstance(step.work, Human):
        who = "a person"
        if step.work.kind == "approve":
            many = "one person" if step.work.approvals == 1 else f"{step.work.approvals} people"
            of = f", of {who_may(step.work, ())}" if step.work.roles else ""
            who = f"{many}{' other than the operator' if step.work.not_operator else ''} must approve{of}"
        yield f"{who}: {visible(tried.text)}" if step.title else who
    if tried.finding is Finding.NOT_CHECKED:
        yield f"not checked: {'; '.join(tried.said)}"
    elif tried.finding is not Finding.SHOWN:
        yield from map(visible, tried.said)
    yield from _way_out(step)


def _way_out(step: "PlannedStep") -> Iterator[str]:
    from drx.engine.plan import Automated

    if isinstance(step.work, Automated) and step.work.rollback:
        yield f"undone by {step.work.rollback.action}"
    if step.recovered:
        yield "the service is recovered after it"


def _print_verdict(failed: int, wrong: int, open_ones: int) -> None:
    print()
    if wrong:
        print(f"{plural(wrong, 'step')} cannot be run as written: see !! above.")
    if failed:
        print(f"{plural(failed, 'precheck')} failed: the runbook would stop there, before anything is changed.")
    if open_ones:
        print(f"{plural(open_ones, 'precheck')} not checked. Values can be given as --input NAME=VALUE.")
    if not (wrong or failed or open_ones):
        print("Every precheck holds.")


def _inline(value: object) -> str:
    return visible(value if isinstance(value, str) and value else json.dumps(value, default=str, ensure_ascii=False))


def _hanging(head: str, text: str) -> None:
    """Print a text beside its head; at a terminal, a long one goes on below itself."""
    room = shutil.get_terminal_size().columns - len(head) if sys.stdout.isatty() else 10_000
    lines = [part for line in text.splitlines() for part in wrap(line, max(room, 30), break_on_hyphens=False)] or [""]
    print(head + f"\n{' ' * len(head)}".join(lines))
