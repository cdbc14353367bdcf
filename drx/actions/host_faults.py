"""Break the application on its host, for real: the faults of drills. Only a local host can be broken."""

from datetime import UTC, datetime

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.hosts import open_host
from drx.actions.hosts.local import LocalHost
from drx.actions.words import STRUCK
from drx.errors import RefusedError
from drx.units import show_time

_APPLICATION = "application"
_AT = {"at": STRUCK}


class Kill(Params):
    pass


class BreakDeploy(Params):
    version: str = Field(default="broken", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """What the broken release is called."""


def _break_by_hand(params: BreakDeploy) -> str:
    return f'cd "$HOST_DIRECTORY" && ln -sfn releases/{params.version} current && kill "$(cat app.pid)"'


@action(
    "host.kill",
    effect="destroy",
    targets=("host",),
    resource=lambda _, __: _APPLICATION,
    outputs={**_AT, "pid": "The process that was killed."},
    by_hand=lambda _: 'kill -KILL "$(cat "$HOST_DIRECTORY/app.pid")"',
)
def kill(params: Kill, context: Context) -> Result:
    """Kill the application's process, which nothing starts again: the fault of a drill."""
    host = _breakable(context)
    at = datetime.now(UTC)
    pid = host.kill()
    return Result({"at": show_time(at), "pid": pid}, (f"killed process {pid}",))


@action(
    "host.break_deploy",
    effect="destroy",
    targets=("host",),
    resource=lambda _, __: _APPLICATION,
    outputs={**_AT, "version": "The version that does not start."},
    by_hand=_break_by_hand,
)
def break_deploy(params: BreakDeploy, context: Context) -> Result:
    """Deploy a release that ends as soon as it starts: the fault of a drill. No restart helps, only another version."""
    host = _breakable(context)
    at = datetime.now(UTC)
    host.break_deploy(params.version)
    lines = (f"deployed {params.version}, which does not start",)
    return Result({"at": show_time(at), "version": params.version}, lines)


def _breakable(context: Context) -> LocalHost:
    host = open_host(context)
    if not isinstance(host, LocalHost):
        raise RefusedError("only a local host can be broken on purpose", "Drill it in an environment with one")
    return host
