"""Run commands. Each gets a process group of its own; nothing of it is left behind when the step has to stop."""

import os
import select
import shlex
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from pydantic import Field, model_validator

from drx.actions.base import Context, Params, Result, action
from drx.actions.processes import end_processes
from drx.errors import StepError
from drx.fields import Text
from drx.secrets import MaskingStream

_OUTPUT = "output.txt"
_CHUNK = 1 << 16
_LAST_LINES = 20
_LINE = 400
_POLL_MILLISECONDS = 200
_SHORT_POLL = 20
"""Used where the system cannot wake us when a process ends."""
_LATE_OUTPUT_SECONDS = 0.5
MARK = "DRX_ATTEMPT"
"""Environment variable by which processes that left their group are found."""


class RunCommand(Params):
    command: tuple[str, ...] | str
    """Program and arguments, as a list: `[pg_dump, --schema-only, images]`. One text only with `shell: true`."""
    shell: bool = False
    """Let /bin/sh read `command`, for pipes and redirection. Never put a secret or somebody else's text into it."""
    env: dict[str, str] = Field(default_factory=dict)
    """Environment variables besides those of drx: the place for secrets."""
    cwd: Text | None = None
    """Directory to run in."""
    stdin: str | None = None
    """Text for its standard input; without it, there is none."""
    exit_codes: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Exit codes that mean success."""

    @model_validator(mode="after")
    def _fits(self) -> "RunCommand":
        if self.shell and not isinstance(self.command, str):
            raise ValueError("with `shell: true` the command is one text, not a list")
        if not self.shell and isinstance(self.command, str):
            raise ValueError("the command is a list of program and arguments; for pipes, say `shell: true`")
        if not self.command or not self.command[0]:
            raise ValueError("the command is empty")
        return self


def _as_typed(params: RunCommand) -> str:
    parts = [f"{name}={shlex.quote(value)}" for name, value in params.env.items()]
    parts.append(params.command if isinstance(params.command, str) else shlex.join(params.command))
    typed = " ".join(parts)
    if params.stdin is not None:
        typed = f"printf %s {shlex.quote(params.stdin)} | {typed}"
    return f"cd {shlex.quote(params.cwd)} && {typed}" if params.cwd else typed


@action(
    "shell.run",
    effect="write",
    by_hand=_as_typed,
    outputs={"exit_code": "How it ended.", "last_line": "The last line it wrote, secrets masked."},
)
def run_command(params: RunCommand, context: Context) -> Result:
    """Run a command.

    Standard output and error go to one file, secrets masked, and the last lines into the journal. An exit code that is
    not expected fails the step. When the step has to stop, the command and everything it started get SIGTERM, then
    SIGKILL. A process left in the background by a command that has ended lives on: redirect its output.
    """
    output = _Output(context)
    mark = token_hex(8)
    with _start(params, mark) as process:
        try:
            _follow(process, output, context)
            output.finish()
        except BaseException as error:
            end_processes(process, MARK, mark)
            if isinstance(error, StepError):
                error.lines, error.artifacts = output.last_lines(), output.artifacts
            raise
        finally:
            output.close()
    lines = output.last_lines()
    code = process.returncode
    if code not in params.exit_codes:
        ended = f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
        wrote = bool(output.artifacts)
        raise StepError(
            context.mask(f"{_name(params)} {ended}{'' if wrote else ' and wrote nothing'}"),
            f"Read its output: {context.artifacts / _OUTPUT}" if wrote else "",
            lines=lines,
            artifacts=output.artifacts,
        )
    return Result({"exit_code": code, "last_line": lines[-1] if lines else ""}, lines, output.artifacts)


@cache
def _has_terminal() -> bool:
    """Whether a command could ask questions behind drx's back, and has to be kept away from the terminal.

    A session of its own does that, but Linux schedules each as a group, which costs time on a busy machine.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _name(params: RunCommand) -> str:
    if isinstance(params.command, str):
        return f"`{params.command.strip().splitlines()[0][:80]}`" if params.command.strip() else "the command"
    return params.command[0]


def _start(params: RunCommand, mark: str) -> subprocess.Popen[bytes]:
    stdin = _as_file(params.stdin)
    try:
        return subprocess.Popen(
            params.command,
            shell=params.shell,
            env={**os.environ, **params.env, MARK: mark},
            cwd=params.cwd,
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=_has_terminal(),
            process_group=None if _has_terminal() else 0,
        )
    except (OSError, ValueError) as error:
        raise StepError(f"{_name(params)} cannot be run: {_why(params, error)}", "Correct the step") from None
    finally:
        if stdin is not None:
            os.close(stdin)


def _why(params: RunCommand, error: OSError | ValueError) -> str:
    if params.cwd and not Path(params.cwd).is_dir():
        return f"there is no directory {params.cwd}"
    return (error.strerror or "the system refuses") if isinstance(error, OSError) else str(error)


def _as_file(text: str | None) -> int | None:
    """Keep standard input in memory, so that it is read at any pace and a secret in it meets no disk."""
    if text is None:
        return None
    descriptor = os.memfd_create("stdin")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _follow(process: subprocess.Popen[bytes], output: "_Output", context: Context) -> None:
    """Read output until the command has ended; the pipe may stay open in a process it left in the background."""
    assert process.stdout is not None
    pipe, ended = process.stdout.fileno(), _end_signal(process.pid)
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    if ended is not None:
        poller.register(ended, select.POLLIN)
    wait = _SHORT_POLL if ended is None else _POLL_MILLISECONDS
    reading, until = True, None
    try:
        while until is None or (reading and time.monotonic() < until):
            if any(descriptor == pipe for descriptor, _ in poller.poll(wait)):
                reading = output.read(pipe)
                if not reading:
                    poller.unregister(pipe)
            if until is None and process.poll() is not None:
                until = time.monotonic() + _LATE_OUTPUT_SECONDS
                if ended is not None:
                    poller.unregister(ended)
            context.check()
    finally:
        if ended is not None:
            os.close(ended)


def _end_signal(pid: int) -> int | None:
    """Give a descriptor that becomes readable when the process ends; None where the system has no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


@dataclass
class _Output:
    """Masks output on its way into a file, made when there is something to write, and keeps the end of it."""

    context: Context
    file: BinaryIO | None = None
    end: bytes = b""

    def __post_init__(self) -> None:
        self._stream = MaskingStream(self.context.masker)

    @property
    def artifacts(self) -> tuple[str, ...]:
        return (_OUTPUT,) if self.file else ()

    def read(self, pipe: int) -> bool:
        """Take what the pipe holds; False once nobody writes into it any more."""
        data = os.read(pipe, _CHUNK)
        self._put(self._stream.feed(data))
        return bool(data)

    def finish(self) -> None:
        """Write what the mask held back."""
        self._put(self._stream.end())

    def close(self) -> None:
        """Close the file; a full disk was reported when it was written to."""
        if self.file:
            with suppress(OSError):
                self.file.close()

    def last_lines(self) -> tuple[str, ...]:
        """Give the last lines that say something, for the journal."""
        lines = self.end.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        return tuple(_shortened(line) for line in lines if line.strip())[-_LAST_LINES:]

    def _put(self, data: bytes) -> None:
        if not data:
            return
        try:
            if self.file is None:
                path = self.context.artifacts / _OUTPUT
                self.file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
            self.file.write(data)
            self.file.flush()
        except OSError as error:
            raise StepError(f"its output cannot be kept: {error.strerror}", "Make room where the record lies") from None
        self.end = (self.end + data)[-_LAST_LINES * _LINE :]


def _shortened(line: str) -> str:
    """Keep what a terminal would show of a line: the part after the last carriage return, and not too much of it."""
    shown = line.rstrip("\r").rpartition("\r")[2]
    return shown if len(shown) <= _LINE else f"{shown[: _LINE - 1]}…"
