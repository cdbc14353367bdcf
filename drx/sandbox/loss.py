"""The fault that takes a whole region of a sandbox away, for real. It refuses any other environment."""

import shutil

from drx.actions.base import Context, Params, Result, action
from drx.actions.words import STRUCK
from drx.sandbox.state import APP, DATABASE, MONGO, host_directory, s3_name


class LoseEverything(Params):
    pass


@action(
    "everything.lose",
    effect="destroy",
    targets=("mongo", "uploads", "host"),
    resource=lambda _, __: DATABASE,
    outputs={"at": STRUCK},
    by_hand=lambda _: "# only drx takes a whole region of a sandbox away",
)
def lose_everything(params: LoseEverything, context: Context) -> Result:
    """Take a sandbox's region away: database, uploads, primary backups and host, processes and disks: a drill's fault.

    What lies in the other region and in directories elsewhere is all that is left.
    """
    from drx.sandbox.actions import directory_of
    from drx.sandbox.faults import kill_members

    directory = directory_of(context)
    names = (MONGO, s3_name("us-east-1"), APP)
    result = kill_members(directory, names)
    for lost in (*(directory / name for name in names if name != APP), host_directory(directory)):
        shutil.rmtree(lost)
    return result
