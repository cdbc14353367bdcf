"""A little project on disk, and the surroundings to run its runbooks in."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drx.cli.binder import read_binder
from drx.config import Config, SandboxAddresses, load_config, resolve_target
from drx.engine.events import Author, Event, Fact, RunStarted
from drx.engine.plan import Plan
from drx.errors import ExitCode
from drx.guard import Trust
from drx.journal import JOURNAL, read_journal
from drx.runbook.load import Binder
from drx.runner.frozen import What, plan_of
from drx.runner.record import thaw
from drx.runner.run import resume, run_drill, run_runbook
from drx.runner.setting import Setting
from drx.ui.plain import PlainUi
from drx.ui.port import Ui

OPERATOR = Author("ada", "bastion", os.getpid())
CONFIG = """
service: pixelcraft
objectives: {rto: 2h, rpo: 1h}
environments:
  lab: {}
  production: {protected: true}
contacts: {on_call: on-call}
"""
CONFIRM = "{id: call, confirm: 'Call the {{ contacts.on_call }} engineer', expect: 5m}"
SLOW = "{id: slow, action: test.slow, with: {seconds: 60s}, expect: 1s}"
"""A step that waits for a person, and one that works for a minute."""


@dataclass
class Project:
    """A folder with drx.yaml and runbooks; `screen` is what was shown."""

    root: Path
    screen: io.StringIO = field(default_factory=io.StringIO)
    environ: Mapping[str, str] = field(default_factory=dict)
    addresses: SandboxAddresses | None = None

    def write(self, runbook: str, drill: str = "", config: str = CONFIG) -> "Project":
        """Write the config and a runbook called `story`, and a drill of it."""
        for folder in ("runbooks", "drills"):
            (self.root / folder).mkdir(exist_ok=True)
        (self.root / "drx.yaml").write_text(config)
        (self.root / "runbooks" / "story.yaml").write_text(runbook)
        if drill:
            (self.root / "drills" / "story.yaml").write_text(drill)
        return self

    @property
    def config(self) -> Config:
        return load_config(self.root / "drx.yaml")

    @property
    def records(self) -> Path:
        return self.root / "records"

    @property
    def record(self) -> Path:
        """The only record."""
        (found,) = self.records.iterdir()
        return found

    @property
    def events(self) -> list[Event]:
        return read_journal(self.record / JOURNAL)

    @property
    def facts(self) -> list[Fact]:
        return [event.fact for event in self.events]

    @property
    def shown(self) -> str:
        return self.screen.getvalue()

    def setting(self, *, unattended: bool = True, ui: Ui | None = None) -> Setting:
        return Setting(
            records=self.records,
            ui=ui or PlainUi(self.screen),
            operator=OPERATOR,
            trust=Trust(),
            resolve=lambda config, name, parts: resolve_target(config, name, self.environ, self.addresses, parts),
            unattended=unattended,
        )

    def run(
        self, *, environment: str = "lab", inputs: Mapping[str, str] | None = None, ui: Ui | None = None
    ) -> ExitCode:
        """Run the runbook; attended only where an interface is given that is."""
        setting = self.setting(unattended=not (ui and ui.attended), ui=ui)
        return run_runbook(read_binder(self.root), self.config, "story", environment, setting, inputs or {})

    def drill(self, environment: str = "lab", ui: Ui | None = None) -> ExitCode:
        return run_drill(read_binder(self.root), self.config, "story", environment, self.setting(ui=ui))

    def resume(self, ui: Ui | None = None) -> ExitCode:
        setting = self.setting(unattended=not (ui and ui.attended), ui=ui)
        return resume(self.record, setting)

    def plan(self) -> Plan:
        """The plan that the record's frozen files give."""
        started = self.facts[0]
        assert isinstance(started, RunStarted)
        files = thaw(self.record, started.frozen)
        what = What(started.run, started.mode, started.runbook, started.environment, "ada", started.drill)
        target = resolve_target(self.config, started.environment, self.environ, self.addresses)
        return plan_of(Binder(files), self.config, what, target)


def steps_yaml(*steps: str, head: str = "") -> str:
    """A runbook of these steps, each in flow style."""
    body = "\n".join(f"  - {step}" for step in steps)
    return f"runbook: story\ntitle: A story\n{head}\nsteps:\n{body}\n"
