"""What drx.yaml may say. Shapes only: values may still be references such as `${DATABASE_URL}`."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from drx.config.providers import Atlas, Dns, Github, Host
from drx.config.values import Account, Cron, Database, MongoUri, Url, Zone, is_reference
from drx.fields import Duration, Identifier, Model, Name, Text


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

    def covers(self, environment: str, *, practice: bool) -> bool:
        """Whether it may hear of what happens in an environment."""
        return environment in self.environments if self.environments else not practice


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

    @property
    def hooks(self) -> tuple[Channel, ...]:
        """The web hooks of `on_failure`, as the channels that they are."""
        heard = (About.FAILURE, About.HUMAN_NEEDED)
        return tuple(Channel.model_construct(url=url, on=heard) for url in self.on_failure)


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
    timeout: Duration | None = None
    """After this long the run gives up, where its runbook would let it go on for longer."""
    ping: Url | None = None
    """A dead man's switch, in the style of healthchecks.io: it hears of the start, the end, and a failure."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.run is None) == (self.drill is None):
            raise ValueError("a schedule runs one thing. Write either run: RUNBOOK or drill: DRILL")
        return self


class Records(Model):
    """Who else reads records, and where else they go."""

    s3: StoreBucket | None = None
    """A bucket that records are copied to, so that they outlive the machine."""
    group: Text | None = None
    """A group of this host: its members read new records, approve and write notes. Without it, the owner alone does."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.s3 is None and self.group is None:
            raise ValueError("this says nothing. Write s3: {bucket: ...}, group: NAME, or both")
        return self


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
    secret_variables: tuple[Annotated[Text, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = ()
    """Secrets in the environment that `secret_command` itself needs, such as VAULT_TOKEN; jobs are handed them."""
    contacts: dict[Name, Text | dict[Name, Text]] = Field(default_factory=dict)
    """Names, numbers and channels that runbooks use as `contacts.<name>`."""
    roles: dict[Identifier, Annotated[tuple[Account, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Who has which role, and so may approve: names of accounts on the host, or `uid:1001` for one without a name."""
    notify: Notify = Field(default_factory=Notify)
    """Who is told, when."""
    schedules: tuple[Schedule, ...] = ()
    """What runs by itself."""
    records: Records | None = None
    """Who else reads records, and where else they go."""
    verified_for: Duration = Field(default="90d", validate_default=True)
    """How long a passed drill proves its runbook."""

    def kept_as(self, environment: str) -> str:
        """Under which name an environment's backups lie in the stores, which all environments share.

        Another one's must never pass for those of the protected environment.
        """
        return self.service if self.environments[environment].protected else f"{self.service}-{environment}"
