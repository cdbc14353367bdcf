"""drx.yaml and what it means: `load_config` reads it, `resolve_target` makes one environment ready for use."""

from drx.config.load import Config, find_config, load_config, read_config
from drx.config.model import Settings
from drx.config.resolve import SandboxAddresses, resolve_records, resolve_target, stated_target
from drx.config.sources import sources_beside, sources_of, sources_to_hide
from drx.config.strays import stray_secrets
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
    is_secret_name,
)

__all__ = [
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
    "Retention",
    "SandboxAddresses",
    "Settings",
    "StoreTarget",
    "SystemdTarget",
    "Target",
    "find_config",
    "is_secret_name",
    "load_config",
    "read_config",
    "resolve_records",
    "resolve_target",
    "sources_beside",
    "sources_of",
    "sources_to_hide",
    "stated_target",
    "stray_secrets",
]
