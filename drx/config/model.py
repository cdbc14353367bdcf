"""What drx.yaml may say. Shapes only: values may still be references such as `${DATABASE_URL}`."""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from drx.fields import Duration, Identifier, Model, Name, Text

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`${NAME}`: the value of an environment variable, anywhere in a text."""
FILE = "file:"
"""A text that begins so is the content of that file."""
COMMAND = "secret:"
"""A text that begins so is what `secret_command` prints for the name that follows."""


def is_reference(value: str) -> bool:
    """Whether the value stands somewhere else: in the environment or in a file."""
    return value.startswith((FILE, COMMAND)) or "${" in value


def _check_mongo_uri(value: str) -> str:
    if not is_reference(value) and not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("this is no address of a MongoDB server. It begins with mongodb:// or mongodb+srv://")
    return value


def _check_database(value: str) -> str:
    if not is_reference(value) and not re.fullmatch(r'[^/\\. "$*<>:|?\x00]{1,63}', value):
        raise ValueError("this cannot be the name of a database. Leave out spaces, dots, slashes and quotes")
    if value in ("admin", "config", "local"):
        raise ValueError("this database belongs to the server. Name the one that holds the service's data")
    return value


def _check_url(value: str) -> str:
    if not is_reference(value) and not value.startswith(("http://", "https://")):
        raise ValueError("this is no web address. It begins with http:// or https://")
    return value


def _check_api(value: str) -> str:
    if is_reference(value):
        return value
    address = urlsplit(value)
    loopback = address.hostname in ("127.0.0.1", "::1", "localhost")
    if not address.hostname or not (address.scheme == "https" or (address.scheme == "http" and loopback)):
        raise ValueError("credentials are sent there, so it begins with https://. Plain http is for this machine only")
    return value.rstrip("/")


def _check_cron(value: str) -> str:
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    if len(value.split()) != 5:
        raise ValueError("a schedule has five parts: minute, hour, day, month, weekday. Write it like 0 3 * * *")
    try:
        next(CronSim(value, datetime.now(UTC)))
    except CronSimError as error:
        raise ValueError(f"this schedule is none: {str(error).lower()}. Write it like 0 3 * * *") from None
    except StopIteration:
        raise ValueError("this moment never comes. Correct the day or the month") from None
    return value


def _check_zone(value: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"there is no time zone '{value}'. Write it like UTC or Europe/Berlin") from None
    return value


MongoUri = Annotated[Text, AfterValidator(_check_mongo_uri)]
Database = Annotated[Text, AfterValidator(_check_database)]
Api = Annotated[Text, AfterValidator(_check_api)]
Url = Annotated[Text, AfterValidator(_check_url)]
Cron = Annotated[Text, AfterValidator(_check_cron)]
Zone = Annotated[Text, AfterValidator(_check_zone)]


class Objectives(Model):
    """The promise to the business, where a runbook states none of its own."""

    rto: Duration
    """Recovery time objective: the service is back within this time."""
    rpo: Duration
    """Recovery point objective: at most this much of the newest data is lost."""


class Mongo(Model):
    """A database on a MongoDB server."""

    uri: MongoUri
    """Address of the server, with user and password."""
    database: Database
    """The service's database."""
    replica_set_id: Text | None = None
    """The server's `replicaSetId`, if `drx trust` is not to be asked for it."""


class Bucket(Model):
    """A bucket at AWS, or at another S3 endpoint."""

    bucket: Text
    """Name of the bucket."""
    region: Text = "us-east-1"
    """Region of the bucket."""
    endpoint: Url | None = None
    """Address of an S3-compatible server; without it, AWS."""
    owner: Text | None = None
    """AWS account id that has to own the bucket."""
    access_key_id: Text | None = None
    """Without it, boto3 looks for keys where it always does."""
    secret_access_key: Text | None = None
    """The secret that belongs to `access_key_id`."""

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together. Write both, or neither")
        return self


class StoreBucket(Bucket):
    """A bucket that holds backups."""

    prefix: str = ""
    """Keys of everything in the store begin with this."""


class Store(Model):
    """Where backups lie: exactly one of the two."""

    s3: StoreBucket | None = None
    """In a bucket."""
    directory: Text | None = None
    """In a directory, relative to drx.yaml."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.s3 is None) == (self.directory is None):
            raise ValueError("a store is a bucket or a directory. Write either s3: {bucket: ...} or directory: ...")
        return self


class LocalHost(Model):
    """The application runs on this machine, from a directory."""

    provider: Literal["local"]
    """A directory on this machine."""
    directory: Text
    """Directory of the application, relative to drx.yaml."""


class RailwayHost(Model):
    """The application is a service at Railway."""

    provider: Literal["railway"]
    """Railway, by its GraphQL API."""
    project: Text
    """Id of the project."""
    environment: Text
    """Id of the environment at Railway."""
    service: Text
    """Id of the service."""
    token: Text | None = None
    """Token of an account or of a workspace."""
    project_token: Text | None = None
    """Instead: token of this project and environment, which reaches nothing else."""
    api: Api = "https://backboard.railway.com"
    """Address of the API."""

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.token is None) == (self.project_token is None):
            raise ValueError("write either token or project_token")
        return self


class SystemdHost(Model):
    """The application is a unit of systemd on a machine that ssh reaches with a key."""

    provider: Literal["systemd"]
    """systemd, over ssh."""
    ssh: Text = Field(pattern=r"^[^-\s]\S*$")
    """Where to log in: USER@HOST, or a Host of ~/.ssh/config."""
    unit: Text = Field(pattern=r"^[A-Za-z0-9:_.\\@$][A-Za-z0-9:_.\\@${}-]*$")
    """Name of the unit, such as pixelcraft.service."""
    deploy: tuple[Text, ...] = ()
    """Command on that machine, and its arguments, that puts a version in place; `{version}` is replaced."""
    roll_back: tuple[Text, ...] = ()
    """Command on that machine that puts the version before in place."""
    version: tuple[Text, ...] = ()
    """Command on that machine that prints the version in place: `[readlink, /srv/pixelcraft/current]`."""
    environment_file: Text | None = Field(default=None, pattern=r"^(/|\$\{)")
    """The unit's EnvironmentFile, where variables are set."""
    sudo: bool = True
    """Run what changes something by `sudo -n`; for users who need no password for that."""
    ssh_config: Text | None = None
    """A configuration file for ssh, instead of ~/.ssh/config; relative to drx.yaml."""


Host = Annotated[LocalHost | RailwayHost | SystemdHost, Field(discriminator="provider")]


class Atlas(Model):
    """The cluster of the database at MongoDB Atlas, as its Administration API knows it."""

    project: Text = Field(pattern=r"^([0-9a-f]{24}|\$\{.*|file:.*|secret:.*)$")
    """Id of the project: 24 hexadecimal digits."""
    cluster: Text
    """Name of the cluster."""
    restore_into: tuple[Text, ...] = ()
    """Clusters that a restore may wipe and fill, besides `cluster`: a name, or PROJECT_ID/NAME in another project."""
    client_id: Text | None = None
    """Id of the service account."""
    client_secret: Text | None = None
    """The secret that belongs to `client_id`."""
    public_key: Text | None = None
    """Public part of an API key, the older kind of credentials."""
    private_key: Text | None = None
    """The secret that belongs to `public_key`."""
    api: Api = "https://cloud.mongodb.com"
    """Address of the API."""

    @model_validator(mode="after")
    def _one_kind_of_credentials(self) -> Self:
        account = (self.client_id is not None, self.client_secret is not None)
        key = (self.public_key is not None, self.private_key is not None)
        if (account, key) not in (((True, True), (False, False)), ((False, False), (True, True))):
            raise ValueError("write client_id and client_secret of a service account, or public_key and private_key")
        return self


class Dns(Model):
    """The zone that the application's names stand in."""

    provider: Literal["cloudflare", "route53"]
    """Cloudflare by its REST API, or Amazon Route 53."""
    zone: Text
    """Id of the zone."""
    records: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Names that may be changed from this environment: `[staging.pixelcraft.example]`."""
    token: Text | None = None
    """Cloudflare: a token; docs/providers.md says which rights it needs."""
    access_key_id: Text | None = None
    """Route 53: without it, boto3 looks for keys where it always does."""
    secret_access_key: Text | None = None
    """The secret that belongs to `access_key_id`."""
    api: Api | None = None
    """Address of the API, where it is not the provider's own."""

    @model_validator(mode="after")
    def _own_credentials(self) -> Self:
        if (self.provider == "cloudflare") != (self.token is not None):
            raise ValueError("a token is for cloudflare, and needed there; route53 takes keys")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together. Write both, or neither")
        return self


class Github(Model):
    """The repository that the application is deployed from."""

    repository: Text = Field(pattern=r"^([A-Za-z0-9-]+/[A-Za-z0-9._-]+|\$\{.*|file:.*|secret:.*)$")
    """OWNER/NAME."""
    token: Text
    """A token; docs/providers.md says which rights it needs."""
    workflows: tuple[Text, ...] = ()
    """File names of the workflows that may be started from this environment: `[deploy-staging.yml]`."""
    api: Api = "https://api.github.com"
    """Address of the API; GitHub Enterprise Server has its own."""


class Environment(Model):
    """The servers of production, of staging, or of the sandbox."""

    protected: bool = False
    """Production: no drill touches it."""
    sandbox: bool = False
    """The servers that `drx sandbox up` starts; nothing else is stated then."""
    mongo: Mongo | None = None
    """The database."""
    uploads: Bucket | None = None
    """The files that documents refer to."""
    host: Host | None = None
    """Where the application runs."""
    dns: Dns | None = None
    """Where the application's names stand."""
    atlas: Atlas | None = None
    """The database's cluster at MongoDB Atlas."""
    github: Github | None = None
    """Where the application's code lies."""
    health_url: Url | None = None
    """Answers 2xx only while the service works."""
    app_url: Url | None = None
    """Address of the application."""

    @model_validator(mode="after")
    def _sandbox_states_nothing(self) -> Self:
        if self.sandbox and self.model_fields_set != {"sandbox"}:
            raise ValueError("a sandbox's servers are its own. Write only sandbox: true")
        return self


class Retention(Model):
    """How long backups are kept."""

    within: Duration = Field(default="7d", validate_default=True)
    """Any second within this span can be restored."""
    daily: int = Field(default=0, ge=0)
    """How many days keep one backup."""
    weekly: int = Field(default=0, ge=0)
    """How many weeks keep one backup."""
    monthly: int = Field(default=0, ge=0)
    """How many months keep one backup."""
    yearly: int = Field(default=0, ge=0)
    """How many years keep one backup."""
    minimum: int = Field(default=3, ge=1)
    """Never keep fewer backups than this."""


class Backups(Model):
    """Where backups lie and how long they are kept."""

    primary: Store
    """The store that backups are written to and restored from."""
    copies: tuple[Store, ...] = ()
    """Stores that hold a copy of everything."""
    retention: Retention = Field(default_factory=Retention)
    """How long backups are kept."""


class About(StrEnum):
    """What somebody may want to hear of."""

    START = "start"
    SUCCESS = "success"
    FAILURE = "failure"
    OBJECTIVE_MISSED = "objective_missed"
    HUMAN_NEEDED = "human_needed"
    MISSED = "missed"


TROUBLE = (About.FAILURE, About.OBJECTIVE_MISSED, About.HUMAN_NEEDED, About.MISSED)
"""What somebody has to do something about."""


def _check_channel(value: str) -> str:
    if not is_reference(value) and "://" not in value:
        raise ValueError("this is no address. Write https://... for a web hook, or an address of Apprise")
    return value


class Channel(Model):
    """Where messages go, and what about."""

    url: Annotated[Text, AfterValidator(_check_channel)]
    """A web hook (https://...), or an address of Apprise: mailtos://, slack://, pagerduty:// ..."""
    on: Annotated[tuple[About, ...], Field(min_length=1)] = TROUBLE
    """What it hears of."""
    environments: tuple[Identifier, ...] = ()
    """Where that has to happen; without it, anywhere but in a sandbox."""


class Notify(Model):
    """Who is told, when."""

    on_failure: tuple[Text, ...] = ()
    """Web hooks that are called when a run failed."""
    channels: tuple[Channel, ...] = ()
    """Where messages go, and what about."""
    report_url: Text | None = None
    """Where a report can be read, such as https://records.example/{run}/report.html; otherwise a path is named."""
    quiet_for: Duration = Field(default="6h", validate_default=True)
    """After a message about a job that nobody attends, the same trouble of it is not told again for so long."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """How long a channel may take."""


class Schedule(Model):
    """A runbook or a drill that runs by itself."""

    run: Identifier | None = None
    """Id of the runbook."""
    drill: Identifier | None = None
    """Id of the drill."""
    environment: Identifier | None = None
    """Where it runs."""
    cron: Cron
    """When: minute, hour, day, month, weekday."""
    timezone: Zone = "UTC"
    """The time zone of `cron`, such as Europe/Berlin."""
    ping: Url | None = None
    """A dead man's switch, in the style of healthchecks.io: it hears of the start, the end, and a failure."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.run is None) == (self.drill is None):
            raise ValueError("a schedule runs one thing. Write either run: RUNBOOK or drill: DRILL")
        return self


class Records(Model):
    """Where else records go, so that they outlive the machine."""

    s3: StoreBucket
    """The bucket."""


class Settings(Model):
    """drx.yaml: one service, its objectives, where it runs and where its backups lie."""

    service: Identifier
    """Name of the service; the first part of every key in a store."""
    objectives: Objectives
    """RTO and RPO."""
    environments: Annotated[dict[Identifier, Environment], Field(min_length=1)]
    """Named places where the service runs."""
    backups: Backups | None = None
    """Where backups lie and how long they are kept."""
    secret_command: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """A command and its arguments that prints a secret, given its name: `[pass, show]` makes `secret:shop/db` work."""
    contacts: dict[Name, Text | dict[Name, Text]] = Field(default_factory=dict)
    """Names, numbers and channels that runbooks use as `contacts.<name>`."""
    notify: Notify = Field(default_factory=Notify)
    """Who is told, when."""
    schedules: tuple[Schedule, ...] = ()
    """What runs by itself."""
    records: Records | None = None
    """Where else records go."""
    verified_for: Duration = Field(default="90d", validate_default=True)
    """How long a passed drill proves its runbook."""
