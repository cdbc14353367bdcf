"""See that what a recovery needs to know can be read, before the day it is needed. Shows no value."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.hosts import open_host
from drx.actions.servers import address_of, with_mongo
from drx.config import PARTS, RailwayTarget, StoreTarget, SystemdTarget, Target
from drx.errors import Cancelled, DrxError, StepError
from drx.fields import Text
from drx.values import Json


class CheckSecrets(Params):
    variables: tuple[str, ...] = ()
    """Environment variables that have to hold something, besides those that drx.yaml refers to."""
    files: tuple[Text, ...] = ()
    """Files that have to be readable and not empty, such as the key that opens the vault."""
    try_them: bool = Field(default=True)
    """Ask each server of the environment something harmless, to see that it accepts the credentials."""


def _by_hand(params: CheckSecrets) -> str:
    lines = [f'test -n "${{{name}}}" && echo "{name} is set"' for name in params.variables]
    lines += [f'test -s "{name}" && test -r "{name}" && echo "{name} can be read"' for name in params.files]
    return "\n".join(lines) or "# log in by hand at every service that drx.yaml names"


@action(
    "secrets.check",
    effect="read",
    repeatable=True,
    uses=PARTS,
    by_hand=_by_hand,
    outputs={"checked": "What was checked, by name.", "count": "How many that are."},
)
def check_secrets(params: CheckSecrets, context: Context) -> Result:
    """See that every secret can be read and is accepted.

    Whatever drx.yaml refers to was read when the run began, or it would not have begun. This step tries those
    credentials at the servers themselves, and looks at further variables and files. All that is wrong is said at once.
    """
    checks = [*_stated(params), *(_tried(context.target, context) if params.try_them else ())]
    good: list[str] = []
    wrong: dict[str, str] = {}
    for number, (name, check) in enumerate(checks):
        context.check()
        context.progress(number, len(checks), "secrets")
        said = _said(check, context)
        if said:
            wrong[name] = said
        else:
            good.append(name)
    if wrong:
        message = f"{len(wrong)} of {len(checks)} secrets cannot be used: {', '.join(wrong)}"
        lines = tuple(f"{name}: {said}" for name, said in wrong.items())
        raise StepError(message, "Mend them now, while nothing is burning", lines=lines)
    if not good:
        raise StepError("there is nothing to check", "State servers in drx.yaml, or give `variables` or `files`")
    names: list[Json] = [*good]
    return Result({"checked": names, "count": len(good)}, tuple(f"{name}: good" for name in good))


Check = Callable[[], str]
"""Gives what is wrong; nothing where all is well."""


def _said(check: Check, context: Context) -> str:
    try:
        return check()
    except Cancelled:
        raise
    except DrxError as error:
        return context.mask(error.message)


def _stated(params: CheckSecrets) -> Iterator[tuple[str, Check]]:
    for variable in params.variables:
        yield f"variable {variable}", partial(_unset, variable)
    for file in params.files:
        yield f"file {file}", partial(_unreadable, Path(file))


def _unset(variable: str) -> str:
    return "" if os.environ.get(variable) else "not set, or empty"


def _unreadable(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return "" if stream.read(1) else "empty"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _tried(target: Target, context: Context) -> Iterator[tuple[str, Check]]:
    if target.mongo:
        yield "mongo.uri", lambda: _good(with_mongo(context, lambda client: client.admin.command("ping")))
    if target.uploads:
        yield "keys of the bucket of uploads", lambda: _uploads(context)
    if target.atlas:
        yield "credentials of atlas", lambda: _atlas(context)
    if target.dns:
        yield "dns.token", lambda: _dns(context)
    if target.github:
        yield "github.token", lambda: _github(context)
    if isinstance(target.host, RailwayTarget | SystemdTarget):
        yield "credentials of host", lambda: _host(context)
    if target.backups:
        stores = (target.backups.primary, *target.backups.copies)
        for number, store in enumerate(stores):
            name = f"keys of backups.copies[{number - 1}]" if number else "keys of backups.primary"
            yield name, partial(_store, store, context)


def _good(_: object) -> str:
    return ""


def _uploads(context: Context) -> str:
    from drx.actions.bucket import uploads_bucket

    with uploads_bucket(context) as uploads:
        uploads.client.head_bucket(Bucket=uploads.bucket, **uploads.owner)
    return ""


def _store(store: StoreTarget, context: Context) -> str:
    from drx.backup.stores import open_store

    opened = open_store(address_of(store))
    return call_blocking(context, lambda: _good(next(iter(opened.list("")), None)), lambda: None)


def _host(context: Context) -> str:
    return _good(open_host(context).logs(1))


def _atlas(context: Context) -> str:
    from drx.actions.providers.atlas import AtlasClient

    assert context.target.atlas is not None
    return _good(AtlasClient(context.target.atlas, context).cluster(context.target.atlas.cluster))


def _dns(context: Context) -> str:
    from drx.actions.providers.dns import open_zone

    assert context.target.dns is not None
    return _good(open_zone(context.target.dns, context).identity())


def _github(context: Context) -> str:
    from drx.actions.providers.github import GithubClient

    assert context.target.github is not None
    return _good(GithubClient(context.target.github, context).repository())
