"""Where and by whom runs are run: folder, screen, operator, trust, and whoever hears of them. Runs nothing."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from drx.config import Config, Target
from drx.engine.events import Author, Fact
from drx.guard import Trust
from drx.reports.plan.shapes import Verified
from drx.reports.shapes import RunFacts
from drx.runner.copying import Shelf
from drx.runner.telling import Tell, Trace
from drx.secrets import Masker
from drx.ui.port import Ui


@dataclass(frozen=True)
class Setting:
    """Where and by whom runs are run."""

    records: Path
    """The folder of all records."""
    ui: Ui
    operator: Author
    trust: Trust
    """What is trusted now; never frozen, so that `drx trust` helps a run that was refused."""
    resolve: Callable[[Config, str, Collection[str]], Target]
    """Reads the secrets of some parts of an environment, anew for each start and resume."""
    unattended: bool = False
    timeout: timedelta | None = None
    """How long a run that nobody attends may take, where its runbook allows more."""
    finished: Callable[[RunFacts], None] = lambda facts: None
    """Told the figures of a run that has come to its end."""
    shelf: Callable[[str], Shelf | None] = lambda environment: None
    """Opens where copies of the records of an environment's runs go; nothing where drx.yaml does not say."""
    tell: Tell = lambda notice: ()
    """Lets people hear of a run."""
    trace: Trace = lambda plan, events: ()
    """Lets an OpenTelemetry collector see it."""
    read: Callable[[Config, Target], Sequence[Fact]] = lambda config, target: ()
    """Says where the secrets of an environment come from, for the journal."""
    strays: Callable[[], Iterable[str]] = tuple
    """Lists the secrets of other environments, which lie about in the same process."""
    group: str | None = None
    """The accounts that read new records, approve and write notes; nothing for nobody else."""
    jobs: Path | None = None
    """The folder with the locks of jobs, so that none runs twice at once; without it, they may."""
    proven: Callable[[], Mapping[str, Verified]] = dict
    """Reads what recorded drills have proven, by runbook; may raise InvalidInput."""

    @property
    def pending(self) -> Path:
        """The folder that remembers which records are not copied whole."""
        return (self.jobs or self.records).parent / "uncopied"

    def open_shelf(self, environment: str, masker: Masker) -> Shelf | None:
        """Open where copies of the record go; its key is hidden as every other secret is, in use or not."""
        for stray in self.strays():
            masker.add(stray)
        shelf = self.shelf(environment)
        if shelf is not None and shelf.secret is not None:
            masker.add(shelf.secret.reveal())
        return shelf


def quiet(setting: Setting) -> Setting:
    """A setting in which nothing leaves this machine."""
    nobody = replace(setting, shelf=lambda environment: None, tell=lambda notice: ())
    return replace(nobody, trace=lambda plan, events: (), read=lambda config, target: ())
