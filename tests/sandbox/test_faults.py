"""Faults of drills, against the servers that they strike; an outside client looks at what they left."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pymongo import MongoClient

from drx.config import Target, load_config, resolve_target
from drx.errors import RefusedError, StepError
from drx.sandbox import servers
from drx.sandbox.buckets import connect_s3, make_buckets
from drx.sandbox.state import ACCESS_KEY, DATABASE, MONGO, SECRET_KEY, UPLOADS_BUCKET, SandboxState
from drx.values import Json
from tests.actions.context import FakeContext, run
from tests.sandbox.conftest import SMALL, Ask

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONFIG = "service: pixelcraft\nobjectives: {rto: 2h, rpo: 1h}\nenvironments:\n  sandbox: {sandbox: true}\n"


@pytest.fixture
def context(seeded: SandboxState, tmp_path: Path) -> FakeContext:
    path = tmp_path / "drx.yaml"
    path.write_text(CONFIG)
    return FakeContext(tmp_path / "artifacts", resolve_target(load_config(path), "sandbox", {}, seeded.addresses))


@pytest.fixture
def s3(seeded: SandboxState) -> "Iterator[S3Client]":
    """Looks at the uploads bucket from outside, and has it there again at the end."""
    with closing(connect_s3(seeded.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as client:
        yield client
    make_buckets(seeded)


def keys(client: "S3Client") -> set[str]:
    return {str(each.get("Key")) for each in client.list_objects_v2(Bucket=UPLOADS_BUCKET).get("Contents", ())}


def versions(client: "S3Client") -> int:
    found = client.list_object_versions(Bucket=UPLOADS_BUCKET)
    return len(found.get("Versions", ()))


def struck(outputs: "dict[str, Json]") -> object:
    assert str(outputs["at"]).endswith("Z")
    return outputs["count"]


def test_a_bad_migration_rewrites_every_document(seeded: SandboxState, context: FakeContext, ask: Ask) -> None:
    outputs = run("mongo.corrupt", context, collection="images", field="sha256", value="none").outputs
    assert struck(dict(outputs)) == SMALL.images
    with MongoClient[dict[str, object]](seeded.mongo_uri) as client:
        assert client[DATABASE]["images"].distinct("sha256") == ["none"]
        assert len(client[DATABASE]["images"].distinct("key")) == SMALL.objects, "nothing else"
    assert ask("/healthz").status == 503
    assert context.lost == [("mongo", f"{DATABASE}.images")]
    with pytest.raises(StepError, match=r"no document of pixelcraft\.images would be changed"):
        run("mongo.corrupt", context, collection="images", field="sha256", value="none")
    with pytest.raises(StepError, match="would be changed"):
        run("mongo.corrupt", context, collection="images", field="misspelt")


def test_deletion_hides_objects_or_removes_every_version(context: FakeContext, s3: "S3Client", ask: Ask) -> None:
    before = versions(s3)
    assert struck(dict(run("s3.delete_objects", context, prefix="uploads/03/").outputs)) == 1
    assert len(keys(s3)) == SMALL.objects - 1
    assert struck(dict(run("s3.delete_objects", context).outputs)) == SMALL.objects - 1
    assert keys(s3) == set()
    assert versions(s3) == before, "only hidden"
    assert ask("/healthz").status == 503
    with pytest.raises(StepError, match="holds nothing that could be lost"):
        run("s3.delete_objects", context)

    assert struck(dict(run("s3.delete_objects", context, versions=True).outputs)) == SMALL.objects
    assert versions(s3) == 0


def test_overwriting_keeps_keys_and_sizes(context: FakeContext, s3: "S3Client", ask: Ask) -> None:
    before = {each["Key"]: each for each in s3.list_objects_v2(Bucket=UPLOADS_BUCKET)["Contents"]}
    assert struck(dict(run("s3.overwrite_objects", context).outputs)) == SMALL.objects
    after = {each["Key"]: each for each in s3.list_objects_v2(Bucket=UPLOADS_BUCKET)["Contents"]}
    assert {key: each["Size"] for key, each in after.items()} == {key: each["Size"] for key, each in before.items()}
    assert all(after[key]["ETag"] != each["ETag"] for key, each in before.items())
    assert ask("/healthz").status == 503


def test_a_bucket_goes_with_everything_in_it_and_is_made_again(context: FakeContext, s3: "S3Client") -> None:
    assert run("s3.create_bucket", context).outputs == {"created": False}
    assert struck(dict(run("s3.delete_bucket", context).outputs)) == SMALL.objects
    assert UPLOADS_BUCKET not in {each.get("Name") for each in s3.list_buckets()["Buckets"]}
    assert run("s3.create_bucket", context).outputs == {"created": True}
    assert s3.get_bucket_versioning(Bucket=UPLOADS_BUCKET)["Status"] == "Enabled"
    assert context.created == {("uploads", UPLOADS_BUCKET)}


@pytest.mark.slow
def test_a_killed_database_server_is_dead_and_can_be_started_again(
    directory: Path, context: FakeContext, tmp_path: Path
) -> None:
    state = servers.up(directory)
    context.target = resolve_target(load_config(tmp_path / "drx.yaml"), "sandbox", {}, state.addresses)
    assert run("mongo.stop", context).outputs["at"]
    assert {each.member.name: each.condition for each in servers.status(directory)}[MONGO] == "dead"
    with pytest.raises(StepError, match="'mongo' of the sandbox does not run"):
        run("mongo.stop", context)
    servers.up(directory)
    assert {each.condition for each in servers.status(directory)} == {"running"}


def test_servers_of_others_are_never_stopped(context: FakeContext) -> None:
    context.target = Target(name="staging", service="pixelcraft")
    with pytest.raises(RefusedError, match="'staging' is no sandbox"):
        run("mongo.stop", context)
