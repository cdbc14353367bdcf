"""Stand up anew the servers that a sandbox has lost, empty. Refuses other environments; touches no server that runs."""

from drx.actions.base import Context, Params, Result, action
from drx.sandbox.state import APP, MONGO, REGIONS, RESOLVER, s3_name


class Provision(Params):
    pass


@action(
    "sandbox.provision",
    effect="write",
    repeatable=True,
    uses=("host",),
    outputs={"started": "The servers that were started."},
    by_hand=lambda _: "# as your infrastructure code does it: terraform apply, or the provider's console",
)
def provision(params: Provision, context: Context) -> Result:
    """Start the servers of a sandbox that are gone: where their disks are gone too, they are empty.

    It stands for what your infrastructure code does after the loss of a region: a database server and a bucket service.
    The application's host is left to `host.provision`.
    """
    from drx.sandbox.actions import directory_of
    from drx.sandbox.servers import status, up

    directory = directory_of(context)
    dead = [each.member.name for each in status(directory) if each.condition == "dead"]
    gone = [name for name in dead if name != APP]
    context.check()
    up(directory, (MONGO, *(s3_name(region) for region in REGIONS), RESOLVER), point_name=False)
    said = f"started {', '.join(gone)}" if gone else "all servers run already"
    return Result({"started": list(gone)}, (said,))
