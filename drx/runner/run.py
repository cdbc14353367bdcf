"""Start, resume and finish runs: everything around the loop. The outermost layer of a run; it decides no steps."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from drx import __version__
from drx.actions.registry import catalogue
from drx.config import Config, Target, stated_target
from drx.engine.events import Fact, RunResumed, RunStarted
from drx.engine.plan import Plan
from drx.engine.state import State, replay
from drx.engine.terms import Mode
from drx.errors import ExitCode, HumanNeeded
from drx.guard import Guard, is_protected, refuse_protected
from drx.journal import JOURNAL, Journal
from drx.reports.facts import gather
from drx.reports.notices import about_start
from drx.runbook.load import Binder
from drx.runbook.needs import needed_parts
from drx.runner.company import company
from drx.runner.copying import Shelf
from drx.runner.finish import LookBack, exit_code, seal, show_verdict
from drx.runner.frozen import ACTIONS, What, files_of, plan_of, specs_of
from drx.runner.gate import Gate, identified
from drx.runner.history import looking_back
from drx.runner.inputs import given, require_inputs
from drx.runner.launch import Gear
from drx.runner.loop import Ending, Loop
from drx.runner.messages import Queue
from drx.runner.overlap import alone
from drx.runner.overview import introduce
from drx.runner.record import create_record, freeze, kept_once_begun, run_id
from drx.runner.rereading import begun, require_four_eyes
from drx.runner.setting import Setting, quiet
from drx.runner.signals import signals_to
from drx.runner.tabletop import SCRIPT, NothingToGuard, read_script, script_of
from drx.runner.telling import Telling
from drx.secrets import Masker


def run_runbook(
    binder: Binder, config: Config, reference: str, environment: str, setting: Setting, inputs: Mapping[str, str]
) -> ExitCode:
    """Run a runbook, for real. `inputs` are values from the command line.

    Raises HumanNeeded for a scenario that nobody attends on a protected environment, InvalidInput and UsageError for
    what cannot be run, JournalError where the journal cannot be written.
    """
    runbook = binder.runbook(reference)
    mode = Mode.OPERATION if runbook.kind == "operation" else Mode.INCIDENT
    _require_somebody(config, mode, runbook.runbook, environment, setting)
    target = setting.resolve(config, environment, needed_parts(binder, catalogue, reference))
    run, user = run_id(runbook.runbook, _now()), setting.operator.user
    what = What(run, mode, runbook.runbook, environment, user, timeout=setting.timeout)
    frozen = replace(binder, files=files_of(binder, config, reference, None))
    with alone(setting.jobs, what, setting.operator):
        return _begin(frozen, config, what, target, setting, inputs)


def run_drill(binder: Binder, config: Config, reference: str, environment: str, setting: Setting) -> ExitCode:
    """Run a drill: a real fault, and the runbook that has to recover from it.

    Raises RefusedError for a protected environment, before its references are resolved; before anything is written,
    for servers that belong to one or may do so; else as `run_runbook`.
    """
    refuse_protected(config.settings, environment)
    drill = binder.drill(reference)
    target = setting.resolve(config, environment, needed_parts(binder, catalogue, drill.runbook, reference))
    run = run_id(drill.drill, _now())
    what = What(run, Mode.DRILL, drill.runbook, environment, setting.operator.user, drill.drill, setting.timeout)
    frozen = replace(binder, files=files_of(binder, config, drill.runbook, reference))
    with alone(setting.jobs, what, setting.operator):
        return _begin(frozen, config, what, target, setting, {})


def run_tabletop(
    binder: Binder,
    config: Config,
    reference: str,
    environment: str,
    setting: Setting,
    inputs: Mapping[str, str],
    speed: float,
) -> ExitCode:
    """Walk people through a runbook: as `run_runbook`, but no server is reached, no secret read, and nobody told.

    Steps take what they took in earlier runs, else what the runbook expects, divided by `speed`.
    """
    runbook = binder.runbook(reference)
    run = run_id(f"tabletop-{runbook.runbook}", _now())
    what = What(run, Mode.TABLETOP, runbook.runbook, environment, setting.operator.user)
    frozen = replace(binder, files=files_of(binder, config, reference, None))
    target = stated_target(config, environment)
    plan = plan_of(frozen, config, what, target)
    script = script_of(speed, plan, setting.records, runbook.surprises)
    frozen = replace(frozen, files={**frozen.files, SCRIPT: script.encode()})
    return _begin(frozen, config, what, target, quiet(setting), inputs)


def resume(record: Path, setting: Setting) -> ExitCode:
    """Go on with a run where its journal ends; what is done is shown and not done again.

    Raises LockedError where another process has it, JournalError for a record that is damaged, HumanNeeded as
    `run_runbook`.
    """
    masker = Masker()
    with Journal.open(record / JOURNAL, setting.operator, masker.mask) as journal:
        found = begun(record, journal.events, setting.operator.user)
        started, config = found.started, found.config
        _require_somebody(config, started.mode, started.runbook, started.environment, setting)
        if started.mode is Mode.TABLETOP:
            setting = replace(quiet(setting), resolve=lambda config, name, _: stated_target(config, name))
        target = setting.resolve(config, started.environment, found.parts)
        for secret in target.secrets():
            masker.add(secret)
        shelf = setting.open_shelf(started.environment, masker)
        plan = found.plan(target)
        require_four_eyes(record, plan, journal.events)
        guard = Guard(target, config.settings, setting.trust, started.mode)
        with alone(setting.jobs, found.what, setting.operator):
            gear = _gear(record, target, masker, guard, setting, found.binder)
            loop = Loop(plan, replay(plan, journal.events), journal, gear, Queue())
            look_back = looking_back(found.binder, config, setting.records, setting.proven)
            read = setting.read(config, target)
            return _go_on(_Run(plan, loop, journal, record, setting, look_back, shelf, read))


def _require_somebody(config: Config, mode: Mode, runbook: str, environment: str, setting: Setting) -> None:
    """Refuse an incident that nobody attends in a protected environment; resolves no reference."""
    if mode is Mode.INCIDENT and setting.unattended and is_protected(config.settings, environment):
        message = f"{runbook} is a scenario, and '{environment}' is protected: nobody is there to decide"
        raise HumanNeeded(message, "Run it at a terminal")


def _begin(
    binder: Binder, config: Config, what: What, target: Target, setting: Setting, inputs: Mapping[str, str]
) -> ExitCode:
    plan = plan_of(binder, config, what, target)
    files = {**binder.files, ACTIONS: specs_of(plan)}
    values = given(plan, inputs, datetime.now(UTC))
    if setting.unattended:
        require_inputs(plan, values)
    guard = Guard(target, config.settings, setting.trust, what.mode)
    identities = guard.check_drill() if what.mode is Mode.DRILL else ()
    masker = Masker(target.secrets())
    shelf = setting.open_shelf(what.environment, masker)
    queue: Queue = Queue()
    with signals_to(queue) as signals:  # what makes a record has begun: a signal ends it as a run ends
        record = create_record(setting.records, what.run, setting.group)
        started = RunStarted(
            run=what.run,
            mode=what.mode,
            runbook=what.runbook,
            environment=what.environment,
            unattended=setting.unattended,
            drx_version=__version__,
            frozen=freeze(record, files),
            drill=what.drill,
            timeout_seconds=what.timeout.total_seconds() if what.timeout is not None else None,
        )
        with kept_once_begun(record), Journal.create(record / JOURNAL, setting.operator, masker.mask) as journal:
            loop = Loop(plan, State(), journal, _gear(record, target, masker, guard, setting, binder), queue)
            setting.ui.begin(plan)
            read = setting.read(config, target)
            facts: list[Fact] = [started, *read, *map(identified, identities), *values]
            for fact in facts:
                loop.record(fact)
            introduce(setting.ui, plan, binder, journal.events, target, guard, setting.records, masker)
            look_back = looking_back(Binder(files), config, setting.records, setting.proven)
            run = _Run(plan, loop, journal, record, setting, look_back, shelf, read)
            job, attended = what.drill or what.runbook, not setting.unattended
            run.telling.begin(about_start(what.run, job, what.environment, _now(), attended=attended))
            return _drive(run, signals)


@dataclass(frozen=True)
class _Run:
    """A run that is ready to go on, and what goes along with it."""

    plan: Plan
    loop: Loop
    journal: Journal
    record: Path
    setting: Setting
    look_back: LookBack
    shelf: Shelf | None
    read: Sequence[Fact]

    @cached_property
    def telling(self) -> Telling:
        """What others hear of it."""
        return Telling(self.setting.tell, self.setting.trace)


def _go_on(run: _Run) -> ExitCode:
    ui, journal = run.setting.ui, run.journal
    ui.begin(run.plan)
    for event in journal.events:
        ui.show(event)
    if journal.torn_bytes:
        ui.say(f"the last line of the journal was torn ({journal.torn_bytes} bytes) and is dropped")
    if run.loop.state.outcome is not None:
        return _finish(run)
    gap_seconds = max((journal.clock.now() - journal.events[-1].at).total_seconds(), 0.0)
    for fact in (RunResumed(round(gap_seconds, 3), run.setting.unattended), *run.read):
        run.loop.record(fact)
    with signals_to(run.loop.queue) as signals:
        return _drive(run, signals)


def _drive(run: _Run, signals: ExitStack) -> ExitCode:
    """Go on until the run ends, or is left; then no signal is heeded any more, or as it was before."""
    ui = run.setting.ui
    with company(run.plan, run.journal, run.record, run.shelf, run.setting.pending, ui) as along:
        run.loop.synced = along.synced
        try:
            run.loop.flush()
            ending = run.loop.run()
        finally:
            ui.close()
        if ending is Ending.FINISHED:  # nobody reads the queue now: no signal cuts off last messages, report and copy
            along.leave_page()
            return _finish(run)
        signals.close()
    if ending is Ending.PAUSED:
        ui.say(f"paused. Go on with: drx resume {run.record.name}")
        return ExitCode.PAUSED
    ui.say(f"stopped at once; the journal is whole. Go on with: drx resume {run.record.name}")
    return ExitCode.INTERRUPTED


def _finish(run: _Run) -> ExitCode:
    journal, operator, ui = run.journal, run.setting.operator, run.setting.ui
    facts = gather(run.plan, journal.events, journal.head)
    code = exit_code(run.plan, run.loop.state, facts)
    told = run.telling.end_of(run.plan, facts, code, journal.events, run.record)
    for fact in told:
        ui.show(journal.append(fact, operator))
    if told:  # the report says who was told
        facts = gather(run.plan, journal.events, journal.head)
    seal(facts, journal, run.record, operator, run.look_back)
    show_verdict(facts, run.record, ui)
    run.setting.finished(facts)
    return code


def _gear(record: Path, target: Target, masker: Masker, guard: Guard, setting: Setting, binder: Binder) -> Gear:
    """What a run needs of the world; a tabletop has its script in the place of the world."""
    if SCRIPT in binder.files:
        script = read_script(binder.files[SCRIPT])
        return Gear(record, target, masker, NothingToGuard(), setting.ui, setting.operator, script.resolve)
    return Gear(record, target, masker, Gate(guard), setting.ui, setting.operator)


def _now() -> datetime:
    return datetime.now(UTC)
