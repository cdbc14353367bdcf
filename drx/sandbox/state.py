"""What a sandbox consists of and where its files lie. Reads and writes the state file; starts and ends nothing."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import ValidationError

from drx.errors import DrxError
from drx.fields import Model
from drx.files import write_atomically

if TYPE_CHECKING:
    from drx.config import SandboxAddresses

DATABASE = "pixelcraft"
ZONE = "pixelcraft.test"
APP_NAME = f"app.{ZONE}"
"""The application's name, as its users know it; only the sandbox's resolver does."""
UPLOADS_BUCKET = "pixelcraft-uploads"
ACCESS_KEY = SECRET_KEY = "test"  # the stand-in server's own, of no use anywhere else

MONGO = "mongo"
APP = "app"
RESOLVER = "resolver"
WRITER = "writer"
LOOPBACK = "127.0.0.1"
Region = Literal["us-east-1", "eu-west-1"]
REGIONS: tuple[Region, ...] = get_args(Region)


@dataclass(frozen=True)
class Bucket:
    """A bucket that every sandbox has."""

    name: str
    region: Region
    versioned: bool = False


BUCKETS = (
    Bucket(UPLOADS_BUCKET, "us-east-1", versioned=True),
    Bucket("pixelcraft-backups", "us-east-1"),
    Bucket("pixelcraft-backups-eu", "eu-west-1"),
)


class Member(Model):
    """A process of the sandbox, told apart from a later one with the same pid by when it started."""

    name: str
    pid: int
    started: str
    """Boot id and clock tick of the start, as the kernel tells them."""
    port: int = 0
    """Where it listens; 0 for a process that does not listen."""
    address: str = LOOPBACK
    """Its host's address: a host that is built anew has another one."""


class SandboxState(Model):
    """A running sandbox: its directory, its processes, their addresses."""

    directory: Path
    members: tuple[Member, ...]
    zone: str = ""
    """Id of the zone at Route 53."""

    @property
    def mongo_uri(self) -> str:
        """Address of the database server, without a database name."""
        return f"mongodb://127.0.0.1:{self.member(MONGO).port}/?directConnection=true"

    @property
    def s3(self) -> dict[str, str]:
        """Endpoint of the object store, by region."""
        return {region: f"http://127.0.0.1:{self.member(s3_name(region)).port}" for region in REGIONS}

    @property
    def app_url(self) -> str:
        """Address of the PixelCraft application."""
        app = self.member(APP)
        return f"http://{app.address}:{app.port}"

    @property
    def route53(self) -> str:
        """Endpoint of Route 53, in the region that is never lost."""
        return self.s3["eu-west-1"]

    @property
    def addresses(self) -> "SandboxAddresses":
        """The sandbox as an environment of drx.yaml sees it."""
        from drx.config import DnsTarget, Resolver, SandboxAddresses
        from drx.secrets import Secret

        return SandboxAddresses(
            directory=self.directory,
            mongo_uri=self.mongo_uri,
            database=DATABASE,
            bucket=UPLOADS_BUCKET,
            region="us-east-1",
            endpoints=self.s3,
            backup_buckets={bucket.region: bucket.name for bucket in BUCKETS if bucket.name != UPLOADS_BUCKET},
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            app_url=f"http://{APP_NAME}:{self.member(APP).port}",
            health_url=f"http://{APP_NAME}:{self.member(APP).port}/healthz",
            host_directory=host_directory(self.directory),
            provision_host=(sys.executable, "-P", "-m", "drx.sandbox.new_host", str(self.directory)),
            dns=DnsTarget("route53", self.zone, (APP_NAME,), Secret(SECRET_KEY), self.route53, ACCESS_KEY),
            resolver=Resolver(f"127.0.0.1:{self.member(RESOLVER).port}", (APP_NAME,)),
        )

    def database_url(self, database: str) -> str:
        """Address of one database, as the application is given it."""
        return f"mongodb://127.0.0.1:{self.member(MONGO).port}/{database}?directConnection=true"

    def find(self, name: str) -> Member | None:
        """The member of that name, if the sandbox has one."""
        return next((member for member in self.members if member.name == name), None)

    def member(self, name: str) -> Member:
        """The member of that name; raises DrxError where there is none."""
        found = self.find(name)
        if found is None:
            raise DrxError(f"the sandbox in {self.directory} has no '{name}'", "Start it with 'drx sandbox up'")
        return found

    def with_member(self, member: Member) -> "SandboxState":
        """The same sandbox with this member, in place of one of its name."""
        others = {each.name: each for each in self.members}
        return self.model_copy(update={"members": tuple((others | {member.name: member}).values())})

    def without(self, name: str) -> "SandboxState":
        """The same sandbox without the member of that name."""
        others = tuple(member for member in self.members if member.name != name)
        return self.model_copy(update={"members": others})


def s3_name(region: Region) -> str:
    """Name of the member that serves a region's buckets."""
    return f"s3-{region}"


def host_directory(directory: Path) -> Path:
    """What stands for the disk of the host that the application runs on."""
    return directory / "host"


def sandbox_directory(host: Path) -> Path:
    """The sandbox that a host's directory belongs to."""
    return host.parent


def ledger_path(directory: Path) -> Path:
    """Where seeder and writer log what they wrote."""
    return directory / "ledger.jsonl"


def log_path(directory: Path, name: str) -> Path:
    """Where a member's output goes."""
    return directory / "logs" / f"{name}.log"


def read_state(directory: Path) -> SandboxState | None:
    """The sandbox last started there, or None; its processes may have died since.

    Raises DrxError for a state file that cannot be read.
    """
    path = _state_path(directory)
    try:
        return SandboxState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DrxError(f"{path} cannot be read: {error}", "Remove the sandbox's directory and start anew") from error


def load_state(directory: Path) -> SandboxState:
    """The sandbox started there; raises DrxError where there is none."""
    state = read_state(directory)
    if state is None:
        raise DrxError(f"no sandbox runs in {directory}", "Start it with 'drx sandbox up'")
    return state


def write_state(state: SandboxState) -> None:
    """Put the state on disk, in one step."""
    write_atomically(_state_path(state.directory), state.model_dump_json(indent=2).encode())


def remove_state(directory: Path) -> None:
    """Forget the sandbox; its data stay."""
    _state_path(directory).unlink(missing_ok=True)


def _state_path(directory: Path) -> Path:
    return directory / "state.json"
