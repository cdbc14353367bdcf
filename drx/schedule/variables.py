"""Which environment variables a job needs: those that drx.yaml names for what the job uses, and no others. Pure."""

from collections.abc import Iterator

from drx.config.model import About, Bucket, Environment, Schedule, Settings
from drx.config.values import COMMAND, REFERENCE
from drx.fields import Model

_OF_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_RESOLVER = {"dns": {"resolver", "records"}}


def variables_of(settings: Settings, environment: str, schedule: Schedule, parts: frozenset[str]) -> tuple[str, ...]:
    """List the variables for a run that touches these parts of its environment, by name.

    Where drx.yaml names no keys for something at AWS, those are among them that AWS's own tools read.
    """
    stated = settings.environments.get(environment)
    written = [schedule.ping or "", *_heard_of(settings, environment)]
    if stated is not None and not stated.sandbox:
        written += [part.model_dump_json() for part in _beside(settings, parts)]
        written.append(stated.model_dump_json(include=set(parts)))
        if "resolver" in parts and stated.dns is not None and stated.dns.resolver is not None:
            written.append(stated.model_dump_json(include=_RESOLVER))
    names = set(REFERENCE.findall(" ".join(written)))
    if any(text.startswith(COMMAND) or f'"{COMMAND}' in text for text in written):
        names.update(settings.secret_variables)
    if stated is not None and not stated.sandbox and _asks_aws(stated, settings, parts):
        names.update(_OF_AWS)
    return tuple(sorted(names))


def _beside(settings: Settings, parts: frozenset[str]) -> Iterator[Model]:
    """What a run outside of a sandbox uses besides its environment: stores, and where its record is copied."""
    if settings.backups is not None and "store" in parts:
        yield settings.backups
    if settings.records is not None:
        yield settings.records


def _heard_of(settings: Settings, environment: str) -> Iterator[str]:
    """Give the addresses that may hear of a run there; that it was missed, `drx status` tells, and not the run."""
    stated, notify = settings.environments.get(environment), settings.notify
    practice = stated is not None and stated.sandbox
    for channel in (*notify.hooks, *notify.channels):
        if channel.covers(environment, practice=practice) and set(channel.on) != {About.MISSED}:
            yield channel.url
            yield notify.report_url or ""


def _asks_aws(stated: Environment, settings: Settings, parts: frozenset[str]) -> bool:
    """Whether boto3 has to find keys by itself."""
    zone = stated.dns if "dns" in parts else None
    return (zone is not None and zone.provider == "route53" and zone.access_key_id is None) or any(
        bucket.access_key_id is None for bucket in _buckets(stated, settings, parts)
    )


def _buckets(stated: Environment, settings: Settings, parts: frozenset[str]) -> Iterator[Bucket]:
    if stated.uploads is not None and "uploads" in parts:
        yield stated.uploads
    if settings.backups is not None and "store" in parts:
        yield from (store.s3 for store in (settings.backups.primary, *settings.backups.copies) if store.s3 is not None)
    if settings.records is not None and settings.records.s3 is not None:
        yield settings.records.s3
