"""Faults that end the servers of a sandbox, for real. They refuse any other environment."""

from datetime import UTC, datetime
from pathlib import Path

from drx.actions.base import Context, Params, Result, action
from drx.actions.words import STRUCK
from drx.errors import StepError
from drx.sandbox.state import DATABASE, MONGO, load_state
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

    return _struck(kill_members(directory_of(context), (MONGO,)), (MONGO,))


def kill_members(directory: Path, names: tuple[str, ...]) -> datetime:
    """Kill processes of the sandbox without warning, and wait until they are gone; gives the moment just before.

    Raises StepError where one does not run: that would be no fault to recover from.
    """
    from drx.sandbox.processes import is_alive, kill
    from drx.sandbox.servers import locked, process_of

    with locked(directory):
        processes = [process_of(load_state(directory).member(name)) for name in names]
        for name, process in zip(names, processes, strict=True):
            if not is_alive(process):
                raise StepError(f"'{name}' of the sandbox does not run", "Start it with 'drx sandbox up'")
        at = datetime.now(UTC)
        kill(processes)
    return at


def _struck(at: datetime, names: tuple[str, ...]) -> Result:
    return Result({"at": show_time(at)}, (f"killed {', '.join(names)}",))
