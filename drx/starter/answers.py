"""What a person says about a service that is new to drx. Shapes only; secrets are named, never held."""

from dataclasses import dataclass

REGION, OTHER_REGION = "us-east-1", "eu-west-1"


@dataclass(frozen=True)
class Bucket:
    """A bucket at AWS, or at the S3 server that is named."""

    name: str
    region: str = REGION


@dataclass(frozen=True)
class Directory:
    """A directory, relative to drx.yaml."""

    path: str


Place = Bucket | Directory
"""Where backups lie."""


@dataclass(frozen=True)
class LocalHost:
    """The application runs on this machine, from a directory."""

    directory: str


@dataclass(frozen=True)
class RailwayHost:
    """The application is a service at Railway; the token stands in a variable."""

    project: str
    environment: str
    service: str
    token_variable: str


@dataclass(frozen=True)
class SystemdHost:
    """The application is a unit of systemd on another machine."""

    ssh: str
    unit: str


Host = LocalHost | RailwayHost | SystemdHost


@dataclass(frozen=True)
class Atlas:
    """The database is a cluster at MongoDB Atlas; the service account stands in variables."""

    project: str
    cluster: str


@dataclass(frozen=True)
class Zone:
    """The application's name stands in a zone at Cloudflare, whose token stands in a variable, or at Route 53."""

    provider: str
    id: str
    name: str
    """Which name in it may be changed."""


ATLAS_ID, ATLAS_SECRET, CLOUDFLARE_TOKEN, GITHUB_TOKEN, RAILWAY_TOKEN = (
    "ATLAS_CLIENT_ID", "ATLAS_CLIENT_SECRET", "CLOUDFLARE_TOKEN", "GITHUB_TOKEN", "RAILWAY_TOKEN",
)  # fmt: skip
"""Variables that hold secrets of providers."""


@dataclass(frozen=True)
class Production:
    """What users depend on."""

    mongo_variable: str
    """Name of the variable that holds the address of the database."""
    database: str
    health_url: str
    uploads: Bucket | None = None
    host: Host | None = None
    endpoint: str | None = None
    """Address of the S3 server that has the buckets; None is AWS."""
    atlas: Atlas | None = None
    zone: Zone | None = None
    repository: str | None = None
    """The application is deployed from it: OWNER/NAME at GitHub."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables that hold secrets."""
        token = (self.host.token_variable,) if isinstance(self.host, RailwayHost) else ()
        atlas = (ATLAS_ID, ATLAS_SECRET) if self.atlas else ()
        dns = (CLOUDFLARE_TOKEN,) if self.zone and self.zone.provider == "cloudflare" else ()
        github = (GITHUB_TOKEN,) if self.repository else ()
        return (self.mongo_variable, *token, *atlas, *dns, *github)


@dataclass(frozen=True)
class Answers:
    """Everything that is asked."""

    service: str
    rto: str
    """As it is written: `2h`."""
    rpo: str
    channel: str
    """Where people talk in an incident."""
    primary: Place
    copy: Place | None = None
    production: Production | None = None
    """None where there is nothing yet but a sandbox to practise on."""
    staging_variable: str | None = None
    """Name of the variable that holds the address of the staging's database."""


def sandbox_answers(service: str) -> Answers:
    """What to begin with where there is no production yet: a sandbox has everything, copies included."""
    return Answers(
        service,
        "2h",
        "1h",
        "#ops-alerts",
        Bucket(f"{service}-backups"),
        Bucket(f"{service}-backups-copy", OTHER_REGION),
    )
