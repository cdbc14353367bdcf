"""Answers of every kind, and what `drx check` says of the project that they make."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from drx.actions.registry import catalogue
from drx.cli.check import surroundings_of
from drx.cli.init import shipped
from drx.config import Config, read_config
from drx.runbook.check import check_document
from drx.runbook.load import Binder
from drx.starter import (
    Answers,
    Bucket,
    Directory,
    Host,
    LocalHost,
    Place,
    Production,
    RailwayHost,
    Starter,
    SystemdHost,
    make_starter,
)
from drx.yaml_source import Problem

HOSTS: tuple[Host | None, ...] = (
    None,
    LocalHost("app"),
    RailwayHost("0af1", "prod", "7", "RAILWAY_TOKEN"),
    SystemdHost("deploy@shop.example", "shop.service"),
)
UPLOADS = (None, Bucket("shop-uploads"))
COPIES: tuple[Place | None, ...] = (None, Bucket("shop-copy", "eu-west-1"), Directory("/mnt/offline"))
PRIMARIES: tuple[Place, ...] = (Bucket("shop-backups"), Directory("backups/"))


def answers(
    host: Host | None = None,
    uploads: Bucket | None = None,
    copy: Place | None = None,
    primary: Place = PRIMARIES[0],
    rto: str = "2h",
    rpo: str = "1h",
    endpoint: str | None = None,
    **providers: Any,
) -> Answers:
    """Answers for a shop with a production."""
    production = Production(
        "DATABASE_URL", "shop", "https://shop.example/healthz", uploads, host, endpoint, **providers
    )
    return Answers("shop", rto, rpo, "#shop-alerts", primary, copy, production)


def all_answers() -> Iterator[Answers]:
    """Every combination of kinds."""
    for host, uploads, copy, primary in product(HOSTS, UPLOADS, COPIES, PRIMARIES):
        yield answers(host, uploads, copy, primary)


def starter_of(given: Answers) -> Starter:
    """What `drx init` would write."""
    return make_starter(given, shipped(), catalogue)


def config_of(starter: Starter) -> Config:
    """The drx.yaml of a project, read; raises with everything that is wrong with it."""
    return read_config(starter.files["drx.yaml"].encode(), "drx.yaml", Path("/nowhere"))


def errors_of(starter: Starter) -> list[Problem]:
    """What `drx check` finds wrong, warnings aside."""
    surroundings = surroundings_of(config_of(starter))
    files = {name: text.encode() for name, text in starter.files.items() if "/" in name}
    found = [
        problem
        for name, data in files.items()
        for problem in check_document(data, name, catalogue, Binder(files), surroundings)
    ]
    return [problem for problem in found if problem.severity == "error"]
