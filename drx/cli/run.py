"""`drx run`, `drx drill`, `drx resume`: begin a run, or go on with one. Thin: the runner does the work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.around import Around
from drx.cli.hearing import heard_of
from drx.cli.project import Project, choose_environment, load_project, require_a_person
from drx.cli.sandbox import hold
from drx.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from drx.reports.shapes import RunFacts
    from drx.runbook.load import Binder


@dataclass(frozen=True)
class Way:
    """How a runbook is walked through."""

    unattended: bool = False
    as_json: bool = False
    dry: bool = False
    """Only show what would be done, and run the prechecks."""
    junit: Path | None = None
    """Write JUnit XML there."""
    tabletop: bool = False
    """Only talk it through: nothing is touched, and steps take recorded times."""
    speed: float = 1.0
    """How many times faster a tabletop's steps are."""
    timeout: timedelta | None = None
    """How long the run may take, where its runbook allows more."""

    def check(self) -> None:
        """Refuse ways that exclude each other; raises UsageError."""
        if self.dry and self.as_json:
            raise UsageError("--dry-run is for reading, and has no --json", "Leave one of them out")
        if self.dry and self.tabletop:
            raise UsageError("--dry-run and --tabletop exclude each other", "Use one of them")
        if self.tabletop and self.unattended:
            raise UsageError("a tabletop is for people, and --unattended says that nobody is there", "Use one of them")
        if self.timeout is not None and not self.unattended:
            raise UsageError("--timeout is for a run that nobody attends", "Add --unattended, or leave --timeout out")
        if self.speed != 1.0 and not self.tabletop:
            raise UsageError("--speed is for a tabletop", "Add --tabletop, or leave --speed out")
        if not 0.1 <= self.speed <= 10_000:
            raise UsageError(f"--speed {self.speed:g} makes no sense", "Give a number from 0.1 to 10000")


def run(runbook: str | None, environment: str | None, values: Sequence[str], way: Way, sandbox: str) -> int:
    """Walk through a runbook, for real or dry; without a name, through the one that is chosen by its symptoms."""
    way.check()
    inputs = inputs_of(values)
    project = load_project(sandbox)
    binder = project.binder(runbook or "")
    if runbook is None:
        from drx.cli.choose import choose_scenario

        runbook = choose_scenario(binder, unattended=way.unattended or way.as_json)
    if way.dry:
        from drx.cli.dry_run import dry_run

        return dry_run(project, binder, runbook, environment, inputs, unattended=way.unattended)
    with heard_of(project, runbook, environment, unattended=way.unattended):
        return walk(project, binder, runbook, environment, inputs, way)


def walk(
    project: Project,
    binder: "Binder",
    runbook: str,
    environment: str | None,
    inputs: Mapping[str, str],
    way: Way,
) -> int:
    """Run a runbook of the binder, once it is sound and somebody is there."""
    from drx.cli.sound import require_sound
    from drx.runner.run import run_runbook, run_tabletop

    require_sound(binder, project.config, runbook)
    require_a_person(unattended=way.unattended)
    environment = choose_environment(project.config, environment, unattended=way.unattended)
    settings = project.config.settings.environments.get(environment)
    needs_sandbox = settings and settings.sandbox and not way.tabletop
    uses = hold(project.sandbox, alone=False) if needs_sandbox else nullcontext()
    model = binder.runbook(runbook)
    attended = not way.unattended and not way.as_json
    read = attended or model.kind != "operation"  # nobody reads along when backups run at night
    around = Around(project, way.as_json, talks=read, asks=attended, junit=way.junit)
    plain = project.setting(unattended=way.unattended, as_json=way.as_json, timeout=way.timeout)
    setting = around.before(model.runbook, plain)
    with uses:
        if way.tabletop:
            code = run_tabletop(binder, project.config, runbook, environment, setting, inputs, way.speed)
        else:
            code = run_runbook(binder, project.config, runbook, environment, setting, inputs)
    around.after()
    return code


def drill(
    drill_name: str,
    environment: str | None,
    *,
    as_json: bool,
    sandbox: str,
    keep: bool,
    record: bool = False,
    junit: Path | None = None,
    timeout: timedelta | None = None,
) -> int:
    """Practise a disaster: set-up, fault, recovery, verdict. Nobody has to be there. `record` notes a pass."""
    project = load_project(sandbox)
    with heard_of(project, drill_name, environment, unattended=False):
        code, _ = practise(
            project, drill_name, environment, as_json=as_json, keep=keep, record=record, junit=junit, timeout=timeout
        )
    return code


def practise(
    project: Project,
    drill_name: str,
    environment: str | None,
    *,
    as_json: bool,
    keep: bool,
    record: bool,
    junit: Path | None = None,
    timeout: timedelta | None = None,
) -> "tuple[int, RunFacts | None]":
    """Run a drill of the project; gives its figures too, once it has come to its end."""
    from drx.cli.sound import require_sound_drill
    from drx.guard import refuse_protected
    from drx.runner.run import run_drill

    binder = project.binder(drill_name)
    environment = environment or binder.drill(drill_name).environment
    refuse_protected(project.config.settings, environment)
    require_sound_drill(binder, project.config, drill_name)
    around = Around(project, as_json, junit=junit)
    plain = project.setting(unattended=True, as_json=as_json, timeout=timeout)
    setting = around.before(binder.drill(drill_name).runbook, plain)
    left = False
    with sandbox_for(project, environment, keep=lambda: keep or left):
        code = run_drill(binder, project.config, drill_name, environment, setting)
        left = code in (ExitCode.PAUSED, ExitCode.INTERRUPTED)  # `drx resume` needs the servers as they are
    for facts in around.ended if record else ():
        _note(project, binder, facts)
    around.after()
    return code, around.ended[-1] if around.ended else None


def _note(project: Project, binder: "Binder", facts: "RunFacts") -> None:
    """Keep what a drill has proven, for the plan."""
    from drx.runner.verified import hash_of, result_of, write_verified

    hashed = hash_of(binder, facts.runbook, project.root)
    result = result_of(facts, hashed, project.config.settings.verified_for)
    if result is not None:
        write_verified(project.root, facts.runbook, result)


def resume(run_name: str | None, *, unattended: bool, as_json: bool, sandbox: str, take_over: bool = False) -> int:
    """Go on with a run where it was left; with `take_over`, also where another process is still at it."""
    from drx.cli.records import find_record, has_finished, newest_unfinished, started_in
    from drx.cli.take_over import once_let_go, require_free
    from drx.runner.run import resume as go_on

    project = load_project(sandbox)
    record = find_record(project.records, run_name) if run_name else newest_unfinished(project.records)
    begun = started_in(record)
    if take_over and begun.drill is not None:
        raise UsageError("a drill decides by itself, and is not taken over", "Follow it: drx show --follow")
    if not take_over:
        require_free(record, take_over=False)
    ended = has_finished(record)  # it is told once more how, and its report is written where that is lacking
    unattended = unattended or begun.drill is not None or ended
    require_a_person(unattended=unattended)
    require_free(record, take_over=take_over)
    around = Around(project, as_json, talks=False, asks=not unattended and not as_json)
    touches_nothing = ended or begun.mode == "tabletop"
    setting = around.before(begun.runbook, project.setting(unattended=unattended, as_json=as_json))

    def going_on() -> int:
        with nullcontext() if touches_nothing else sandbox_for(project, begun.environment, keep=lambda: True):
            return go_on(record, setting)

    code = once_let_go(record, going_on) if take_over else going_on()
    around.after()
    return code


def inputs_of(values: Sequence[str]) -> Mapping[str, str]:
    """Read `NAME=VALUE` pairs from the command line.

    Raises UsageError.
    """
    pairs = [value.partition("=") for value in values]
    wrong = next((name for name, equals, _ in pairs if not name or not equals), None)
    if wrong is not None:
        raise UsageError(f"'{wrong}' is no input", "Write it like --input NAME=VALUE")
    found = {name: value for name, _, value in pairs}
    if len(found) < len(pairs):
        raise UsageError("an input is given more than once", "Say each once, as it is meant")
    return found


@contextmanager
def sandbox_for(project: Project, environment: str, *, keep: Callable[[], bool]) -> Iterator[None]:
    """Have the sandbox up while a run needs it, and nobody else in it; end what was started here, unless it is kept.

    Raises LockedError where another run uses the same sandbox.
    """
    settings = project.config.settings.environments.get(environment)
    if settings is None or not settings.sandbox:
        yield
        return
    from drx.sandbox.servers import down, status, up

    with hold(project.sandbox, alone=True):
        found = bool(status(project.sandbox))
        up(project.sandbox)
        try:
            yield
        finally:
            if not found and not keep():
                down(project.sandbox, remove_data=True)
