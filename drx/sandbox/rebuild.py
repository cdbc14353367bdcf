"""Stand up anew what a sandbox has lost, empty. It refuses any other environment, and touches no server that runs."""

from drx.actions.base import Context, Params, Result, action
from drx.sandbox.state import APP


class Provision(Params):
    pass


@action(
    "sandbox.provision",
    effect="write",
    repeatable=True,
    outputs={"started": "The servers that were started.", "address": "Address of the application's host."},
    by_hand=lambda _: "# as your infrastructure code does it: terraform apply, or the provider's console",
)
def provision(params: Provision, context: Context) -> Result:
    """Start the servers of a sandbox that are gone: where their disks are gone too, they are empty.

    It stands for what your infrastructure code does after the loss of a region: a database server, a bucket service and
    a host with the application's releases. The host has another address than the one that is gone;
    its name still leads to the old one.
    """
    from drx.sandbox.actions import directory_of
    from drx.sandbox.servers import status, up

    directory = directory_of(context)
    gone = [each.member.name for each in status(directory) if each.condition == "dead"]
    context.check()
    address = up(directory, point_name=False).member(APP).address
    said = f"started {', '.join(gone)}" if gone else "all servers run already"
    return Result({"started": list(gone), "address": address}, (said, f"the application's host is {address}"))
