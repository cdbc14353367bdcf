"""Make a host on this machine anew, by the command that drx.yaml names. Knows nothing of what it does."""

from drx.actions.base import Context
from drx.actions.hosts.base import NewHost
from drx.actions.shell import RunCommand, run_command
from drx.errors import StepError


def make_host(command: tuple[str, ...], context: Context) -> NewHost:
    """Run the command, whose last line is the new host's address; StepError if it fails, or tells none."""
    address = str(run_command(RunCommand(command=command), context).outputs["last_line"]).strip()
    if not address or " " in address:
        remedy = "Let it print the address, and nothing else, on its last line"
        raise StepError(f"{command[0]} did not tell the address of the host that it made", remedy)
    return NewHost(address, ("the host",))
