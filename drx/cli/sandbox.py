"""`drx sandbox`: start, show and end the local servers to practise on."""

from pathlib import Path
from typing import Annotated

import typer

from drx.cli.groups import exit_codes
from drx.errors import ExitCode

DEFAULT = "default"

Name = Annotated[str, typer.Option("--name", help="Which sandbox; several can run side by side.")]


def register(app: typer.Typer) -> None:
    """Add `drx sandbox` and its commands."""
    group = typer.Typer(help="Start, show and end local servers to practise on.", no_args_is_help=True)
    group.command("up", epilog=exit_codes(0, 2, 4, 6))(up)
    group.command("status", epilog=exit_codes(0, 2, 4))(status)
    group.command("down", epilog=exit_codes(0, 2, 6))(down)
    app.add_typer(group, name="sandbox")


def sandboxes(root: Path) -> Path:
    """The directory that holds the sandboxes of a project, one directory each."""
    return root / ".drx" / "sandbox"


def sandbox_directory(name: str) -> Path:
    """Where a sandbox of the project around the current directory lies.

    Raises UsageError where there is no drx.yaml, or the name is no plain name.
    """
    from drx.config import find_config
    from drx.errors import UsageError

    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"'{name}' is no name for a sandbox", "Use letters, digits and hyphens")
    return sandboxes(find_config(Path.cwd()).parent) / name


def up(name: Name = DEFAULT) -> int:
    """Start the servers: MongoDB, S3 in two regions, and the PixelCraft application."""
    from drx.sandbox.servers import up as start

    directory = sandbox_directory(name)
    state = start(directory)
    typer.echo(f"mongo   {state.mongo_uri}")
    for region, endpoint in state.s3.items():
        typer.echo(f"s3      {endpoint}  ({region})")
    typer.echo(f"app     {state.app_url}")
    typer.echo(f"logs    {directory / 'logs'}")
    return ExitCode.OK


def status(name: Name = DEFAULT) -> int:
    """Show how each server is; exit 4 where one is not running."""
    from drx.sandbox.servers import status as look

    members = look(sandbox_directory(name))
    for found in members:
        port = f"127.0.0.1:{found.member.port}" if found.member.port else "-"
        typer.echo(f"{found.member.name:<14} {port:<16} pid {found.member.pid:<8} {found.condition}")
    if not members:
        typer.echo("No sandbox runs. Start it with `drx sandbox up`.")
    healthy = bool(members) and all(found.condition == "running" for found in members)
    return ExitCode.OK if healthy else ExitCode.FAILED


def down(
    name: Name = DEFAULT,
    keep_data: Annotated[bool, typer.Option("--keep-data", help="Keep the data for the next `up`.")] = False,
) -> int:
    """End the servers and remove their data."""
    from drx.sandbox.servers import down as end

    end(sandbox_directory(name), remove_data=not keep_data)
    return ExitCode.OK
