"""Copies of a store, between real S3 servers and directories: complete, read back, and honest about what is lacking."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.copies import Outcome, bring_up_to_date
from drx.backup.format.pieces import Listed, paired
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address, Store
from drx.backup.stores.s3 import S3Store
from drx.backup.stores.s3_copy import part_ranges
from drx.errors import Cancelled
from tests import servers
from tests.backup.pieces import SERVICE, put_base, put_slice

MEGABYTE = 1 << 20
FILES = {"dump/db/images.bson.gz": b"images" * 1000, "dump/db/users.bson.gz": b"users", "dump/oplog.bson": b""}
IMAGES = "svc/base/b1/dump/db/images.bson.gz"


@pytest.fixture(scope="module")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.s3(tmp_path_factory.mktemp("elsewhere")) as endpoint:
        yield endpoint


def s3_store(endpoint: str, bucket: str, prefix: str) -> S3Store:
    store = S3Store(S3Address(bucket, prefix, endpoint=endpoint, access_key_id="test", secret_access_key="test"))
    store.client.create_bucket(Bucket=bucket)
    return store


@pytest.fixture
def primary(s3_server: str, bucket: str) -> S3Store:
    return s3_store(s3_server, bucket, "p")


@pytest.fixture
def near(s3_server: str, bucket: str) -> S3Store:
    """Another bucket at the same endpoint."""
    return s3_store(s3_server, f"{bucket}-near", "q")


@pytest.fixture
def far(other_server: str, bucket: str) -> S3Store:
    """A bucket at another endpoint."""
    return s3_store(other_server, f"{bucket}-far", "")


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    return directory(tmp_path / "disk")


def directory(path: Path) -> Store:
    path.mkdir()
    return open_store(DirectoryAddress(path))


def bring(primary: Store, *copies: Store, **settings: Any) -> tuple[Outcome, ...]:
    quiet: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}
    return bring_up_to_date(primary, copies, SERVICE, **quiet | settings)


def contents(store: Store) -> dict[str, bytes]:
    return {entry.key: store.get(entry.key) for entry in store.list(f"{SERVICE}/")}


def fill(store: Store) -> None:
    put_base(store, "b1", 100, FILES)
    put_base(store, "b2", 200, FILES)
    put_base(store, "d1", 250, {"x": b"folded"}, "differential")
    put_slice(store, 100, 200)
    put_slice(store, 200, 300)


def test_everything_arrives_everywhere_and_once(primary: S3Store, near: Store, far: Store, disk: Store) -> None:
    fill(primary)
    outcomes = bring(primary, near, far, disk)
    wanted = contents(primary)
    assert len(wanted) == 2 * 4 + 2 + 2 * 2
    for copy, outcome in zip((near, far, disk), outcomes, strict=True):
        assert contents(copy) == wanted
        assert (outcome.complete, outcome.files, outcome.mended) == (True, 9, [])
    assert [outcome.files for outcome in bring(primary, near, far, disk)] == [0, 0, 0]


def test_a_directory_is_copied_to_a_bucket(disk: Store, near: Store, tmp_path: Path) -> None:
    fill(disk)
    other = directory(tmp_path / "other")
    bring(disk, near, other)
    assert contents(near) == contents(disk) == contents(other)


def requests_of(store: S3Store) -> list[tuple[str, str, int]]:
    """Note every request of a store's client: method, path, bytes sent."""
    seen: list[tuple[str, str, int]] = []

    def note(request: Any, **_: Any) -> None:
        path = request.url.partition("?")[0].split("/", 4)[-1]
        seen.append((request.method, path, int(request.headers.get("Content-Length", 0))))

    store.client.meta.events.register("before-send.s3", note)
    return seen


@pytest.mark.parametrize("size", [1000, 9 * MEGABYTE])
def test_inside_one_endpoint_no_byte_passes_through_here(primary: S3Store, near: S3Store, size: int) -> None:
    put_base(primary, "b1", 100, {"dump/db/images.bson.gz": b"x" * size})
    asked, told = requests_of(primary), requests_of(near)
    assert bring(primary, near)[0].complete
    assert [method for method, path, _ in asked if path == f"p/{IMAGES}"] == ["HEAD"]
    writes = [sent for method, path, sent in told if path == f"q/{IMAGES}" and method != "GET"]
    assert len(writes) == (1 if size < MEGABYTE else 3)  # the second one is an upload in parts, as its source was
    assert sum(writes) < 1000
    assert contents(near) == contents(primary)


def test_a_copy_that_may_not_read_the_source_gets_it_through_here(primary: S3Store, near: S3Store) -> None:
    fill(primary)

    def refuse(**_: Any) -> Any:
        return AWSResponse("", 403, HTTPHeaders(), None), {"Error": {"Code": "AccessDenied", "Message": "no"}}

    near.client.meta.events.register("before-call.s3.CopyObject", refuse)
    assert bring(primary, near)[0].complete
    assert contents(near) == contents(primary)


def test_a_half_copied_base_goes_on_where_it_was(primary: Store, disk: Store) -> None:
    fill(primary)
    disk.put(IMAGES, FILES["dump/db/images.bson.gz"])
    disk.put("svc/base/b1/dump/db/users.bson.gz", b"usury")
    outcome = bring(primary, disk)[0]
    assert (outcome.complete, outcome.files, outcome.mended) == (True, 8, [])
    assert contents(disk) == contents(primary)


def test_a_missing_file_of_a_finished_copy_is_named_and_mended(primary: Store, disk: Store) -> None:
    fill(primary)
    bring(primary, disk)
    disk.delete(IMAGES)
    outcome = bring(primary, disk)[0]
    assert (outcome.complete, outcome.files, outcome.mended) == (True, 1, [IMAGES])
    assert contents(disk) == contents(primary)


def test_an_altered_object_of_a_copy_is_named_and_mended(primary: Store, near: Store) -> None:
    fill(primary)
    bring(primary, near)
    altered = b"Images" + near.get(IMAGES)[6:]
    near.put(IMAGES, altered)
    assert bring(primary, near)[0].mended == []
    assert near.get(IMAGES) == altered, "what was read back once is read again only when that is asked for"
    assert bring(primary, near, reread=True)[0].mended == [IMAGES]
    assert contents(near) == contents(primary)


def test_another_backup_under_the_name_is_named_and_replaced(primary: Store, disk: Store) -> None:
    """Its files have the very sizes: only its manifest tells."""
    fill(primary)
    bring(primary, disk)
    put_base(disk, "b1", 101, {path: data.upper() for path, data in FILES.items()})
    outcome = bring(primary, disk)[0]
    assert (outcome.complete, outcome.files, outcome.mended) == (True, 2, ["svc/base/b1/manifest.json"])
    assert contents(disk) == contents(primary)


@pytest.mark.parametrize("kind", ["near", "disk"])
def test_a_damaged_base_is_not_passed_on(primary: Store, kind: str, request: pytest.FixtureRequest) -> None:
    copy: Store = request.getfixturevalue(kind)
    fill(primary)
    primary.put(IMAGES, b"Images" + primary.get(IMAGES)[6:])
    primary.delete("svc/base/b2/dump/db/users.bson.gz")
    outcome = bring(primary, copy)[0]
    assert outcome.lacking == 2
    assert [problem.partition(": ")[0] for problem in outcome.problems] == ["svc/base/b1", "svc/base/b2"]
    assert primary.describe() in outcome.problems[0]
    assert IMAGES in outcome.problems[0]
    assert "svc/base/b2/dump/db/users.bson.gz" in outcome.problems[1]
    manifests = [key for key in contents(copy) if key.endswith("json")]
    assert len(manifests) == 3
    assert not [key for key in manifests if "/base/" in key]


def test_a_copy_that_fails_does_not_stop_the_others(
    primary: S3Store, near: Store, s3_server: str, tmp_path: Path
) -> None:
    fill(primary)
    gone = open_store(DirectoryAddress(tmp_path / "unmounted"))
    nowhere = open_store(S3Address("no-bucket", endpoint=s3_server, access_key_id="test", secret_access_key="test"))
    first, second, third = bring(primary, gone, nowhere, near)
    assert "unmounted is not there" in first.problems[0]
    assert "NoSuchBucket" in second.problems[0]
    assert not first.complete
    assert not second.complete
    assert third.complete


def test_a_copy_that_breaks_off_tells_how_much_it_lacks(primary: Store, disk: Store, tmp_path: Path) -> None:
    fill(primary)
    (tmp_path / "disk/svc").mkdir()
    (tmp_path / "disk/svc/base").write_bytes(b"in the way")
    outcome = bring(primary, disk)[0]
    assert outcome.lacking == 5
    assert len(outcome.problems) == 1
    assert outcome.problems[0].startswith("svc/base/b1: ")


def test_what_is_unfinished_or_of_others_stays_out(primary: S3Store, near: S3Store) -> None:
    fill(primary)
    primary.put("svc/base/b3/dump/db/images.bson.gz", b"no manifest yet")
    primary.put("svc/locks/base.json", b"{}")
    primary.put("other/base/b1/manifest.json", b"{}")
    near.put("other/base/b1/manifest.json", b"theirs")
    for key in ("svc/base/b1/left", "other/left"):
        near.client.create_multipart_upload(Bucket=near.bucket, Key=near.key(key))
    bring(primary, near)
    assert not [key for key in contents(near) if "b3" in key or "locks" in key]
    assert near.get("other/base/b1/manifest.json") == b"theirs"
    left = near.client.list_multipart_uploads(Bucket=near.bucket)["Uploads"]
    assert [upload["Key"] for upload in left] == ["q/other/left"]


def test_a_cancelled_copy_counts_for_nothing(primary: Store, disk: Store) -> None:
    put_base(primary, "b1", 100, FILES)
    done: list[int] = []
    with pytest.raises(Cancelled):
        bring(primary, disk, progress=lambda n, *_: done.append(n), cancelled=lambda: bool(done))
    assert "svc/base/b1/manifest.json" not in contents(disk)
    assert bring(primary, disk)[0].complete


KILLED = """
import os, signal, sys
from pathlib import Path
from drx.backup.copies import bring_up_to_date
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address

source, endpoint, bucket, after = sys.argv[1:]
seen = []

def die(done, total, unit):
    seen.append(done)
    if len(seen) == int(after):
        os.kill(os.getpid(), signal.SIGKILL)

copy = open_store(S3Address(bucket, endpoint=endpoint, access_key_id="test", secret_access_key="test"))
primary = open_store(DirectoryAddress(Path(source)))
bring_up_to_date(primary, [copy], "svc", progress=die, cancelled=lambda: False)
"""


@pytest.mark.parametrize("after", [1, 10, 19])
def test_a_killed_copy_counts_for_nothing_and_goes_on(
    disk: Store, far: S3Store, other_server: str, tmp_path: Path, after: int
) -> None:
    files = {"dump/db/images.bson.gz": b"x" * (18 * MEGABYTE), "dump/db/users.bson.gz": b"u" * MEGABYTE}
    manifest = put_base(disk, "b1", 100, files)
    arguments = [str(tmp_path / "disk"), other_server, far.bucket, str(after)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert f"{manifest.prefix}manifest.json" not in contents(far)
    assert bring(disk, far)[0].complete
    assert contents(far) == contents(disk)
    assert "Uploads" not in far.client.list_multipart_uploads(Bucket=far.bucket)


names = st.dictionaries(st.text("ab/.", min_size=1, max_size=3), st.booleans(), max_size=8)


def listed(found: dict[str, bool]) -> Iterator[Listed]:
    for name in sorted(found):
        piece = Listed(name)
        yield Listed(name, {piece.manifest_key: 1} if found[name] else {})


@given(names, names)
def test_pieces_meet_by_name(ours: dict[str, bool], theirs: dict[str, bool]) -> None:
    met = [(mine.name, bool(other.sizes)) for mine, other in paired(listed(ours), listed(theirs))]
    assert met == [(name, theirs.get(name, False)) for name in sorted(ours) if ours[name]]


@given(st.integers(1, 48 << 40))
def test_parts_of_a_copy_are_lawful(size: int) -> None:
    parts = list(part_ranges(size))
    assert parts[0][0] == 0
    assert parts[-1][1] == size - 1
    assert all(before[1] + 1 == after[0] for before, after in pairwise(parts))
    assert len(parts) <= 10_000
    sizes = [last - first + 1 for first, last in parts]
    assert all(5 * MEGABYTE <= each <= 5 << 30 for each in sizes[:-1])
    assert 0 < sizes[-1] <= 5 << 30
