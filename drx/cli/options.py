"""Options that many commands share, with their help texts."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drx.cli import names
from drx.units import parse_duration


def duration(text: str) -> timedelta:
    """Read a span of time; raises BadParameter, which says how to write one."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def named(name: str | None) -> str | None:
    """Refuse an empty name, which an unset variable makes: what holds without one would be meant by nobody."""
    if name is not None and not name.strip():
        raise typer.BadParameter("it is empty. Name one, or leave the option out")
    return name


Environment = Annotated[
    str | None,
    typer.Option("--env", help="Environment of drx.yaml.", autocompletion=names.environments, callback=named),
]
Sandbox = Annotated[
    str,
    typer.Option("--sandbox", help="Which sandbox stands in for `sandbox: true`.", autocompletion=names.sandboxes),
]
Timeout = Annotated[
    timedelta | None,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        parser=duration,
        help="Where nobody attends it, give up after so long: 20m, 2h. A shorter timeout of the runbook holds.",
    ),
]
Unattended = Annotated[bool, typer.Option("--unattended", help="Nobody is there: never wait for an answer.")]
Output = Annotated[str | None, typer.Option("--output", help="Write the committed document there.")]
Check = Annotated[bool, typer.Option("--check", help="Say whether the committed document is stale.")]
Junit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there, for CI.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Log(StrEnum):
    """What a run prints while it goes on."""

    TEXT = "text"
    JSON = "json"


LogFormat = Annotated[Log, typer.Option("--log-format", help="text for people; json for one event a line, as --json.")]
