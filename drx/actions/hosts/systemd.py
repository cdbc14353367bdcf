"""A unit of systemd on another machine, by the system's own ssh with a key. Asks for no password."""

import shlex
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from drx.actions.blocking import call_blocking
from drx.actions.providers.api import UnknownOutcome, Waiter
from drx.config import SystemdTarget
from drx.errors import PermanentError, StepError

_CONNECT_SECONDS = 10
QUICK_SECONDS = 30.0
_UNKNOWN = "unknown"
_SETTLE_SECONDS = 1.0
_MOST_BYTES = 1 << 20
_SSH_FAILED = 255
_NEED_BACKSLASH = '\\"`$'
_REPLACE = """set -eu
file=$1 name=$2
test -e "$file" || { echo "there is no $file" >&2; exit 3; }
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
cp -p "$file" "$new"
{ grep -v "^[[:space:]]*$name=" "$file" || test $? = 1; cat; } >"$new"
sync "$new"
mv "$new" "$file"
"""
"""Replaces one line of the EnvironmentFile in one step. The line comes on standard input, so that no list of processes
shows it; owner and mode stay."""


class SystemdUnit:
    """See `Host`: one unit on one machine."""

    patience = 120.0

    def __init__(self, target: SystemdTarget, waiter: Waiter) -> None:
        self._target = target
        self._waiter = waiter

    def set_variable(self, name: str, value: str, within: float) -> bool:
        file = self._target.environment_file
        if file is None:
            message = "there is no file for variables"
            raise PermanentError(message, "State host.environment_file of this environment in drx.yaml")
        line = f"{name}={quoted(value)}\n"
        self.run(["sh", "-c", _REPLACE, "sh", file, name], QUICK_SECONDS, changes=True, given=line)
        self.restart(within)
        return True

    def version(self) -> str:
        if not self._target.version:
            message = "there is no command that tells the version"
            raise PermanentError(message, "State host.version of this environment in drx.yaml")
        said = self.run(self._target.version, QUICK_SECONDS).strip()
        return said.splitlines()[-1] if said else _UNKNOWN

    def restart(self, within: float) -> str:
        deadline = time.monotonic() + within
        self.run(["systemctl", "restart", self._target.unit], within, changes=True)
        self._stays_active(deadline)
        return self.version() if self._target.version else _UNKNOWN

    def deploy(self, version: str | None, within: float) -> str:
        if version is None:
            return self.restart(within)
        if not self._target.deploy:
            raise PermanentError(
                "there is no command that deploys", "State host.deploy of this environment in drx.yaml"
            )
        command = [part.replace("{version}", version) for part in self._target.deploy]
        self.run(command, within, changes=True)
        self.restart(within)
        return version

    def roll_back(self, within: float) -> str:
        if not self._target.roll_back:
            remedy = "State host.roll_back of this environment in drx.yaml, or deploy a version that was good"
            raise PermanentError("there is no command that rolls back", remedy)
        self.run(self._target.roll_back, within, changes=True)
        return self.restart(within)

    def logs(self, lines: int) -> Sequence[str]:
        command = ["journalctl", "--unit", self._target.unit, "--lines", str(lines), "--no-pager", "--output=short-iso"]
        return self.run(command, QUICK_SECONDS).splitlines()[-lines:]

    def identity(self) -> str:
        """Read the machine's own id: machine-id(5)."""
        found = self.run(["cat", "/etc/machine-id"], QUICK_SECONDS).strip()
        if len(found) < 16:
            raise StepError("the machine has no id in /etc/machine-id", "Run systemd-machine-id-setup there")
        return f"machine {found} unit {self._target.unit}"

    def _stays_active(self, deadline: float) -> None:
        """See that it is active, and still is a second later: a program that fails at once is restarted by systemd."""
        shown = ["systemctl", "show", "--property=ActiveState,SubState,MainPID", self._target.unit]
        before = ""
        while True:
            state = self.run(shown, QUICK_SECONDS).strip()
            settled = "ActiveState=active" in state.splitlines()
            if settled and state == before:
                return
            if "ActiveState=failed" in state.splitlines() or time.monotonic() > deadline:
                said = ", ".join(state.splitlines())
                raise StepError(f"{self._target.unit} does not stay active: {said}", "Read its log: action host.logs")
            before = state if settled else ""
            self._waiter.sleep(_SETTLE_SECONDS)

    def run(self, command: Sequence[str], within: float, *, changes: bool = False, given: str = "") -> str:
        """Run a command there and give what it prints; anything but exit code 0 is a failure."""
        whole = ["sudo", "-n", *command] if self._target.sudo and changes else [*command]
        ssh = ["ssh", "-T", *ssh_options(self._target), "--", self._target.ssh, shlex.join(whole)]
        what = f"{command[0]} on {self._target.ssh}"
        try:
            process = subprocess.Popen(
                ssh, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise PermanentError(f"ssh cannot be started: {error.strerror}", "Install OpenSSH's client") from None

        def stop() -> None:
            with suppress(OSError):
                process.kill()

        try:
            out, err = call_blocking(self._waiter, lambda: process.communicate(given.encode()), stop, within)
        except TimeoutError:
            kind = UnknownOutcome if changes else StepError
            raise kind(f"{what} had not ended within {within:g}s", _LOOK) from None
        said = err.decode("utf-8", "replace").strip().splitlines()
        if process.returncode:
            raise _failure(what, process.returncode, said, changes)
        return out[-_MOST_BYTES:].decode("utf-8", "replace")


def ssh_options(target: SystemdTarget) -> list[str]:
    """How ssh is called: it asks nothing, and goes to no machine that it does not know."""
    settings = (
        "BatchMode=yes", "StrictHostKeyChecking=yes", f"ConnectTimeout={_CONNECT_SECONDS}", "ServerAliveInterval=5",
    )  # fmt: skip
    file = ["-F", str(target.ssh_config)] if target.ssh_config else []
    return [*file, *(word for setting in settings for word in ("-o", setting))]


_LOOK = "Log in there and look what became of it"
_NOT_REACHED = (
    "Permission denied",
    "Host key verification failed",
    "Connection refused",
    "Could not resolve",
    "Connection timed out",
    "No route to host",
    "Connection closed by",
)


def _failure(what: str, code: int, said: list[str], changes: bool) -> StepError:
    last = "".join(character for character in (said[-1] if said else "") if character.isprintable())[:300]
    detail = f": {last}" if last else ""
    if code != _SSH_FAILED:
        return StepError(f"{what} ended with {code}{detail}", _LOOK, lines=tuple(said[-20:]))
    if not changes or any(text in last for text in _NOT_REACHED):
        remedy = "Try `ssh -o BatchMode=yes` there by hand: key, known_hosts, address"
        return StepError(f"ssh did not get through to run {what}{detail}", remedy, lines=tuple(said[-20:]))
    return UnknownOutcome(f"the connection was lost during {what}{detail}", _LOOK)


def quoted(value: str) -> str:
    """Write a value as systemd reads it in an EnvironmentFile: systemd.exec(5).

    Raises PermanentError for a value of several lines.
    """
    if not value.isprintable():
        raise PermanentError("the value holds line breaks or control characters", "Set it by hand on the machine")
    return '"' + "".join(f"\\{each}" if each in _NEED_BACKSLASH else each for each in value) + '"'
