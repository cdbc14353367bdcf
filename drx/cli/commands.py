"""Every command, with options and help texts. Each one imports what it needs when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from drx.cli import commands_evidence, commands_runs, mongo, names, notify, sandbox
from drx.cli.backups import commands as backups
from drx.cli.groups import exit_codes
from drx.cli.options import Check, Json, Output
from drx.cli.schedule import commands as schedule
from drx.errors import ExitCode

_ANSWERS = (
    "health, rto, rpo, mongo, database, uploads, backups, copy, endpoint, host, channel, atlas, dns, dns_name, github, "
    "staging"
)
"""As drx.starter.given has them, which takes too long to import for a page of help."""


def register(app: typer.Typer) -> None:
    """Add every command to the application."""
    commands_runs.register(app)
    app.command("init", epilog=exit_codes(0, 2, 3, 8, 130))(init)
    app.command("check", epilog=exit_codes(0, 2, 3))(check)
    app.command("actions", epilog=exit_codes(0, 2, 9))(actions)
    app.command("schema", epilog=exit_codes(0, 2, 9))(schema)
    app.command("trust", epilog=exit_codes(0, 2, 3, 7, 8))(trust)
    sandbox.register(app)
    backups.register(app)
    mongo.register(app)
    commands_evidence.register(app)
    schedule.register(app)
    notify.register(app)


def init(
    service: Annotated[
        str | None, typer.Option("--service", help="Name of the service; without it, that of the folder.")
    ] = None,
    sandbox_only: Annotated[
        bool, typer.Option("--sandbox-only", help="Ask nothing: begin with a sandbox to practise on.")
    ] = False,
    values: Annotated[
        list[str] | None,
        typer.Option("--input", help=f"An answer as NAME=VALUE, instead of questions; may be repeated: {_ANSWERS}."),
    ] = None,
) -> int:
    """Make a first drx.yaml, runbooks and drills.

    Asks what runs where, what was promised and whom to tell, tries the connections, and writes files that
    `drx check` finds no fault with. What is there already stays as it is. Secrets are named, never typed.

    Example: drx init --sandbox-only && drx drill db-drop --env sandbox

    Example: drx init --input health=https://shop.example/healthz --input backups=shop-backups@eu-west-1
    """
    from drx.cli.init import init as run
    from drx.cli.run import inputs_of

    return run(service=service, sandbox_only=sandbox_only, given=inputs_of(values or []), root=Path.cwd())


def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Files, or ids of runbooks and drills.", autocompletion=names.checkable),
    ] = None,
    as_json: Json = False,
) -> int:
    """Check drx.yaml, runbooks and drills; all problems at once.

    Example: drx check

    Example: drx check db-drop drx.yaml
    """
    from drx.cli.check import check as run

    return run([Path(file) for file in files or []], as_json)


def actions(
    name: Annotated[
        str | None,
        typer.Argument(help="An action or a family, such as mongo.restore or mongo.", autocompletion=names.actions),
    ] = None,
    as_json: Json = False,
    output: Output = None,
    check: Check = False,
) -> int:
    """List the actions that runbooks can use, or explain one.

    Example: drx actions mongo.restore
    """
    from drx.cli.actions import REFERENCE, check_reference, write_reference
    from drx.cli.actions import actions as run

    if check:
        check_reference(Path(output or REFERENCE))
    elif output:
        write_reference(Path(output))
    else:
        return run(name, as_json)
    return ExitCode.OK


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            help="runbook, drill, config or report.",
            autocompletion=names.among("runbook", "drill", "config", "report"),
        ),
    ] = "runbook",
    output: Output = None,
    check: Check = False,
) -> int:
    """Print a JSON Schema for editors, or that of report.json.

    Example: drx schema runbook > runbook.json
    """
    from drx.cli.schema import schema as run

    return run(kind, Path(output) if output else None, check)


def trust(
    environment: Annotated[str, typer.Argument(help="An environment of drx.yaml.", autocompletion=names.environments)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts that know.")] = False,
) -> int:
    """Show who an environment's servers are, and trust them.

    Example: drx trust production
    """
    import sys

    from drx.cli.trust import trust as run

    ask = input if sys.stdin.isatty() else None
    return run(environment, yes=yes, directory=Path.cwd(), ask=ask)
