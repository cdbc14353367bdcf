"""Faults that end the servers of a sandbox, for real. They refuse any other environment."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from drx.actions.base import Context, Params, Result, action
from drx.actions.words import STRUCK
from drx.errors import StepError
from drx.sandbox.state import APP, DATABASE, MONGO, host_directory, s3_name
from drx.units import show_time


class StopMongo(Params):
    pass


@action(
    "mongo.stop",
    effect="destroy",
    targets=("mongo",),
    resource=lambda _, __: DATABASE,
    outputs={"at": STRUCK},
    by_hand=lambda _: "# only drx stops the servers of a sandbox",
)
def stop_mongo(params: StopMongo, context: Context) -> Result:
    """Kill the database server of a sandbox: the fault of a drill.

    As in a crash, what it had not yet brought to disk is lost, the rest stays.
    """
    from drx.sandbox.actions import directory_of

    return _struck(_kill(directory_of(context), (MONGO,)), (MONGO,))


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

    directory = directory_of(context)
    names = (MONGO, s3_name("us-east-1"), APP)
    result = _struck(_kill(directory, names), names)
    for lost in (*(directory / name for name in names if name != APP), host_directory(directory)):
        shutil.rmtree(lost)
    return result


def _kill(directory: Path, names: tuple[str, ...]) -> datetime:
    """Kill processes of the sandbox without warning, and wait until they are gone; gives the moment just before.

    Raises StepError where one does not run: that would be no fault to recover from.
    """
    from drx.sandbox.processes import kill
    from drx.sandbox.servers import locked, process_of, status

    with locked(directory):
        running = {each.member.name: process_of(each.member) for each in status(directory) if each.condition != "dead"}
        for name in names:
            if name not in running:
                raise StepError(f"'{name}' of the sandbox does not run", "Start it with 'drx sandbox up'")
        at = datetime.now(UTC)
        kill(running[name] for name in names)
    return at


def _struck(at: datetime, names: tuple[str, ...]) -> Result:
    return Result({"at": show_time(at)}, (f"killed {', '.join(names)}",))
