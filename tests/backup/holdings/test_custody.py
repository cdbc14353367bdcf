"""3-2-1 as it is judged, and as it is read from real stores."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from drx.backup.holdings.custody import Custody, Holding, Place, sentence, shown, table
from drx.backup.holdings.rule import explanation, parts
from drx.backup.holdings.survey import survey
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address
from drx.backup.stores.s3 import S3Store
from drx.config.model import Store
from tests import servers
from tests.backup.pieces import DATABASE, SERVICE, put_base, put_slice

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PRIMARY = Place("backups", "s3://backups", "bucket", "AWS us-east-1")
SAME_REGION = Place("second", "s3://second", "bucket", "AWS us-east-1")
EUROPE = Place("backups-eu", "s3://backups-eu", "bucket", "AWS eu-west-1")
DISK = Place("drx", "/mnt/drx", "directory", "directory")


def held(place: Place, hours: float = 0, **found: object) -> Holding:
    return Holding(place, NOW - timedelta(hours=hours), **found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("holdings", "said"),
    [
        ([held(PRIMARY), held(EUROPE)], "3 copies, 2 kinds, 1 elsewhere: yes"),
        ([held(PRIMARY), held(EUROPE, 4)], "3 copies, 2 kinds, 1 elsewhere: yes (backups-eu copy 4h behind)"),
        ([held(PRIMARY), held(EUROPE), held(DISK)], "4 copies, 3 kinds, 1 elsewhere: yes"),
        ([held(PRIMARY), held(DISK)], "3 copies, 3 kinds, 0 elsewhere: no"),
        ([held(PRIMARY), held(SAME_REGION)], "3 copies, 2 kinds, 0 elsewhere: no"),
        ([held(PRIMARY)], "2 copies, 2 kinds, 0 elsewhere: no"),
        ([held(PRIMARY), held(PRIMARY)], "2 copies, 2 kinds, 0 elsewhere: no"),
        ([held(DISK), held(EUROPE)], "3 copies, 3 kinds, 1 elsewhere: yes"),
        ([Holding(PRIMARY)], "1 copy, 1 kind, 0 elsewhere: no (backups store holds nothing to restore)"),
        (
            [held(PRIMARY), Holding(EUROPE, problem="NoSuchBucket")],
            "2 copies, 2 kinds, 0 elsewhere: no (backups-eu copy cannot be read)",
        ),
        (
            [held(PRIMARY, 1), held(EUROPE, lacking=("a",), lacking_count=1)],
            "3 copies, 2 kinds, 1 elsewhere: yes (backups store 1h behind; backups-eu copy lacks 1 file)",
        ),
    ],
)
def test_the_rule_in_one_line(holdings: list[Holding], said: str) -> None:
    assert sentence(Custody(tuple(holdings))) == said


ADD = "Make a bucket in another region, and add it to drx.yaml, below backups: copies:\n"


@pytest.mark.parametrize(
    ("holdings", "kept", "remedy"),
    [
        ([held(PRIMARY), held(EUROPE)], (True, True, True), ""),
        ([held(PRIMARY)], (False, True, False), ADD + "  - {s3: {bucket: backups-eu-west-1, region: eu-west-1}}"),
        ([held(EUROPE)], (False, True, False), ADD + "  - {s3: {bucket: backups-eu-us-east-1, region: us-east-1}}"),
        (
            [held(PRIMARY), held(DISK)],
            (True, True, False),
            ADD + "  - {s3: {bucket: backups-eu-west-1, region: eu-west-1}}",
        ),
        ([held(PRIMARY), Holding(EUROPE)], (False, True, False), "Fill backups-eu: drx run nightly-backup"),
        (
            [held(PRIMARY), Holding(EUROPE, problem="NoSuchBucket")],
            (False, True, False),
            "Make backups-eu readable: NoSuchBucket",
        ),
        (
            [held(PRIMARY), held(replace(PRIMARY, name="s3://backups/other"))],
            (False, True, False),
            ADD + "  - {s3: {bucket: backups-eu-west-1, region: eu-west-1}}",
        ),
        (
            [held(replace(DISK, label="Our {Backups}, 2" + "x" * 60))],
            (False, True, False),
            ADD + f"  - {{s3: {{bucket: our-backups-2{'x' * 35}-eu-west-1, region: eu-west-1}}}}",
        ),
        ([Holding(PRIMARY), Holding(DISK)], (False, False, False), "Fill backups, drx: drx run nightly-backup"),
    ],
)
def test_each_demand_is_explained_and_what_is_missing_has_its_line(
    holdings: list[Holding], kept: tuple[bool, ...], remedy: str
) -> None:
    custody = Custody(tuple(holdings))
    judged = parts(custody)
    assert tuple(part.kept for part in judged) == kept
    assert all(kept) == custody.holds
    assert next((part.remedy for part in judged if part.remedy), "") == remedy
    assert all(bool(part.remedy) != part.kept for part in judged)


def test_the_line_is_what_drx_yaml_takes() -> None:
    (line,) = [each.strip() for each in explanation(Custody((held(PRIMARY), held(DISK)))) if "s3:" in each]
    (copy,) = yaml.safe_load(line)
    assert Store.model_validate(copy).s3 is not None


def test_what_a_copy_lacks_is_laid_out() -> None:
    lacking = tuple(f"svc/base/b1/{name}" for name in "abcd")
    custody = Custody((held(PRIMARY), held(EUROPE, 0.5, lacking=lacking, lacking_count=9)))
    assert "\n".join(table(custody)) == (
        "primary  s3://backups (AWS us-east-1)\n"
        "         restores up to 2026-11-25 12:00:00 UTC\n"
        "copy     s3://backups-eu (AWS eu-west-1)\n"
        "         restores up to 2026-11-25 11:30:00 UTC, 30m behind, "
        "lacks svc/base/b1/a, svc/base/b1/b, svc/base/b1/c and 6 more"
    )
    assert not custody.sound
    assert shown(custody)["stores"][1] == {  # type: ignore[index]
        "store": "s3://backups-eu", "kind": "bucket", "where": "AWS eu-west-1",
        "restores_up_to": "2026-11-25T11:30:00Z", "behind_seconds": 1800.0, "lacking": list(lacking),
        "lacking_count": 9, "problem": None,
    }  # fmt: skip


@pytest.fixture(scope="module")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.s3(tmp_path_factory.mktemp("elsewhere")) as endpoint:
        yield endpoint


@pytest.fixture
def addresses(s3_server: str, other_server: str, bucket: str, tmp_path: Path) -> list[S3Address | DirectoryAddress]:
    """A primary bucket, one at another server and region, and a directory: all with a base and two slices."""
    keys: dict[str, Any] = {"access_key_id": "test", "secret_access_key": "test"}
    near = S3Address(bucket, "p", endpoint=s3_server, **keys)
    far = S3Address(f"{bucket}-eu", "", "eu-west-1", other_server, **keys)
    S3Store(far).client.create_bucket(Bucket=far.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    found: list[S3Address | DirectoryAddress] = [near, far, DirectoryAddress(tmp_path)]
    for store in map(open_store, found):
        put_base(store, "b1", 1000, {"dump/db/images.bson.gz": b"images"})
        put_slice(store, 1000, 4600)
        put_slice(store, 4600, 8200)
    return found


def test_the_rule_is_read_from_the_stores(addresses: list[S3Address | DirectoryAddress], tmp_path: Path) -> None:
    assert sentence(survey(addresses, SERVICE, DATABASE)) == "4 copies, 3 kinds, 1 elsewhere: yes"
    disk, far = open_store(addresses[2]), addresses[1]
    assert isinstance(far, S3Address)
    disk.delete("svc/oplog/0000004600.0000000001-0000008200.0000000001.bson.gz")
    open_store(far).put("svc/base/b1/dump/db/images.bson.gz", b"cut")
    custody = survey(addresses, SERVICE, DATABASE)
    assert sentence(custody) == (
        f"3 copies, 3 kinds, 0 elsewhere: no ({far.bucket} copy holds nothing to restore; "
        f"{far.bucket} copy lacks 1 file; {tmp_path.name} copy 1h behind; {tmp_path.name} copy lacks 1 file)"
    )
    assert custody.holdings[1].lacking == ("svc/base/b1/dump/db/images.bson.gz",)
    assert custody.holdings[2].lacking == ("svc/oplog/0000004600.0000000001-0000008200.0000000001.bson.gz",)


def test_another_backup_under_the_name_is_no_copy(addresses: list[S3Address | DirectoryAddress]) -> None:
    """Its files have the very sizes: only its manifest tells."""
    far = open_store(addresses[1])
    put_base(far, "b1", 1001, {"dump/db/images.bson.gz": b"IMAGES"})
    custody = survey(addresses, SERVICE, DATABASE)
    assert [holding.lacking for holding in custody.holdings] == [(), ("svc/base/b1/manifest.json",), ()]
    assert not custody.sound


def test_a_base_that_was_moved_restores_nothing(tmp_path: Path) -> None:
    store = open_store(DirectoryAddress(tmp_path))
    put_base(store, "b1", 1000, {"dump/db/images.bson.gz": b"images"})
    (tmp_path / "svc/base/b1").rename(tmp_path / "svc/base/b2")
    assert survey([DirectoryAddress(tmp_path)], SERVICE, DATABASE).copies == 1


def test_two_prefixes_of_a_bucket_are_one_copy(s3_server: str, bucket: str) -> None:
    keys: dict[str, Any] = {"access_key_id": "test", "secret_access_key": "test"}
    both = [S3Address(bucket, prefix, endpoint=s3_server, **keys) for prefix in ("p", "q")]
    for store in map(open_store, both):
        put_base(store, "b1", 1000, {"dump/db/images.bson.gz": b"images"})
    assert sentence(survey(both, SERVICE, DATABASE)).startswith("2 copies, 2 kinds, 0 elsewhere: no")


def test_a_whole_differential_leads_a_store_around_a_lost_slice(tmp_path: Path) -> None:
    store = open_store(DirectoryAddress(tmp_path))
    put_base(store, "b1", 1000, {"dump/db/images.bson.gz": b"images"})
    taken = put_base(store, "d1", 4600, {"oplog.bson": b"net"}, "differential", parent="b1")
    put_slice(store, 4600, 8200)

    def reaches() -> list[float | None]:
        holdings = survey([DirectoryAddress(tmp_path)], SERVICE, DATABASE).holdings
        return [found.reaches.timestamp() if found.reaches else None for found in holdings]

    assert reaches() == [8200]
    store.put(f"{taken.prefix}oplog.bson", b"cut"[:2])
    assert reaches() == [1000]


def test_the_primary_store_is_not_believed_either(addresses: list[S3Address | DirectoryAddress]) -> None:
    primary = open_store(addresses[0])
    primary.delete("svc/base/b1/dump/db/images.bson.gz")
    primary.delete("svc/oplog/0000001000.0000000001-0000004600.0000000001.bson.gz")
    custody = survey(addresses, SERVICE, DATABASE)
    assert custody.holdings[0].reaches is None
    assert custody.holdings[0].lacking == (
        "svc/base/b1/dump/db/images.bson.gz",
        "svc/oplog/0000001000.0000000001-0000004600.0000000001.bson.gz",
    )
    assert not custody.sound


def test_bases_of_another_database_restore_nothing(addresses: list[S3Address | DirectoryAddress]) -> None:
    assert survey(addresses, SERVICE, "another").copies == 1


def test_a_store_that_cannot_be_read_is_part_of_the_answer(
    addresses: list[S3Address | DirectoryAddress], tmp_path: Path
) -> None:
    custody = survey([*addresses[:2], DirectoryAddress(tmp_path / "unmounted")], SERVICE, DATABASE)
    assert sentence(custody) == "3 copies, 2 kinds, 1 elsewhere: yes (unmounted copy cannot be read)"
    assert "unmounted is not there" in custody.holdings[2].problem
    assert not custody.sound


def test_a_copy_restores_what_it_holds_whatever_became_of_the_primary_store(
    addresses: list[S3Address | DirectoryAddress], tmp_path: Path
) -> None:
    custody = survey([DirectoryAddress(tmp_path / "unmounted"), *addresses[1:]], SERVICE, DATABASE)
    assert [holding.reaches is not None for holding in custody.holdings] == [False, True, True]
    assert "could not be checked whole" in sentence(custody)
    assert not custody.sound


def test_a_damaged_manifest_hides_no_other_backup(addresses: list[S3Address | DirectoryAddress]) -> None:
    primary = open_store(addresses[0])
    put_base(primary, "b0", 500, {})
    primary.put("svc/base/b0/manifest.json", b"{}")
    custody = survey(addresses, SERVICE, DATABASE)
    assert custody.holdings[0].reaches == custody.holdings[1].reaches
    assert "svc/base/b0/manifest.json is damaged" in custody.holdings[0].problem
    assert not custody.sound
