"""drx.yaml and what it means: `load_config` reads it, `resolve_target` makes one environment ready for use."""

from drx.config.in_sandbox import SandboxAddresses
from drx.config.load import Config, find_config, load_config, read_config
from drx.config.model import Settings
from drx.config.narrow import narrowed
from drx.config.resolve import resolve_records, resolve_target, stated_target
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
from drx.config.sources import sources_beside, sources_of, sources_to_hide
from drx.config.strays import stray_secrets
from drx.config.target import (
    PARTS,
    BackupTarget,
    BucketStore,
    BucketTarget,
    DirectoryStore,
    Retention,
    StoreTarget,
    Target,
    is_secret_name,
)

__all__ = [
    "PARTS",
    "AtlasTarget",
    "BackupTarget",
    "BucketStore",
    "BucketTarget",
    "Config",
    "DirectoryStore",
    "DnsTarget",
    "GithubTarget",
    "HostTarget",
    "MongoTarget",
    "NewService",
    "NewUnit",
    "RailwayTarget",
    "Resolver",
    "Retention",
    "SandboxAddresses",
    "Settings",
    "StoreTarget",
    "SystemdTarget",
    "Target",
    "find_config",
    "is_secret_name",
    "load_config",
    "narrowed",
    "read_config",
    "resolve_records",
    "resolve_target",
    "sources_beside",
    "sources_of",
    "sources_to_hide",
    "stated_target",
    "stray_secrets",
]
