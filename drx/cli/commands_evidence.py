"""The commands of evidence: what is so, what was, what is planned. Each imports what it needs when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from drx.cli import names
from drx.cli.groups import exit_codes
from drx.cli.options import Check, Environment, Json, Output, Sandbox

RunOrArchive = Annotated[
    str,
    typer.Argument(
        metavar="RUN", autocompletion=names.runs, help="Id of the run, its end, or the path of its record or archive."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of evidence."""
    app.command("status", epilog="Exit codes: 0 ok · 1 warning · 2 critical · 3 unknown, or any error")(status)
    app.command("runs", epilog=exit_codes(0, 2, 3, 4))(runs)
    app.command("report", epilog=exit_codes(0, 2, 3, 4))(report)
    app.command("plan", epilog=exit_codes(0, 2, 3, 9))(plan)
    app.command("audit", epilog=exit_codes(0, 2, 3, 4))(audit)
    app.command("export", epilog=exit_codes(0, 2, 3, 4))(export)
    app.command("sign", epilog=exit_codes(0, 2, 3, 4))(sign)


def status(
    environment: Environment = None,
    as_json: Json = False,
    sandbox: Sandbox = "default",
    notify_: Annotated[
        bool, typer.Option("--notify", help="Tell of missed jobs and of an RPO that does not hold.")
    ] = False,
    prometheus: Annotated[
        Path | None, typer.Option("--prometheus", metavar="FILE", help="Write metrics there, for node_exporter.")
    ] = None,
) -> int:
    """Say whether the service could be recovered now.

    What can be restored, what drills have proven, copies, oplog, jobs that were missed. `drx` alone shows the same.

    Example: drx status --json
    """
    from drx.cli.status.status import status as look

    return look(environment, as_json=as_json, sandbox=sandbox, notify=notify_, prometheus=prometheus)


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    in_bucket: Annotated[
        bool, typer.Option("--elsewhere", help="Other hosts' runs too, from the bucket of records.")
    ] = False,
    as_json: Json = False,
) -> int:
    """List what was run here, newest first.

    Example: drx runs --limit 100
    """
    from drx.cli.runs import runs as look

    return look(limit, as_json=as_json, in_bucket=in_bucket)


def report(
    run_name: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            autocompletion=names.runs,
            help="Id of the run, its end, or the path of its record or archive.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="md, html, json or, of a run, junit; with --open, html.",
            autocompletion=names.among("md", "html", "json", "junit"),
        ),
    ] = None,
    output: Annotated[str | None, typer.Option("--output", help="Write it into this file.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it, in the browser.")] = False,
    trend: Annotated[
        str | None,
        typer.Option(
            "--trend",
            metavar="RUNBOOK",
            autocompletion=names.runbooks,
            help="All drills of a runbook, beside each other.",
        ),
    ] = None,
    open_items: Annotated[bool, typer.Option("--open-items", help="What is to be done, over all runs.")] = False,
) -> int:
    """Show the report of a run, or a trend, or what is to be done.

    A run that has not finished has one too: what is known of it so far.

    Example: drx report 7f3a --open
    """
    from drx.cli.report import choose

    return choose(run_name, trend, form, output, open_items=open_items, show=show)


def plan(
    environment: Environment = None,
    output: Output = None,
    check: Check = False,
    form: Annotated[str, typer.Option("--format", help="md or html.", autocompletion=names.among("md", "html"))] = "md",
    what_if: Annotated[
        str | None, typer.Option("--what-if", help="What another objective would take, such as rpo=5m or rto=30m.")
    ] = None,
) -> int:
    """Print the disaster recovery plan.

    Out of drx.yaml, the runbooks and the recorded drills, with the commands for doing each step by hand.

    Example: drx plan --output docs/disaster-recovery.md
    """
    if what_if is not None:
        from drx.cli.plan.what_if import what_if as answer

        return answer(environment, what_if)
    from drx.cli.plan.plan import plan as write

    return write(environment, output, form, check=check)


def audit(
    run_name: RunOrArchive,
    as_json: Json = False,
    signers: Annotated[
        Path | None,
        typer.Option("--signers", help="Whose signatures count, one of which is asked for; else drx.signers."),
    ] = None,
) -> int:
    """Say whether the record of a run is what the run left.

    Reads it to its last byte: journal, frozen files, seal, reports, signature.

    Example: drx audit 7f3a
    """
    from drx.cli.evidence import audit as examine

    return examine(run_name, as_json=as_json, signers=signers)


def export(
    run_name: RunOrArchive,
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, a .tar.gz.")],
) -> int:
    """Put the record of a run into one archive, for an auditor.

    The same record always gives the same bytes.

    Example: drx export 7f3a evidence.tar.gz
    """
    from drx.cli.evidence import export as write

    return write(run_name, archive)


def sign(
    run_name: Annotated[
        str, typer.Argument(metavar="RUN", autocompletion=names.runs, help="Id of the run, or its end.")
    ],
    key: Annotated[Path, typer.Option("--key", help="An ssh key: the private one, or the public one of an agent's.")],
) -> int:
    """Sign the record of a finished run with an ssh key.

    Example: drx sign 7f3a --key ~/.ssh/id_ed25519
    """
    from drx.cli.evidence import sign as write

    return write(run_name, key)
