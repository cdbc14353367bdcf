"""Add to a run that has finished: notes, answers of its review, action items. The run itself never changes again."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from drx.engine.admit import admit
from drx.engine.events import ActionItemAdded, ActionItemClosed, NoteAdded, ReviewAnswered
from drx.engine.plan import Plan
from drx.engine.state import evolve, replay
from drx.errors import DrxError, UsageError
from drx.journal import JOURNAL, Journal, read_journal
from drx.reports.facts import gather
from drx.reports.shapes import RunFacts
from drx.runner.company import end_copying, start_copying
from drx.runner.copying import Shelf
from drx.runner.finish import seal
from drx.runner.history import looking_back
from drx.runner.rereading import Begun, begun
from drx.runner.setting import Setting
from drx.secrets import Masker

Afterthought = NoteAdded | ReviewAnswered | ActionItemAdded | ActionItemClosed
"""What may be said about a run once it is over."""


def annotate(record: Path, facts: Sequence[Afterthought], setting: Setting) -> RunFacts:
    """Add what somebody says; the reports are written anew, sealed, and copied where records are.

    The run's servers need not answer any more. Raises UsageError for what cannot be said, such as to close what is not
    open; LockedError where another process has the record, JournalError where it is damaged.
    """
    masker = Masker()
    with Journal.open(record / JOURNAL, setting.operator, masker.mask) as journal:
        found = begun(record, journal.events)
        with suppress(DrxError):  # whoever adds a note afterwards may not have the environment's secrets at all
            for secret in setting.resolve(found.config, found.started.environment, found.parts).secrets():
                masker.add(secret)
        shelf = _shelf(found, setting, masker)
        _append(record, journal, found.plan(), facts, setting)
        look_back = looking_back(found.binder, found.config, setting.records, setting.proven)
        told = gather(found.plan(), journal.events, journal.head)
        seal(told, journal, record, setting.operator, look_back)
        _copy(record, len(journal.events), shelf, setting)
        return told


def copy_again(record: Path, setting: Setting) -> None:
    """Bring to the copy of a record what has come to it since its run ended, such as a signature."""
    events = read_journal(record / JOURNAL)
    _copy(record, len(events), _shelf(begun(record, events), setting, Masker()), setting)


def _copy(record: Path, events: int, shelf: Shelf | None, setting: Setting) -> None:
    if shelf is not None:
        copying = start_copying(record, shelf, setting.pending)
        copying.poke(events)
        end_copying(copying, record, shelf, setting.pending, setting.ui)


def _append(record: Path, journal: Journal, plan: Plan, facts: Sequence[Afterthought], setting: Setting) -> None:
    """Put all of it on disk, or nothing where some of it cannot be said."""
    state = replay(plan, journal.events)
    if state.outcome is None:
        raise UsageError(f"{record.name} has not finished", f"Go on with it first: drx resume {record.name}")
    for fact in facts:
        refusal = admit(plan, state, fact, setting.operator)
        if refusal is not None:
            raise UsageError(f"{record.name}: {refusal}", f"See what is open: drx report {record.name}")
        state = evolve(plan, state, journal.append(fact, setting.operator))
    journal.sync()


def _shelf(found: Begun, setting: Setting, masker: Masker) -> Shelf | None:
    try:
        return setting.open_shelf(found.started.environment, masker)
    except DrxError as error:
        setting.ui.say(f"the copy of this record stays as it was: {error.message}")
        return None
