"""Read what a run was, and its figures, again out of its record alone. Reads only, and needs no server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drx.actions.registry import catalogue
from drx.config import Config, Target, read_config
from drx.engine.events import Event, RunStarted
from drx.engine.four_eyes import wrong_approval
from drx.engine.plan import Plan
from drx.errors import JournalError
from drx.journal import JOURNAL, read_recorded
from drx.reports.facts import gather
from drx.reports.shapes import RunFacts
from drx.runbook.load import Binder
from drx.runbook.needs import needed_parts
from drx.runner.frozen import CONFIG, What, plan_of
from drx.runner.record import FROZEN, thaw


@dataclass(frozen=True)
class Begun:
    """What a run was begun as, from its frozen files."""

    started: RunStarted
    binder: Binder
    config: Config
    user: str

    @property
    def what(self) -> What:
        """What is run, where, and by whom."""
        run = self.started
        timeout = timedelta(seconds=run.timeout_seconds) if run.timeout_seconds is not None else None
        return What(run.run, run.mode, run.runbook, run.environment, self.user, run.drill, timeout)

    @property
    def parts(self) -> frozenset[str]:
        """Which parts of its environment it needs."""
        run = self.started
        return needed_parts(self.binder, catalogue, run.runbook, run.drill)

    def plan(self, target: Target | None = None) -> Plan:
        """Compile its plan; without a target, as far as that is possible without the servers' addresses."""
        environment = self.config.settings.environments.get(self.started.environment)
        nowhere = Target(
            name=self.started.environment,
            service=self.config.settings.service,
            sandbox=environment is not None and environment.sandbox,
        )
        return plan_of(self.binder, self.config, self.what, target or nowhere)


def begun(record: Path, events: Sequence[Event], user: str = "") -> Begun:
    """Give what a run was begun as; `user` is who goes on with it, else who began it.

    Raises JournalError where it ended before its first event was written, or a frozen file was changed.
    """
    started = events[0].fact if events else None
    if not isinstance(started, RunStarted):
        raise JournalError(f"{record}: the run ended before its first event was written", "Start it anew")
    files = thaw(record, started.frozen)
    config = read_config(files[CONFIG], str(record / FROZEN / CONFIG), record / FROZEN)
    return Begun(started, Binder(files), config, user or events[0].by.user)


def require_four_eyes(record: Path, plan: Plan, events: Sequence[Event]) -> None:
    """Refuse a journal with approvals that did not count, however they got there.

    Raises JournalError.
    """
    wrong = wrong_approval(plan, events)
    if wrong is not None:
        remedy = "Restore the record from a copy, or begin a new run"
        raise JournalError(f"{record / JOURNAL}: the journal was edited: {wrong}", remedy)


def facts_of(record: Path) -> RunFacts:
    """Give everything that reports say of a run, finished or not.

    Raises JournalError for a record that is damaged.
    """
    return facts_and_plan(record)[0]


def facts_and_plan(record: Path) -> tuple[RunFacts, Plan]:
    """Give what reports say of a run, and the plan it followed; raises as `facts_of` does."""
    recorded = read_recorded(record / JOURNAL)
    plan = begun(record, recorded.events).plan()
    return gather(plan, recorded.events, recorded.head), plan
