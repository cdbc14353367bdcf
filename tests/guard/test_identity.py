"""Servers say who they are, whatever they are called; tested on real ones."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bson import ObjectId
from pymongo import MongoClient

from drx.config import BucketTarget
from drx.errors import ExitCode
from drx.guard import (
    Identity,
    UnknownIdentity,
    identify_bucket,
    identify_mongo,
)
from drx.guard.identity import _bucket_server, _replica_set_marks
from drx.secrets import Secret
from tests import servers
from tests.guard.targets import bucket_target, mongo_target


@pytest.fixture(scope="module")
def locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that wants a password."""
    with servers.mongo(tmp_path_factory.mktemp("locked"), "--auth") as uri:
        yield uri


@pytest.mark.slow
def test_two_servers_of_the_same_set_name_are_told_apart(mongo_server: str, other_server: str) -> None:
    with MongoClient[dict[str, object]](mongo_server) as one, MongoClient[dict[str, object]](other_server) as two:
        assert one.admin.command("hello")["setName"] == two.admin.command("hello")["setName"]
    first, second = identify_mongo(mongo_target(mongo_server)), identify_mongo(mongo_target(other_server))
    assert not first.is_one_of(second.marks)
    assert first.how
    assert first.value == first.marks[0]


def test_a_server_is_the_same_under_another_name(mongo_server: str) -> None:
    first = identify_mongo(mongo_target(mongo_server))
    assert identify_mongo(mongo_target(mongo_server.replace("127.0.0.1", "localhost"))) == first


@pytest.mark.slow
def test_a_server_is_the_same_after_a_restart(tmp_path: Path) -> None:
    with servers.mongo(tmp_path) as uri:
        first = identify_mongo(mongo_target(uri))
    with servers.mongo(tmp_path) as uri:
        assert identify_mongo(mongo_target(uri)) == first


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_said_within_seconds() -> None:
    started = time.monotonic()
    uri = f"mongodb://drx:hunter22@127.0.0.1:{servers.free_port()}/"
    with pytest.raises(UnknownIdentity, match="does not answer") as caught:
        identify_mongo(mongo_target(uri))
    assert time.monotonic() - started < 8
    assert "hunter22" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize("credentials", ["", "drx:hunter22@"])
def test_wrong_credentials_are_said_without_the_password(locked_server: str, credentials: str) -> None:
    with pytest.raises(UnknownIdentity) as caught:
        identify_mongo(mongo_target(locked_server.replace("//", f"//{credentials}")))
    expected = "refuses the user or the password" if credentials else "does not tell who it is"
    assert expected in str(caught.value)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("uri", ["mongodb://u:hunter22:x@h/", "mongodb://", "mongodb://h:port/"])
def test_an_address_that_is_none_is_said_without_it(uri: str) -> None:
    with pytest.raises(UnknownIdentity, match="cannot be used") as caught:
        identify_mongo(mongo_target(uri))
    assert "hunter22" not in str(caught.value)


def test_a_bucket_is_the_same_under_another_address(s3_server: str, bucket: str) -> None:
    one = identify_bucket(bucket_target(s3_server, bucket))
    two = identify_bucket(bucket_target(s3_server.replace("127.0.0.1", "localhost"), bucket))
    assert one.value != two.value
    assert one.is_one_of(two.marks)
    assert one.value.endswith(f"/{bucket} account 000000000000")


def test_two_buckets_are_told_apart(s3_server: str, bucket: str) -> None:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=s3_server, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    client.create_bucket(Bucket=f"{bucket}-two")
    client.close()
    one, two = (identify_bucket(bucket_target(s3_server, name)) for name in (bucket, f"{bucket}-two"))
    assert not one.is_one_of(two.marks)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bucket": "nowhere-to-be-found"}, "does not exist"),
        ({"bucket": "not a name"}, "cannot be used"),
        ({"bucket": "up-metahabcdefghijklmnopqrstuv1234567890ab-s3alias"}, "is an access point"),
        ({"bucket": "arn:aws:s3:us-east-1:1:accesspoint/up"}, "is an access point"),
        ({"endpoint": "nonsense"}, "cannot be used"),
        ({"endpoint": "http://127.0.0.1:1"}, "does not answer"),
    ],
)
def test_a_bucket_that_cannot_be_asked_is_said(s3_server: str, change: dict[str, str], expected: str) -> None:
    with pytest.raises(UnknownIdentity, match=expected):
        identify_bucket(replace(bucket_target(s3_server, "some-bucket"), **change))  # type: ignore[arg-type]


def test_without_keys_that_is_said(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(UnknownIdentity, match="wants keys, and there are none"):
        identify_bucket(BucketTarget("some-bucket", "us-east-1", s3_server))


def test_keys_that_are_refused_are_said_without_them(tmp_path: Path) -> None:
    with servers.s3(tmp_path, AUTH="true") as endpoint:
        target = BucketTarget("some-bucket", "us-east-1", endpoint, None, "AKIANOBODY", Secret("hunter22"))
        with pytest.raises(UnknownIdentity, match="refuses the keys, or another account owns it") as caught:
            identify_bucket(target)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "server"),
    [
        (None, "aws"),
        ("https://s3.eu-west-1.amazonaws.com", "aws"),
        ("https://S3.Example:9000/", "s3.example:9000"),
        ("https://amazonaws.com.evil.example", "amazonaws.com.evil.example"),
    ],
)
def test_every_address_of_aws_is_aws(endpoint: str | None, server: str) -> None:
    assert _bucket_server(endpoint) == server


class ReplicaSet:
    """Answers replSetGetConfig as mongod 7.0 documents it; the embedded server does not know the command."""

    admin = property(lambda self: self)

    def command(self, name: str) -> dict[str, object]:
        """Answer."""
        assert name == "replSetGetConfig"
        settings = {"chainingAllowed": True, "replicaSetId": ObjectId("65f0c0ffee65f0c0ffee65f0")}
        return {"config": {"_id": "rs0", "version": 1, "settings": settings}, "ok": 1.0}


def test_the_id_of_a_replica_set_is_its_best_mark() -> None:
    marks = _replica_set_marks(ReplicaSet())  # type: ignore[arg-type]
    assert marks == [("replicaSetId:65f0c0ffee65f0c0ffee65f0", "replSetGetConfig")]


def test_marks_of_several_kinds_are_one_server() -> None:
    replica_set = Identity("mongo", ("replicaSetId:1", "oplog.rs:a"), "replSetGetConfig")
    assert replica_set.is_one_of(("oplog.rs:a",))
    assert not replica_set.is_one_of(("oplog.rs:b",))
    assert not replica_set.is_one_of(())
