"""Make one environment of drx.yaml ready for use: references read, the sandbox's addresses in. Connects nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from drx.config.commands import SecretCommand, UnreadSecret
from drx.config.load import Config, ValuePath, suggest_environment
from drx.config.model import Backups, Bucket, Environment, Records, Store
from drx.config.providers import (
    Atlas,
    Dns,
    Github,
    Host,
    LocalHost,
    RailwayHost,
    RailwayProvision,
    SystemdHost,
    SystemdProvision,
)
from drx.config.target import (
    AtlasTarget,
    BackupTarget,
    BucketStore,
    BucketTarget,
    DirectoryStore,
    DnsTarget,
    GithubTarget,
    HostTarget,
    MongoTarget,
    NewService,
    NewUnit,
    RailwayTarget,
    Retention,
    StoreTarget,
    SystemdTarget,
    Target,
)
from drx.config.values import COMMAND, FILE, REFERENCE
from drx.errors import UsageError
from drx.fields import Model
from drx.secrets import Secret
from drx.yaml_source import InvalidDocument, Problem, explain

_MAX_FILE_BYTES = 64 * 1024
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class SandboxAddresses:
    """Where the servers of the running sandbox answer; its keys are made up, and no secrets."""

    directory: Path
    mongo_uri: str
    database: str
    bucket: str
    region: str
    endpoints: Mapping[str, str]
    """S3 endpoint by region."""
    backup_buckets: Mapping[str, str]
    """A bucket for backups, by region."""
    access_key_id: str
    secret_access_key: str
    app_url: str
    health_url: str
    host_directory: Path
    provision_host: tuple[str, ...] = ()
    """Command that makes the application's host anew."""
    dns: DnsTarget | None = None
    """The zone that the application's name stands in, and the resolver that knows it."""


def resolve_target(
    config: Config, environment: str, environ: Mapping[str, str], sandbox: SandboxAddresses | None = None
) -> Target:
    """Read the references of an environment and of the stores, from `environ`, from files and by `secret_command`.

    Raises UsageError for an unknown environment, or one that needs a running sandbox; InvalidDocument with every
    variable, file and secret that is missing.
    """
    settings = config.settings
    if environment not in settings.environments:
        remedy = suggest_environment(settings, environment)
        raise UsageError(f"{config.document.source} has no environment '{environment}'", remedy)
    if settings.environments[environment].sandbox:
        if sandbox is None:
            raise UsageError(f"'{environment}' is a sandbox, and it is not running", "Start it with `drx sandbox up`")
        return _in_sandbox(config, environment, sandbox)
    reader = _Reader(config, environ)
    stated = reader.read(("environments", environment), Environment)
    backups = reader.read(("backups",), Backups) if settings.backups else None
    if reader.problems:
        raise InvalidDocument(reader.problems)
    assert stated is not None
    return _target(stated, environment, config, _backups(backups, config.directory) if backups else None)


def resolve_records(config: Config, environ: Mapping[str, str]) -> BucketStore | None:
    """Read where copies of records go; None where drx.yaml does not say.

    Raises InvalidDocument with every variable and file that is missing.
    """
    if config.settings.records is None or config.settings.records.s3 is None:
        return None
    reader = _Reader(config, environ)
    stated = reader.read(("records",), Records)
    if stated is None or stated.s3 is None:
        raise InvalidDocument(reader.problems)
    return BucketStore(*_bucket(stated.s3), prefix=stated.s3.prefix)


def resolve_text(config: Config, path: ValuePath, environ: Mapping[str, str]) -> str:
    """Read one text of drx.yaml with its references; raises InvalidDocument with what is missing."""
    reader = _Reader(config, environ)
    text = reader.text(path)
    if reader.problems:
        raise InvalidDocument(reader.problems)
    return text


def stated_target(config: Config, environment: str) -> Target:
    """Give an environment as drx.yaml states it, references unread: for what only talks about it.

    Names stand for the addresses of a sandbox. Raises UsageError for an unknown environment.
    """
    settings = config.settings
    if environment not in settings.environments:
        remedy = suggest_environment(settings, environment)
        raise UsageError(f"{config.document.source} has no environment '{environment}'", remedy)
    stated = settings.environments[environment]
    target = _target(stated, environment, config, None)
    if not stated.sandbox:
        return target
    return replace(
        target, mongo=MongoTarget(Secret("mongodb://sandbox"), settings.service),
        uploads=BucketTarget(f"{settings.service}-uploads", "us-east-1"), health_url="http://sandbox/healthz",
        app_url="http://sandbox",
    )  # fmt: skip


class _Reader:
    """Reads parts of drx.yaml with their references resolved, and collects what is missing."""

    def __init__(self, config: Config, environ: Mapping[str, str]) -> None:
        self.document = config.document
        self.directory = config.directory
        self.environ = environ
        self.problems: list[Problem] = []
        self._command = SecretCommand(config.settings.secret_command or (), config.directory, environ)

    def read(self, path: ValuePath, model: type[M]) -> M | None:
        from pydantic import ValidationError

        before = len(self.problems)
        value = self._resolved(self.document.node(path).value, path)
        if len(self.problems) > before:
            return None
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.problems += explain(self.document, path, error, model)
            return None

    def text(self, path: ValuePath) -> str:
        return self._resolve_text(str(self.document.node(path).value), path)

    def _resolved(self, value: object, path: ValuePath) -> object:
        match value:
            case str():
                return self._resolve_text(value, path)
            case dict():
                return {key: self._resolved(part, (*path, key)) for key, part in value.items()}
            case list():
                return [self._resolved(part, (*path, index)) for index, part in enumerate(value)]
            case _:
                return value

    def _resolve_text(self, text: str, path: ValuePath) -> str:
        if text.startswith(FILE):
            return self._read_file(text.removeprefix(FILE), path)
        if text.startswith(COMMAND):
            return self._run_command(text.removeprefix(COMMAND), path)
        for name in dict.fromkeys(REFERENCE.findall(text)):
            if not self.environ.get(name):
                found = "is empty" if name in self.environ else "is not set"
                remedy = f"Set it, for example: export {name}=..."
                self.problems.append(self.document.problem(path, f"the variable {name} {found}", remedy))
        return REFERENCE.sub(lambda match: self.environ.get(match[1], ""), text)

    def _read_file(self, name: str, path: ValuePath) -> str:
        file = self.directory / name
        try:
            with file.open("rb") as stream:
                data = stream.read(_MAX_FILE_BYTES + 1)
            text = data.decode().rstrip("\r\n")
        except OSError as error:
            message = f"the file {file} cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            message = f"the file {file} is not UTF-8 text"
        else:
            if text and len(data) <= _MAX_FILE_BYTES:
                return text
            message = f"the file {file} {'is too long' if text else 'is empty'}"
        self.problems.append(self.document.problem(path, message, "Put the value there, and nothing else"))
        return ""

    def _run_command(self, name: str, path: ValuePath) -> str:
        try:
            return self._command.read(name)
        except UnreadSecret as error:
            self.problems.append(self.document.problem(path, error.message, error.remedy))
            return ""


def _target(stated: Environment, name: str, config: Config, backups: BackupTarget | None) -> Target:
    mongo = stated.mongo
    return Target(
        name=name,
        service=config.settings.kept_as(name),
        protected=stated.protected,
        mongo=MongoTarget(Secret(mongo.uri), mongo.database, mongo.replica_set_id) if mongo else None,
        uploads=BucketTarget(*_bucket(stated.uploads)) if stated.uploads else None,
        host=_host(stated.host, config.directory) if stated.host else None,
        dns=_dns(stated.dns) if stated.dns else None,
        atlas=_atlas(stated.atlas) if stated.atlas else None,
        github=_github(stated.github) if stated.github else None,
        health_url=stated.health_url,
        app_url=stated.app_url,
        backups=backups,
    )


def _host(stated: Host, directory: Path) -> HostTarget | RailwayTarget | SystemdTarget:
    match stated:
        case LocalHost():
            return HostTarget(stated.provider, directory / stated.directory, stated.provision or None)
        case RailwayHost():
            token = Secret(stated.project_token or stated.token or "")
            is_project_token = stated.project_token is not None
            return RailwayTarget(
                stated.project, stated.environment, stated.service, token, is_project_token, stated.api,
                _new_service(stated.provision) if stated.provision else None,
            )  # fmt: skip
        case SystemdHost():
            return SystemdTarget(
                ssh=stated.ssh,
                unit=stated.unit,
                deploy=stated.deploy,
                roll_back=stated.roll_back,
                version=stated.version,
                environment_file=stated.environment_file,
                sudo=stated.sudo,
                ssh_config=directory / stated.ssh_config if stated.ssh_config else None,
                provision=_new_unit(stated.provision, directory) if stated.provision else None,
            )


def _new_service(stated: RailwayProvision) -> NewService:
    variables = _variables(stated.variables)
    return NewService(stated.service, stated.repository, stated.branch, stated.environment, variables)


def _new_unit(stated: SystemdProvision, directory: Path) -> NewUnit:
    return NewUnit(directory / stated.unit_file, stated.directory, _variables(stated.variables))


def _variables(stated: Mapping[str, str]) -> tuple[tuple[str, Secret], ...]:
    return tuple((name, Secret(value)) for name, value in stated.items())


def _dns(stated: Dns) -> DnsTarget:
    records = tuple(name.rstrip(".").lower() for name in stated.records)
    secret = stated.token or stated.secret_access_key
    token = Secret(secret) if secret else None
    return DnsTarget(stated.provider, stated.zone, records, token, stated.api, stated.access_key_id, stated.resolver)


def _atlas(stated: Atlas) -> AtlasTarget:
    return AtlasTarget(
        project=stated.project,
        cluster=stated.cluster,
        restore_into=stated.restore_into,
        identifier=stated.client_id or stated.public_key or "",
        secret=Secret(stated.client_secret or stated.private_key or ""),
        service_account=stated.client_id is not None,
        api=stated.api,
    )


def _github(stated: Github) -> GithubTarget:
    return GithubTarget(stated.repository, Secret(stated.token), stated.workflows, stated.api)


def _bucket(stated: Bucket) -> tuple[str, str, str | None, str | None, str | None, Secret | None]:
    secret = Secret(stated.secret_access_key) if stated.secret_access_key else None
    return stated.bucket, stated.region, stated.endpoint, stated.owner, stated.access_key_id, secret


def _backups(stated: Backups, directory: Path) -> BackupTarget:
    return BackupTarget(
        primary=_store(stated.primary, directory),
        copies=tuple(_store(copy, directory) for copy in stated.copies),
        retention=_retention(stated),
    )


def _store(stated: Store, directory: Path) -> StoreTarget:
    if stated.s3:
        return BucketStore(*_bucket(stated.s3), prefix=stated.s3.prefix)
    return DirectoryStore(directory / (stated.directory or ""))


def _retention(stated: Backups) -> Retention:
    return Retention(**{field.name: getattr(stated.retention, field.name) for field in fields(Retention)})


def _in_sandbox(config: Config, environment: str, sandbox: SandboxAddresses) -> Target:
    stated = config.settings.backups
    return Target(
        name=environment,
        service=config.settings.service,
        sandbox=True,
        mongo=MongoTarget(Secret(sandbox.mongo_uri), sandbox.database),
        uploads=BucketTarget(
            bucket=sandbox.bucket,
            region=sandbox.region,
            endpoint=sandbox.endpoints[sandbox.region],
            access_key_id=sandbox.access_key_id,
            secret_access_key=Secret(sandbox.secret_access_key),
        ),
        host=HostTarget("local", sandbox.host_directory, sandbox.provision_host or None),
        dns=sandbox.dns,
        health_url=sandbox.health_url,
        app_url=sandbox.app_url,
        backups=_sandbox_backups(stated, sandbox) if stated else None,
    )


def _sandbox_backups(stated: Backups, sandbox: SandboxAddresses) -> BackupTarget:
    """Put every store of drx.yaml inside the sandbox, so that practice never reaches a real one."""
    copies = tuple(_sandbox_store(copy, f"copy-{number}", sandbox) for number, copy in enumerate(stated.copies, 1))
    return BackupTarget(_sandbox_store(stated.primary, "primary", sandbox), copies, _retention(stated))


def _sandbox_store(stated: Store, label: str, sandbox: SandboxAddresses) -> StoreTarget:
    if stated.s3 is None:
        return DirectoryStore(sandbox.directory / "stores" / label)
    region = stated.s3.region if stated.s3.region in sandbox.backup_buckets else sandbox.region
    return BucketStore(
        bucket=sandbox.backup_buckets[region],
        region=region,
        endpoint=sandbox.endpoints[region],
        access_key_id=sandbox.access_key_id,
        secret_access_key=Secret(sandbox.secret_access_key),
        prefix=label,
    )
