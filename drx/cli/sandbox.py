"""`drx sandbox`: start, show and end the local servers to practise on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from drx.cli import names
from drx.cli.groups import HelpingGroup, exit_codes
from drx.errors import ExitCode, LockedError

DEFAULT = "default"

Name = Annotated[
    str,
    typer.Option("--name", help="Which sandbox; several can run side by side.", autocompletion=names.sandboxes),
]


def register(app: typer.Typer) -> None:
    """Add `drx sandbox` and its commands."""
    group = typer.Typer(cls=HelpingGroup, help="Start, show and end local servers to practise on.")
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


@contextmanager
def hold(sandbox: Path, *, alone: bool) -> Iterator[None]:
    """Keep a sandbox from being ended while a run uses it; `alone` keeps every other run out too.

    Raises LockedError where a run uses it in a way that does not go together with this.
    """
    import fcntl

    sandbox.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (sandbox.parent / f"{sandbox.name}.run.lock").open("a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"a run uses the sandbox '{sandbox.name}'"
            raise LockedError(message, "Wait until it is done, or take a sandbox of another name") from None
        yield


def up(name: Name = DEFAULT) -> int:
    """Start the servers: MongoDB, S3 in two regions, and the PixelCraft application.

    Example: drx sandbox up

    Example: drx sandbox up --name mine
    """
    from drx.sandbox.servers import up as start

    directory = sandbox_directory(name)
    state = start(directory)
    typer.echo(f"mongo   {state.mongo_uri}")
    for region, endpoint in state.s3.items():
        typer.echo(f"s3      {endpoint}  ({region})")
    typer.echo(f"app     {state.app_url}")
    if resolver := state.addresses.resolver:
        typer.echo(f"dns     {resolver.address}  ({', '.join(resolver.names)})")
    typer.echo(f"logs    {directory / 'logs'}")
    return ExitCode.OK


def status(name: Name = DEFAULT) -> int:
    """Show how each server is; exit 4 where one is not running.

    Example: drx sandbox status
    """
    from drx.sandbox.servers import status as look

    members = look(sandbox_directory(name))
    for found in members:
        port = f"{found.member.address}:{found.member.port}" if found.member.port else "-"
        typer.echo(f"{found.member.name:<14} {port:<16} pid {found.member.pid:<8} {found.condition}")
    if not members:
        typer.echo("No sandbox runs. Start it with `drx sandbox up`.")
    healthy = bool(members) and all(found.condition == "running" for found in members)
    return ExitCode.OK if healthy else ExitCode.FAILED


def down(
    name: Name = DEFAULT,
    keep_data: Annotated[bool, typer.Option("--keep-data", help="Keep the data for the next `up`.")] = False,
) -> int:
    """End the servers and remove their data.

    Example: drx sandbox down --keep-data
    """
    from drx.sandbox.servers import down as end

    directory = sandbox_directory(name)
    with hold(directory, alone=True):
        end(directory, remove_data=not keep_data)
    return ExitCode.OK
