"""Faults that end the servers of a sandbox, for real. They refuse any other environment."""

from datetime import UTC, datetime
from pathlib import Path

from drx.actions.base import Context, Params, Result, action
from drx.actions.words import STRUCK
from drx.errors import StepError
from drx.sandbox.state import DATABASE, MONGO
from drx.units import show_time


class StopMongo(Params):
    pass


@action(
    "mongo.stop",
    effect="destroy",
    targets=("mongo",),
    uses=("host",),
    resource=lambda _, __: DATABASE,
    outputs={"at": STRUCK},
    by_hand=lambda _: "# only drx stops the servers of a sandbox",
)
def stop_mongo(params: StopMongo, context: Context) -> Result:
    """Kill the database server of a sandbox: the fault of a drill.

    As in a crash, what it had not yet brought to disk is lost, the rest stays.
    """
    from drx.sandbox.actions import directory_of

    return kill_members(directory_of(context), (MONGO,))


def kill_members(directory: Path, names: tuple[str, ...]) -> Result:
    """Kill processes of the sandbox without warning, and wait until they are gone; `at` is the moment just before.

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
    return Result({"at": show_time(at)}, (f"killed {', '.join(names)}",))
