"""Answers by name instead of by question, for whoever scripts `drx init`. Pure; raises ValueError, which names them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from drx.starter.answers import (
    RAILWAY_TOKEN,
    Answers,
    Host,
    LocalHost,
    Production,
    RailwayHost,
    SystemdHost,
    Zone,
    sandbox_answers,
)
from drx.starter.reading import (
    database_in,
    host_of,
    read_bucket,
    read_cluster,
    read_database,
    read_line,
    read_name,
    read_place,
    read_repository,
    read_span,
    read_ssh,
    read_unit,
    read_url,
    read_variable,
    read_zone,
)
from drx.yaml_source.problems import suggest

T = TypeVar("T")
NAMES = (
    "health", "rto", "rpo", "mongo", "database", "uploads", "backups", "copy", "endpoint", "host", "channel", "atlas",
    "dns", "dns_name", "github", "staging",
)  # fmt: skip
"""What may be given; `health` has to be, everything else is what Enter means at a terminal."""


def read_answers(given: Mapping[str, str], service: str, environ: Mapping[str, str]) -> Answers:
    """Read answers by their names; the name of the database is suggested by its address, where that is set."""
    unknown = next((name for name in given if name not in NAMES), None)
    if unknown is not None:
        raise ValueError(f"{unknown} is asked nowhere. {suggest(unknown, NAMES)}")
    if "health" not in given:
        raise ValueError("health is needed: the address that answers 200 only while the service works")

    def read(name: str, reader: Callable[[str], T], otherwise: T) -> T:
        try:
            return reader(given[name]) if name in given else otherwise
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    first, mongo = sandbox_answers(service), read("mongo", read_variable, "DATABASE_URL")
    health, zone = read("health", read_url, ""), read("dns", read_zone, None)
    production = Production(
        mongo,
        read("database", read_database, database_in(environ.get(mongo, "")) or service),
        health,
        read("uploads", read_bucket, None),
        read("host", _read_host, None),
        read("endpoint", read_url, None),
        read("atlas", read_cluster, None),
        Zone(*zone, read("dns_name", read_name, host_of(health))) if zone else None,
        read("github", read_repository, None),
    )
    return replace(
        first,
        rto=read("rto", read_span, first.rto),
        rpo=read("rpo", read_span, first.rpo),
        channel=read("channel", read_line, first.channel),
        primary=read("backups", read_place, first.primary),
        copy=read("copy", read_place, None),
        production=production,
        staging_variable=read("staging", read_variable, None),
    )


def _read_host(text: str) -> Host:
    kind, _, rest = text.partition(":")
    match kind, *rest.split("/"):
        case "systemd", ssh, unit:
            return SystemdHost(read_ssh(ssh), read_unit(unit))
        case "railway", project, environment, itself:
            return RailwayHost(read_line(project), read_line(environment), read_line(itself), RAILWAY_TOKEN)
        case "directory", *_:
            return LocalHost(read_line(rest))
        case _:
            forms = "systemd:USER@HOST/UNIT, railway:PROJECT/ENVIRONMENT/SERVICE (their ids) or directory:PATH"
            raise ValueError(f"'{text}' is no host. Write {forms}")
