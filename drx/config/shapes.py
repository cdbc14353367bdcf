"""Turn what drx.yaml says of servers and stores into what a run uses: paths found, secrets wrapped. Reads nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

from drx.config.load import Config
from drx.config.model import Backups, Bucket, Environment, Store
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
from drx.config.servers import (
    AtlasTarget,
    DnsTarget,
    GithubTarget,
    HostTarget,
    MongoTarget,
    NewService,
    NewUnit,
    RailwayTarget,
    SystemdTarget,
)
from drx.config.target import BackupTarget, BucketStore, BucketTarget, DirectoryStore, Retention, StoreTarget, Target
from drx.secrets import Secret


def target_of(stated: Environment, name: str, config: Config, backups: BackupTarget | None) -> Target:
    mongo = stated.mongo
    return Target(
        name=name,
        service=config.settings.kept_as(name),
        protected=stated.protected,
        mongo=MongoTarget(Secret(mongo.uri), mongo.database, mongo.replica_set_id) if mongo else None,
        uploads=BucketTarget(*bucket_of(stated.uploads)) if stated.uploads else None,
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
    secret = stated.token or stated.secret_access_key
    token = Secret(secret) if secret else None
    return DnsTarget(stated.provider, stated.zone, plain_names(stated.records), token, stated.api, stated.access_key_id)


def plain_names(names: Iterable[str]) -> tuple[str, ...]:
    """Write names of DNS as they are compared."""
    return tuple(name.rstrip(".").lower() for name in names)


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


def bucket_of(stated: Bucket) -> tuple[str, str, str | None, str | None, str | None, Secret | None]:
    secret = Secret(stated.secret_access_key) if stated.secret_access_key else None
    return stated.bucket, stated.region, stated.endpoint, stated.owner, stated.access_key_id, secret


def backups_of(stated: Backups, directory: Path) -> BackupTarget:
    return BackupTarget(
        primary=_store(stated.primary, directory),
        copies=tuple(_store(copy, directory) for copy in stated.copies),
        retention=retention_of(stated),
    )


def _store(stated: Store, directory: Path) -> StoreTarget:
    if stated.s3:
        return BucketStore(*bucket_of(stated.s3), prefix=stated.s3.prefix)
    return DirectoryStore(directory / (stated.directory or ""))


def retention_of(stated: Backups) -> Retention:
    return Retention(**{field.name: getattr(stated.retention, field.name) for field in fields(Retention)})
