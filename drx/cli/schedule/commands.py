"""`drx schedule`: what runs by itself, and the files that make it so. Each command imports what it needs."""

from pathlib import Path
from typing import Annotated

import typer

from drx.cli.groups import HelpingGroup, exit_codes

Write = Annotated[bool, typer.Option("--write", help="Put it in place.")]
Check = Annotated[bool, typer.Option("--check", help="Say whether what is in place is stale.")]
Output = Annotated[
    Path | None, typer.Option("--output", help="In place means: in this folder; for cron, in this file.")
]
Directory = Annotated[str | None, typer.Option("--directory", help="The project's folder, where the jobs will run.")]
Program = Annotated[str | None, typer.Option("--program", help="Path of drx, where the jobs will run.")]


def register(app: typer.Typer) -> None:
    """Add `drx schedule` and its commands."""
    group = typer.Typer(cls=HelpingGroup, help="What runs by itself, and the files that make it so.")
    group.command("show", epilog=exit_codes(0, 2, 3))(show)
    for command in (cron, systemd, github, kubernetes):
        group.command(command.__name__, epilog=exit_codes(0, 2, 3, 9))(command)
    app.add_typer(group, name="schedule")


def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> int:
    """Show when each job comes next, and which jobs meet.

    Example: drx schedule show
    """
    from drx.cli.schedule.show import show as run

    return run(as_json=as_json)


def cron(
    write: Write = False,
    check: Check = False,
    output: Output = None,
    directory: Directory = None,
    program: Program = None,
) -> int:
    """Print a block for a crontab.

    With --write, the block stands in this user's crontab, between two marks.

    Example: drx schedule cron --write
    """
    from drx.cli.schedule.files import schedule_files

    return schedule_files("cron", write=write, check=check, output=output, directory=directory, program=program)


def systemd(
    write: Write = False,
    check: Check = False,
    output: Output = None,
    directory: Directory = None,
    program: Program = None,
    user: Annotated[str, typer.Option("--user", help="The account that runs the jobs, rather than root.")] = "",
) -> int:
    """Print a service and a timer for each job.

    With --write, they stand in /etc/systemd/system.

    Example: drx schedule systemd --user drx --write
    """
    from drx.cli.schedule.files import schedule_files

    return schedule_files(
        "systemd", write=write, check=check, output=output, directory=directory, program=program, user=user
    )


def github(write: Write = False, check: Check = False, output: Output = None) -> int:
    """Print a GitHub Actions workflow for each job.

    With --write, they stand in .github/workflows.

    Example: drx schedule github --check
    """
    from drx.cli.schedule.files import schedule_files

    return schedule_files("github", write=write, check=check, output=output)


def kubernetes(
    image: Annotated[str, typer.Option("--image", help="The container image that holds drx and the project.")],
    write: Write = False,
    check: Check = False,
    output: Output = None,
    directory: Annotated[str, typer.Option("--directory", help="The project's folder in the image.")] = "/project",
) -> int:
    """Print a CronJob for each job, and the volume for their records.

    With --write, they stand in kubernetes/.

    Example: drx schedule kubernetes --image registry.example/pixelcraft-drx:1.4
    """
    from drx.cli.schedule.files import schedule_files

    return schedule_files("kubernetes", write=write, check=check, output=output, directory=directory, image=image)
