"""The `drx` command: registers every command, and turns errors into exit codes. Decides nothing else."""

import errno
import gc
import io
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from drx import __version__
from drx.cli import commands
from drx.cli.groups import GroupedCommands
from drx.errors import DrxError, ExitCode, UsageError

HELP = "Executes disaster-recovery runbooks, drills them against the clock, and records what happened."
NEXT = """\b
Something broken right now?  drx run   (choose by what you see)
Practise:                    drx drill db-drop
Nothing here yet?            drx init
"""
"""Comes last, where it is seen on a screen that holds less than the whole."""

STATUS, STATUS_UNKNOWN = "status", 3
"""`drx status` speaks as monitoring plug-ins do: whatever keeps it from looking is `unknown`."""

SEE_HELP = "`drx --help` shows every command, `drx COMMAND --help` its options"


def make_app() -> typer.Typer:
    """Give the command line with all its commands."""
    app = typer.Typer(
        name="drx",
        cls=GroupedCommands,
        help=HELP,
        epilog=NEXT,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_common)
    commands.register(app)
    return app


def main() -> None:
    """Run the command line and exit with the code that design.md's table gives."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it reads the metadata of every package to find none
    _prepare_streams()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup, for one, has it ignored
            signal.signal(number, _leave)
    if sys.stdin.isatty():
        # Some shells have what they start ignore both.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGQUIT, _leave)
    if sys.argv[1:2] in ([], [STATUS]):
        gc.disable()  # it is over in a second, of which looking for garbage would be a tenth
    try:
        code = run(sys.argv[1:])
    except SystemExit:
        _show_cursor()
        raise
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is done is done: a late Ctrl-C must not change the code
    gc.freeze()  # the process ends: looking through all it holds once more would be a fifth of a short command
    sys.exit(code)


def _prepare_streams() -> None:
    """Let signs have stand-ins, and open what was closed: a journal would get its number, and be printed into."""
    from drx.ui.signs import STAND_IN

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=STAND_IN)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End as whoever asked for it expects, but not before the terminal is as it was found."""
    raise SystemExit(128 + number)


def _show_cursor() -> None:
    """Show the cursor where a signal came while a question was drawn: whoever draws it hides it meanwhile."""
    from drx.ui.choose import is_dumb

    if sys.stdout is not None and sys.stdout.isatty() and not is_dumb():
        with suppress(OSError):
            sys.stdout.write("\x1b[?25h")
            sys.stdout.flush()


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code; the only place where an error becomes one."""
    arguments = arguments or [STATUS if _in_a_project() else "--help"]
    try:
        code = make_app()(arguments, prog_name="drx", standalone_mode=False)
        return int(code or 0)
    except DrxError as error:
        code = _say(error)
    except typer.TyperException as error:
        code = _say(UsageError(error.format_message(), SEE_HELP))
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # whoever read it has gone; nothing is left to flush
        return ExitCode.OK
    except Exception as error:
        code = _say(_no_room(error)) if _is_full(error) else _bug(error)
    return STATUS_UNKNOWN if arguments[0] == STATUS else code


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _no_room(error: Exception) -> UsageError:
    """Say where nothing more could be written; what was to be shown could not be, where no file is named."""
    named = getattr(error, "filename", None)
    if named is None:
        sys.stdout = None  # what is left in it would be tried once more, and be a second error
    return UsageError(f"no room is left on the disk of {named or 'what drx writes to'}", "Make room, then run it again")


def _in_a_project() -> bool:
    """Whether there is a drx.yaml, here or above: without one, nothing could be looked at."""
    from drx.config import find_config

    try:
        return bool(find_config(Path.cwd()))
    except (DrxError, OSError):
        return False


def _say(error: DrxError) -> int:
    _tell("drx: ", error.message)
    if error.remedy:
        _tell("     ", error.remedy)
    return error.exit_code


def _tell(head: str, text: str) -> None:
    """Write to standard error: at a terminal, lines are broken between words and hang below each other."""
    lines = text.split("\n")
    if sys.stderr is not None and sys.stderr.isatty():
        import shutil

        from drx.ui.cells import cells, lines_of

        room = shutil.get_terminal_size().columns - len(head)
        lines = [part for line in lines for part in ([line] if cells(line) <= room else lines_of(line, room))]
        lines[1:] = [f"{'':<{len(head)}}{line}" for line in lines[1:]]
    typer.echo(head + "\n".join(lines), err=True)


def _bug(error: Exception) -> int:
    """Keep the traceback in a file, where it may be read and passed on; the screen gets one sentence."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="drx-bug-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    typer.echo(f"drx: this is a bug in drx: {type(error).__name__}. The details are in {file.name}", err=True)
    return ExitCode.BUG


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"drx {__version__}")
        raise typer.Exit


def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
