"""`drx mongo restore`: restore what stock mongodump wrote, as an operation with guard, journal and report."""

from pathlib import Path
from typing import Annotated

import typer

from drx.cli.groups import HelpingGroup, exit_codes
from drx.cli.options import Environment, Json, Sandbox, Unattended
from drx.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add `drx mongo` and its commands."""
    group = typer.Typer(cls=HelpingGroup, help="Restore what stock mongodump wrote.")
    group.callback()(_alone)
    group.command("restore", epilog=exit_codes(0, 2, 3, 4, 6, 7, 8, 10, 130))(restore)
    app.add_typer(group, name="mongo")


def _alone() -> None:
    """Keep `restore` a command of its own, although it is the only one."""


def restore(
    path: Annotated[Path, typer.Argument(help="The directory or archive that mongodump wrote, gzipped or not.")],
    environment: Environment = None,
    into: Annotated[str | None, typer.Option("--into", help="Database to restore into; new, or empty.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Which of the dump's databases.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="A collection; may be repeated.")] = None,
    unattended: Unattended = False,
    as_json: Json = False,
    sandbox: Sandbox = "default",
) -> int:
    """Restore a dump of stock mongodump into a new database, and prove it.

    All of it is read and checked before anything is written.

    Example: drx mongo restore dump/ --env staging --into pixelcraft_check
    """
    from drx.cli.operation import Operation, operate

    if not path.exists():
        raise UsageError(f"{path} is not there", "Name the directory or the archive that mongodump wrote")
    stated = {"path": str(path.resolve()), "into": into, "database": database, "only": only or []}
    parameters = {name: value for name, value in stated.items() if value}
    title = f"Restore the dump {path.name}"
    operation = Operation("mongo-restore", title, "mongo.restore_dump", parameters, expect="30m")
    return operate(operation, environment, unattended=unattended, as_json=as_json, sandbox=sandbox)
