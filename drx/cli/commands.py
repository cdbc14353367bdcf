"""The commands with their options and help texts. Each one imports what it needs when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from drx.cli import backups, mongo, names, notify, sandbox, schedule
from drx.cli.groups import exit_codes
from drx.errors import ExitCode

Environment = Annotated[
    str | None, typer.Option("--env", help="Environment of drx.yaml.", autocompletion=names.environments)
]
Sandbox = Annotated[str, typer.Option("--sandbox", help="Which sandbox stands in for `sandbox: true`.")]
Unattended = Annotated[bool, typer.Option("--unattended", help="Nobody is there: never wait for an answer.")]
Output = Annotated[str | None, typer.Option("--output", help="Write the committed document there.")]
Check = Annotated[bool, typer.Option("--check", help="Say whether the committed document is stale.")]
Junit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there, for CI.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add every command to the application."""
    app.command("run", epilog=exit_codes(0, 2, 3, 4, 5, 6, 7, 8, 10, 130))(run)
    app.command("resume", epilog=exit_codes(0, 2, 4, 5, 6, 7, 8, 10, 130))(resume)
    app.command("drill", epilog=exit_codes(0, 2, 3, 4, 5, 6, 7, 130))(drill)
    app.command("show", epilog=exit_codes(0, 2, 3, 4, 130))(show)
    app.command("approve", epilog=exit_codes(0, 2, 4))(approve)
    app.command("note", epilog=exit_codes(0, 2, 4))(note)
    app.command("review", epilog=exit_codes(0, 2, 4, 6, 8))(review)
    app.command("check", epilog=exit_codes(0, 2, 3))(check)
    sandbox.register(app)
    backups.register(app)
    mongo.register(app)
    schedule.register(app)
    notify.register(app)
    app.command("actions", epilog=exit_codes(0, 2, 9))(actions)
    app.command("schema", epilog=exit_codes(0, 2, 9))(schema)
    app.command("plan", epilog=exit_codes(0, 2, 3, 9))(plan)
    app.command("report", epilog=exit_codes(0, 2, 3, 4))(report)
    app.command("runs", epilog=exit_codes(0, 2, 3))(runs)
    app.command("status", epilog="Exit codes: 0 ok · 1 warning · 2 critical · 3 unknown, or any error")(status)
    app.command("audit", epilog=exit_codes(0, 2, 4))(audit)
    app.command("export", epilog=exit_codes(0, 2, 4))(export)
    app.command("sign", epilog=exit_codes(0, 2, 4))(sign)
    app.command("trust", epilog=exit_codes(0, 2, 3, 7, 8))(trust)


def check(
    files: Annotated[list[str] | None, typer.Argument(help="Files, or ids of runbooks and drills.")] = None,
    as_json: Json = False,
) -> int:
    """Check drx.yaml, runbooks and drills; all problems at once."""
    from drx.cli.check import check as run

    return run([Path(file) for file in files or []], as_json)


def actions(
    name: Annotated[str | None, typer.Argument(help="An action or a family, such as mongo.restore or mongo.")] = None,
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
    kind: Annotated[str, typer.Argument(help="runbook, drill, config or report.")] = "runbook",
    output: Output = None,
    check: Check = False,
) -> int:
    """Print a JSON Schema for editors, or that of report.json."""
    from drx.cli.schema import schema as run

    return run(kind, Path(output) if output else None, check)


def approve(
    run_name: Annotated[
        str, typer.Argument(metavar="RUN", autocompletion=names.runs, help="Id of the run, or its end.")
    ],
    step: Annotated[str, typer.Argument(help="Id of the step that waits.", autocompletion=names.steps)],
    reject: Annotated[bool, typer.Option("--reject", help="Do not agree.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; a rejection needs one.")] = "",
) -> int:
    """Agree to a step of a run that goes on elsewhere.

    You are the second pair of eyes.

    Example: drx approve 7f3a approve-switch
    """
    from drx.cli.people import approve as agree

    return agree(run_name, step, reject=reject, reason=reason)


def note(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[RUN] TEXT", hidden=True),
    ],
) -> int:
    """Write a note into the record of a run, from any terminal.

    TEXT is what you saw or did; RUN the id of the run, or its end, where you do not mean the newest unfinished one.

    Example: drx note "customers see 502 since 14:20"
    """
    from drx.cli.people import note as write

    return write(words)


def review(
    run_name: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", autocompletion=names.runs, help="Id of the run, or its end; the newest that has finished."
        ),
    ] = None,
    item: Annotated[str, typer.Option("--item", help="Add an action item, without any questions.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Who does it; you, unless named.")] = "",
    due: Annotated[str, typer.Option("--due", help="Until when: 2026-12-01, or 14d.")] = "",
    close: Annotated[int | None, typer.Option("--close", metavar="ITEM", help="Close an action item.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it is closed.")] = "",
) -> int:
    """Ask what a run has taught, and what is to be done about it.

    Answers and action items stand in the report; open ones are shown before the next run of the same runbook, and by
    `drx report --open-items`.

    Example: drx review 7f3a --close 2 --reason "the alert is live"
    """
    from drx.cli.review import review as ask

    return ask(run_name, item=item, owner=owner, due=due, close=close, reason=reason)


def plan(
    environment: Environment = None,
    output: Output = None,
    check: Check = False,
    form: Annotated[str, typer.Option("--format", help="md or html.")] = "md",
    what_if: Annotated[
        str | None, typer.Option("--what-if", help="What another objective would take, such as rpo=5m or rto=30m.")
    ] = None,
) -> int:
    """Print the disaster recovery plan.

    Out of drx.yaml, the runbooks and the recorded drills, with the commands for doing each step by hand.

    Example: drx plan --output docs/disaster-recovery.md
    """
    if what_if is not None:
        from drx.cli.what_if import what_if as answer

        return answer(environment, what_if)
    from drx.cli.plan import plan as write

    return write(environment, output, form, check=check)


RunOrArchive = Annotated[
    str,
    typer.Argument(
        metavar="RUN", autocompletion=names.runs, help="Id of the run, its end, or the path of its record or archive."
    ),
]


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
        str | None, typer.Option("--format", help="md, html, json or, of a run, junit; with --open, html.")
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


def show(
    run_name: Annotated[
        str | None, typer.Argument(metavar="RUN", autocompletion=names.runs, help="Id of the run, its end; the newest.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the events as JSON lines.")] = False,
) -> int:
    """Look at a run, also while somebody else is at it.

    It reads only: Ctrl-C ends the looking, not the run.

    Example: drx show --follow
    """
    from drx.cli.show import show as look

    return look(run_name, follow=follow, as_json=as_json)


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
    from drx.cli.status import status as look

    return look(environment, as_json=as_json, sandbox=sandbox, notify=notify_, prometheus=prometheus)


def audit(
    run_name: RunOrArchive,
    as_json: Json = False,
    signers: Annotated[
        Path | None, typer.Option("--signers", help="Whose signatures count; drx.signers beside drx.yaml.")
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


def trust(
    environment: Annotated[str, typer.Argument(help="An environment of drx.yaml.", autocompletion=names.environments)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts that know.")] = False,
) -> int:
    """Show who an environment's servers are, and trust them."""
    import sys

    from drx.cli.trust import trust as run

    ask = input if sys.stdin.isatty() else None
    return run(environment, yes=yes, directory=Path.cwd(), ask=ask)


def run(
    runbook: Annotated[
        str | None,
        typer.Argument(
            help="Id or path of a runbook, such as db-drop; without it, choose by symptom.",
            autocompletion=names.runbooks,
        ),
    ] = None,
    environment: Environment = None,
    values: Annotated[list[str] | None, typer.Option("--input", help="A value as NAME=VALUE; may be repeated.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show every step, run the prechecks, write nothing.")
    ] = False,
    tabletop: Annotated[
        bool, typer.Option("--tabletop", help="Talk it through, with surprises; nothing is touched.")
    ] = False,
    speed: Annotated[float, typer.Option("--speed", help="How many times faster a tabletop's steps are.")] = 1.0,
    unattended: Unattended = False,
    as_json: Json = False,
    sandbox: Sandbox = "default",
    junit: Junit = None,
) -> int:
    """Walk through a runbook, for real.

    Without a name, it lists the scenarios by what one sees.

    Example: drx run db-drop --env production
    """
    from drx.cli.run import Way
    from drx.cli.run import run as begin

    way = Way(unattended=unattended, as_json=as_json, dry=dry_run, junit=junit, tabletop=tabletop, speed=speed)
    return begin(runbook, environment, values or [], way, sandbox)


def resume(
    run_name: Annotated[
        str | None,
        typer.Argument(metavar="RUN", autocompletion=names.runs, help="Id of the run; the newest unfinished one."),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Have whoever is still at it hand it over to you.")
    ] = False,
    unattended: Unattended = False,
    as_json: Json = False,
    sandbox: Sandbox = "default",
) -> int:
    """Go on with a run where it was left.

    What is done is shown, and not done again. With --take-over, a process that is still at it is asked to pause first;
    a step under way is stopped there, and you decide what becomes of it.

    Example: drx resume 7f3a --take-over
    """
    from drx.cli.run import resume as go_on

    return go_on(run_name, unattended=unattended, as_json=as_json, sandbox=sandbox, take_over=take_over)


def drill(
    drill_name: Annotated[
        str | None,
        typer.Argument(metavar="DRILL", autocompletion=names.drills, help="Id or path of a drill, such as db-drop."),
    ] = None,
    environment: Environment = None,
    every: Annotated[bool, typer.Option("--all", help="Every drill there is, one after the other.")] = False,
    as_json: Json = False,
    sandbox: Sandbox = "default",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the sandbox running, to look at it.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Note a pass in drills/verified.json.")] = False,
    junit: Junit = None,
) -> int:
    """Practise a disaster against the clock.

    Set-up, a real fault, detection, recovery by the runbook, verdict. Nobody has to be there. With --all, one that
    fails does not stop the others; the exit code is the worst of theirs.

    Example: drx drill db-drop --env sandbox

    Example: drx drill --all --env sandbox
    """
    from drx.cli.drill_all import choose

    return choose(
        drill_name, environment, every=every, as_json=as_json, sandbox=sandbox, keep=keep, record=record, junit=junit
    )
