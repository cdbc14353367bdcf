"""The actions `sandbox.*`: what a drill does to a sandbox besides the disaster. They refuse any other environment."""

import json
from datetime import datetime
from pathlib import Path

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.config import HostTarget
from drx.errors import RefusedError, StepError
from drx.fields import Moment
from drx.sandbox.state import DATABASE, load_state, sandbox_directory
from drx.units import show_time
from drx.values import Json

_BY_HAND = "# only drx fills and uses a sandbox; elsewhere, these are the users"


class Seed(Params):
    users: int = Field(default=1000, ge=20)
    """How many users to make."""
    images: int = Field(default=50_000, ge=20)
    """How many image documents to make."""
    objects: int = Field(default=2000, ge=1)
    """How many objects to put in the uploads bucket; image documents refer to them."""
    number: int = 1
    """The same number makes the same data."""


class StartWriting(Params):
    rate: float = Field(default=200, gt=0, le=1000)
    """Writes a second: inserts, updates and a few deletes."""


class StopWriting(Params):
    pass


class CompareLedger(Params):
    database: str
    """The database to hold against the ledger, such as the restored one."""
    until: Moment | None = None
    """Expect the writes up to this moment; without it, all of them."""


@action(
    "sandbox.seed",
    effect="write",
    repeatable=True,
    targets=("mongo", "uploads"),
    uses=("host",),
    outputs={"writes": "documents written", "last_write_at": "when the last one was acknowledged"},
    resource=lambda _, __: DATABASE,
    by_hand=lambda _: _BY_HAND,
)
def seed_sandbox(params: Seed, context: Context) -> Result:
    """Fill the sandbox with PixelCraft's data, and log every document in the ledger.

    It replaces the users and images that were there, and points the application at them again. Objects of an earlier
    seed stay as older versions.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from pymongo.errors import PyMongoError

    from drx.sandbox.ledger import read_history
    from drx.sandbox.seed import Sizes, seed
    from drx.sandbox.servers import deploy
    from drx.sandbox.state import ledger_path
    from drx.sandbox.writing import end_writer

    directory = directory_of(context)

    def progress(done: int, total: int, unit: str) -> None:
        context.check()
        context.progress(done, total, unit)

    end_writer(directory)
    deploy(directory, DATABASE)
    try:
        seed(directory, Sizes(params.users, params.images, params.objects), params.number, progress)
    except (PyMongoError, BotoCoreError, ClientError) as error:
        raise StepError(f"the sandbox cannot be seeded: {error}", "Look at it with 'drx sandbox status'") from error
    history = read_history(ledger_path(directory))
    return Result({"writes": history.writes, "last_write_at": _shown(history.last_write_at)})


@action(
    "sandbox.write",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    uses=("host",),
    resource=lambda _, __: DATABASE,
    by_hand=lambda _: _BY_HAND,
)
def start_writing(params: StartWriting, context: Context) -> Result:
    """Start a process that goes on writing as PixelCraft's users would, every write in the ledger.

    It runs until `sandbox.stop_writing`, until the sandbox goes down, or until it notices that its collection is gone:
    it never brings a dropped one back on purpose, so stop it before the fault.
    """
    from drx.sandbox import writing

    member = writing.start_writing(directory_of(context), params.rate, context.check)
    return Result(lines=(f"writing {params.rate:g} times a second as process {member.pid}",))


@action(
    "sandbox.stop_writing",
    effect="write",
    repeatable=True,
    uses=("host",),
    outputs={
        "writes": "acknowledged writes in the ledger, the seed's among them",
        "in_flight": "writes that were sent and never acknowledged",
        "last_write_at": "when the last one was acknowledged",
        "last_image": "`_id` of the newest image, as Extended JSON",
    },
    by_hand=lambda _: _BY_HAND,
)
def stop_writing(params: StopWriting, context: Context) -> Result:
    """Stop the writer after the write in hand; every write in the ledger then lies before whatever comes next."""
    from drx.sandbox import writing

    written = writing.stop_writing(directory_of(context))
    last = _shown(written.last_write_at)
    outputs: dict[str, Json] = {
        "writes": written.writes,
        "in_flight": written.in_flight,
        "last_write_at": last,
        "last_image": json.loads(written.last_image) if written.last_image else None,
    }
    return Result(outputs, (f"{written.writes} writes, the last at {last}, {written.in_flight} in flight",))


@action(
    "sandbox.compare_ledger",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    uses=("host",),
    outputs={
        "expected": "documents that the ledger says must be there",
        "found": "documents that are there",
        "digest_equal": "whether every document has the SHA-256 that its writer logged",
        "writes": "acknowledged writes in the ledger",
        "in_flight": "writes that may be there or not",
        "proven_until": "time of the last write such that it and all before it are there",
    },
)
def compare_ledger(params: CompareLedger, context: Context) -> Result:
    """Hold every document of a database against what its writers logged; fail if any is missing, different or extra.

    The indexes are held against those that the application needs. The ledger is written by those who write the data,
    so it knows nothing of backups, and a backup nothing of it.
    """
    from pymongo.errors import PyMongoError

    from drx.sandbox.comparison import compare
    from drx.sandbox.documents import read_database, read_indexes
    from drx.sandbox.ledger import read_history
    from drx.sandbox.pixelcraft import lacking_indexes
    from drx.sandbox.state import ledger_path

    directory = directory_of(context)
    history = read_history(ledger_path(directory), params.until)
    uri = load_state(directory).mongo_uri
    try:
        found = read_database(uri, params.database, context.check)
        lacking = lacking_indexes(read_indexes(uri, params.database))
    except PyMongoError as error:
        raise StepError(f"'{params.database}' cannot be read: {error}", "See that the server answers") from error
    verdict = compare(history, found)
    if not verdict.equal:
        raise StepError(verdict.summary(params.database), "The restore is not complete: look at the examples")
    if lacking:
        raise StepError(f"'{params.database}': {', '.join(lacking)}", "The restore is not complete: make these indexes")
    outputs: dict[str, Json] = {
        "expected": sum(counts.expected for counts in verdict.collections.values()),
        "found": sum(counts.found for counts in verdict.collections.values()),
        "digest_equal": verdict.equal,
        "writes": verdict.writes,
        "in_flight": verdict.in_flight,
        "proven_until": _shown(verdict.proven_until),
    }
    return Result(outputs, (verdict.summary(params.database),), proven_until=verdict.proven_until)


def directory_of(context: Context) -> Path:
    """Give the sandbox that a run uses; raises RefusedError where its environment is none."""
    target = context.target
    if not target.sandbox or not isinstance(target.host, HostTarget):
        raise RefusedError(f"'{target.name}' is no sandbox", "Use --env with the sandbox environment of drx.yaml")
    return sandbox_directory(target.host.directory)


def _shown(moment: datetime | None) -> str | None:
    return show_time(moment) if moment else None
