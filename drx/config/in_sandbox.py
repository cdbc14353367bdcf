"""An environment whose servers are those of a running sandbox. Refers to nothing outside of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drx.config.load import Config
from drx.config.model import Backups, Store
from drx.config.servers import DnsTarget, HostTarget, MongoTarget, Resolver
from drx.config.shapes import retention_of
from drx.config.target import BackupTarget, BucketStore, BucketTarget, DirectoryStore, StoreTarget, Target
from drx.secrets import Secret


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
    """The zone that the application's name stands in."""
    resolver: Resolver | None = None
    """The resolver that knows it."""


def sandbox_target(config: Config, environment: str, sandbox: SandboxAddresses) -> Target:
    """Put the addresses of the running sandbox where another environment has its own."""
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
        resolver=sandbox.resolver,
        health_url=sandbox.health_url,
        app_url=sandbox.app_url,
        backups=_sandbox_backups(stated, sandbox) if stated else None,
    )


def _sandbox_backups(stated: Backups, sandbox: SandboxAddresses) -> BackupTarget:
    """Put every store of drx.yaml inside the sandbox, so that practice never reaches a real one."""
    copies = tuple(_sandbox_store(copy, f"copy-{number}", sandbox) for number, copy in enumerate(stated.copies, 1))
    return BackupTarget(_sandbox_store(stated.primary, "primary", sandbox), copies, retention_of(stated))


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
