"""Start, deploy and change the application on its host, whatever provider that is."""

import shlex
from urllib.parse import quote

from pydantic import Field, model_validator

from drx.actions.base import Context, Params, Result, action
from drx.actions.hosts import open_host, provision_host
from drx.actions.hosts.base import Host
from drx.actions.hosts.by_hand import Commands, database_address
from drx.actions.hosts.new_by_hand import provision_by_hand
from drx.actions.servers import mongo_target, user_database
from drx.config.model import Environment
from drx.errors import StepError
from drx.fields import Duration, Text
from drx.secrets import HIDDEN

_VERSION = {"version": "The version that runs now."}
_OF_THE_SERVER = ("replicaset=", "directconnection=", "loadbalanced=", "srv")
"""Options of an address that hold for one server, and not for another."""


class Within(Params):
    within: Duration | None = None
    """How long the application may take to run anew; without it, 30s on this machine, 2m under systemd, 20m at Railway,
    which builds it."""

    def seconds(self, host: Host) -> float:
        """How long that is on this host."""
        return self.within.total_seconds() if self.within else host.patience


class SetVariable(Within):
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the variable."""
    value: str | None = None
    """Its new value."""
    mongo_database: Text | None = None
    """Instead of a value: the address of this database on the environment's server. It is put together from drx.yaml,
    user and password included, when the step runs, so that it stands in no journal."""
    mongo_server: str | None = Field(default=None, pattern=r"^mongodb(\+srv)?://[^/@?\s]+/?$")
    """Where that database is, if no longer on the environment's server, such as `mongodb+srv://fresh.ab1cd.mongodb.net`.
    User, password and options stay; at Atlas, users belong to the project, and so to each of its clusters."""

    @model_validator(mode="after")
    def _one_value(self) -> "SetVariable":
        if (self.value is None) == (self.mongo_database is None):
            raise ValueError("give either `value` or `mongo_database`")
        if self.mongo_server is not None and self.mongo_database is None:
            raise ValueError("`mongo_server` says where `mongo_database` is: give both")
        return self


class Provision(Params):
    pass


class Restart(Within):
    pass


class Deploy(Within):
    version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The release, or the commit; without it, the deployed one, anew."""


class RollBack(Within):
    pass


class Version(Params):
    pass


class Logs(Params):
    lines: int = Field(default=20, ge=1, le=1000)
    """How many, the newest."""


def _set_by_hand(params: SetVariable, environment: Environment) -> str:
    if params.value is not None:
        value = f"value={shlex.quote(params.value)}"
    else:
        value = database_address(str(params.mongo_database), params.mongo_server)
    return Commands(environment).set_variable(params.name, value)


def _deploy_by_hand(params: Deploy, environment: Environment) -> str:
    return Commands(environment).deploy(params.version)


def _logs_by_hand(params: Logs, environment: Environment) -> str:
    return Commands(environment).logs(params.lines)


@action(
    "host.provision",
    effect="write",
    repeatable=True,
    uses=("host",),
    outputs={
        "address": "Where the new host answers: an IP address or a name, for DNS.",
        "made": "What was made, and was not there before.",
        "ids": "What its provider knows it by, for drx.yaml.",
    },
    by_hand_in=lambda _, environment: provision_by_hand(environment),
)
def provision(params: Provision, context: Context) -> Result:
    """Make a host where the environment's own is gone, from what `host.provision` in drx.yaml says. Nothing runs on it.

    It only adds: what is there already by its name is used, and left as it is. Where the host got other ids or another
    address, put them where drx.yaml takes them from, and run `drx trust`, before the next step changes the host.
    """
    new = provision_host(context)
    said = f"made {', '.join(new.made)}" if new.made else "all of it is there already"
    where = (f"the host answers at {new.address}",) if new.address else ()
    lines = (said, *where, *(f"it is {each}" for each in new.ids))
    return Result({"address": new.address, "made": list(new.made), "ids": list(new.ids)}, lines)


@action(
    "host.set_variable",
    effect="write",
    repeatable=True,
    targets=("host",),
    uses=("mongo",),
    by_hand_in=_set_by_hand,
)
def set_variable(params: SetVariable, context: Context) -> Result:
    """Set an environment variable of the application, and wait until it runs with it.

    Other variables stay as they are. Where the variable has that value already, and the application runs with it,
    nothing is done. The new value stays even if the application does not come up: look at its log, then set another.
    """
    host = open_host(context)
    value = params.value if params.value is not None else _address(context, params)
    if HIDDEN in value:
        raise StepError(f"the value for {params.name} is masked: it came through the journal", "Use `mongo_database`")
    if not host.set_variable(params.name, value, params.seconds(host)):
        return Result(lines=(f"{params.name} is set already",))
    return Result(lines=(f"{params.name} is set, and the application runs anew",))


@action(
    "host.restart",
    effect="write",
    repeatable=True,
    targets=("host",),
    outputs=_VERSION,
    by_hand_in=lambda _, environment: Commands(environment).restart(),
)
def restart(params: Restart, context: Context) -> Result:
    """End the application, if it still runs, and start the version that is deployed.

    It says that the application runs, not that it is well: wait for its health page next.
    """
    host = open_host(context)
    version = host.restart(params.seconds(host))
    return Result({"version": version}, (f"version {version} runs",))


@action(
    "host.deploy",
    effect="write",
    repeatable=True,
    targets=("host",),
    outputs=_VERSION,
    by_hand_in=_deploy_by_hand,
)
def deploy(params: Deploy, context: Context) -> Result:
    """Start a version in place of the one that runs; without `version`, the deployed one from scratch."""
    host = open_host(context)
    version = host.deploy(params.version, params.seconds(host))
    return Result({"version": version}, (f"version {version} is deployed, and runs",))


@action(
    "host.roll_back",
    effect="write",
    targets=("host",),
    outputs=_VERSION,
    by_hand_in=lambda _, environment: Commands(environment).roll_back(),
)
def roll_back(params: RollBack, context: Context) -> Result:
    """Deploy the version that was deployed before the one that is now.

    Not repeatable: a second time, it would go back further, or forth.
    """
    host = open_host(context)
    version = host.roll_back(params.seconds(host))
    return Result({"version": version}, (f"back to version {version}, which runs",))


@action(
    "host.version",
    effect="read",
    repeatable=True,
    targets=("host",),
    outputs={"version": "The version that is deployed."},
    by_hand_in=lambda _, environment: Commands(environment).version(),
)
def version(params: Version, context: Context) -> Result:
    """Tell which version is deployed, whether it runs or not."""
    found = open_host(context).version()
    return Result({"version": found}, (f"version {found} is deployed",))


@action(
    "host.logs",
    effect="read",
    repeatable=True,
    targets=("host",),
    by_hand_in=_logs_by_hand,
)
def logs(params: Logs, context: Context) -> Result:
    """Show the newest lines that the application wrote."""
    found = open_host(context).logs(params.lines)
    return Result(lines=tuple(context.mask(line) for line in found) or ("the application has written nothing",))


def _address(context: Context, params: SetVariable) -> str:
    """Put another database's name, and the server it is on, into the environment's own address."""
    scheme, _, rest = mongo_target(context).uri.reveal().partition("://")
    hosts, _, path = rest.partition("/")
    _, mark, options = (path if path or "?" not in hosts else hosts).partition("?")
    hosts = hosts.partition("?")[0]
    if params.mongo_server is not None:
        user, at, _ = hosts.rpartition("@")
        scheme, _, server = params.mongo_server.rstrip("/").partition("://")
        hosts = f"{user}{at}{server}"
        options = "&".join(each for each in options.split("&") if not each.lower().startswith(_OF_THE_SERVER))
        mark = "?" if options else ""
    return f"{scheme}://{hosts}/{quote(user_database(str(params.mongo_database)))}{mark}{options}"
