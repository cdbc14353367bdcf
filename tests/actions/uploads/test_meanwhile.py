"""A bucket brought back while users go on writing: what they write is kept. And how little a restore asks for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drx.config.target import BackupTarget, DirectoryStore
from drx.errors import StepError, StoreError
from tests.actions.context import FakeContext, run
from tests.actions.uploads.child import target_of
from tests.actions.uploads.objects import RETENTION, contents, empty, fill, now, versioned
from tests.faulty import Faults, faulty

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "img/00001"


@pytest.fixture
def faults(context: FakeContext, s3_server: str, bucket: str, kept: str) -> Iterator[Faults]:
    """Requests go through a proxy that copies on a condition, as S3 does and the server behind does not."""
    with faulty(s3_server) as (found, endpoint):
        context.target = target_of(endpoint, bucket, kept)
        yield found


def into_directory(context: FakeContext, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    context.target = replace(context.target, backups=BackupTarget(DirectoryStore(tmp_path / "store"), (), RETENTION))


def uploading(client: "S3Client", bucket: str) -> Callable[[], None]:
    def upload() -> None:
        client.put_object(Bucket=bucket, Key=KEY, Body=b"by a user")

    return upload


@pytest.mark.parametrize("by", ["copies", "bytes"])
def test_what_users_write_meanwhile_is_not_written_over(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults, tmp_path: Path, by: str
) -> None:
    if by == "bytes":
        into_directory(context, tmp_path)
    fill(client, bucket, 3)
    run("s3.backup", context)
    before, moment = contents(client, bucket), now()
    empty(client, bucket, list(before))
    faults.before_copy = uploading(client, bucket)
    outputs = run("s3.restore", context, at=moment).outputs
    assert (outputs["restored"], outputs["extra"]) == (2, 1)
    assert contents(client, bucket) == {**before, KEY: b"by a user"}


def test_nor_what_they_write_over_what_was_listed(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults
) -> None:
    versioned(client, bucket)
    fill(client, bucket, 3)
    moment = now()
    fill_wrongly(client, bucket)
    faults.before_copy = uploading(client, bucket)
    outputs = run("s3.restore", context, at=moment).outputs
    assert (outputs["versions"], outputs["extra"]) == (2, 1)
    assert contents(client, bucket) == {"img/00000": b"0", KEY: b"by a user", "img/00002": b"2"}


def fill_wrongly(client: "S3Client", bucket: str) -> None:
    for number in range(3):
        client.put_object(Bucket=bucket, Key=f"img/{number:05}", Body=b"wrong")


def test_a_server_without_conditions_restores_and_it_is_said(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults
) -> None:
    fill(client, bucket, 12)
    run("s3.backup", context)
    before, moment = contents(client, bucket), now()
    empty(client, bucket, list(before))
    faults.knows_conditions = False
    result = run("s3.restore", context, at=moment)
    assert result.outputs["restored"] == 12
    assert any("writes on no condition" in line for line in result.lines)
    assert contents(client, bucket) == before


def test_a_restore_asks_for_each_object_once(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults
) -> None:
    fill(client, bucket, 20)
    run("s3.backup", context)
    moment = now()
    empty(client, bucket, [f"img/{n:05}" for n in range(20)])
    faults.asked.clear()
    assert run("s3.restore", context, at=moment).outputs["restored"] == 20
    assert faults.asked["HEAD"] == 0
    assert faults.asked["PUT"] - 20 <= 4, "the lock is written, too"


def test_many_delete_markers_go_by_one_request_and_a_kept_one_is_named(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults
) -> None:
    versioned(client, bucket)
    fill(client, bucket, 30)
    moment = now()
    empty(client, bucket, [f"img/{n:05}" for n in range(30)])
    empty(client, bucket, [KEY, "img/00002"])  # markers atop markers
    faults.undeletable = KEY
    faults.asked.clear()
    with pytest.raises(StepError, match=rf"1 objects could not be brought back: .*{KEY}: AccessDenied") as caught:
        run("s3.restore", context, at=moment)
    assert "29 objects brought back: 29 by removing delete markers" in caught.value.lines[0]
    assert faults.asked["POST"] == 1
    noted = [json.loads(line) for line in (context.artifacts / "removed-markers.jsonl").read_text().splitlines()]
    assert sum(each["key"] == "img/00002" for each in noted) == 2
    assert {each["key"] for each in noted} >= {f"img/{n:05}" for n in range(30)} - {KEY}
    empty(client, bucket, [KEY])
    with pytest.raises(StoreError, match="AccessDenied"):
        run("s3.undelete", context, since=moment)


@pytest.mark.parametrize(("action", "moment"), [("s3.restore", "at"), ("s3.undelete", "since")])
def test_markers_that_a_server_was_too_busy_for_are_asked_for_again(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults, action: str, moment: str
) -> None:
    versioned(client, bucket)
    fill(client, bucket, 5)
    since = now()
    empty(client, bucket, [f"img/{n:05}" for n in range(5)])
    faults.undeletable, faults.busy_for = KEY, 2
    run(action, context, **{moment: since})
    assert len(contents(client, bucket)) == 5
    assert faults.asked["POST"] == 3
    assert len((context.artifacts / "removed-markers.jsonl").read_text().splitlines()) == 5


def test_a_version_from_before_versions_were_kept_comes_back(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults
) -> None:
    fill(client, bucket, 3)  # their version id is null
    moment = now()
    versioned(client, bucket)
    fill_wrongly(client, bucket)
    client.delete_object(Bucket=bucket, Key="img/00002")
    outputs = run("s3.restore", context, at=moment).outputs
    assert (outputs["versions"], outputs["undeleted"]) == (3, 0)
    assert contents(client, bucket) == {f"img/{n:05}": b"%d" % n for n in range(3)}


def test_an_object_in_parts_keeps_its_encryption(
    context: FakeContext, client: "S3Client", bucket: str, faults: Faults
) -> None:
    key: Any = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:000000000000:key/uploads"}
    names: Any = {"Bucket": bucket, "Key": "parts"}
    upload = client.create_multipart_upload(**names, **key)["UploadId"]
    etag = client.upload_part(**names, UploadId=upload, PartNumber=1, Body=b"x" * 100)["ETag"]
    parts: Any = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    client.complete_multipart_upload(**names, UploadId=upload, MultipartUpload=parts)
    run("s3.backup", context)
    moment = now()
    client.delete_object(**names)
    run("s3.restore", context, at=moment)
    head = client.head_object(**names)
    assert {name: head.get(name) for name in key} == key
