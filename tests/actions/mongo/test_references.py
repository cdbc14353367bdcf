"""`verify.references`: database and bucket against each other."""

import hashlib
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from drx.config import BucketTarget
from drx.errors import StepError
from drx.secrets import Masker, Secret
from tests import servers
from tests.actions.context import FakeContext, run
from tests.actions.mongo.databases import Documents

pytestmark = pytest.mark.usefixtures("impatience")


class TestReferences:
    """Database and bucket against each other."""

    @pytest.fixture
    def context(self, context: FakeContext, database: Documents, bucket: str, s3_server: str) -> FakeContext:
        uploads = BucketTarget(
            bucket=bucket, region="us-east-1", endpoint=s3_server,
            access_key_id="test", secret_access_key=Secret("test"),
        )  # fmt: skip
        context.target = replace(context.target, uploads=uploads)
        with self.client(s3_server) as client:
            for number in range(12):
                client.put_object(Bucket=bucket, Key=f"k{number}", Body=b"%d" % number)
        database.images.insert_many(
            [
                {"_id": number, "key": f"k{number % 12}", "size": len(str(number % 12)),
                 "sha256": hashlib.sha256(b"%d" % (number % 12)).hexdigest()}
                for number in range(24)
            ]
        )  # fmt: skip
        return context

    @staticmethod
    def client(endpoint: str) -> Any:
        import boto3

        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        return closing(session.client("s3", endpoint_url=endpoint))

    def test_all_is_well(self, context: FakeContext) -> None:
        result = run("verify.references", context, collection="images", read="all")
        assert result.outputs == {
            "documents": 24, "objects": 12, "read": 12, "missing": 0, "different": 0, "orphans": 0,
        }  # fmt: skip
        assert result.artifacts == ()
        assert run("verify.references", context, collection="images", read=5).outputs["read"] == 5
        assert run("s3.count", context, equals=12, prefix="k").outputs == {"count": 12, "size_bytes": 14}
        with pytest.raises(StepError, match="holds 0 objects, not at least 1"):
            run("s3.count", context, at_least=1, prefix="x")

    def test_what_is_missing_altered_or_orphaned_is_named(
        self, context: FakeContext, bucket: str, s3_server: str
    ) -> None:
        with self.client(s3_server) as client:
            client.delete_object(Bucket=bucket, Key="k1")
            client.put_object(Bucket=bucket, Key="k2", Body=b"9")
            client.put_object(Bucket=bucket, Key="k3", Body=b"long")
            client.put_object(Bucket=bucket, Key="orphan", Body=b"")
        with pytest.raises(StepError, match="1 missing and 3 different") as raised:
            run("verify.references", context, collection="images", read="all")
        listed = (context.directory / "references.txt").read_text().splitlines()
        assert [line.partition(" bytes")[0].partition(" SHA")[0] for line in listed] == [
            "missing: k1", "different: k3: 4", "different: k2:", "different: k3:", "orphan: orphan",
        ]  # fmt: skip
        assert raised.value.artifacts == ("references.txt",)

    def test_orphans_fail_only_when_asked_for(self, context: FakeContext, bucket: str, s3_server: str) -> None:
        with self.client(s3_server) as client:
            client.put_object(Bucket=bucket, Key="logs/1", Body=b"x")
        assert run("verify.references", context, collection="images").outputs["orphans"] == 1
        assert run("verify.references", context, collection="images", prefix="k").outputs["orphans"] == 0
        with pytest.raises(StepError, match="1 orphans"):
            run("verify.references", context, collection="images", orphans="fail")

    def test_documents_that_contradict_each_other_are_named(self, context: FakeContext, database: Documents) -> None:
        database.images.update_one({"_id": 12}, {"$set": {"size": 99}})
        with pytest.raises(StepError, match="1 different"):
            run("verify.references", context, collection="images")

    def test_an_empty_collection_proves_nothing(self, context: FakeContext) -> None:
        with pytest.raises(StepError, match="holds no documents that refer to objects"):
            run("verify.references", context, collection="nosuch")

    def test_one_object_is_checked(self, context: FakeContext) -> None:
        digest = hashlib.sha256(b"7").hexdigest()
        assert run("s3.check", context, key="k7", size_bytes=1, sha256=digest).outputs["sha256"] == digest
        with pytest.raises(StepError, match="has 1 bytes, not 2"):
            run("s3.check", context, key="k7", size_bytes=2)
        with pytest.raises(StepError, match="has the SHA-256"):
            run("s3.check", context, key="k7", sha256="0" * 64)
        with pytest.raises(StepError, match="says: NoSuchKey"):
            run("s3.check", context, key="nosuch")

    def test_a_bucket_that_is_not_there_is_named(self, context: FakeContext) -> None:
        assert context.target.uploads is not None
        gone = replace(context.target.uploads, endpoint=f"http://127.0.0.1:{servers.free_port()}")
        context.target = replace(context.target, uploads=gone)
        context.masker = Masker(["test-key"])
        with pytest.raises(StepError, match="does not answer"):
            run("s3.count", context)
