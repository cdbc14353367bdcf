"""The policies of docs/security.md, as they stand there, given to users of a local IAM."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from drx.backup.stores import open_store
from drx.backup.stores.base import S3Address, Store
from drx.backup.stores.s3 import S3Store
from drx.backup.uploads.backup import Pass
from drx.backup.uploads.patience import Patience
from drx.backup.uploads.points import list_points
from drx.backup.uploads.verify import missing
from drx.errors import StoreError
from drx.journal import JOURNAL
from drx.runner.copying import Copier, Shelf
from drx.runner.record import FROZEN, REPORT
from tests import servers

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
BACKUPS, UPLOADS, RECORDS = "backups-here", "uploads-here", "records-here"
REFUSED = r"AccessDenied|Forbidden|403"


def policy(name: str) -> dict[str, Any]:
    """The policy that stands below its name."""
    found = re.search(rf"^`{name}`:.*?```json\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    assert found, name
    text = found[1].replace("BACKUPS", BACKUPS).replace("UPLOADS", UPLOADS).replace("RECORDS", RECORDS)
    read: dict[str, Any] = json.loads(text)
    return read


@pytest.mark.parametrize("name", ["backup", "retention", "look"])
def test_every_policy_is_one_and_names_no_bucket_twice(name: str) -> None:
    statements = policy(name)["Statement"]
    assert all(each["Effect"] == "Allow" and "*" not in "".join(each["Action"]) for each in statements)
    assert len({(each["Resource"], *each["Action"]) for each in statements}) == len(statements)


def test_nothing_that_is_unattended_may_delete_but_retention() -> None:
    deleting = {name: "Delete" in json.dumps(policy(name)) for name in ("backup", "retention", "look")}
    assert deleting == {"backup": False, "retention": True, "look": False}


class Iam:
    """A server that checks keys and policies, and users of it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name="us-east-1",  # type: ignore[call-overload]
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    def store(self, bucket: str, *policies: str) -> Store:
        """A store as a user with these policies sees it."""
        iam = self.client("iam")
        user = f"user-{uuid.uuid4().hex[:12]}"
        iam.create_user(UserName=user)
        for name in policies:
            iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=json.dumps(policy(name)))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return open_store(
            S3Address(
                bucket, endpoint=self.endpoint, access_key_id=key["AccessKeyId"],
                secret_access_key=key["SecretAccessKey"],
            )
        )  # fmt: skip


@pytest.fixture(scope="module")
def iam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iam]:
    with servers.s3(tmp_path_factory.mktemp("iam"), AUTH="true") as endpoint:
        made = Iam(endpoint)
        s3 = made.client("s3")
        for bucket in (BACKUPS, UPLOADS, RECORDS):
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key="there", Body=b"content")
        yield made


@pytest.mark.slow
def test_a_wrong_key_is_refused(iam: Iam) -> None:
    store = iam.store(BACKUPS, "look")
    assert store.get("there") == b"content"
    wrong = open_store(S3Address(BACKUPS, endpoint=iam.endpoint, access_key_id="AKIANOBODY", secret_access_key="wrong"))
    with pytest.raises(StoreError):
        wrong.get("there")


@pytest.mark.slow
def test_the_backup_policy_is_enough_to_write_and_read(iam: Iam) -> None:
    store = iam.store(BACKUPS, "backup")
    store.put("svc/base/b/manifest.json", b"{}")
    assert store.create("svc/locks/base.json", b"{}")
    assert not store.create("svc/locks/base.json", b"{}")
    found = store.find("svc/locks/base.json")
    assert found
    assert store.replace("svc/locks/base.json", b"[]", found.version)
    with store.upload("svc/base/b/dump/db/c.bson.gz") as upload:
        upload.write(b"x" * (9 << 20))
        upload.write(b"y")
        upload.complete()
    assert [entry.key for entry in store.list("svc/base/")] == [
        "svc/base/b/dump/db/c.bson.gz",
        "svc/base/b/manifest.json",
    ]
    assert list(store.unfinished("svc/")) == []
    assert iam.store(UPLOADS, "backup").get("there") == b"content"


@pytest.mark.slow
def test_the_backup_policy_is_enough_for_the_uploads(iam: Iam) -> None:
    s3 = iam.client("s3")
    s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=UPLOADS, Key="tagged", Body=b"t", Tagging="team=web")
    source, store = iam.store(UPLOADS, "backup"), iam.store(BACKUPS, "backup")
    assert isinstance(source, S3Store)
    taken = Pass(source, store, "svc", "p", Patience(time.sleep), lambda: None, lambda *_: None).run()
    assert (taken.failures, taken.copied) == ([], 2)
    assert missing(iam.store(BACKUPS, "look"), "svc", list_points(store, "svc")[0], lambda: None) == 0


@pytest.mark.slow
def test_the_backup_policy_cannot_delete_and_the_looking_one_cannot_write(iam: Iam) -> None:
    with pytest.raises(StoreError, match=REFUSED):
        iam.store(BACKUPS, "backup").delete("there")
    look = iam.store(BACKUPS, "look")
    with pytest.raises(StoreError, match=REFUSED):
        look.put("new", b"")
    assert look.get("there") == b"content"
    with pytest.raises(StoreError, match=REFUSED):
        iam.store(UPLOADS, "look").get("there")


@pytest.mark.slow
def test_a_record_is_copied_and_read_elsewhere_and_nobody_takes_it_away(iam: Iam, tmp_path: Path) -> None:
    record = tmp_path / "2026-11-26T0300Z-nightly-7f3a"
    (record / FROZEN).mkdir(parents=True)
    (record / FROZEN / "drx.yaml").write_text("service: svc")
    (record / JOURNAL).write_text('{"seq":1}\n')
    (record / REPORT).write_text("# SUCCEEDED")
    shelf = Shelf(iam.store(RECORDS, "backup"), "svc")
    Copier(record, shelf).copy()
    Copier(record, shelf).copy()
    seen = iam.store(RECORDS, "look")
    assert len(list(seen.list("svc/records/"))) == 3
    assert seen.get(shelf.event_key(record.name, 1)) == b'{"seq":1}\n'
    for store in (shelf.store, seen, iam.store(RECORDS, "backup", "retention")):
        with pytest.raises(StoreError, match=REFUSED):
            store.delete(shelf.event_key(record.name, 1))


@pytest.mark.slow
def test_with_retention_besides_it_can(iam: Iam) -> None:
    store = iam.store(BACKUPS, "backup", "retention")
    store.put("doomed", b"x")
    store.delete("doomed")
    assert [entry.key for entry in store.list("doomed")] == []
