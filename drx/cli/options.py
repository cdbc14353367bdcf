"""Options that many commands share, with their help texts."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drx.cli import names

Environment = Annotated[
    str | None, typer.Option("--env", help="Environment of drx.yaml.", autocompletion=names.environments)
]
Sandbox = Annotated[
    str,
    typer.Option("--sandbox", help="Which sandbox stands in for `sandbox: true`.", autocompletion=names.sandboxes),
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
