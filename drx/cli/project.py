"""What every command that runs something needs: drx.yaml, the binder, trust, the user interface, the operator."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drx.accounts import this_account
from drx.cli.binder import read_binder
from drx.config import (
    PARTS,
    Config,
    Target,
    find_config,
    load_config,
    resolve_records,
    resolve_target,
    sources_beside,
    sources_of,
    sources_to_hide,
    stray_secrets,
)
from drx.config.target import BackupTarget, DirectoryStore
from drx.errors import HumanNeeded, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import timedelta

    from drx.engine.events import Author, Event, Notified, SecretsRead
    from drx.engine.plan import Plan
    from drx.reports.notices import Notice
    from drx.runbook.load import Binder
    from drx.runner.copying import Shelf
    from drx.runner.setting import Setting
    from drx.ui.port import Ui

RECORDS = Path("drills") / "records"
JOBS = Path(".drx") / "jobs"
NOTIFIED = Path(".drx") / "notified.json"
"""What was told when, so that a job that flaps does not page again and again."""


@dataclass(frozen=True)
class Project:
    """drx.yaml and what lies beside it."""

    root: Path
    config: Config
    sandbox: Path
    """Directory of the sandbox that stands in for environments with `sandbox: true`."""

    @property
    def records(self) -> Path:
        """The folder of all records."""
        return self.root / RECORDS

    def binder(self, reference: str) -> "Binder":
        """Runbooks and drills by id, and the one that is named by its path."""
        named = [reference] if "/" in reference or reference.endswith((".yaml", ".yml")) else []
        return read_binder(self.root, named)

    def setting(self, *, unattended: bool, as_json: bool = False, timeout: "timedelta | None" = None) -> "Setting":
        """Where and by whom a run is run, and how it is shown."""
        from drx.guard import read_trust
        from drx.runner.setting import Setting
        from drx.runner.verified import read_verified

        ui = self.ui(unattended=unattended, as_json=as_json)
        trust = read_trust(self.root)
        return Setting(
            self.records,
            ui,
            operator(),
            trust,
            self.resolve,
            unattended,
            timeout,
            shelf=lambda environment: shelf_of(self.config, environment),
            read=self.read,
            strays=self.strays,
            group=self.config.settings.records.group if self.config.settings.records else None,
            jobs=self.root / JOBS / self.sandbox.name,
            proven=lambda: read_verified(self.root),
            tell=self.tell,
            trace=self.trace,
        )

    def ui(self, *, unattended: bool, as_json: bool = False, watching: bool = False) -> "Ui":
        """How a run of this project is shown, to whoever runs it or is only watching."""
        from drx.journal import encode_event
        from drx.runner.recorded import step_times
        from drx.ui.choose import choose_ui

        environments = self.config.settings.environments
        return choose_ui(
            unattended=unattended,
            watching=watching,
            encode=encode_event if as_json else None,
            protected=[name for name, found in environments.items() if found.protected],
            earlier=lambda runbook: step_times(self.records, runbook),
        )

    def read(self, config: Config, target: Target) -> "Sequence[SecretsRead]":
        """Say where the secrets come from that a run has in its hands; `config` may be frozen."""
        from drx.engine.events import SecretsRead

        hidden = sources_to_hide(self.config, os.environ)
        used = sources_of(config, target.name, target.parts)
        if not target.sandbox:
            used = {**used, **sources_beside(self.config)}
        hidden = {setting: source for setting, source in hidden.items() if setting not in used}
        return (SecretsRead(used, hidden),) if used or hidden else ()

    def strays(self) -> "Iterator[str]":
        """List secrets that are no part of the environment of a run, and that its commands may print all the same."""
        from drx.notify.tracing import tracing_secrets

        yield from stray_secrets(self.config, os.environ)
        yield from tracing_secrets(os.environ)

    def tell(self, notice: "Notice") -> "Sequence[Notified]":
        """Let those hear of something whom drx.yaml names for it."""
        from drx.notify.tell import Teller

        return Teller(self.config, os.environ, self.root / NOTIFIED).tell(notice)

    def trace(self, plan: "Plan", events: "Sequence[Event]") -> "Sequence[Notified]":
        """Let an OpenTelemetry collector see a run, where the variables of OpenTelemetry name one."""
        from drx.notify.tracing import Tracer

        settings = self.config.settings
        return Tracer(settings.service, os.environ, settings.notify.timeout.total_seconds()).send(plan, events)

    def resolve(self, config: Config, environment: str, parts: "Collection[str]" = PARTS) -> Target:
        """Read the secrets of these parts of an environment, or the addresses of a running sandbox."""
        from drx.sandbox.state import read_state

        settings = config.settings.environments.get(environment)
        state = read_state(self.sandbox.resolve()) if settings and settings.sandbox else None
        target = resolve_target(config, environment, os.environ, state.addresses if state else None, parts)
        if target.sandbox and target.backups:
            _make_directories(target.backups)
        return target


def shelf_of(config: Config, environment: str | None = None, *, hurried: bool = False) -> "Shelf | None":
    """Open where copies of records go; nothing where drx.yaml does not say, nor for runs in a sandbox.

    Raises InvalidDocument with every variable and file that is missing.
    """
    from drx.actions.servers import address_of
    from drx.backup.stores import open_store
    from drx.runner.copying import Shelf

    settings = config.settings.environments.get(environment) if environment else None
    stated = None if settings and settings.sandbox else resolve_records(config, os.environ)
    if stated is None:
        return None
    return Shelf(open_store(address_of(stated, hurried=hurried)), config.settings.service, stated.secret_access_key)


def _make_directories(stores: BackupTarget) -> None:
    """Make the sandbox's disks, so to speak; elsewhere a store that is not there was not mounted."""
    for store in (stores.primary, *stores.copies):
        if isinstance(store, DirectoryStore):
            store.path.mkdir(parents=True, exist_ok=True)


def load_project(sandbox: str = "default") -> Project:
    """Find drx.yaml here or above.

    Raises UsageError where there is none, InvalidDocument with everything that is wrong in it.
    """
    from drx.cli.sandbox import sandbox_directory

    path = find_config(Path.cwd())
    root = Path(os.path.relpath(path.parent))
    return Project(root, load_config(path), sandbox_directory(sandbox))


def operator() -> "Author":
    """Who runs this process, as the kernel knows it, and where."""
    from drx.engine.events import Author

    return Author(this_account(), socket.gethostname(), os.getpid())


def choose_environment(config: Config, named: str | None, *, unattended: bool) -> str:
    """Give the environment that was named, or ask for it.

    Raises UsageError where nobody can be asked.
    """
    if named is not None:
        return named
    names = list(config.settings.environments)
    if unattended or not _at_terminal():
        raise UsageError("no environment is named", f"Add --env NAME: {', '.join(names)}")
    from drx.ui.choose import choose_prompts

    protected = {name for name, each in config.settings.environments.items() if each.protected}
    labels = [f"{name} (protected)" if name in protected else name for name in names]
    try:
        prompts, _ = choose_prompts()
        return names[prompts.choose("In which environment?", labels)]
    except EOFError:
        raise KeyboardInterrupt from None


def require_a_person(*, unattended: bool) -> None:
    """Refuse to begin a run that would wait for somebody who is not there.

    Raises HumanNeeded.
    """
    if not unattended and not _at_terminal():
        raise HumanNeeded(
            "a person has to answer, and there is no terminal", "Run it at a terminal, or add --unattended"
        )


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
