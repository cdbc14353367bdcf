"""Put a unit, its directory and its variables on an empty machine, over ssh. Replaces nothing, and starts nothing."""

import subprocess

from drx.actions.hosts.base import NewHost
from drx.actions.hosts.systemd import QUICK_SECONDS, SystemdUnit, quoted, ssh_options
from drx.actions.providers.api import Waiter
from drx.config import NewUnit, SystemdTarget
from drx.errors import PermanentError, StepError

_UNITS = "/etc/systemd/system"
_DIRECTORY = """set -eu
test ! -e "$1" || exit 0
mkdir -p "$1"
echo made
"""
_FILE = """set -eu
file=$1 mode=$2
mkdir -p "$(dirname "$file")"
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
cat >"$new"
if test -e "$file"; then
  test "$3" = kept || cmp -s "$new" "$file" || { echo "$file is there already, and differs" >&2; exit 4; }
  exit 0
fi
chmod "$mode" "$new"
sync "$new"
mv "$new" "$file"
echo made
"""
"""Writes a file where there is none, in one step. Its content comes on standard input, and so stands in no list of
processes."""


def make_unit(target: SystemdTarget, new: NewUnit, waiter: Waiter) -> NewHost:
    """Install what the application needs, and let systemd know it; what is there already stays as it is.

    Raises StepError where a unit of that name is there and is another one.
    """
    unit = SystemdUnit(target, waiter)
    try:
        content = new.unit_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"{new.unit_file} cannot be read: {reason}"
        raise PermanentError(message, "Correct host.provision.unit_file in drx.yaml") from None
    variables = "".join(f"{name}={quoted(value.reveal())}\n" for name, value in new.variables)
    made = []
    if _is_made(unit, ["sh", "-c", _DIRECTORY, "sh", new.directory]):
        made.append(new.directory)
    if target.environment_file and _is_made(
        unit, ["sh", "-c", _FILE, "sh", target.environment_file, "600", "kept"], variables
    ):
        made.append(target.environment_file)
    file = f"{_UNITS}/{target.unit}"
    if _is_made(unit, ["sh", "-c", _FILE, "sh", file, "644", "same"], content):
        made.append(file)
    unit.run(["systemctl", "daemon-reload"], QUICK_SECONDS, changes=True)
    unit.run(["systemctl", "enable", target.unit], QUICK_SECONDS, changes=True)
    return NewHost(_address(target), tuple(made))


def _is_made(unit: SystemdUnit, command: list[str], given: str = "") -> bool:
    return unit.run(command, QUICK_SECONDS, changes=True, given=given).strip() == "made"


def _address(target: SystemdTarget) -> str:
    """Where ssh itself would connect to: the machine's name may be one of its configuration only."""
    command = ["ssh", "-G", *ssh_options(target), "--", target.ssh]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=QUICK_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        raise StepError("ssh does not tell the machine's address", f"Try `ssh -G {target.ssh}`") from None
    return next((line.split()[1] for line in said.splitlines() if line.startswith("hostname ")), "")
