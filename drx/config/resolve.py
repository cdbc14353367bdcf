"""Make one environment of drx.yaml ready for use: references read, the sandbox's addresses in. Connects nowhere."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from drx.config.in_sandbox import SandboxAddresses, sandbox_target
from drx.config.load import Config, ValuePath, suggest_environment
from drx.config.model import Backups, Environment, Records
from drx.config.reader import Reader
from drx.config.servers import MongoTarget, Resolver
from drx.config.shapes import backups_of, bucket_of, plain_names, target_of
from drx.config.target import PARTS, BucketStore, BucketTarget, Target
from drx.errors import UsageError
from drx.secrets import Secret
from drx.yaml_source import InvalidDocument


def resolve_target(
    config: Config,
    environment: str,
    environ: Mapping[str, str],
    sandbox: SandboxAddresses | None = None,
    parts: Collection[str] = PARTS,
) -> Target:
    """Read the references of these parts of an environment, from `environ`, from files and by `secret_command`.

    What stands under other parts is not looked at, and they are None; a sandbox, which has no secrets, is given whole.

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
        return sandbox_target(config, environment, sandbox)
    reader = Reader(config, environ)
    stated = reader.read(("environments", environment), Environment, without=set(PARTS).difference(parts))
    backups = reader.read(("backups",), Backups) if settings.backups and "store" in parts else None
    resolver = _resolver(config, environment, reader) if "resolver" in parts else None
    if reader.problems:
        raise InvalidDocument(reader.problems)
    assert stated is not None
    stores = backups_of(backups, config.directory) if backups else None
    return replace(target_of(stated, environment, config, stores), resolver=resolver)


def _resolver(config: Config, environment: str, reader: Reader) -> Resolver | None:
    """Read who is asked for names, without the credentials of the zone beside it."""
    stated, path = config.settings.environments[environment].dns, ("environments", environment, "dns")
    if stated is None or stated.resolver is None:
        return None
    names = [reader.text((*path, "records", index)) for index in range(len(stated.records))]
    return Resolver(reader.text((*path, "resolver")), plain_names(names))


def resolve_records(config: Config, environ: Mapping[str, str]) -> BucketStore | None:
    """Read where copies of records go; None where drx.yaml does not say.

    Raises InvalidDocument with every variable and file that is missing.
    """
    if config.settings.records is None or config.settings.records.s3 is None:
        return None
    reader = Reader(config, environ)
    stated = reader.read(("records",), Records)
    if stated is None or stated.s3 is None:
        raise InvalidDocument(reader.problems)
    return BucketStore(*bucket_of(stated.s3), prefix=stated.s3.prefix)


def resolve_text(config: Config, path: ValuePath, environ: Mapping[str, str]) -> str:
    """Read one text of drx.yaml with its references; raises InvalidDocument with what is missing."""
    reader = Reader(config, environ)
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
    target = target_of(stated, environment, config, None)
    if not stated.sandbox:
        return target
    return replace(
        target, mongo=MongoTarget(Secret("mongodb://sandbox"), settings.service),
        uploads=BucketTarget(f"{settings.service}-uploads", "us-east-1"), health_url="http://sandbox/healthz",
        app_url="http://sandbox",
    )  # fmt: skip
