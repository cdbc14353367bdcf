"""What a run knows of servers and providers: addresses with their secrets, resolved. Shapes only."""

from dataclasses import dataclass
from pathlib import Path

from drx.secrets import Secret


@dataclass(frozen=True)
class MongoTarget:
    """A database on a MongoDB server."""

    uri: Secret
    database: str
    replica_set_id: str | None = None
    """The `replicaSetId` that the server has to report, where drx.yaml states it."""


@dataclass(frozen=True)
class HostTarget:
    """Where the application runs: a directory on this machine."""

    provider: str
    directory: Path
    provision: tuple[str, ...] | None = None
    """Command that makes it anew."""


Variables = tuple[tuple[str, Secret], ...]


@dataclass(frozen=True)
class NewService:
    """What a service at Railway is made from that takes the place of a lost one."""

    name: str
    repository: str
    branch: str
    environment: str | None
    """Name of the environment; None is the host's own."""
    variables: Variables


@dataclass(frozen=True)
class NewUnit:
    """What an empty machine gets, so that the application can be deployed on it."""

    unit_file: Path
    directory: str
    variables: Variables


@dataclass(frozen=True)
class RailwayTarget:
    """A service at Railway."""

    project: str
    environment: str
    service: str
    token: Secret
    is_project_token: bool
    api: str
    provision: NewService | None = None


@dataclass(frozen=True)
class SystemdTarget:
    """A unit on another machine."""

    ssh: str
    unit: str
    deploy: tuple[str, ...]
    roll_back: tuple[str, ...]
    version: tuple[str, ...]
    environment_file: str | None
    sudo: bool
    ssh_config: Path | None
    provision: NewUnit | None = None


@dataclass(frozen=True)
class AtlasTarget:
    """A cluster at MongoDB Atlas: with a service account, or with an API key."""

    project: str
    cluster: str
    restore_into: tuple[str, ...]
    """Clusters that a restore may wipe besides `cluster`: NAME, or PROJECT_ID/NAME."""
    identifier: str
    """Client id of the service account, or the public key."""
    secret: Secret
    service_account: bool
    api: str


@dataclass(frozen=True)
class DnsTarget:
    """A zone at a DNS provider."""

    provider: str
    zone: str
    records: tuple[str, ...]
    """Names that may be changed, in small letters and without the last dot."""
    token: Secret | None
    """Cloudflare's token, or the secret that belongs to `access_key_id`."""
    api: str | None
    access_key_id: str | None = None


@dataclass(frozen=True)
class Resolver:
    """Who is asked where the environment's own names lead, instead of the system's resolver."""

    address: str
    """HOST:PORT."""
    names: tuple[str, ...]
    """In small letters and without the last dot; all other names are looked up as ever."""


@dataclass(frozen=True)
class GithubTarget:
    """A repository."""

    repository: str
    token: Secret
    workflows: tuple[str, ...]
    """Workflows that may be started from this environment."""
    api: str
