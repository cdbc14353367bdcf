"""Uploads backed up and brought back by a server that is busy, over a wire that alters, by a process that is killed."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drx.actions.uploads import uploads_store
from drx.backup.stores import s3_copy
from drx.backup.stores.s3_copy import Origin
from drx.backup.uploads import transfer
from drx.config.target import BackupTarget, DirectoryStore
from drx.errors import Cancelled, StepError
from drx.units import show_time
from tests.actions.context import FakeContext, run
from tests.actions.uploads.child import target_of
from tests.actions.uploads.objects import META, RETENTION, contents, empty, fill, now, versioned
from tests.faulty import Faults, faulty

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NUMBER = 250


@pytest.fixture
def context(context: FakeContext, s3_server: str, bucket: str, kept: str) -> FakeContext:
    context.target = target_of(s3_server, bucket, kept)
    return context


@pytest.fixture
def faults(context: FakeContext, s3_server: str, bucket: str, kept: str) -> Iterator[Faults]:
    """Every request of the action goes through a proxy that can fail."""
    with faulty(s3_server) as (found, endpoint):
        context.target = target_of(endpoint, bucket, kept)
        yield found


def into_directory(context: FakeContext, folder: Path) -> None:
    folder.mkdir()
    context.target = replace(context.target, backups=BackupTarget(DirectoryStore(folder), (), RETENTION))


@pytest.mark.slow
def test_a_busy_server_is_asked_again(context: FakeContext, client: "S3Client", bucket: str, faults: Faults) -> None:
    fill(client, bucket, 3)
    faults.refusals = 14  # more than boto3 itself tries
    result = run("s3.backup", context)
    assert (result.outputs["copied"], faults.answered) == (3, 14)
    empty(client, bucket, ["img/00000", "img/00001"])
    faults.refusals = 10
    assert run("s3.restore", context, at=now()).outputs["restored"] == 2


@pytest.mark.slow
def test_a_server_that_stays_busy_fails_at_the_deadline_and_is_tried_again_at_once(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults
) -> None:
    fill(client, bucket, 1)
    run("s3.backup", context)
    client.put_object(Bucket=bucket, Key="new", Body=b"n")
    faults.refusals = 1_000_000
    context.seconds = time.monotonic() - context._began + 1
    with pytest.raises((Cancelled, StepError)):
        run("s3.backup", context)
    faults.refusals = 0
    # What the deadline left behind may hold the lock for a moment still, or never got through with its release.
    again = replace(context, seconds=None)
    assert run("s3.backup", again).outputs["objects"] == 2


def test_bytes_altered_on_their_way_are_not_kept(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults, tmp_path: Path
) -> None:
    fill(client, bucket, 4)
    into_directory(context, tmp_path / "store")
    faults.altered = 1
    with pytest.raises(StepError, match="was altered on its way"):
        run("s3.backup", context)
    assert run("s3.backup", context).outputs["objects"] == 4
    before, moment = contents(client, bucket), now()
    empty(client, bucket, list(before))
    run("s3.restore", context, at=moment)
    assert contents(client, bucket) == before


def test_an_altered_object_of_the_store_is_not_restored(
    context: FakeContext, client: "S3Client", bucket: str, tmp_path: Path
) -> None:
    fill(client, bucket, 2)
    into_directory(context, tmp_path / "store")
    run("s3.backup", context)
    moment = now()
    empty(client, bucket, ["img/00000", "img/00001"])
    stored = next((tmp_path / "store").glob("svc/uploads/objects/*/*"))
    stored.write_bytes(b"!")
    with pytest.raises(StepError, match=r"1 objects could not be brought back: .*not what was backed up"):
        run("s3.restore", context, at=moment)
    assert len(contents(client, bucket)) == 1


def test_objects_copied_in_parts_keep_what_they_are(
    context: FakeContext, client: "S3Client", bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = 5 << 20
    monkeypatch.setattr(transfer, "_LARGE", part)
    monkeypatch.setattr(s3_copy, "_PART", part)
    began: Any = client.create_multipart_upload(Bucket=bucket, Key="large", StorageClass="STANDARD_IA", **META)
    body = bytes(range(256)) * (part // 256) * 2 + b"end"
    names = {"Bucket": bucket, "Key": "large", "UploadId": began["UploadId"]}
    parts: Any = []
    for number, start in enumerate(range(0, len(body), part), 1):
        reply = client.upload_part(**names, PartNumber=number, Body=body[start : start + part])
        parts.append({"PartNumber": number, "ETag": reply["ETag"]})
    client.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    run("s3.backup", context)
    assert run("s3.backup", context).outputs["unchanged"] == 1
    moment = now()
    client.delete_object(Bucket=bucket, Key="large")
    run("s3.restore", context, at=moment)
    head = client.head_object(Bucket=bucket, Key="large")
    assert client.get_object(Bucket=bucket, Key="large")["Body"].read() == body
    assert "-" in head["ETag"]
    assert (head["ContentType"], head["Metadata"], head["StorageClass"]) == ("image/x", {"who": "kay"}, "STANDARD_IA")


def test_a_copy_in_parts_is_told_the_tags(context: FakeContext, client: "S3Client", bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="large", Body=b"x", **META)
    tags: Any = {"TagSet": [{"Key": "team", "Value": "web"}, {"Key": "a", "Value": "b c&"}]}
    client.put_object_tagging(Bucket=bucket, Key="large", Tagging=tags)
    origin = Origin(uploads_store(context), "large", client.head_object(Bucket=bucket, Key="large")["ETag"], 1)
    asked = transfer.all_settings(origin)
    assert sorted(asked["Tagging"].split("&")) == ["a=b+c%26", "team=web"]
    assert asked["Metadata"] == {"who": "kay"}


def test_storage_class_and_tags_come_back(context: FakeContext, client: "S3Client", bucket: str) -> None:
    asked: Any = {"StorageClass": "STANDARD_IA", "Tagging": "team=web", **META}
    client.put_object(Bucket=bucket, Key="a", Body=b"a", **asked)
    run("s3.backup", context)
    moment = now()
    client.delete_object(Bucket=bucket, Key="a")
    assert run("s3.restore", context, at=moment).outputs["restored"] == 1
    head = client.head_object(Bucket=bucket, Key="a")
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"who": "kay"})
    assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "team", "Value": "web"}]


def kill_once(arguments: list[str], reached: Callable[[], bool]) -> None:
    """Start an action in a process of its own, and kill it as soon as part of its work is done."""
    process = subprocess.Popen([sys.executable, "-m", "tests.actions.uploads.child", *arguments])
    try:
        while not reached():
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()


def holds_twenty(client: "S3Client", bucket: str, prefix: str) -> bool:
    return len(client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=20).get("Contents", ())) == 20


def arguments_of(context: FakeContext, action: str, **parameters: datetime) -> list[str]:
    target = context.target
    assert target.uploads
    assert target.backups
    store: Any = target.backups.primary
    shown = json.dumps({name: show_time(value) for name, value in parameters.items()})
    return [str(target.uploads.endpoint), target.uploads.bucket, store.bucket, str(context.directory), action, shown]


@pytest.mark.slow
def test_a_killed_backup_goes_on(context: FakeContext, client: "S3Client", bucket: str, kept: str) -> None:
    fill(client, bucket, NUMBER)
    kill_once(arguments_of(context, "s3.backup"), lambda: holds_twenty(client, kept, "svc/uploads/objects/"))
    assert not [key for key in contents(client, kept) if key.endswith(".json") and "/points/" in key]
    outputs = run("s3.backup", context).outputs
    assert outputs["objects"] == NUMBER
    assert outputs["unchanged"] >= 20  # type: ignore[operator]
    before, moment = contents(client, bucket), now()
    empty(client, bucket, list(before))
    run("s3.restore", context, at=moment)
    assert contents(client, bucket) == before


@pytest.mark.slow
@pytest.mark.parametrize("action", ["s3.restore", "s3.undelete"])
def test_a_killed_restore_goes_on(context: FakeContext, client: "S3Client", bucket: str, action: str) -> None:
    versioned(client, bucket)
    number = NUMBER if action == "s3.restore" else 5 * NUMBER  # markers go a thousand at a time
    fill(client, bucket, number)
    time.sleep(1)  # an object of just a whole second counts as written at any time of it
    moment = now()
    before = sorted(f"img/{each:05}" for each in range(number))
    empty(client, bucket, before)
    name = "at" if action == "s3.restore" else "since"
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    kill_once(arguments_of(context, action, **{name: moment}), lambda: holds_twenty(client, bucket, ""))
    run(action, context, **{name: moment})
    found = contents(client, bucket)
    assert sorted(found) == before
    assert all(found[f"img/{each:05}"] == b"%d" % each for each in range(number))
