"""Fill a sandbox with PixelCraft's data, logging every document in the ledger. Replaces what was there before."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from drx.sandbox.buckets import connect_s3
from drx.sandbox.documents import RAW, name_of, sha256
from drx.sandbox.host import Settings, read_settings
from drx.sandbox.ledger import Ledger, Write
from drx.sandbox.pixelcraft import IMAGES, INDEXES, USERS, Document, PixelCraft, StoredObject
from drx.sandbox.state import ledger_path

if TYPE_CHECKING:
    from pymongo.database import Database

_BATCH = 1000
_S3_THREADS = 4


@dataclass(frozen=True)
class Sizes:
    """How much data to make."""

    users: int = 1000
    images: int = 50_000
    objects: int = 2000


Progress = Callable[[int, int, str], None]
"""Told how many of how many of what are done; may raise to stop."""


def seed(directory: Path, sizes: Sizes, number: int, progress: Progress) -> None:
    """Replace the sandbox's users and images, and put the objects they refer to; `number` decides the content.

    Raises what pymongo and boto3 raise where a server fails.
    """
    settings = read_settings(directory)
    source = PixelCraft(number)
    objects = list(source.objects(sizes.objects))
    ledger_path(directory).unlink(missing_ok=True)
    with (
        MongoClient[Document](settings.database_url, tz_aware=True) as mongo,
        Ledger(ledger_path(directory)) as ledger,
        ThreadPoolExecutor(1) as beside,
    ):
        stopping = threading.Event()
        puts = beside.submit(_put_objects, settings, objects, stopping)
        database = mongo.get_default_database()
        users = [source.user(index) for index in range(sizes.users)]
        images = (
            source.image(index, users[index % len(users)]["_id"], objects[index % len(objects)])
            for index in range(sizes.images)
        )
        try:
            _fill(database, USERS, users, ledger, lambda done: progress(done, sizes.users, USERS))
            _fill(database, IMAGES, images, ledger, lambda done: progress(done, sizes.images, IMAGES))
            puts.result()
        finally:
            stopping.set()


def _fill(
    database: "Database[Document]",
    collection: str,
    documents: Iterable[Document],
    ledger: Ledger,
    progress: Callable[[int], None],
) -> None:
    """Insert a batch while the next one is being made; log each once it is acknowledged."""
    database[collection].drop()
    target = database[collection].with_options(codec_options=RAW)

    def insert(batch: Sequence[bytes]) -> int:
        target.insert_many([RawBSONDocument(raw) for raw in batch])
        ledger.done(*(Write("insert", collection, name_of(raw), sha256(raw)) for raw in batch))
        return len(batch)

    done = 0
    with ThreadPoolExecutor(1) as inserter:
        pending = inserter.submit(lambda: 0)
        for batch in _batches(documents):
            done += pending.result()
            progress(done)
            pending = inserter.submit(insert, batch)
        progress(done + pending.result())
    database[collection].create_indexes(list(INDEXES[collection]))


def _batches(documents: Iterable[Document]) -> Iterator[list[bytes]]:
    remaining = iter(documents)
    while batch := [bson.encode(document) for document in islice(remaining, _BATCH)]:
        yield batch


def _put_objects(settings: Settings, objects: Sequence[StoredObject], stopping: threading.Event) -> None:
    with (
        closing(connect_s3(settings.endpoint, settings.region, settings.access_key, settings.secret_key)) as client,
        ThreadPoolExecutor(_S3_THREADS) as pool,
    ):

        def put(stored: StoredObject) -> None:
            if stopping.is_set():
                return
            client.put_object(Bucket=settings.bucket, Key=stored.key, Body=stored.content, ContentType="image/jpeg")

        for _ in pool.map(put, objects):  # brings up the first failure
            pass
