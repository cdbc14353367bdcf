"""Try what a new drx.yaml names, once, and say what is there: reads only, and every part within seconds."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

from drx.config import (
    BucketStore,
    Config,
    DirectoryStore,
    GithubTarget,
    HostTarget,
    RailwayTarget,
    StoreTarget,
    SystemdTarget,
    Target,
    resolve_target,
)
from drx.errors import DrxError
from drx.guard import identify, identify_bucket
from drx.starter import Answers, Production, RailwayHost
from drx.starter.answers import ATLAS_ID, ATLAS_SECRET, CLOUDFLARE_TOKEN, GITHUB_TOKEN
from drx.units import show_duration

_SECONDS = 5.0
_UNSET = "mongodb://unset"
"""Stands in for a variable that is not set, so that everything else can be read."""


@dataclass(frozen=True)
class Tried:
    """What became of one part."""

    name: str
    good: bool
    told: str
    remedy: str = ""


def try_all(config: Config, answers: Answers, environ: Mapping[str, str] = os.environ) -> Iterator[Tried]:
    """Ask every server that was named something harmless, one after the other; what fails is told, and ends nothing."""
    production, staging = answers.production, answers.staging_variable
    if production:
        unset = {name for name in production.variables if not environ.get(name)}
        yield from _try("production", config, environ, unset, lambda target: _questions(target, production))
    if staging:
        unset = set() if environ.get(staging) else {staging}
        yield from _try("staging", config, environ, unset, lambda target: [_database_of(target, "staging", staging)])


def _try(
    name: str,
    config: Config,
    environ: Mapping[str, str],
    unset: Set[str],
    questions: "Callable[[Target], Iterable[Question]]",
) -> Iterator[Tried]:
    target = resolve_target(config, name, {**environ, **dict.fromkeys(unset, _UNSET)})
    for part, variables, ask in questions(target):
        variable = next((needed for needed in variables if needed in unset), None)
        if variable:
            yield Tried(part, False, f"the variable {variable} is not set now", f"Set it: export {variable}=...")
        else:
            yield _tried(part, ask)


def _tried(name: str, ask: Callable[[], str]) -> Tried:
    try:
        return Tried(name, True, ask())
    except DrxError as error:
        return Tried(name, False, error.message, error.remedy)


Question = tuple[str, tuple[str, ...], Callable[[], str]]
"""What is asked, the variables that it needs, and what asks."""


def _questions(target: Target, production: Production) -> Iterator[Question]:
    yield _database_of(target, "database", production.mongo_variable)
    if target.atlas:
        yield "Atlas", (ATLAS_ID, ATLAS_SECRET), lambda: identify(target, "atlas").value
    if target.uploads:
        yield "uploads", (), lambda: identify(target, "uploads").value
    if target.backups:
        for label, store in target.backups.labelled:
            yield ("backups" if store is target.backups.primary else label), (), _asking_store(store)
    match target.host:
        case None:
            pass
        case HostTarget(directory=directory):
            yield "application", (), partial(_directory, directory)
        case RailwayTarget() | SystemdTarget():
            yield "application", _token(production), lambda: identify(target, "host").value
        case _:
            assert_never(target.host)
    if target.dns:
        token = (CLOUDFLARE_TOKEN,) if target.dns.provider == "cloudflare" else ()
        yield "DNS zone", token, lambda: identify(target, "dns").value
    if target.github:
        yield "GitHub", (GITHUB_TOKEN,), partial(_repository, target.github)
    yield "health page", (), lambda: _health(production.health_url)


def _database_of(target: Target, name: str, variable: str) -> Question:
    return name, (variable,), lambda: _database(target)


def _database(target: Target) -> str:
    """Say who the server is, and how far its oplog reaches: without one, only the last night can be restored."""
    from pymongo import MongoClient

    from drx.backup.oplog.capture import newest_position, oldest_position

    who = identify(target, "mongo").value
    assert target.mongo is not None
    milliseconds = int(1000 * _SECONDS)
    with MongoClient[dict[str, object]](
        target.mongo.uri.reveal(), serverSelectionTimeoutMS=milliseconds, socketTimeoutMS=milliseconds
    ) as client:
        newest, oldest = newest_position(client), oldest_position(client)
    reach = show_duration(newest.as_datetime() - oldest.as_datetime())
    return f"{who}; its oplog reaches back {reach}"


def _repository(github: GithubTarget) -> str:
    from drx.actions.providers.github import GithubClient
    from drx.guard.providers import Patience

    return f"{GithubClient(github, Patience()).repository().full_name} may be read"


def _asking_store(store: StoreTarget) -> Callable[[], str]:
    match store:
        case BucketStore():
            return lambda: identify_bucket(store).value
        case DirectoryStore():
            return partial(_directory, store.path)
        case _:
            assert_never(store)


def _token(production: Production) -> tuple[str, ...]:
    return (production.host.token_variable,) if isinstance(production.host, RailwayHost) else ()


def _directory(path: Path) -> str:
    if not path.is_dir():
        raise DrxError(f"there is no directory {path}", f"Make it, or mount it: mkdir -p {path}")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise DrxError(f"the directory {path} may not be written", "Let the user that runs drx write there")
    return str(path)


def _health(url: str) -> str:
    from drx.actions.web import LOOK, Exchange

    exchange = Exchange("GET", url, {}, None, _SECONDS, 5)
    limit = threading.Timer(2 * _SECONDS, exchange.stop)
    limit.daemon = True
    limit.start()
    try:
        reply = exchange.run()
    finally:
        limit.cancel()
    if not 200 <= reply.status < 300:
        raise DrxError(f"{url} answers {reply.status}", LOOK)
    return f"{url} answers {reply.status}"
