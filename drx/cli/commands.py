"""The commands with their options and help texts. Each one imports what it needs when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from drx.cli import sandbox
from drx.cli.groups import exit_codes

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add every command to the application."""
    app.command("check", epilog=exit_codes(0, 2, 3))(check)
    sandbox.register(app)
    app.command("trust", epilog=exit_codes(0, 2, 3, 7, 8))(trust)


def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Files, or ids of runbooks and drills.")] = None,
    as_json: Json = False,
) -> int:
    """Check drx.yaml, runbooks and drills; all problems at once."""
    from drx.cli.check import check as run

    return run(files or [], as_json)


def actions(
    name: Annotated[str | None, typer.Argument(help="An action, such as mongo.restore.")] = None,
    as_json: Json = False,
) -> int:
    """List the actions that runbooks can use, or explain one."""
    from drx.cli.actions import actions as run

    return run(name, as_json)


def trust(
    environment: Annotated[str, typer.Argument(help="An environment of drx.yaml.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts that know.")] = False,
) -> int:
    """Show who an environment's servers are, and trust them."""
    import sys

    from drx.cli.trust import trust as run

    ask = input if sys.stdin.isatty() else None
    return run(environment, yes=yes, directory=Path.cwd(), ask=ask)
