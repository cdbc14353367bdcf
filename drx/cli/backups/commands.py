"""`drx backups`: look at backups, check them, and delete what no rule keeps. Each command imports what it needs."""

from typing import Annotated

import typer

from drx.cli import names
from drx.cli.groups import HelpingGroup, exit_codes
from drx.cli.options import Environment, Sandbox, Unattended

Json = Annotated[bool, typer.Option("--json", help="Print JSON; its fields are described in docs/backups.md.")]
EventLines = Annotated[bool, typer.Option("--json", help="Print the run as JSON lines.")]
StoreName = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Look into a copy: copy, copy-2, or the name of its bucket or directory.",
        autocompletion=names.stores,
    ),
]


def register(app: typer.Typer) -> None:
    """Add `drx backups` and its commands."""
    group = typer.Typer(cls=HelpingGroup, help="Look at backups, check them, delete old ones.")
    group.command("list", epilog=exit_codes(0, 2, 3, 4))(list_)
    group.command("show", epilog=exit_codes(0, 2, 3, 4))(show)
    group.command("window", epilog=exit_codes(0, 2, 3, 4))(window)
    group.command("copies", epilog=exit_codes(0, 2, 3, 4))(copies)
    group.command("events", epilog=exit_codes(0, 2, 3, 4))(events)
    group.command("verify", epilog=exit_codes(0, 2, 3, 4, 7, 8, 10, 130))(verify)
    group.command("prune", epilog=exit_codes(0, 2, 3, 4, 6, 7, 8, 10, 130))(prune)
    app.add_typer(group, name="backups")


def list_(
    environment: Environment = None, store: StoreName = None, as_json: Json = False, sandbox: Sandbox = "default"
) -> int:
    """List what a store holds, whole or not.

    It reads listings and manifests, not the data: `drx backups verify` does that. Exit 4 where something is damaged.

    Example: drx backups list --env production --store copy
    """
    from drx.cli.backups.list import list_ as run
    from drx.cli.stores import open_one

    return run(open_one(environment, store, sandbox), as_json=as_json)


def show(
    backup: Annotated[str, typer.Argument(metavar="ID", help="Id of a backup, or its end.")],
    environment: Environment = None,
    store: StoreName = None,
    as_json: Json = False,
    sandbox: Sandbox = "default",
) -> int:
    """Show what is in one backup.

    Exit 4 where it is damaged or was never finished.

    Example: drx backups show 7f3a.base --env production
    """
    from drx.cli.backups.list import show as run
    from drx.cli.stores import open_one

    return run(open_one(environment, store, sandbox), backup, as_json=as_json)


def window(
    environment: Environment = None, store: StoreName = None, as_json: Json = False, sandbox: Sandbox = "default"
) -> int:
    """Show which moments can be restored, and why not the others.

    Exit 4 where there is a gap that retention did not make, or nothing can be restored.

    Example: drx backups window --env production
    """
    from drx.cli.backups.window import window as run
    from drx.cli.stores import open_one

    return run(open_one(environment, store, sandbox), as_json=as_json)


def copies(environment: Environment = None, as_json: Json = False, sandbox: Sandbox = "default") -> int:
    """Show what every copy holds, and whether 3-2-1 is kept.

    Exit 4 where a copy lags or lacks something, or the rule is not kept.

    Example: drx backups copies --env production
    """
    from drx.cli.backups.copies import copies as run

    return run(environment, as_json, sandbox=sandbox)


def events(
    since: Annotated[
        str | None,
        typer.Option("--since", help="A moment in UTC, or how long ago: 02:14, 2h, 7d. Without it, 24h."),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="drop, dropDatabase, rename, mass_delete or mass_update; may be repeated.",
            autocompletion=names.among("drop", "dropDatabase", "rename", "mass_delete", "mass_update"),
        ),
    ] = None,
    environment: Environment = None,
    store: StoreName = None,
    as_json: Json = False,
    sandbox: Sandbox = "default",
) -> int:
    """Show drops, renames, mass deletes and mass updates.

    It reads the archived oplog, and the live one after it where the server answers.

    Example: drx backups events --since 2h --kind drop --env production
    """
    from drx.cli.backups.events import events as run
    from drx.cli.stores import open_one

    return run(open_one(environment, store, sandbox), since, kinds or (), as_json=as_json)


def verify(
    backup: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Id of a backup, or its end; the newest base.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Read everything that the store holds.")] = False,
    environment: Environment = None,
    unattended: Unattended = False,
    as_json: EventLines = False,
    sandbox: Sandbox = "default",
) -> int:
    """Read backups back, and hold every byte against its checksum.

    A run of one step, with a record like any other. Exit 4 where something is damaged; it is named.

    Example: drx backups verify --all --env production --unattended
    """
    from drx.cli.backups.prune import verification
    from drx.cli.operation import operate
    from drx.cli.stores import open_one

    operation = verification(open_one(environment, None, sandbox), backup, everything=everything)
    return operate(operation, environment, unattended=unattended, as_json=as_json, sandbox=sandbox)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go, and why.")] = False,
    environment: Environment = None,
    unattended: Unattended = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: the decisions, or the run.")] = False,
    sandbox: Sandbox = "default",
) -> int:
    """Delete the backups that no rule of drx.yaml keeps.

    In the primary store and in each copy, as `retention` says; a run of one step, with a record like any other. Nothing
    is deleted while the newest backup is unfinished or damaged: exit 4.

    Example: drx backups prune --dry-run --env production
    """
    from drx.cli.backups.prune import PRUNE
    from drx.cli.backups.prune import dry_run as look
    from drx.cli.operation import operate
    from drx.cli.stores import open_all

    if dry_run:
        return look(open_all(environment, sandbox), as_json=as_json)
    return operate(PRUNE, environment, unattended=unattended, as_json=as_json, sandbox=sandbox)
