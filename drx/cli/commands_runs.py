"""The commands of runs: begin one, go on with it, look at it, take part. Each imports what it needs when called."""

from typing import Annotated

import typer

from drx.cli import names
from drx.cli.groups import exit_codes
from drx.cli.options import Environment, Json, Junit, Log, LogFormat, Sandbox, Timeout, Unattended


def register(app: typer.Typer) -> None:
    """Add the commands of runs."""
    app.command("run", epilog=exit_codes(0, 2, 3, 4, 5, 6, 7, 8, 10, 130))(run)
    app.command("resume", epilog=exit_codes(0, 2, 3, 4, 5, 6, 7, 8, 10, 130))(resume)
    app.command("drill", epilog=exit_codes(0, 2, 3, 4, 5, 6, 7, 130))(drill)
    app.command("show", epilog=exit_codes(0, 2, 3, 4, 130))(show)
    app.command("approve", epilog=exit_codes(0, 2, 3, 4))(approve)
    app.command("note", epilog=exit_codes(0, 2, 3, 4, 6))(note)
    app.command("review", epilog=exit_codes(0, 2, 3, 4, 6, 8))(review)


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
    timeout: Timeout = None,
    as_json: Json = False,
    log_format: LogFormat = Log.TEXT,
    sandbox: Sandbox = "default",
    junit: Junit = None,
) -> int:
    """Walk through a runbook, for real.

    Without a name, it lists the scenarios by what one sees.

    Example: drx run db-drop --env production
    """
    from drx.cli.run import Way
    from drx.cli.run import run as begin

    as_json = as_json or log_format is Log.JSON
    way = Way(unattended, as_json, dry_run, junit, tabletop, speed, timeout)
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
    log_format: LogFormat = Log.TEXT,
    sandbox: Sandbox = "default",
) -> int:
    """Go on with a run where it was left.

    What is done is shown, and not done again. With --take-over, a process that is still at it is asked to pause first;
    a step under way is stopped there, and you decide what becomes of it.

    Example: drx resume 7f3a --take-over
    """
    from drx.cli.run import resume as go_on

    as_json = as_json or log_format is Log.JSON
    return go_on(run_name, unattended=unattended, as_json=as_json, sandbox=sandbox, take_over=take_over)


def drill(
    drill_name: Annotated[
        str | None,
        typer.Argument(metavar="DRILL", autocompletion=names.drills, help="Id or path of a drill, such as db-drop."),
    ] = None,
    environment: Environment = None,
    every: Annotated[bool, typer.Option("--all", help="Every drill there is, one after the other.")] = False,
    as_json: Json = False,
    log_format: LogFormat = Log.TEXT,
    sandbox: Sandbox = "default",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the sandbox running, to look at it.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Note a pass in drills/verified.json.")] = False,
    junit: Junit = None,
    timeout: Timeout = None,
) -> int:
    """Practise a disaster against the clock.

    Set-up, a real fault, detection, recovery by the runbook, verdict. Nobody has to be there. With --all, one that
    fails does not stop the others; the exit code is the worst of theirs.

    Example: drx drill db-drop --env sandbox

    Example: drx drill --all --env sandbox
    """
    from drx.cli.drill_all import choose

    as_json = as_json or log_format is Log.JSON
    return choose(
        drill_name, environment, every=every, as_json=as_json, sandbox=sandbox, keep=keep, record=record, junit=junit,
        timeout=timeout,
    )  # fmt: skip


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
