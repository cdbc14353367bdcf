"""An application on this machine: a directory with its variables, its releases and its process id.

variables.json       names and values; the application gets them as its environment too
app.pid              its process id, replaced each time it has read the variables; SIGHUP makes it do so
app.log              what it writes
releases/V/start     starts version V, in the foreground; a program or a script
current              a link to the release that is deployed
deployments.json     versions in the order in which they were deployed
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from drx.actions.base import Context
from drx.errors import StepError
from drx.files import write_atomically

VARIABLES, PID, LOG = "variables.json", "app.pid", "app.log"
RELEASES, CURRENT, DEPLOYMENTS, START = "releases", "current", "deployments.json", "start"
_LOOK_SECONDS = 0.05
_END_SECONDS = 10.0
_LOG_BYTES = 256 * 1024
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What the application gets of drx's own environment: never its secrets."""


class LocalHost:
    """See `Host`."""

    patience = 30.0

    def __init__(self, directory: Path, context: Context) -> None:
        if not directory.is_dir():
            raise StepError(f"there is no directory {directory}", "Correct host.directory, or start the application")
        self._directory = directory
        self._context = context

    def set_variable(self, name: str, value: str, within: float) -> bool:
        with self._only_one():
            before = _state(self._directory / PID)
            variables = _read(self._directory / VARIABLES)
            application = _running(self._directory / PID)
            if variables.get(name) != value:
                _write(self._directory / VARIABLES, {**variables, name: value})
            elif before is not None and before[1] > (self._directory / VARIABLES).stat().st_mtime_ns:
                return False
            os.kill(application, signal.SIGHUP)
            self._await(before, within, lambda: True)
        return True

    def restart(self, within: float) -> str:
        with self._only_one():
            version = self.version()
            self._start_anew(version, within)
        return version

    def deploy(self, version: str | None, within: float) -> str:
        with self._only_one():
            wanted = version or self.version()
            self._deploy(wanted, within)
        return wanted

    def roll_back(self, within: float) -> str:
        with self._only_one():
            now = self.version()
            earlier = [each for each in self._deployed() if each != now]
            if not earlier:
                raise StepError(f"no version was deployed before {now}", "Deploy a version that is known to be good")
            self._deploy(earlier[-1], within)
        return earlier[-1]

    def logs(self, lines: int) -> Sequence[str]:
        try:
            with (self._directory / LOG).open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _LOG_BYTES, 0))
                return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StepError(f"{LOG} cannot be read: {error.strerror}", "Check its owner") from None

    def kill(self) -> int:
        """End the application at once, as a crash does; gives its process id. The fault of a drill."""
        pid = _running(self._directory / PID)
        os.kill(pid, signal.SIGKILL)
        return pid

    def break_deploy(self, version: str) -> None:
        """Deploy a release that ends as soon as it starts. The fault of a drill."""
        release = self._directory / RELEASES / version
        script = "#!/bin/sh\necho 'ImportError: cannot import name gallery from pixelcraft' >&2\nexit 1\n"
        write_atomically(release / START, script.encode(), mode=0o700)
        with suppress(StepError), self._only_one():
            self._deploy(version, _END_SECONDS)

    def _deploy(self, version: str, within: float) -> None:
        if not (self._directory / RELEASES / version / START).is_file():
            known = ", ".join(sorted(path.name for path in (self._directory / RELEASES).glob("*"))) or "there are none"
            raise StepError(f"there is no release {version}", f"Build it first. The releases: {known}")
        link = self._directory / f"{CURRENT}.new"
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(Path(RELEASES) / version)
            link.replace(self._directory / CURRENT)
        except OSError as error:
            raise StepError(f"{CURRENT} cannot be changed: {error.strerror}", "Check the owner of the host") from None
        _write(self._directory / DEPLOYMENTS, [*self._deployed(), version])
        self._start_anew(version, within)

    def version(self) -> str:
        try:
            return Path(os.readlink(self._directory / CURRENT)).name
        except OSError:
            raise StepError("nothing is deployed on this host", "Deploy a version: host.deploy") from None

    def _deployed(self) -> list[str]:
        try:
            found = json.loads((self._directory / DEPLOYMENTS).read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError):
            found = None
        if not isinstance(found, list):
            raise StepError(f"{DEPLOYMENTS} cannot be read", "Mend it: a list of versions, or remove it")
        return [str(each) for each in found]

    def _start_anew(self, version: str, within: float) -> None:
        """End what runs, and start the deployed release; a process that ends again has not started."""
        self._end()
        before = _state(self._directory / PID)
        pid = self._spawn()
        code: int | None = None

        def lives() -> bool:
            nonlocal code
            code = _exit_code(pid)
            return code is None

        try:
            self._await(before, within, lives)
        except StepError as error:
            if code is None:
                raise
            last = "\n".join(self.logs(5))
            raise StepError(
                f"version {version} ends as soon as it starts, with code {code}",
                "Deploy another version: host.roll_back",
                lines=tuple(self._context.mask(last).splitlines()),
            ) from error

    def _spawn(self) -> int:
        """Start the deployed release in a session of its own: it outlives this run, as a service does."""
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        variables = {name: str(value) for name, value in _read(self._directory / VARIABLES).items()}
        start = (self._directory / CURRENT / START).resolve()
        log, append = str(self._directory / LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            return os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", 'cd "$1" && exec "$2"', "drx", str(self._directory), str(start)],
                kept | variables,
                setsid=True,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, log, append, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
            )
        except OSError as error:
            raise StepError(f"the application cannot be started: {error.strerror}", "Look at its release") from None

    def _end(self) -> None:
        """End the application, gently first."""
        try:
            pid = _running(self._directory / PID)
        except StepError:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + _END_SECONDS
            while _is_alive(pid):
                if time.monotonic() > deadline:
                    break
                self._context.sleep(_LOOK_SECONDS)
            else:
                return
        raise StepError(f"process {pid} does not end", "Look at the machine: it may have to be restarted")

    def _await(self, before: tuple[int, int] | None, seconds: float, lives: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while _state(self._directory / PID) in (before, None):
            if time.monotonic() > deadline or not lives():
                raise StepError(
                    f"the application did not run anew within {seconds:g}s", "Read the application's log: host.logs"
                )
            self._context.sleep(_LOOK_SECONDS)

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Let one process at a time change this host."""
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            while not _locked(descriptor):
                self._context.sleep(_LOOK_SECONDS)
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


def _write(path: Path, content: Mapping[str, object] | Sequence[str]) -> None:
    try:
        write_atomically(path, json.dumps(content, indent=2).encode())
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
        raise StepError(f"the application does not run: {path} names no process", "Start it: host.restart") from None
    if pid <= 1 or began > written + 1:
        raise StepError(f"{path} is left over: process {pid} is another program", "Start it: host.restart")
    if not _is_alive(pid):
        raise StepError(f"the application does not run: process {pid} has ended", "Start it: host.restart")
    return pid


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be taken note of does not."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return _status(pid)[0] not in "ZX"
    except (OSError, IndexError):
        return False


def _exit_code(pid: int) -> int | None:
    """Give the exit code of a child that has ended; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _start_of(pid: int) -> float:
    """Tell when a process was started, in seconds since 1970; proc(5)."""
    ticks = int(_status(pid)[19])
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
