"""Say what variables and functions of commands by hand stand for; a secret only by where it is kept. Reads nothing."""

from collections.abc import Iterator
from typing import assert_never

from drx.actions.by_hand.dump_tools import SERVER_FUNCTION
from drx.actions.dns import functions_by_hand
from drx.actions.hosts.by_hand import Commands
from drx.config.model import Environment, Settings, Store
from drx.config.providers import LocalHost, RailwayHost, SystemdHost
from drx.config.values import is_reference

Row = tuple[str, str, str]
"""Name, value, and where the value is kept if it must not be written down."""


def variables_of(settings: Settings, environment: str) -> Iterator[Row]:
    """List the variables for one environment, in the order in which a reader needs them."""
    found = settings.environments[environment]
    yield "SERVICE", settings.kept_as(environment), ""
    if found.mongo:
        yield "MONGO_URI", *_value(found.mongo.uri, secret=True)
        yield "DATABASE", *_value(found.mongo.database)
    if found.uploads:
        yield "UPLOADS", *_value(found.uploads.bucket)
        yield "REGION", *_value(found.uploads.region)
    if settings.backups:
        yield "STORE", *_store(settings.backups.primary)
        for number, copy in enumerate(settings.backups.copies, 1):
            yield "COPY" if number == 1 else f"COPY_{number}", *_store(copy)
    yield from _host(found)
    if found.dns:
        yield "DNS_ZONE", *_value(found.dns.zone)
        if found.dns.token:
            yield "CLOUDFLARE_TOKEN", *_value(found.dns.token, secret=True)


def functions_of(settings: Settings, environment: str) -> tuple[str, ...]:
    """Define the functions that commands by hand call, line by line."""
    found = settings.environments[environment]
    server = SERVER_FUNCTION if found.mongo else ()
    return (*server, *Commands(found).functions(), *functions_by_hand(found.dns))


def _host(environment: Environment) -> Iterator[Row]:
    match environment.host:
        case LocalHost() as host:
            yield "HOST_DIRECTORY", *_value(host.directory)
        case RailwayHost() as host:
            yield "RAILWAY_PROJECT", *_value(host.project)
            yield "RAILWAY_ENVIRONMENT", *_value(host.environment)
            yield "RAILWAY_SERVICE", *_value(host.service)
            yield "RAILWAY_TOKEN", *_value(host.token or host.project_token or "", secret=True)
        case SystemdHost() as host:
            yield "HOST", *_value(host.ssh)
            yield "UNIT", *_value(host.unit)
            if host.environment_file:
                yield "ENVIRONMENT_FILE", *_value(host.environment_file)
        case None:
            pass
        case _ as never:
            assert_never(never)


def _store(store: Store) -> tuple[str, str]:
    if store.s3:
        prefix = f"/{store.s3.prefix.strip('/')}" if store.s3.prefix.strip("/") else ""
        return _value(f"s3://{store.s3.bucket}{prefix}")
    return _value(store.directory or "")


def _value(stated: str, *, secret: bool = False) -> tuple[str, str]:
    if is_reference(stated):
        return "...", f"drx.yaml takes it from {stated}"
    return ("...", "it stands in drx.yaml") if secret else (stated, "")
