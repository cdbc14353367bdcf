"""Open a backup store of an environment for a command that reads it. Writes nothing."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from drx.cli.project import choose_environment, load_project
from drx.config.target import PRIMARY, BackupTarget, StoreTarget, Target
from drx.errors import UsageError
from drx.units import show_time

if TYPE_CHECKING:
    from bson import Timestamp

    from drx.backup.stores.base import Store


@dataclass(frozen=True)
class Opened:
    """A store of an environment, ready to be read."""

    store: "Store"
    target: Target
    label: str
    """`primary`, or `copy-1` and so on."""

    @property
    def service(self) -> str:
        """Under which name the backups lie."""
        return self.target.service

    @property
    def database(self) -> str | None:
        """The database whose backups count; None where the environment states none."""
        return self.target.mongo.database if self.target.mongo else None

    @property
    def heading(self) -> str:
        """Name it for a person."""
        return f"{self.service} in {self.store.describe()}" + ("" if self.label == PRIMARY else f" ({self.label})")


def open_one(environment: str | None, name: str | None, sandbox: str) -> Opened:
    """Open the primary store, or the one that is named: `copy`, `copy-2`, a bucket, or the name of a directory.

    Raises UsageError for a name that is none.
    """
    target = _target(environment, sandbox)
    return _open(target, *_stores(target).find(name or PRIMARY))


def open_all(environment: str | None, sandbox: str) -> Iterator[Opened]:
    """Open the primary store and each copy."""
    target = _target(environment, sandbox)
    for label, stated in _stores(target).labelled:
        yield _open(target, label, stated)


def moment(value: "Timestamp | datetime | None") -> str | None:
    """Write a moment for machines: UTC, ISO 8601; of a timestamp, its second."""
    from drx.backup.holdings.inventory import moment_of

    if value is None:
        return None
    return show_time(value if isinstance(value, datetime) else moment_of(value))


def clock(value: "Timestamp | datetime | None") -> str:
    """Write a moment for people, to the second, in UTC."""
    from drx.backup.holdings.inventory import moment_of

    if value is None:
        return "-"
    return f"{value if isinstance(value, datetime) else moment_of(value):%Y-%m-%d %H:%M:%S}"


def _target(environment: str | None, sandbox: str) -> Target:
    project = load_project(sandbox)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    name = choose_environment(project.config, environment, unattended=not at_terminal)
    return project.resolve(project.config, name, ("mongo", "store"))


def _stores(target: Target) -> BackupTarget:
    if target.backups is None:
        raise UsageError(f"'{target.name}' has no backup store", "State backups.primary in drx.yaml")
    return target.backups


def _open(target: Target, label: str, stated: StoreTarget) -> Opened:
    from drx.actions.servers import address_of
    from drx.backup.stores import open_store

    return Opened(open_store(address_of(stated, hurried=True)), target, label)
