"""Spoil a sandbox behind drx's back, as bad luck or an enemy would: run by a drill's set-up, one spoiling by name."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

import bson
from bson.codec_options import CodecOptions
from pymongo import MongoClient

from drx.backup.dump import base_backup
from drx.backup.format.catalog import MANIFEST, list_bases, list_slices, slice_keys
from drx.backup.format.digest import Digest, digest_of
from drx.backup.format.manifest import Manifest, SliceManifest, to_json
from drx.backup.format.members import compress, read_member
from drx.backup.stores import open_store
from drx.backup.stores.base import S3Address, Store
from drx.sandbox.buckets import connect_s3
from drx.sandbox.documents import name_of
from drx.sandbox.host import ready_path
from drx.sandbox.ledger import read_history
from drx.sandbox.state import (
    ACCESS_KEY,
    APP,
    BUCKETS,
    DATABASE,
    SECRET_KEY,
    UPLOADS_BUCKET,
    SandboxState,
    ledger_path,
    load_state,
)
from tests.drills.impostor import CACHE

SERVICE = "pixelcraft"
STALE = "pixelcraft_stale"
IMPOSTOR = Path(__file__).with_name("impostor.py")
_CODEC: CodecOptions[dict[str, object]] = CodecOptions(tz_aware=True)

Change = Callable[[list[bytes]], list[bytes]]


def store_of(state: SandboxState) -> Store:
    """The store that the sandbox's backups lie in."""
    return open_store(
        S3Address(
            bucket="pixelcraft-backups",
            prefix="primary",
            region="us-east-1",
            endpoint=state.s3["us-east-1"],
            owner=None,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
        )
    )


def delete_first_slice(state: SandboxState) -> None:
    """Delete the oldest slice, as if it had never been."""
    store = store_of(state)
    piece = list_slices(store, SERVICE)[0]
    for key in slice_keys(SERVICE, piece.start, piece.end):
        store.delete(key)


def delete_content_of_first_slice(state: SandboxState) -> None:
    """Delete what is in the oldest slice, and leave its manifest."""
    store = store_of(state)
    piece = list_slices(store, SERVICE)[0]
    store.delete(slice_keys(SERVICE, piece.start, piece.end)[0])


def empty_first_slice(state: SandboxState) -> None:
    """Replace the oldest slice by one that says, consistently, that nothing was written."""
    store = store_of(state)
    _empty(store, list_slices(store, SERVICE)[0])


def empty_slices(state: SandboxState) -> None:
    """Replace every slice so: after the base, nothing seems to have been written."""
    store = store_of(state)
    for piece in list_slices(store, SERVICE):
        _empty(store, piece)


def flip_byte_in_base(state: SandboxState) -> None:
    """Flip one bit in the middle of the images of the base."""
    store, manifest = store_of(state), _base(state)
    key = manifest.prefix + _images(manifest)
    content = bytearray(store.get(key))
    content[len(content) // 2] ^= 1
    store.put(key, bytes(content))


def alter_document_in_base(state: SandboxState) -> None:
    """Change the title of one image in the base, and every checksum and digest so that they fit: a consistent liar.

    It chooses an image that nobody wrote to after the base, or the oplog would heal it.
    """
    chosen = _untouched(state)
    _forge(state, lambda documents: [_retitled(raw) if name_of(raw) == chosen else raw for raw in documents])


def remove_document_from_base(state: SandboxState) -> None:
    """Leave one image out of the base, and let everything fit."""
    chosen = _untouched(state)
    _forge(state, lambda documents: [raw for raw in documents if name_of(raw) != chosen])


def lose_indexes_in_base(state: SandboxState) -> None:
    """Let the base say that collections had no index but the one of `_id`."""
    store, manifest = store_of(state), _base(state)
    collections = tuple(replace(found, indexes=found.indexes[:1]) for found in manifest.collections)
    assert collections != manifest.collections
    store.put(manifest.prefix + MANIFEST, to_json(replace(manifest, collections=collections)))


def empty_base(state: SandboxState) -> None:
    """Leave no image in the base, and let its manifest say so: a perfectly consistent backup of nothing."""
    _forge(state, lambda documents: [])


def truncate_base(state: SandboxState) -> None:
    """Leave no byte in the object that holds the images."""
    manifest = _base(state)
    store_of(state).put(manifest.prefix + _images(manifest), b"")


def delete_base_manifest(state: SandboxState) -> None:
    """Delete the base's manifest: what lies there is no backup."""
    store_of(state).delete(_base(state).prefix + MANIFEST)


def base_of_other_database(state: SandboxState) -> None:
    """Put a newer base into the store, honest but for being of another database with the same collections."""
    with MongoClient[dict[str, object]](state.mongo_uri) as client:
        images = client[DATABASE]["images"].find({}, limit=50)
        client[STALE]["images"].insert_many(list(images))
        base_backup(
            client, STALE, store_of(state), SERVICE, backup_id="9999-wrong",
            progress=lambda done, total, unit: None, cancelled=lambda: False,
        )  # fmt: skip


def call_base_of_other_database(state: SandboxState) -> None:
    """Leave no base but one that says that it is of another database."""
    store, manifest = store_of(state), _base(state)
    store.put(manifest.prefix + MANIFEST, to_json(replace(manifest, database=STALE)))


def copy_to_stale_database(state: SandboxState) -> None:
    """Copy the oldest images to another database, as a forgotten restore would have left them."""
    with MongoClient[dict[str, object]](state.mongo_uri) as client:
        images = client[DATABASE]["images"].find({}, limit=100, sort=[("created_at", 1)])
        client[STALE]["images"].insert_many(list(images))


def delete_upload(state: SandboxState) -> None:
    """Delete one object of the uploads bucket, so that images refer to nothing."""
    with closing(connect_s3(state.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as client:
        client.delete_object(Bucket=UPLOADS_BUCKET, Key=_a_key(state))


def alter_upload(state: SandboxState) -> None:
    """Change one byte of an object, which keeps its size."""
    with closing(connect_s3(state.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as client:
        key = _a_key(state)
        content = bytearray(client.get_object(Bucket=UPLOADS_BUCKET, Key=key)["Body"].read())
        content[-1] ^= 1
        client.put_object(Bucket=UPLOADS_BUCKET, Key=key, Body=bytes(content))


def replace_application(state: SandboxState) -> None:
    """End the application, and put something in its place that answers 200 to everything.

    It even seems to run anew at each SIGHUP, as a supervisor would have it.
    """
    ready = ready_path(state.directory)
    os.kill(int(ready.read_text()), signal.SIGKILL)
    log = (state.directory / "impostor.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-P", str(IMPOSTOR), str(state.directory)],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    while ready.read_text() != str(process.pid):
        if process.poll() is not None:
            sys.exit("the impostor did not start")
        time.sleep(0.02)


def cache_application(state: SandboxState) -> None:
    """As `replace_application`, yet it goes on to answer what the application last said of its newest images."""
    with MongoClient[dict[str, object]](state.mongo_uri) as client:
        newest = client[DATABASE]["images"].find({}, limit=20, sort=[("created_at", -1)])
        pages = ["/healthz", *(f"/images/{image['_id']}" for image in newest)]
    application = state.member(APP)
    (state.directory / CACHE).mkdir(exist_ok=True)
    for page in pages:
        with urlopen(f"http://{application.address}:{application.port}{page}", timeout=10) as answer:
            (state.directory / CACHE / page.encode().hex()).write_bytes(answer.read())
    replace_application(state)


def _empty(store: Store, piece: SliceManifest) -> None:
    content = compress(b"")
    key, manifest_key = slice_keys(SERVICE, piece.start, piece.end)
    forged = replace(piece, entries=0, size_bytes=len(content), sha256=sha256(content).hexdigest())
    store.put(key, content)
    store.put(manifest_key, to_json(forged))


def _untouched(state: SandboxState) -> str:
    """An image of the base that nobody has written to since."""
    versions = read_history(ledger_path(state.directory)).documents["images"]
    return next(name for name, each in versions.items() if len(each) == 1)


def _base(state: SandboxState) -> Manifest:
    return list_bases(store_of(state), SERVICE)[-1]


def _images(manifest: Manifest) -> str:
    return next(str(found.data) for found in manifest.collections if found.name == "images")


def _forge(state: SandboxState, change: Change) -> None:
    """Rewrite the images of the base, and everything that its manifest says of them."""
    store, manifest = store_of(state), _base(state)
    file = manifest.file(_images(manifest))
    content, members = b"", []
    for member in file.members:
        documents = change(read_member(store, manifest.prefix + file.path, member))
        packed, digest = compress(b"".join(documents)), digest_of(documents)
        checksum = sha256(packed).hexdigest()
        members.append(
            replace(member, offset=len(content), size_bytes=len(packed), sha256=checksum, digest=digest)
        )  # fmt: skip
        content += packed
    total = sum((member.digest for member in members), Digest())
    assert total != file.digest, "nothing was changed"
    checksum = sha256(content).hexdigest()
    forged = replace(
        file, size_bytes=len(content), sha256=checksum, members=tuple(members), checksum=None
    )  # fmt: skip
    collections = tuple(
        replace(found, digest=total) if found.name == "images" else found for found in manifest.collections
    )
    files = tuple(forged if found == file else found for found in manifest.files)
    store.put(manifest.prefix + file.path, content)
    store.put(manifest.prefix + MANIFEST, to_json(replace(manifest, collections=collections, files=files)))


def _retitled(raw: bytes) -> bytes:
    document = bson.decode(raw, _CODEC)
    return bson.encode({**document, "title": str(document["title"])[::-1] + "!"})


def _a_key(state: SandboxState) -> str:
    """The key of the object of the newest image: no image that the drop takes along is newer."""
    with MongoClient[dict[str, object]](state.mongo_uri) as client:
        found = client[DATABASE]["images"].find_one({}, sort=[("created_at", -1)])
    assert found is not None
    return str(found["key"])


def delete_stored_uploads(state: SandboxState) -> None:
    """Delete every file that the stores hold of the bucket, and leave the inventories that list them."""
    _delete_stored(state, "uploads/objects/")


def delete_inventories(state: SandboxState) -> None:
    """Delete every inventory of the bucket: the stores then hold files that nobody can name."""
    _delete_stored(state, "uploads/points/")


def delete_copied_bases(state: SandboxState) -> None:
    """Leave no base in the copy in the other region."""
    _delete_stored(state, "base/", regions=("eu-west-1",))


def delete_copied_slices(state: SandboxState) -> None:
    """Leave no slice in the copy in the other region: what was written after the base is lost."""
    _delete_stored(state, "oplog/", regions=("eu-west-1",))


def _delete_stored(state: SandboxState, below: str, regions: tuple[str, ...] = ("us-east-1", "eu-west-1")) -> None:
    deleted = 0
    for bucket in BUCKETS:
        if bucket.name == UPLOADS_BUCKET or bucket.region not in regions:
            continue
        with closing(connect_s3(state.s3[bucket.region], bucket.region, ACCESS_KEY, SECRET_KEY)) as client:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name):
                for key in (str(found.get("Key")) for found in page.get("Contents", ())):
                    if f"{SERVICE}/{below}" in key:
                        client.delete_object(Bucket=bucket.name, Key=key)
                        deleted += 1
    assert deleted, f"there was nothing below {below}"


SPOILINGS = (
    delete_first_slice, delete_content_of_first_slice, empty_first_slice, empty_slices,
    flip_byte_in_base, alter_document_in_base, remove_document_from_base, lose_indexes_in_base, empty_base,
    truncate_base, delete_base_manifest, base_of_other_database, call_base_of_other_database,
    delete_stored_uploads, delete_inventories, delete_copied_bases, delete_copied_slices,
    copy_to_stale_database, delete_upload, alter_upload, replace_application, cache_application,
)  # fmt: skip

if __name__ == "__main__":
    {each.__name__: each for each in SPOILINGS}[sys.argv[2]](load_state(Path(sys.argv[1])))
