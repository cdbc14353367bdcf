"""Change what the application is deployed with, on its host. Knows one provider, `local`: a directory on this machine.

The directory holds `variables.json`, an object of names and values, and `app.pid`, which the application replaces each
time it has read them and is ready. SIGHUP makes it do so.
"""

import fcntl
import json
import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, model_validator

from drx.actions.base import Context, Params, Result, action
from drx.actions.servers import mongo_target, user_database
from drx.errors import StepError
from drx.fields import Duration, Text
from drx.secrets import HIDDEN

_VARIABLES = "variables.json"
_PID = "app.pid"
_LOOK_SECONDS = 0.05


class SetVariable(Params):
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the variable."""
    value: str | None = None
    """Its new value."""
    mongo_database: Text | None = None
    """Instead of a value: the address of this database on the environment's server. It is put together from drx.yaml,
    user and password included, when the step runs, so that it stands in no journal."""
    within: Duration = Field(default="30s", validate_default=True)
    """How long the application may take to run anew."""

    @model_validator(mode="after")
    def _one_value(self) -> "SetVariable":
        if (self.value is None) == (self.mongo_database is None):
            raise ValueError("give either `value` or `mongo_database`")
        return self


def _by_hand(params: SetVariable) -> str:
    value = params.value if params.value is not None else f"mongodb://USER:PASSWORD@HOST/{params.mongo_database}"
    jq = f"jq --arg value {shlex.quote(value)} '.{params.name} = $value' {_VARIABLES}"
    return f'cd "$HOST_DIRECTORY" && {jq} > new && mv new {_VARIABLES} && kill -HUP "$(cat {_PID})"'


@action("host.set_variable", effect="write", repeatable=True, targets=("host",), by_hand=_by_hand)
def set_variable(params: SetVariable, context: Context) -> Result:
    """Set an environment variable of the application, and wait until it runs with it.

    Other variables stay as they are. Where the variable has that value already, and the application runs with it,
    nothing is done. The new value stays even if the application does not come up: look at its log, then set another.
    """
    directory = _directory(context)
    value = params.value if params.value is not None else _address(context, str(params.mongo_database))
    if HIDDEN in value:
        raise StepError(f"the value for {params.name} is masked: it came through the journal", "Use `mongo_database`")
    with _only_one(directory, context):
        before = _state(directory / _PID)
        variables = _read(directory / _VARIABLES)
        application = _running(directory / _PID)
        if variables.get(params.name) != value:
            _write(directory / _VARIABLES, {**variables, params.name: value})
        elif before is not None and before[1] > (directory / _VARIABLES).stat().st_mtime_ns:
            return Result(lines=(f"{params.name} is set already",))
        os.kill(application, signal.SIGHUP)
        _await(directory / _PID, before, params.within.total_seconds(), context)
    return Result(lines=(f"{params.name} is set, and the application runs anew",))


def _directory(context: Context) -> Path:
    host = context.target.host
    if host is None:
        raise StepError(f"'{context.target.name}' has no host", "State host of this environment in drx.yaml")
    if host.provider != "local":
        raise StepError(f"the host provider '{host.provider}' is not known", "Use `local`, or a shell.run step")
    if not host.directory.is_dir():
        raise StepError(f"there is no directory {host.directory}", "Correct host.directory, or start the application")
    return host.directory


def _address(context: Context, database: str) -> str:
    """Put another database's name into the environment's own address."""
    scheme, _, rest = mongo_target(context).uri.reveal().partition("://")
    hosts, _, path = rest.partition("/")
    _, mark, options = (path if path or "?" not in hosts else hosts).partition("?")
    return f"{scheme}://{hosts.partition('?')[0]}/{quote(user_database(database))}{mark}{options}"


@contextmanager
def _only_one(directory: Path, context: Context) -> Iterator[None]:
    """Let one process at a time read, change and write the variables."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while not _locked(descriptor):
            context.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> Mapping[str, object]:
    try:
        variables = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StepError(
            f"{path} cannot be read: {type(error).__name__}", "Mend it: an object of names and values"
        ) from None
    if not isinstance(variables, dict):
        raise StepError(f"{path} holds no variables", "Write it as a JSON object of names and values")
    return variables


def _write(path: Path, variables: Mapping[str, object]) -> None:
    from drx.files import write_atomically

    try:
        write_atomically(path, json.dumps(variables, indent=2).encode())
    except OSError as error:
        raise StepError(f"{path} cannot be written: {error.strerror}", "Make room, or correct its owner") from None


def _state(path: Path) -> tuple[int, int] | None:
    """Tell one version of the file from the next; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _running(path: Path) -> int:
    """Give the application's process id.

    Raises StepError where it does not run, or another process has its number by now.
    """
    try:
        pid = int(path.read_text())
        began = _start_of(pid)
        written = path.stat().st_mtime
    except (OSError, ValueError, IndexError):
        raise StepError(f"the application does not run: {path} names no process", "Start it, then retry") from None
    if pid <= 1 or began > written + 1:
        raise StepError(f"{path} is left over: process {pid} is another program", "Start the application, then retry")
    return pid


def _start_of(pid: int) -> float:
    """Tell when a process was started, in seconds since 1970; proc(5)."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def _await(path: Path, before: tuple[int, int] | None, seconds: float, context: Context) -> None:
    deadline = time.monotonic() + seconds
    while _state(path) in (before, None):
        if time.monotonic() > deadline:
            raise StepError(f"the application did not run anew within {seconds:g}s", "Read the application's log")
        context.sleep(_LOOK_SECONDS)
