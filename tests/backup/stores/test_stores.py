"""Stores, against a real S3 server and a real file system."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Entry, S3Address, Store
from drx.backup.stores.s3 import S3Store
from drx.backup.stores.s3_upload import part_size
from drx.errors import StoreError
from tests import servers

MEGABYTE = 1 << 20


def s3_address(endpoint: str, bucket: str, prefix: str = "some/where") -> S3Address:
    return S3Address(bucket, prefix, endpoint=endpoint, access_key_id="test", secret_access_key="test")


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "directory":
        return open_store(DirectoryAddress(tmp_path))
    return open_store(s3_address(request.getfixturevalue("s3_server"), request.getfixturevalue("bucket")))


def test_objects_are_read_as_written(store: Store) -> None:
    store.put("a/b.json", b"one")
    store.put("a/b.json", b"two, longer")
    assert store.get("a/b.json") == b"two, longer"
    assert store.read("a/b.json", 5, 4) == b"long"
    assert b"".join(store.stream("a/b.json")) == b"two, longer"


def test_listing_is_sorted_and_holds_only_the_prefix(store: Store) -> None:
    for key in ("a/c/2", "a/b", "a.b", "a/c/1", "b/a", "a/c.x"):
        store.put(key, b"12")
    assert [entry.key for entry in store.list("a/")] == ["a/b", "a/c.x", "a/c/1", "a/c/2"]
    assert [entry.key for entry in store.list("a/c")] == ["a/c.x", "a/c/1", "a/c/2"]
    assert [entry.key for entry in store.list("")] == ["a.b", "a/b", "a/c.x", "a/c/1", "a/c/2", "b/a"]
    assert list(store.list("b")) == [Entry("b/a", 2)]
    assert not list(store.list("nothing/here/"))


def test_a_listing_of_several_pages_is_whole(store: Store) -> None:
    """S3 gives a thousand keys at a time."""
    keys = [f"svc/oplog/{number:04d}" for number in range(1005)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b""), [*keys, "svc/other"]))
    assert [entry.key for entry in store.list("svc/oplog/")] == keys
    assert [entry.key for entry in store.list("svc/oplog/1")] == keys[1000:]


def test_deleting_twice_is_no_error(store: Store) -> None:
    store.put("a/b", b"1")
    store.delete("a/b")
    store.delete("a/b")
    assert not list(store.list(""))


@pytest.mark.parametrize(
    "read", [lambda s: s.get("a/b"), lambda s: s.read("a/b", 0, 1), lambda s: list(s.stream("a/b"))]
)
def test_a_missing_object_is_named(store: Store, read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(StoreError, match="a/b"):
        read(store)


def test_a_range_past_the_end_is_an_error(store: Store) -> None:
    store.put("a", b"12345")
    with pytest.raises(StoreError, match="cut short"):
        store.read("a", 3, 5)


def test_of_eight_creators_one_wins(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: store.create("lock", b"%d" % number), range(8)))
    assert won.count(True) == 1
    assert store.get("lock") == b"%d" % won.index(True)


def test_an_object_is_replaced_only_in_the_version_that_was_read(store: Store) -> None:
    assert store.find("a/lock") is None
    assert store.replace("a/lock", b"1", '"0"') is None
    store.put("a/lock", b"1")
    found = store.find("a/lock")
    assert found
    assert found.data == b"1"
    assert found.age is not None
    assert timedelta(seconds=-1) < found.age < timedelta(minutes=1)
    version = store.replace("a/lock", b"2", found.version)
    assert version not in (None, found.version)
    assert store.replace("a/lock", b"3", found.version) is None
    again = store.find("a/lock")
    assert again
    assert (again.data, again.version) == (b"2", version)
    assert [entry.key for entry in store.list("")] == ["a/lock"]


def test_of_eight_who_replace_one_wins(store: Store) -> None:
    store.put("a/lock", b"0")
    found = store.find("a/lock")
    assert found
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: store.replace("a/lock", b"by %d" % number, found.version), range(8)))
    assert len([version for version in won if version]) == 1
    assert store.get("a/lock") == b"by %d" % next(number for number, version in enumerate(won) if version)


def test_a_large_upload_arrives_whole(store: Store) -> None:
    pieces = [bytes([number]) * (5 * MEGABYTE + number) for number in range(5)]
    with store.upload("large") as upload:
        for piece in pieces:
            upload.write(piece)
        upload.complete()
    assert store.get("large") == b"".join(pieces)
    assert [entry.key for entry in store.list("")] == ["large"]


def test_an_empty_upload_is_an_empty_object(store: Store) -> None:
    with store.upload("empty") as upload:
        upload.complete()
    assert store.get("empty") == b""


@pytest.mark.parametrize("pieces", [1, 3])
def test_an_upload_that_fails_leaves_nothing(store: Store, tmp_path: Path, pieces: int) -> None:
    def fail() -> None:
        with store.upload("large") as upload:
            for _ in range(pieces):
                upload.write(b"x" * (5 * MEGABYTE))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not list(store.list(""))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not unfinished(store)


def test_what_a_killed_process_left_can_be_abandoned(store: Store, tmp_path: Path) -> None:
    with suppress(StoreError), store.upload("mine/a/b") as mine, store.upload("other/c") as other:
        for upload in (mine, other):
            upload.write(b"x" * (9 * MEGABYTE))
        store.abandon("mine/")
        left = unfinished(store) or [path.parent.name for path in tmp_path.rglob(".drx-*")]
    assert left in (["some/where/other/c"], ["other"])


def unfinished(store: Store) -> list[str]:
    if not isinstance(store, S3Store):
        return []
    reply = store.client.list_multipart_uploads(Bucket=store.bucket)
    return [upload["Key"] for upload in reply.get("Uploads", ())]


def test_ten_thousand_parts_hold_the_largest_object() -> None:
    assert sum(part_size(number) for number in range(1, 10_001)) > 5 << 40
    assert min(part_size(number) for number in range(1, 10_001)) == 8 * MEGABYTE


def test_keys_stay_inside_a_directory(tmp_path: Path) -> None:
    store = open_store(DirectoryAddress(tmp_path / "in"))
    (tmp_path / "in").mkdir()
    for key in ("../out", "/etc/out", "a/../../out", "a//b", ""):
        with pytest.raises(StoreError, match="cannot be a key"):
            store.put(key, b"1")
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]


def test_an_unmounted_directory_is_not_created(tmp_path: Path) -> None:
    store = open_store(DirectoryAddress(tmp_path / "disk"))
    with pytest.raises(StoreError, match="disk is not there"):
        store.put("a", b"1")
    with pytest.raises(StoreError, match="disk is not there"):
        list(store.list("a/"))


def test_a_missing_bucket_is_named(s3_server: str) -> None:
    store = open_store(s3_address(s3_server, "no-such-bucket"))
    with pytest.raises(StoreError, match=r"no-such-bucket.*Create the bucket") as caught:
        store.put("a", b"1")
    assert "127.0.0.1" in str(caught.value)


def test_secrets_are_not_printed() -> None:
    address = S3Address("bucket", access_key_id="AKIAXYZ", secret_access_key="hush", endpoint="https://h:9000")
    assert "hush" not in repr(address)
    assert "AKIAXYZ" not in repr(address)
    assert S3Store(address).describe() == "s3://bucket at h:9000"


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://h", "http://", "http://h:port", "http://u:hush@h", "[", ""])
def test_a_wrong_endpoint_is_an_error_without_its_password(endpoint: str) -> None:
    with pytest.raises(StoreError, match=r"https://s3\.example\.org:9000") as caught:
        S3Store(S3Address("bucket", endpoint=endpoint))
    assert "hush" not in str(caught.value)


@pytest.mark.slow
def test_an_endpoint_where_nobody_listens_is_named() -> None:
    port = servers.free_port()
    store = open_store(s3_address(f"http://127.0.0.1:{port}", "bucket"))
    with pytest.raises(StoreError, match=rf"127\.0\.0\.1:{port}/a.*Check the endpoint"):
        store.get("a")


def test_wrong_credentials_are_named_and_not_shown(tmp_path: Path) -> None:
    with servers.s3(tmp_path, AUTH="true") as endpoint:
        S3Store(s3_address(endpoint, "bucket")).client.create_bucket(Bucket="bucket")
        store = open_store(S3Address("bucket", endpoint=endpoint, access_key_id="AKIAXYZ", secret_access_key="hush"))
        with pytest.raises(StoreError, match="Check the credentials") as caught:
            store.create("a", b"1")
    assert "hush" not in str(caught.value)


@pytest.mark.slow
def test_a_store_that_disappears_half_way_is_named(tmp_path: Path) -> None:
    with servers.s3(tmp_path) as endpoint:
        store = S3Store(s3_address(endpoint, "backups"))
        store.client.create_bucket(Bucket="backups")
        upload = store.upload("base/a")
        upload.write(b"x" * (9 * MEGABYTE))

    def go_on() -> None:
        with upload:
            upload.write(b"x" * (9 * MEGABYTE))
            upload.complete()

    with pytest.raises(StoreError, match=r"backups/some/where.*base/a.*an unfinished upload stays behind"):
        go_on()
