"""`s3.backup`, `s3.undelete`, `s3.restore` and `s3.inventory`, against a real S3 server."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drx.backup.locks import Holder, holding
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress
from drx.config import BucketTarget, Target
from drx.config.target import BackupTarget, BucketStore, DirectoryStore
from drx.errors import LockedByAnother, StepError, StoreError
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.uploads.objects import META, RETENTION, contents, empty, fill, now, versioned

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ODD = (
    "a b/c d.jpg", "ünï/çødé/画像.jpg", "two//slashes", "/leading", "trailing/", "../up/../and/./down",
    "..", "plus+and%41&=?#", "x" * 1024, "é" * 512, "quote'\"<>", "new\nline", "~tilde", "emoji-\U0001f40d",
)  # fmt: skip


@pytest.fixture
def context(context: FakeContext, s3_server: str, bucket: str, kept: str, tmp_path: Path) -> FakeContext:
    """An environment with a bucket, a store in a bucket of the same server, and a copy in a directory."""
    (tmp_path / "copy").mkdir()
    access = ("us-east-1", s3_server, None, "test", Secret("test"))
    backups = BackupTarget(BucketStore(kept, *access), (DirectoryStore(tmp_path / "copy"),), RETENTION)
    context.target = Target("sandbox", "svc", sandbox=True, uploads=BucketTarget(bucket, *access), backups=backups)
    return context


def test_only_what_is_new_or_changed_is_copied(context: FakeContext, client: "S3Client", bucket: str) -> None:
    fill(client, bucket, 30)
    first = dict(run("s3.backup", context).outputs)
    assert str(first.pop("point")).startswith(f"{context.run_id}.step.")
    assert first == {
        "objects": 30, "size_bytes": 50, "copied": 60, "copied_bytes": 100,
        "unchanged": 0,
    }  # fmt: skip
    client.put_object(Bucket=bucket, Key="img/00003", Body=b"x")  # the same size
    client.put_object(Bucket=bucket, Key="new", Body=b"y")
    client.delete_object(Bucket=bucket, Key="img/00004")
    outputs = run("s3.backup", context).outputs
    assert (outputs["objects"], outputs["copied"], outputs["unchanged"]) == (30, 4, 56)


@pytest.mark.slow
@pytest.mark.parametrize("status", [None, "Enabled"])
def test_pages_hold_each_object_once(context: FakeContext, client: "S3Client", bucket: str, status: str | None) -> None:
    if status:
        versioned(client, bucket, status)
    fill(client, bucket, 1100)
    outputs = run("s3.inventory", context).outputs
    assert (outputs["objects"], outputs["older"]) == (1100, 0)
    outputs = run("s3.backup", context, store="primary").outputs
    assert (outputs["objects"], outputs["copied"], outputs["unchanged"]) == (1100, 1100, 0)


def test_odd_keys_and_metadata(context: FakeContext, client: "S3Client", bucket: str) -> None:
    for key in ODD:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode(), **META)
    assert run("s3.backup", context).outputs["copied"] == 2 * len(ODD)


def test_undelete_brings_back_what_was_deleted_since_and_nothing_else(
    context: FakeContext, client: "S3Client", bucket: str
) -> None:
    versioned(client, bucket)
    fill(client, bucket, 40)
    client.delete_object(Bucket=bucket, Key="img/00000")
    since = now()
    empty(client, bucket, [f"img/{n:05}" for n in range(0, 30)])  # the first one once more
    client.delete_object(Bucket=bucket, Key="img/00001")  # twice
    client.put_object(Bucket=bucket, Key="img/00002", Body=b"again")
    result = run("s3.undelete", context, since=since)
    found = contents(client, bucket)
    assert sorted(found) == [f"img/{n:05}" for n in range(1, 40)]
    assert found["img/00001"] == b"1"
    assert found["img/00002"] == b"again"
    assert result.outputs == {"markers": 29}
    assert run("s3.undelete", context, since=since).outputs == {"markers": 0}
    assert len((context.artifacts / "removed-markers.jsonl").read_text().splitlines()) == 29


def test_undelete_changes_nothing_above_the_cap(context: FakeContext, client: "S3Client", bucket: str) -> None:
    versioned(client, bucket)
    fill(client, bucket, 5)
    since = now()
    empty(client, bucket, [f"img/{n:05}" for n in range(5)])
    with pytest.raises(StoreError, match=r"5 delete markers .* more than max_delete allows \(4\)"):
        run("s3.undelete", context, since=since, max_delete=4)
    assert contents(client, bucket) == {}
    assert run("s3.undelete", context, since=since, max_delete=5).outputs == {"markers": 5}


def test_undelete_needs_versions(context: FakeContext) -> None:
    with pytest.raises(StepError, match="keeps no versions"):
        run("s3.undelete", context, since=now())


def test_restore_prefers_versions(context: FakeContext, client: "S3Client", bucket: str) -> None:
    versioned(client, bucket)
    fill(client, bucket, 12)
    before, moment = contents(client, bucket), now()
    for number in range(3):
        client.put_object(Bucket=bucket, Key=f"img/{number:05}", Body=b"corrupt")
        client.put_object(Bucket=bucket, Key=f"img/{number:05}", Body=b"worse")
    empty(client, bucket, ["img/00002", "img/00003", "img/00004"])
    client.put_object(Bucket=bucket, Key="img/99999", Body=b"newer")
    outputs = run("s3.restore", context, at=moment).outputs
    assert outputs == {"restored": 5, "undeleted": 2, "versions": 3, "stored": 0, "same": 7, "extra": 1, "point": None}
    assert contents(client, bucket) == {**before, "img/99999": b"newer"}
    assert run("s3.restore", context, at=moment).outputs["restored"] == 0


def test_restore_from_the_inventory_where_nothing_kept_versions(
    context: FakeContext, client: "S3Client", bucket: str
) -> None:
    fill(client, bucket, 10)
    client.put_object(Bucket=bucket, Key="meta", Body=b"m", CacheControl="no-store", **META)
    run("s3.backup", context)
    before, moment = contents(client, bucket), now()
    empty(client, bucket, ["img/00001", "img/00002", "meta"])
    client.put_object(Bucket=bucket, Key="img/00003", Body=b"!")
    with pytest.raises(StepError, match="1 objects differ now"):
        run("s3.restore", context, at=moment)
    assert contents(client, bucket) == {**before, "img/00003": b"!"}
    run("s3.restore", context, at=moment, replace=True)
    assert contents(client, bucket) == before
    head = client.head_object(Bucket=bucket, Key="meta")
    assert (head["ContentType"], head["Metadata"], head["CacheControl"]) == ("image/x", {"who": "kay"}, "no-store")


def test_nothing_is_pruned_from_a_store_while_it_restores(
    context: FakeContext, client: "S3Client", bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(client, bucket, 3)
    run("s3.backup", context)
    moment, store = now(), open_store(DirectoryAddress(tmp_path / "copy"))
    somebody = Holder("kay", "elsewhere", 1, "another")
    empty(client, bucket, ["img/00001"])
    refused: list[str] = []

    def look(*_: object) -> None:
        with suppress(LockedByAnother), holding(store, "svc", "uploads", somebody):
            return
        refused.append("it is locked")

    monkeypatch.setattr(context, "progress", look)
    result = run("s3.restore", context, at=moment, store="copy-1")
    assert (result.outputs["restored"], len(refused)) == (1, 3)
    monkeypatch.setattr("drx.actions.locking._PATIENCE_SECONDS", 0.0)
    empty(client, bucket, ["img/00001"])
    with holding(store, "svc", "uploads", somebody):
        result = run("s3.restore", context, at=moment, store="copy-1")
    assert result.outputs["restored"] == 1, "a recovery does not wait for a backup that runs"
    assert any("done without the store's lock" in line for line in result.lines)


@pytest.mark.parametrize("store", ["primary", "copy-1"])
def test_into_another_bucket_from_any_store(context: FakeContext, client: "S3Client", bucket: str, store: str) -> None:
    for key in ODD:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode(), Tagging="team=web&a=b+c", **META)
    before = contents(client, bucket)
    run("s3.backup", context)
    moment = now()
    empty(client, bucket, [key for key in ODD if key.isprintable()])
    outputs = run("s3.restore", context, at=moment, into=f"{bucket}-new", store=store).outputs
    assert outputs["restored"] == len(ODD)
    assert contents(client, f"{bucket}-new") == before
    head = client.head_object(Bucket=f"{bucket}-new", Key="..")
    assert (head["ContentType"], head["Metadata"]) == ("image/x", {"who": "kay"})
    tags = client.get_object_tagging(Bucket=f"{bucket}-new", Key="..")["TagSet"]
    assert {each["Key"]: each["Value"] for each in tags} == {"team": "web", "a": "b c"}
    assert ("uploads", f"{bucket}-new") in context.created


def test_suspended_versioning(context: FakeContext, client: "S3Client", bucket: str) -> None:
    fill(client, bucket, 3)  # null versions
    versioned(client, bucket)
    client.put_object(Bucket=bucket, Key="img/00001", Body=b"v")
    versioned(client, bucket, "Suspended")
    before = contents(client, bucket)
    run("s3.backup", context)
    moment = now()
    client.put_object(Bucket=bucket, Key="img/00001", Body=b"null over it")
    client.put_object(Bucket=bucket, Key="img/00002", Body=b"null over null")
    client.delete_object(Bucket=bucket, Key="img/00000")
    with pytest.raises(StepError, match="2 objects differ now"):
        run("s3.restore", context, at=moment)
    outputs = run("s3.restore", context, at=moment, replace=True).outputs
    assert contents(client, bucket) == before
    assert (outputs["versions"], outputs["stored"]) == (1, 1)


def test_inventory(context: FakeContext, client: "S3Client", bucket: str) -> None:
    versioned(client, bucket)
    fill(client, bucket, 5)
    client.put_object(Bucket=bucket, Key="img/00001", Body=b"22")
    client.delete_object(Bucket=bucket, Key="img/00002")
    client.put_object(Bucket=bucket, Key="cold", Body=b"c", StorageClass="GLACIER")
    outputs = run("s3.inventory", context).outputs
    assert outputs == {"objects": 5, "size_bytes": 6, "older": 2, "deleted": 1, "archived": 1, "versioning": "Enabled"}
    assert len((context.artifacts / "inventory.jsonl").read_text().splitlines()) == 8


def test_archived_objects_are_named(context: FakeContext, client: "S3Client", bucket: str) -> None:
    fill(client, bucket, 2)
    client.put_object(Bucket=bucket, Key="cold", Body=b"c", StorageClass="GLACIER")
    with pytest.raises(StepError, match=r"1 objects are archived|2 objects are archived") as caught:
        run("s3.backup", context)
    assert "cold (GLACIER)" in caught.value.lines[0]
    assert run("s3.backup", context, archived=True).outputs["objects"] == 3


def test_without_uploads_there_is_nothing_to_do(context: FakeContext) -> None:
    context.target = Target("bare", "svc")
    assert run("s3.backup", context).outputs["point"] is None
