"""What a run knows of its environment: addresses with their secrets, resolved. Shapes only: nothing is read here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

from drx.config.servers import (
    AtlasTarget,
    DnsTarget,
    GithubTarget,
    HostTarget,
    MongoTarget,
    NewService,
    NewUnit,
    RailwayTarget,
    Resolver,
    SystemdTarget,
)
from drx.errors import UsageError
from drx.secrets import HIDDEN, Secret, secrets_of


@dataclass(frozen=True)
class BucketTarget:
    """The bucket with the files that documents refer to. Without keys, boto3 looks for them where it always does."""

    bucket: str
    region: str
    endpoint: str | None = None
    """None is AWS itself."""
    owner: str | None = None
    """The AWS account that has to own the bucket."""
    access_key_id: str | None = None
    secret_access_key: Secret | None = None


@dataclass(frozen=True)
class BucketStore(BucketTarget):
    """A backup store in a bucket."""

    prefix: str = ""
    """Keys of everything in the store begin with this."""


@dataclass(frozen=True)
class DirectoryStore:
    """A backup store in a directory."""

    path: Path


StoreTarget = BucketStore | DirectoryStore
PRIMARY, COPY = "primary", "copy"


@dataclass(frozen=True)
class Retention:
    """Which backups are kept: all within a span, then so many of each period, and never fewer than `minimum`."""

    within: timedelta
    daily: int
    weekly: int
    monthly: int
    yearly: int
    minimum: int


@dataclass(frozen=True)
class BackupTarget:
    """Where backups lie and how long they are kept."""

    primary: StoreTarget
    copies: tuple[StoreTarget, ...]
    retention: Retention

    @property
    def labelled(self) -> tuple[tuple[str, StoreTarget], ...]:
        """Every store with its label: `primary`, `copy-1` and so on."""
        return ((PRIMARY, self.primary), *((f"{COPY}-{number}", copy) for number, copy in enumerate(self.copies, 1)))

    def find(self, name: str) -> tuple[str, StoreTarget]:
        """Find a store by its label, `copy` being the first copy, or by the name of its bucket or directory.

        Raises UsageError for a name that is none.
        """
        for label, store in self.labelled:
            if name in (label, own_name(store)) or (name == COPY and label == f"{COPY}-1"):
                return label, store
        known = ", ".join(f"{label} ({own_name(store)})" for label, store in self.labelled)
        raise UsageError(f"there is no store '{name}'", f"Use one of: {known}")


def own_name(store: StoreTarget) -> str:
    """Give the name of a store's bucket or directory."""
    return store.bucket if isinstance(store, BucketStore) else store.path.name


PARTS = ("mongo", "uploads", "store", "host", "dns", "resolver", "atlas", "github", "health_url", "app_url")
"""What an environment is made of, as actions name it; each part is read only for runs that use it."""
FIELDS = {part: "backups" if part == "store" else part for part in PARTS}
"""Where a target holds each of them."""


@dataclass(frozen=True)
class Target:
    """An environment, ready for use. A part that drx.yaml does not state, or that the run does not use, is None."""

    name: str
    service: str
    """Under which name its backups lie in the stores; of its own unless the environment is protected."""
    protected: bool = False
    """Production: no drill touches it."""
    sandbox: bool = False
    """Servers that drx itself started to practise on."""
    mongo: MongoTarget | None = None
    uploads: BucketTarget | None = None
    host: HostTarget | RailwayTarget | SystemdTarget | None = None
    dns: DnsTarget | None = None
    resolver: Resolver | None = None
    atlas: AtlasTarget | None = None
    github: GithubTarget | None = None
    health_url: str | None = None
    app_url: str | None = None
    backups: BackupTarget | None = None

    @property
    def parts(self) -> frozenset[str]:
        """The parts that are there: stated, and read."""
        return frozenset(part for part in PARTS if getattr(self, FIELDS[part]) is not None)

    def expression_scope(self, reveal: bool) -> Mapping[str, object]:
        """Give what expressions see as `target`; a part that drx.yaml does not state is missing.

        Without `reveal`, secrets are `***`: for everything that is shown or kept.
        """
        scope = _scope(self, reveal)
        del scope["backups"]
        return {name: value for name, value in scope.items() if value is not None}

    def secrets(self) -> Iterator[str]:
        """List every text that must not be shown; the sandbox's made-up passwords are no secrets."""
        if not self.sandbox:
            yield from _secrets(self)


def is_secret_name(name: str) -> bool:
    """Whether a dotted name of the expression language holds a secret: `target.mongo.uri`."""
    return name in SECRET_NAMES


def _secret_names() -> frozenset[str]:
    parts = (
        ("mongo", MongoTarget),
        ("uploads", BucketTarget),
        ("host", HostTarget),
        ("host", RailwayTarget),
        ("host", SystemdTarget),
        ("dns", DnsTarget),
        ("atlas", AtlasTarget),
        ("github", GithubTarget),
    )
    return frozenset(
        f"target.{part}.{field.name}"
        for part, shape in parts
        for field in fields(shape)
        if field.type in (Secret, Secret | None)
    )


SECRET_NAMES = _secret_names()


def _scope(value: object, reveal: bool) -> dict[str, object]:
    scope: dict[str, object] = {}
    for field in fields(value):  # type: ignore[arg-type]  # only dataclasses come here
        scope[field.name] = _shown(getattr(value, field.name), reveal)
    return scope


def _shown(value: object, reveal: bool) -> object:
    match value:
        case Secret():
            return value.reveal() if reveal else HIDDEN
        case Path():
            return str(value)
        case NewService() | NewUnit():
            return True  # that a host can be made anew is all that a runbook has to know
        case MongoTarget() | BucketTarget() | HostTarget() | RailwayTarget() | SystemdTarget():
            return {name: part for name, part in _scope(value, reveal).items() if part is not None}
        case DnsTarget() | Resolver() | AtlasTarget() | GithubTarget():
            return {name: part for name, part in _scope(value, reveal).items() if part is not None}
        case _:
            return value


def _secrets(value: object) -> Iterator[str]:
    match value:
        case Secret():
            yield from secrets_of(value.reveal())
        case tuple():
            for item in value:
                yield from _secrets(item)
        case (
            Target()
            | MongoTarget()
            | BucketTarget()
            | BackupTarget()
            | RailwayTarget()
            | SystemdTarget()
            | NewService()
            | NewUnit()
            | AtlasTarget()
            | GithubTarget()
        ):
            for field in fields(value):
                yield from _secrets(getattr(value, field.name))
        case _:
            return
